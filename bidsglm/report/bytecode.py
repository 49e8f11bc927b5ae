"""Bytecode of the templates, kept where Python keeps that of modules: compiling them takes half a second."""

import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError
from tempfile import NamedTemporaryFile

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

DAMAGED = (OSError, EOFError, UnpicklingError, ValueError, TypeError)


class TemplateBytecode(BytecodeCache):
    """Reads and writes it; where it cannot be written, every process compiles the templates for itself."""

    def __init__(self, templates: Path) -> None:
        self.templates = templates

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Key of a template: its name, as all are in one folder."""
        return name

    def path(self, name: str) -> Path:
        """File of a template's bytecode, another for each version of Python and of jinja2."""
        version = "".join(c for c in jinja2.__version__ if c.isalnum())
        return Path(cache_from_source(f"{self.templates}-{name}", optimization=f"jinja{version}"))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read what there is; the bucket compares the checksum of the source that it was made of."""
        try:
            with self.path(bucket.key).open("rb") as file:
                bucket.load_bytecode(file)
        except DAMAGED:
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write it, at once for all processes that may want to read it."""
        if sys.dont_write_bytecode:
            return
        path = self.path(bucket.key)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
                file.write(bucket.bytecode_to_string())
            os.replace(file.name, path)
