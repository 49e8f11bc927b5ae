"""From what stands on disk to what pages say, at the limits: words, counts, order and what may lack."""

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bidsglm.calibration.experiment import MOST_CONTRASTS
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.scale_tables import SCALE
from bidsglm.pages import calibration, group, group_tables, group_words, participant, reasons, scales
from bidsglm.pages.group import UnitPlace
from bidsglm.pages.sources import page_is_current
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import Reach
from bidsglm.report.contrast_images import EFFECT_UNITS
from bidsglm.report.group_report import ParticipantEntry
from bidsglm.report.units import Units
from tests import finished

OTHER = Pair("afni", "nilearn")


# the group's contrasts in words


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"n": 4, "design": {"columns": ["mean"], "weights": [1.0]}, "group": "sex F"},
            "Mean over 4 participants of sex F (one-sample t test)",
        ),
        (
            {"n": 4, "n_maps": 8, "design": {"columns": ["mean"], "weights": [[1.0]]}},
            "Mean over 4 participants (8 maps, taken as independent) (one-sample t test)",
        ),
        (
            {"n": 4, "design": {"columns": ["mean"], "weights": [-1.0]}},
            "-1 × mean, in a model of mean over 4 participants",
        ),
        (
            {"n": 4, "design": {"columns": ["a", "b", "c"], "weights": [0.5, 0.0, -2.0]}},
            "0.5 × a + -2 × c, in a model of a, b and c over 4 participants",
        ),
        (
            {"n": 4, "test": "F", "design": {"columns": ["a", "b"], "weights": [[1.0, 0.0], [0.0, 1.0]]}},
            "Whether 1 × a or 1 × b is not 0 (F test), in a model of a and b over 4 participants",
        ),
    ],
)
def test_a_contrast_of_the_group_in_words(entry: dict[str, Any], said: str) -> None:
    assert group_words.definition(entry) == said


def test_maps_of_participants_with_columns_of_their_own_are_told() -> None:
    columns = ["mean", f"{group_words.PARTICIPANTS}01"]
    entry = {"n": 2, "n_maps": 4, "design": {"columns": columns, "weights": [1.0, 0.0]}}
    assert "(4 maps, each less its participant's mean)" in group_words.definition(entry)
    assert "maps" not in group_words.definition({**entry, "n_maps": 2})


@pytest.mark.parametrize(
    ("variance", "said"),
    [
        ({}, ()),
        ({"spm": {"VarianceModel": "equal"}}, ()),
        (
            {"spm": {"VarianceModel": "equal", "VarianceReason": "asked for"}, "afni": {}, "fsl": {}},
            ("SPM: one variance, as asked for. AFNI, FSL: one variance.",),
        ),
        (
            {"spm": {"VarianceModel": "unequal", "GroupVariances": {"a": 1 / 3}, "PooledVoxels": 7}},
            (
                "SPM: a variance for each group, its default (a 0.333 of their mean, one for all voxels, "
                "from 7 of them).",
            ),
        ),
    ],
)
def test_variances_in_words(variance: dict[str, Any], said: tuple[str, ...]) -> None:
    assert group_words.variances({"variance": variance}) == said


# tables of the group


def test_who_lies_apart_in_what_the_page_shows() -> None:
    row = {"participant_id": "sub-01", "contrast": "go", "contrast_name": "go", "map": "t"}
    metric = group_tables.SHOWN[0], group_tables.SHOWN[1]
    rows = [
        {**row, "metric": metric[0]},
        {**row, "metric": metric[1]},
        {**row, "metric": "n_both"},
        {**row, "map": "variance", "metric": metric[0]},
        {**row, "map": "F", "metric": metric[0]},
    ]
    found = group_tables.outlying(rows)
    assert [(key[1:], values) for key, values in found.items()] == [
        (("go", "t"), metric),
        (("go", "F"), metric[:1]),
    ]


def test_shares_are_of_whole_steps_that_do_something() -> None:
    def row(step: str, leading: int = 0, share: float = 0.0, **more: Any) -> dict[str, Any]:
        found = {"contrast": "go", "contrast_name": "go", "map": "t", "metric": "rmsd", "part_of": ""}
        shares = {"share_median": share, "share_lower_quartile": 0.0, "share_upper_quartile": 0.0}
        return {**found, **shares, "step": step, "n_largest": leading, "n": 3, **more}

    rows = [
        row("noise", 2, 0.5),
        row("filter", 1),
        row("drifts", share_lower_quartile=-0.1),
        row("mask", share_upper_quartile=0.1, n=5),
        row("idle"),
        row("part", 3, part_of="regressors"),
        row("slope", 3, metric="slope-1"),
        row("odd", 3, map="mask"),
    ]
    (found,) = group_tables.step_shares(rows)
    assert (found.contrast, found.map, found.n) == ("go", "t", 5)
    assert [step.step for step in found.steps] == ["noise", "filter", "drifts", "mask"]
    noise = found.steps[0]
    assert (noise.n_leading, noise.share, noise.lower, noise.upper) == (2, 0.5, 0.0, 0.0)
    (idle,) = group_tables.step_shares([row("idle")])
    assert [step.step for step in idle.steps] == ["idle"]


