"""Readers of strangers' bytes: whatever they get, they give a value or one line (`make fuzz` for longer)."""

import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bidsglm.brainlife.config import config
from bidsglm.dataset.atlas import read_atlas
from bidsglm.dataset.atlas_labels import read_labels
from bidsglm.dataset.confounds import confound_values
from bidsglm.dataset.events import events_of, read_events, trial_types_of
from bidsglm.dataset.filter_file import read_filters
from bidsglm.dataset.nifti import read_header, volumes
from bidsglm.dataset.roots import read_description
from bidsglm.dataset.tsv import number, read_tsv
from bidsglm.errors import LONGEST_LINE, BidsglmError, one_line
from bidsglm.inputs import read_json
from bidsglm.options import FILTER_KEYS
from bidsglm.outputs.summary_form import SummaryForm
from bidsglm.outputs.typed import typed
from bidsglm.outputs.unit_tables import AGREEMENT
from bidsglm.settings import Settings
from bidsglm.statsmodel.queries import parsed_query
from bidsglm.statsmodel.specification import read_model
from bidsglm.statsmodel.values import weight
from tests import tiny
from tests.statsmodel.model_documents import COMPLETE, DATASET

EXAMPLES = int(os.environ.get("BIDSGLM_FUZZ", "0"))
"""Of each target; 0 for the few, always the same ones, of the suite."""
IN_THE_SUITE = 60
FUZZ = settings(
    max_examples=EXAMPLES or IN_THE_SUITE,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
COMMAND_LINE = Settings(Path("in"), Path("out"), "participant")
TABLES = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.lists(
            st.sampled_from(
                ["onset", "duration", "trial_type", "1", "-1e9", "n/a", '"', '"a"', "\x00", "é", ""]
            )
        ),
        max_size=8,
    ).map(lambda rows: "\n".join("\t".join(row) for row in rows).encode()),
    st.text(alphabet='onset\t\n\r"1e9,.-_\x1b\ufeff', max_size=200).map(str.encode),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**18, 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["trial_type.go", "*", "[", "1/3", "1e999", "ar2", "spm", "t", "F", "Run", "Dataset", "\ud800"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=8), st.sampled_from(["Name", "X"])), inner, max_size=4),
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def file() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "file.nii.gz"


def in_one_line(read: Callable[..., object], *arguments: object) -> None:
    """Read; an error must be one of ours, on one line that a terminal can show."""
    try:
        read(*arguments)
    except BidsglmError as error:
        text = str(error)
        assert text.isprintable(), text
        assert len(text) <= LONGEST_LINE + 10


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


MODEL = deepcopy(COMPLETE)
MODEL["Nodes"].append(deepcopy(DATASET))
MODEL["Nodes"][0]["Transformations"]["Instructions"] += [
    {"Name": "Filter", "Input": ["a"], "Query": "a > 1"},
    {"Name": "Split", "Input": ["a"], "By": ["b"]},
    {"Name": "Replace", "Input": ["a"], "Replace": {"1": 2}},
]
PLACES = [place for place in places(MODEL) if place]


def with_value(place: tuple[Any, ...], value: object) -> Any:
    document: Any = deepcopy(MODEL)
    here = document
    for step in place[:-1]:
        here = here[step]
    here[place[-1]] = value
    return document


