"""Compile the modules that bidsglm loads, inside its image.

A container's root is read-only, so what is not compiled now is compiled in every run: 4 s for each process.
All the modules there are would be 60 MB more.
"""

import importlib
import pkgutil
import py_compile
import sys

import bidsglm

AT_RUN_TIME = ("distributed.cli", "matplotlib.backends.backend_svg", "nilearn.glm", "rich.progress")
"""Imported by name when they are needed."""

UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
"""By content: an image that is copied or converted may change the times of its files."""

ours = (module.name for module in pkgutil.walk_packages(bidsglm.__path__, "bidsglm."))
for name in (*(name for name in ours if not name.endswith("__main__")), *AT_RUN_TIME):
    importlib.import_module(name)
sources = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
for source in sources:
    if source.startswith(sys.prefix) and source.endswith(".py"):
        py_compile.compile(source, doraise=True, invalidation_mode=UNCHECKED)