def test_slopes_in_percent_are_of_effects_and_of_the_pair() -> None:
    row = {"map": "effect", "package": "spm", "reference": "nilearn"}
    rows = [
        {**row, "slope_percent": 1.0},
        {**row, "slope_percent": 3.0},
        {**row, "slope_percent": 9.0, "map": "t"},
        {**row, "slope_percent": 7.0, "package": "afni"},
    ]
    assert group_tables.slope_in_percent(rows, DEFAULT_PAIR) == 2.0
    assert group_tables.slope_in_percent(rows, OTHER) == 7.0
    assert math.isnan(group_tables.slope_in_percent(rows[:2], OTHER))


# reasons


def unit(arbitrary: bool, *labels: str) -> dict[str, Any]:
    named = ["rot_x"] if arbitrary else ["go"]
    contrasts = [
        {"label": label, "name": label.upper(), "test": "t", "conditions": named, "weights": [1.0]}
        for label in labels
    ]
    return {"contrasts": contrasts, "findings": []}


@pytest.mark.parametrize(("n_arbitrary", "n_units", "is_out"), [(1, 2, True), (1, 3, False), (2, 3, True)])
def test_a_contrast_is_left_out_by_half_of_the_units(
    monkeypatch: pytest.MonkeyPatch, n_arbitrary: int, n_units: int, is_out: bool
) -> None:
    monkeypatch.setattr(reasons, "is_arbitrary", lambda weights, found: "rot_x" in weights)
    units = [unit(i < n_arbitrary, "a") for i in range(n_units)]
    found = reasons.left_out([*units, unit(False, "b")])  # type: ignore[list-item]
    assert found.contrasts == ({"a": "A"} if is_out else {})
    assert found.n_all == 2


@pytest.mark.parametrize(
    ("contrast", "weights"),
    [
        ({"test": "t", "conditions": ["a", "b"], "weights": [1, -1]}, {"a": 1, "b": -1}),
        ({"test": "F", "conditions": ["a"], "weights": [[1]]}, {}),
        ({"test": "t"}, {}),
    ],
)
def test_weights_are_those_of_t(contrast: Any, weights: dict[str, float]) -> None:
    assert reasons.weights_of(contrast) == weights


def test_how_far_an_attribution_reaches_is_that_of_its_pair() -> None:
    facts = {"closes": True, "n_sample": 5, "n_voxels": 9, "notes": ["a"], "in_blocks": True}
    summary: Any = {"attribution": facts, "attributions": {"afniVSnilearn": {"n_voxels": 4}}}
    found = reasons.reach(summary)
    assert found == Reach(True, 5, 9, ("a",), True)
    assert reasons.reach(summary, OTHER) == Reach(False, 0, 4)
    assert reasons.reach({"attribution": {}}) is None  # type: ignore[typeddict-item]
    assert reasons.reach(summary, Pair("fsl", "nilearn")) is None


# calibrations


def summary_of(n: int) -> Any:
    contrasts = [{"label": f"c{i}", "name": f"C{i}", "conditions": [f"x{i}"]} for i in range(n)]
    return {"contrasts": contrasts, "runs": [{"confounds": ["rot_x"]}, {"confounds": ["rot_y"]}]}


def test_why_a_contrast_was_not_calibrated() -> None:
    assert calibration._left_out(summary_of(2), "gone", ["gone"]) == "gone"
    summary = summary_of(MOST_CONTRASTS + 2)
    last, before = f"c{MOST_CONTRASTS}", f"c{MOST_CONTRASTS - 1}"
    assert calibration._left_out(summary, last, [last]) == (
        f"C{MOST_CONTRASTS} (beyond the first {MOST_CONTRASTS})"
    )
    assert calibration._left_out(summary, before, [before]).endswith("(not estimable)")
    assert calibration._left_out(summary, last, ["c0", last]).endswith("(not estimable)")
    for condition in ("rot_x", "rot_y", "constant"):
        summary["contrasts"][0]["conditions"] = ["x0", condition]
        assert calibration._left_out(summary, "c0", ["c0"]) == (
            "C0 (a contrast of confounds, whose effects are in every simulated data set)"
        )


# pages of participants


@pytest.mark.parametrize(("after", "current"), [(1, True), (0, True), (-1, False)])
def test_a_page_is_current_if_it_is_no_older_than_what_it_tells_of(
    tmp_path: Path, after: int, current: bool
) -> None:
    assert not page_is_current(tmp_path, "01")
    folder = finished.write_participant(tmp_path, "01", {})
    (summary,) = folder.glob("*_summary.json")
    page = tmp_path / "sub-01.html"
    page.touch()
    os.utime(summary, ns=(10**18, 10**18))
    os.utime(page, ns=(10**18 + after, 10**18 + after))
    assert page_is_current(tmp_path, "01") is current
    marker = tmp_path / "sub-01" / "sub-01_desc-bidsglm_summary.json"
    marker.write_text("{}")
    assert not page_is_current(tmp_path, "01")


