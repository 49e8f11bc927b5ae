"""No instruction of a model, name of a column or pattern runs anything."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bids.modeling.transformations import munge

from bidsglm.cli import main
from bidsglm.dataset.instructions import indicators, kept_rows
from bidsglm.statsmodel.queries import parsed_query
from bidsglm.statsmodel.transformations import ARGUMENTS
from tests import tiny
from tests.hostile.row import Place

COMMAND = "__import__('os').system('touch {}')"
SIDE = "left right left right left right"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tiny.write_study(tmp_path, participants=("01",)))


def own_arguments(name: str, text: str) -> dict[str, object]:
    """The instruction's own arguments, all of them the same text."""
    keys = {"query": f"{text} == 0"}
    camel = {key: "".join(word.capitalize() for word in key.split("_")) for key in ARGUMENTS[name]}
    return {camel[key]: keys.get(key, text) for key in ARGUMENTS[name] if key != "name"}


def ended(
    place: Place, instructions: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    document: Any = tiny.model()
    document["Nodes"][0]["Transformations"] = {
        "Transformer": "pybids-transforms-v1",
        "Instructions": instructions,
    }
    path = place.study.parent / "a_smdl.json"
    path.write_text(json.dumps(document))
    words = ["--dry-run", "--backends", "spm", "-m", str(path)]
    code = main([str(place.study), str(place.study.parent / "out"), "participant", *words])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_instruction_runs_what_its_arguments_say(
    name: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = place.study.parent / "trace"
    command = COMMAND.format(trace)
    table = place.events.read_text().splitlines()
    rows = [table[0] + f"\t{command}", *(f"{line}\tx{i % 2}" for i, line in enumerate(table[1:]))]
    place.events.write_text("\n".join(rows) + "\n")
    for inputs in ([command], ["trial_type"], ["*"]):
        content = {"Name": name, "Input": inputs, **own_arguments(name, command)}
        code, said = ended(place, [content, {"Name": "Factor", "Input": ["trial_type"]}], capsys)
        assert code in (0, 65)
        assert "unexpected" not in said
        assert not trace.exists()


@pytest.mark.parametrize("output", ["by", "a b", "C(trial_type)", "{1/0}", "`x`", "I(x**9)"])
def test_split_takes_any_name_for_a_name(
    output: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = place.study.parent / "trace"
    name = COMMAND.format(trace) if output == "by" else output
    table = place.events.read_text().splitlines()
    rows = [table[0] + "\tside\trt", *(f"{line}\ts{i % 2}\t0.5" for i, line in enumerate(table[1:]))]
    place.events.write_text("\n".join(rows) + "\n")
    code, said = ended(
        place,
        [
            {"Name": "Copy", "Input": ["side"], "Output": [name]},
            {"Name": "Split", "Input": ["rt"], "By": [name]},
        ],
        capsys,
    )
    assert code == 0, said
    assert not trace.exists()


FRAME = pd.DataFrame(
    {
        "rt": [0.4, 0.7, np.nan, 1.2, -1.0, 0.0],
        "side": SIDE.split(),
        "n": [1.0, 2.0, 3.0, 2.0, 1.0, 0.0],
    }
)


@pytest.mark.parametrize(
    "query",
    [
        "rt > 0.5",
        "rt >= 0.4 and side == 'left'",
        "side in ['left'] or n == 2",
        "not (rt < 0.5) & n != 2",
        'side != "left" | rt == 0.7',
        "0 < rt < 1",
        "n == [1, 2]",
        "n not in [1, 2]",
        "rt > n",
        "rt != rt",
        "~(side == 'left')",
        "-1.5 <= rt and rt <= 1e0",
    ],
)
def test_queries_keep_the_rows_that_pandas_keeps(query: str) -> None:
    columns = {name: FRAME[name].to_numpy() for name in FRAME}
    kept = np.flatnonzero(kept_rows(parsed_query(query), columns))
    assert kept.tolist() == FRAME.query(query).index.tolist()


@pytest.mark.parametrize("names", [["side"], ["side", "hand"]])
def test_splits_are_those_of_pybids(names: list[str]) -> None:
    frame = pd.DataFrame({"side": SIDE.split(), "hand": list("aabbcc")})[names]
    theirs = munge.model_matrix("0+" + ":".join(names), data=frame)
    theirs.columns = [name.replace(":", ".").replace("[T.", "[") for name in theirs.columns]
    ours = indicators(names, frame.to_numpy())
    assert sorted(ours.columns) == sorted(theirs.columns)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
