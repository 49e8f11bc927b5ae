"""The group collects the participants' calibrations, and decides by the rule of a single page."""

from pathlib import Path
from typing import Any

import pytest

from bidsglm.group.calibrations import write_calibrations
from bidsglm.group.members import Members
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.calibration_tables import CALIBRATION
from bidsglm.pages.calibration import group_calibration
from tests.finished import read_rows
from tests.report.test_calibration import INFLATION, rows

NAME = "task-tap_space-MNI"
NOISES = ("white", "ar1", "surrogate", "physiological")


def unit(output_dir: Path, participant: str, inflation: float, session: str = "") -> dict[str, Any]:
    """A participant's summary, whose table says that SPM's AR(1) finds so many times too much."""
    prefix = "_".join(part for part in (f"sub-{participant}", session, NAME) if part)
    folder = f"sub-{participant}/func"
    factors = {**INFLATION, "spm-ar1": inflation}
    made = [{**row, "contrast": "go"} for row in rows(dict.fromkeys(NOISES, factors))]
    path = output_dir / folder / f"{prefix}_desc-calibration_metrics.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    CALIBRATION.write(path, made)
    files = [f"{folder}/{path.name}"]
    return {
        "participant": participant,
        "prefix": prefix,
        "folder": folder,
        "entities": {"task": "tap", **({"session": session.removeprefix("ses-")} if session else {})},
        "backends": ["spm", "nilearn"],
        "supplements": {"calibration": {"files": files}},
    }


@pytest.fixture
def members(tmp_path: Path) -> Members:
    units = (unit(tmp_path, "01", 1.0), unit(tmp_path, "02", 5.0), unit(tmp_path, "03", 1.0))
    bare = {**unit(tmp_path, "04", 1.0), "supplements": {}}
    labels = ("01", "02", "03", "04")
    return Members(tmp_path, labels, (*units, bare), dict.fromkeys(labels, ""))


def test_table_has_everybody_who_was_calibrated_in_front(members: Members) -> None:
    assert write_calibrations(members, GroupNumbers(members.output_dir)).failures == ()
    found = read_rows(members.output_dir / "group" / f"{NAME}_desc-calibration_metrics.tsv")
    assert list(found[0]) == ["participant_id", *CALIBRATION.names]
    assert {row["participant_id"] for row in found} == {"sub-01", "sub-02", "sub-03"}


def test_sessions_stand_behind_the_participant(tmp_path: Path) -> None:
    units = (unit(tmp_path, "01", 1.0, "ses-a"), unit(tmp_path, "02", 1.0))
    write_calibrations(Members(tmp_path, ("01", "02"), units, {}), GroupNumbers(tmp_path))
    found = read_rows(tmp_path / "group" / f"{NAME}_desc-calibration_metrics.tsv")
    assert list(found[0])[:3] == ["participant_id", "session_id", "analysis"]
    assert {(row["participant_id"], row["session_id"]) for row in found} == {
        ("sub-01", "ses-a"),
        ("sub-02", "n/a"),
    }


def test_page_decides_from_all_and_counts_participants(members: Members) -> None:
    write_calibrations(members, GroupNumbers(members.output_dir))
    found = group_calibration(GroupNumbers(members.output_dir), NAME)
    assert found is not None
    text = " ".join(found.verdict("go"))
    assert found.n_datasets("go") == 60
    assert "SPM FAST controls false positives." in text
    assert (
        "SPM AR(1) controls false positives in 2 of 3 participants, finds too many in 1, and is not decided"
        " in 0" in text
    )
    line = next(line for line in found.lines("go") if (line.noise, line.what) == ("surrogate", "p < 0.05"))
    cell = line.cells[found.analyses.index("spm-fast")]
    assert (cell.text, cell.judgement) == ("5\N{NO-BREAK SPACE}%", "kept")
    cell = line.cells[found.analyses.index("spm-ar1")]
    assert cell.range == "5\N{NO-BREAK SPACE}% to 25\N{NO-BREAK SPACE}%"
    assert line.cells[found.analyses.index("ols")].judgement == "too many"


def test_group_of_one_decides_as_its_participant(tmp_path: Path) -> None:
    write_calibrations(
        Members(tmp_path, ("01",), (unit(tmp_path, "01", 1.6),), {"01": ""}), GroupNumbers(tmp_path)
    )
    found = group_calibration(GroupNumbers(tmp_path), NAME)
    assert found is not None
    (alone,) = found.of_each("go")
    assert found.verdict("go")[: len(alone.headline)] == alone.headline
    assert [each.judgement for each in found.decisions("go")] == [e.judgement for e in alone.decisions()]
    own = {(line.noise, line.what): line for line in alone.false_positives}
    for line in found.lines("go"):
        if (line.noise, line.what) in own:
            of_one = [cell.judgement for cell in own[line.noise, line.what].cells]
            assert [cell.judgement for cell in line.cells] == of_one


def test_damaged_table_is_a_failure_too(members: Members) -> None:
    path = members.output_dir / "sub-02/func" / f"sub-02_{NAME}_desc-calibration_metrics.tsv"
    whole = path.read_text()
    for text in (
        whole[: len(whole) // 2 - 3],
        whole[: whole.rindex("\n", 0, len(whole) // 2) + 1],
        whole.replace("effect_size", "size"),
        whole.replace("0.05", "five"),
    ):
        path.write_text(text)
        found = write_calibrations(members, GroupNumbers(members.output_dir))
        assert "--calibrate" in found.problems["02"]
        assert str(path) in found.problems["02"]


def test_lost_table_is_a_failure_of_its_participant_and_the_others_stay(members: Members) -> None:
    (members.output_dir / "sub-02/func" / f"sub-02_{NAME}_desc-calibration_metrics.tsv").unlink()
    found = write_calibrations(members, GroupNumbers(members.output_dir))
    assert "sub-02" in found.problems["02"]
    assert len(found.failures) == 1
    table = read_rows(members.output_dir / "group" / f"{NAME}_desc-calibration_metrics.tsv")
    assert {row["participant_id"] for row in table} == {"sub-01", "sub-03"}


def test_without_calibrations_an_earlier_table_goes(members: Members) -> None:
    write_calibrations(members, GroupNumbers(members.output_dir))
    bare = members._replace(finished=tuple({**u, "supplements": {}} for u in members.finished))
    write_calibrations(bare, GroupNumbers(bare.output_dir))
    assert group_calibration(GroupNumbers(members.output_dir), NAME) is None
    assert not list((members.output_dir / "group").glob("*calibration*"))
