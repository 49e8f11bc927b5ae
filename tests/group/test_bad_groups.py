"""What participants.tsv and Dataset nodes get wrong, end to end: named in a line, 65, nothing lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from bidsglm.dataset.spelling import alike
from tests.finished import effects, write_dataset, write_participant
from tests.group.test_levels import LABELS, contrast, node, transformations, write_model

pytestmark = pytest.mark.usefixtures("plain_figures")

Said = pytest.CaptureFixture[str]
AGE = (21, 34, 47, 29, 38, 52, 44, 26, 31)
PLAIN = node("plain", ["contrast"], [1])
"""The analysis that nothing is wrong with."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine participants, fitted."""
    folder = tmp_path_factory.mktemp("bad") / "out"
    for i, label in enumerate(LABELS):
        write_participant(folder, label, {"go": effects(i, mean=3.0)})
    return folder


class Run:
    """A group level with some columns and nodes: its code, what it said, and its maps."""

    def __init__(self, out: Path, columns: Mapping[str, Sequence[object]], *nodes: dict[str, Any]) -> None:
        bids = write_dataset(out.parent, LABELS, **columns)
        for path in sorted((out / "group").rglob("*")) if (out / "group").exists() else ():
            if path.is_file():
                path.unlink()
        write_model(out / "model-tap_smdl.json", *nodes, PLAIN)
        self.code = main([str(bids), str(out), "group", "-q", "--no-attribution"])
        names = (path.name for path in (out / "group").glob("*_stat-[tF]_desc-spm_statmap.nii.gz"))
        self.maps = {name.split("contrast-", 1)[1].split("_stat-")[0] for name in names}