def test_a_page_tells_of_failures_of_the_participant_and_of_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished.write_participant(tmp_path, "01", {}, status="failed", errors=["unit fails"])
    marker = tmp_path / "sub-01" / "sub-01_desc-bidsglm_summary.json"
    marker.write_text(json.dumps({"status": "failed", "errors": ["participant fails"]}))
    shown: list[Any] = []
    monkeypatch.setattr(participant, "participant_page", lambda report: shown.append(report) or "page")
    monkeypatch.setattr(participant, "unit_report", lambda files, folder: folder)
    participant.write_participant_page(tmp_path, "01")
    assert shown[0].errors == ("participant fails", "unit fails")
    assert shown[0].units == ()
    finished.write_participant(tmp_path, "02", {}, estimates={})
    participant.write_participant_page(tmp_path, "02")
    assert shown[1].units == (tmp_path / "sub-02" / "figures",)
    assert shown[1].errors == ()
    assert (tmp_path / "sub-02.html").read_text() == "page"


# scales


def test_units_have_their_tables_where_there_are_any(tmp_path: Path) -> None:
    summary: Any = {"prefix": "p", "effect_units": {"spm": "%"}}
    assert scales.read_units(tmp_path, summary) == Units((), (), {"spm": "%"}, False)
    for word, apart in (("Scaling", True), ("None", False)):
        bare: Any = {"prefix": "p", "configuration": {"SPM: global_normalization": word}}
        assert scales.read_units(tmp_path, bare) == Units((), (), EFFECT_UNITS, apart)
    assert scales.read_units(tmp_path, {"prefix": "p", "configuration": None}).scans_apart is False  # type: ignore[typeddict-item]
    rows: Any = [{column.name: 1.0 if column.type == "number" else "a" for column in SCALE.columns}]
    for row in rows:
        row |= {c.name: 1 for c in SCALE.columns if c.type == "integer"}
        row |= {c.name: next(iter(c.levels)) for c in SCALE.columns if c.levels}
    SCALE.write(SCALE.path(tmp_path, "p"), rows)
    found = scales.read_units(tmp_path, summary)
    assert found.levels == ()
    assert found.scales == tuple(rows)


# the group's page


@pytest.mark.parametrize(
    ("problem", "kind", "said"),
    [
        ("", "failed", ""),
        ("sub-01: not run yet", "not run", "not run yet"),
        ("sub-01: other settings: hrf", "other settings", "other settings: hrf"),
        ("is not fitted by fsl", "other packages", "is not fitted by fsl"),
        ("sub-01: is damaged", "failed", "is damaged"),
    ],
)
def test_a_participants_problem_has_a_kind(tmp_path: Path, problem: str, kind: str, said: str) -> None:
    entry = group._entry(tmp_path, "01", problem)
    assert entry == ParticipantEntry("01", "", said, kind)
    (tmp_path / "sub-01.html").touch()
    assert group._entry(tmp_path, "01", problem).page == "sub-01.html"


@pytest.mark.parametrize(
    ("content", "name"),
    [(None, "bids"), ('{"Name": "Taps"}', "Taps"), ('{"Name": ""}', "bids"), ("{}", "bids"), ("{", "bids")],
)
def test_a_data_set_is_called_by_its_description_or_its_folder(
    tmp_path: Path, content: str | None, name: str
) -> None:
    (tmp_path / "bids").mkdir()
    if content is not None:
        (tmp_path / "bids" / "dataset_description.json").write_text(content)
    assert group._dataset_name(tmp_path / "bids") == name


def maps(*two_sided: bool | None) -> Any:
    inferences = [None if each is None else SimpleNamespace(two_sided=each) for each in two_sided]
    return SimpleNamespace(contrasts=[SimpleNamespace(inference=each) for each in inferences])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (maps(), ""),
        (maps(None), ""),
        (maps(None, False), "in each tail by itself"),
        (maps(False, True), "two-sided"),
    ],
)
def test_tails_of_corrections_in_words(found: Any, said: str) -> None:
    assert group._tails(found) == said


def test_places_are_counted_from_one_over_units_with_a_fit(tmp_path: Path) -> None:
    finished.write_participant(tmp_path, "01", {}, session="a", estimates={})
    finished.write_participant(tmp_path, "01", {}, session="b", status="failed")
    finished.write_participant(tmp_path, "01", {}, session="c", estimates={})
    finished.write_participant(tmp_path, "02", {}, estimates={})
    (summary,) = finished.write_participant(tmp_path, "03", {}).glob("*_summary.json")
    summary.write_text("{")
    with pytest.raises(ReadWriteError):
        group.unit_summaries(tmp_path, "03")
    pages = {label: f"sub-{label}.html" for label in ("01", "02", "03")}
    members: Any = SimpleNamespace(output_dir=tmp_path)
    assert group._places(members, pages) == [
        UnitPlace("sub-01 ses-a", finished.NAME, "sub-01.html", 1),
        UnitPlace("sub-01 ses-c", finished.NAME, "sub-01.html", 2),
        UnitPlace("sub-02", finished.NAME, "sub-02.html", 1),
    ]
