"""A hostile input: what is done, and what must be said of it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests import tiny

NAME = f"sub-01_task-{tiny.TASK}"
SPACE = f"space-{tiny.SPACE}"


class Place(NamedTuple):
    """The files of the only participant of a study."""

    study: Path

    def raw(self, name: str) -> Path:
        return self.study / "sub-01" / "func" / f"{NAME}_{name}"

    def derived(self, name: str) -> Path:
        return self.study / "derivatives" / "fmriprep" / "sub-01" / "func" / f"{NAME}_{name}"

    @property
    def events(self) -> Path:
        return self.raw("events.tsv")

    @property
    def confounds(self) -> Path:
        return self.derived("desc-confounds_timeseries.tsv")

    @property
    def bold(self) -> Path:
        return self.derived(f"{SPACE}_desc-preproc_bold.nii.gz")

    @property
    def sidecar(self) -> Path:
        return self.derived(f"{SPACE}_desc-preproc_bold.json")

    @property
    def mask(self) -> Path:
        return self.derived(f"{SPACE}_desc-brain_mask.nii.gz")

    @property
    def description(self) -> Path:
        return self.study / "dataset_description.json"


class Row(NamedTuple):
    """A hostile input."""

    make: Callable[[Place], object]
    """Spoils the study; what it returns are more words of the command line."""
    code: int
    said: tuple[str, ...]
    """Parts of the one line: the file or place, and what to do."""
    lines: int = 1
    """That name it."""


def setting(path: tuple[str | int, ...], value: object) -> Callable[[Place], list[str]]:
    """A model with a value at some place; objects on the way to it are made."""

    def make(place: Place) -> list[str]:
        document: Any = tiny.model()
        here = document
        for step in path[:-1]:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
        here[path[-1]] = value
        return model_text(json.dumps(document))(place)

    return make


def model_text(text: str | bytes) -> Callable[[Place], list[str]]:
    """A model file of this content."""

    def make(place: Place) -> list[str]:
        path = place.study.parent / "bad_smdl.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        return ["--model", str(path)]

    return make


def file_with(text: str | bytes, option: str, name: str) -> Callable[[Place], list[str]]:
    """An option with a file of this content."""

    def make(place: Place) -> list[str]:
        path = place.study.parent / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return [option, str(path)]

    return make


def words(*given: str) -> Callable[[Place], list[str]]:
    return lambda place: list(given)


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def checked(rows: Mapping[str, Row]) -> Mapping[str, Row]:
    """The rows; each must say where and what to do."""
    assert all(len(row.said) > 1 for row in rows.values())
    return rows