def factors(*names: str, more: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    return transformations(*({"Name": "Factor", "Input": [name]} for name in names), *more)


def failed(said: Said) -> list[str]:
    return [line for line in said.readouterr().err.splitlines() if "ERROR failed:" in line]


ONE = ["usual"] * 8 + ["only"]
CROSSED = factors(
    "kind",
    "sex",
    more=[
        {"Name": "Product", "Input": [f"kind.{a}", f"sex.{b}"], "Output": [f"{a}{b}"]}
        for a in "ab"
        for b in "FM"
    ],
)
GROUPS_OF_ONE = {
    "column of words": ({"kind": ONE}, node("n", ["contrast"], ["kind"]), "the group kind.only"),
    "factor": (
        {"kind": ONE},
        node("n", ["contrast"], ["kind.*"], Transformations=factors("kind")),
        "the group kind.only",
    ),
    "column of 0 and 1": (
        {"kind": [0] * 8 + [1]},
        node("n", ["contrast"], [1, "kind"]),
        "only sub-09 determines",
    ),
    "level that is analysed by itself": (
        {"kind": ONE},
        node("n", ["contrast", "kind"], [1]),
        "the group kind only",
    ),
    "cell of two columns": (
        {"kind": list("aaaabbbbb"), "sex": list("FFFMFFMMM")},
        node("n", ["contrast"], ["aF", "aM", "bF", "bM"], Transformations=CROSSED),
        "the group aM is one participant, sub-04",
    ),
    "group that a missing value leaves with one": (
        {"kind": ["usual"] * 7 + ["rare"] * 2, "age": [*AGE[:8], "n/a"]},
        node("n", ["contrast"], ["kind", "age"]),
        "the group kind.rare is one participant, sub-08",
    ),
}


@pytest.mark.parametrize("kind", GROUPS_OF_ONE)
def test_group_of_one_is_named_and_all_maps_come(out: Path, kind: str, capsys: Said) -> None:
    columns, bad, words = GROUPS_OF_ONE[kind]
    run = Run(out, columns, bad)
    (line,) = failed(capsys)
    assert (run.code, words in line, "participants.tsv: " in line) == (65, True, True)
    assert "go_node-plain" in run.maps
    assert any(name.startswith("go_node-n") for name in run.maps)


SPELT = (
    ("control", "Control"),
    ("control", "controls"),
    ("healthy control", "healthy_control"),
    ("site-1", "site 01"),
    ("HC", "hc."),
)


@pytest.mark.parametrize(("one", "other"), SPELT)
@pytest.mark.parametrize("where", ["X", "Factor", "GroupBy"])
def test_two_spellings_are_named_by_line_and_the_other_analysis_comes(
    out: Path, one: str, other: str, where: str, capsys: Said
) -> None:
    kinds = [one, one, other, *["patient"] * 3, one, one, other]
    bad = {
        "X": node("n", ["contrast"], ["kind"]),
        "Factor": node("n", ["contrast"], ["kind.*"], Transformations=factors("kind")),
        "GroupBy": node("n", ["contrast", "kind"], [1]),
    }[where]
    run = Run(out, {"kind": kinds}, bad)
    (line,) = failed(capsys)
    assert run.code == 65
    assert f"participants.tsv: column 'kind' spells one group in two ways: {one!r} in line 2" in line
    assert f"{other!r} in line 4; write them alike" in line
    assert run.maps == {"go_node-plain"}


def test_numbers_of_groups_written_in_two_ways_are_two_spellings(out: Path, capsys: Said) -> None:
    kinds = ["1", "1", "1.0", "2", "2", "2", "1", "1", "1"]
    over = contrast("difference", {"kind.1": 1, "kind.2": -1})
    run = Run(out, {"kind": kinds}, node("n", ["contrast"], ["kind"], Contrasts=[over]))
    assert run.code == 65
    assert "'1' in line 2 and '1.0' in line 4" in failed(capsys)[0]


@pytest.mark.parametrize("where", ["X", "GroupBy"])
def test_slip_of_the_pen_is_named_and_no_map_is_lost_for_it(out: Path, where: str, capsys: Said) -> None:
    kinds = ["control", "control", "contrl", *["patient"] * 3, "control", "control", "contrl"]
    bad = node("n", ["contrast"], ["kind"]) if where == "X" else node("n", ["contrast", "kind"], [1])
    run = Run(out, {"kind": kinds}, bad)
    (line,) = failed(capsys)
    assert run.code == 65
    assert "two groups that look like one: 'control' in line 2 and 'contrl' in line 4" in line
    assert any(name.startswith("go_node-n") for name in run.maps)


@pytest.mark.parametrize(
    "values",
    [
        ("siteA", "siteB"),
        ("T1", "T2"),
        ("typical", "atypical"),
        ("HIV+", "HIV-"),
        ("male", "female"),
        ("MS", "M"),
        ("high dose", "low dose"),
        ("responder", "non-responder"),
    ],
)
def test_groups_that_are_two_are_left_alone(values: tuple[str, str]) -> None:
    assert alike(values) == ()


CONSTANT = {
    "in the sample": ({"age": [30] * 9}, node("n", ["contrast"], [1, "age"])),
    "once somebody without a value is left out": (
        {"age": [30] * 8 + [40], "score": [*range(8), "n/a"]},
        node("n", ["contrast"], [1, "age", "score"]),
    ),
    "in one of the groups that are analysed apart": (
        {"age": [30] * 4 + [31, 32, 33, 34, 35], "site": ["p"] * 4 + ["q"] * 5},
        node("n", ["contrast", "site"], [1, "age"]),
    ),
    "as a transformation makes it": (
        {"score": AGE},
        node(
            "n",
            ["contrast"],
            [1, "age"],
            Transformations=transformations(
                {
                    "Name": "Threshold",
                    "Input": ["score"],
                    "Threshold": 10,
                    "Binarize": True,
                    "Output": ["age"],
                }
            ),
        ),
    ),
}


@pytest.mark.parametrize("kind", CONSTANT)
def test_covariate_that_is_the_same_for_all_is_named_and_the_mean_comes(
    out: Path, kind: str, capsys: Said
) -> None:
    columns, bad = CONSTANT[kind]
    run = Run(out, columns, bad)
    (line,) = failed(capsys)
    assert run.code == 65
    assert "participants.tsv: column 'age' is " in line
    assert "for all participants here: it can explain nothing; take it out of X" in line
    assert {"go_node-plain", "go_node-n"} <= run.maps


TWO = list("aaaabbbbb")


def test_covariate_that_goes_with_the_groups_is_named(out: Path, capsys: Said) -> None:
    run = Run(out, {"kind": TWO, "age": [30] * 4 + [40] * 5}, node("n", ["contrast"], ["kind", "age"]))
    (line,) = failed(capsys)
    assert run.code == 65
    assert "participants.tsv: kind.a, kind.b and age depend on each other for the participants here" in line
    assert run.maps == {"go_node-plain"}


@pytest.mark.parametrize(("sites", "with_it"), [("ppppqqqqq", "site.p"), ("ppqqrrrss", "site.p and site.q")])
def test_two_columns_of_groups_that_go_together_are_named(
    out: Path, sites: str, with_it: str, capsys: Said
) -> None:
    run = Run(out, {"kind": TWO, "site": list(sites)}, node("n", ["contrast"], ["kind", "site"]))
    (line,) = failed(capsys)
    assert run.code == 65
    assert (
        f"columns 'kind' and 'site' go together for the participants here (kind.a only with {with_it})"
        in line
    )
    assert "go_node-plain" in run.maps


def test_sites_within_groups_may_be_compared_within_them(out: Path) -> None:
    within = contrast("within", {"site.p": 1, "site.q": -1})
    columns = {"kind": TWO, "site": list("ppqqrrrss")}
    run = Run(out, columns, node("n", ["contrast"], ["kind", "site"], Contrasts=[within]))
    assert (run.code, "go_node-n_groupcontrast-within" in run.maps) == (0, True)


def test_crossed_columns_of_groups_are_no_fault(out: Path) -> None:
    run = Run(out, {"kind": TWO, "site": list("ppqqppqqq")}, node("n", ["contrast"], ["kind", "site"]))
    assert run.code == 0
    assert {"go_node-n_groupcontrast-aMinusB", "go_node-n_groupcontrast-pMinusQ"} <= run.maps


def test_contrasts_that_cannot_be_told_are_named_and_those_that_can_come(out: Path, capsys: Said) -> None:
    written = [
        {**contrast("mean", {"constant": 1}), "ConditionList": [1]},
        contrast("b - a", {"kind.b": 1, "kind.a": -1}),
        contrast("any", {"kind.a": 0, "kind.b": 0}, [[1, 0], [0, 1]]),
    ]
    bad = node("n", ["contrast"], [1, "kind.*"], Transformations=factors("kind"), Contrasts=written)
    run = Run(out, {"kind": TWO}, bad)
    lines = failed(capsys)
    assert run.code == 65
    assert [
        any(f"participants.tsv: the group contrast '{name}' of go is left out" in line for line in lines)
        for name in ("mean", "any")
    ] == [True, True]
    assert all("because mean, kind.a and kind.b depend on each other" in line for line in lines)
    assert run.maps == {"go_node-plain", "go_node-n_groupcontrast-bMinusA"}


def test_missing_values_and_rows_leave_their_participants_out_by_name(out: Path, capsys: Said) -> None:
    columns = {"age": [*AGE[:7], "n/a", 31]}
    bids = write_dataset(out.parent, LABELS, **columns)
    table = bids / "participants.tsv"
    table.write_text("".join(line for line in table.read_text().splitlines(True) if "sub-02" not in line))
    write_model(out / "model-tap_smdl.json", node("n", ["contrast"], [1, "age"]))
    assert main([str(bids), str(out), "group", "--no-attribution"]) == 0
    said = capsys.readouterr().err
    assert "sub-08 is left out of the group maps: participants.tsv has no age of sub-08 (line 8)" in said
    assert "sub-02 is left out of the group maps: not in participants.tsv" in said
    page = (out / "group.html").read_text()
    assert "sub-08 is not in these maps" in page