@FUZZ
@given(content=TABLES)
@example(content=b'onset\tduration\n"1\n2"\t1\n')
def test_tables(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    in_one_line(read_tsv, file)
    in_one_line(AGREEMENT.read, file)
    in_one_line(read_labels, file)

    def events(path: Path) -> None:
        table = read_events(path)
        for name in trial_types_of(table):
            events_of(table, name)

    def confounds(path: Path) -> None:
        table = read_tsv(path)
        for name in table.columns:
            with contextlib.suppress(BidsglmError):
                confound_values(table, name)

    in_one_line(events, file)
    in_one_line(confounds, file)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=200),
        VALUES.map(lambda v: json.dumps(v).encode()),
        st.text(alphabet='{}[]":,1eE+-.ntf\\ud8', max_size=100).map(str.encode),
    )
)
def test_json(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    for read in (read_json, read_description):
        in_one_line(read, file)
    in_one_line(read_filters, file, FILTER_KEYS)
    in_one_line(read_model, file, COMMAND_LINE)


@FUZZ
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_models(place: tuple[Any, ...], value: object, file: Path) -> None:
    file.write_text(json.dumps(with_value(place, value)))
    in_one_line(read_model, file, COMMAND_LINE)


@FUZZ
@given(
    filters=st.dictionaries(st.sampled_from(["task", "session", "run", "regex_search", "scope"]), VALUES),
    key=st.sampled_from([*FILTER_KEYS, "x"]),
)
def test_filter_files(filters: dict[str, object], key: str, file: Path) -> None:
    file.write_text(json.dumps({key: filters}))
    in_one_line(read_filters, file, FILTER_KEYS)


@FUZZ
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    "a",
                    "b c",
                    "1",
                    "'x'",
                    "(",
                    ")",
                    "[",
                    "]",
                    "and",
                    "or",
                    "not",
                    "in",
                    "==",
                    "<",
                    ",",
                    "@",
                    "`b`",
                ]
            )
        ).map(" ".join),
    )
)
def test_queries(text: str) -> None:
    with contextlib.suppress(ValueError):
        parsed_query(text, ["a", "b c"])


@FUZZ
@given(value=st.one_of(SCALARS, st.text(alphabet="0123456789eE+-./_ ", max_size=30)))
def test_weights_and_numbers(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert np.isfinite(weight(value))
    number(str(value))
    assert one_line(str(value)).isprintable()


@pytest.fixture(scope="module")
def image(file: Path) -> bytes:
    path = file.with_name("image.nii.gz")
    tiny.write_image(path, np.ones((3, 4, 2, 5), np.int16))
    return gzip.decompress(path.read_bytes())


@FUZZ
@given(
    edits=st.lists(st.tuples(st.integers(0, 359), st.binary(min_size=1, max_size=8)), max_size=4),
    cut=st.integers(0, 600),
    packed=st.booleans(),
)
def test_images(edits: list[tuple[int, bytes]], cut: int, packed: bool, image: bytes, file: Path) -> None:
    content = bytearray(image)
    for at, new in edits:
        content[at : at + len(new)] = new
    content = content[: len(content) - max(cut - 300, 0)]
    path = file if packed else file.with_suffix("")
    path.write_bytes(gzip.compress(bytes(content), 1) if packed else bytes(content))

    def whole(path: Path) -> None:
        header = read_header(path)
        assert np.prod(header.shape, dtype=float) < 1e7, "more than the file can hold"
        for _ in volumes(header):
            pass

    in_one_line(whole, path)
    in_one_line(read_atlas, path)


@FUZZ
@given(content=st.binary(max_size=500))
def test_bytes_that_are_no_image(content: bytes, file: Path) -> None:
    for given_bytes in (content, b"\x1f\x8b" + content, gzip.compress(content, 1)):
        file.write_bytes(given_bytes)
        in_one_line(read_header, file)


@FUZZ
@given(
    content=st.dictionaries(
        st.sampled_from(["bids", "fmriprep", "hrf", "n_procs", "space", "_x", "eval"]), VALUES
    )
)
def test_configs(content: dict[str, object]) -> None:
    in_one_line(config, content, "config.json")


@FUZZ
@given(
    changes=st.dictionaries(
        st.sampled_from(["participant", "entities", "contrasts", "runs", "supplements", "configuration"]),
        VALUES,
    )
)
def test_summaries(changes: dict[str, object]) -> None:
    summary = {"participant": "01", "entities": {}, "prefix": "sub-01_task-a", "folder": "sub-01/func"}
    with contextlib.suppress(ValueError):
        typed({**summary, "backends": ["spm"], "contrasts": [], **changes}, SummaryForm)
