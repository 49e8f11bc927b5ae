"""Who is in a group, with which packages and settings, and what lies behind its maps, by definition."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.dataset.group_rows import DesignRow
from bidsglm.dataset.stacks import MapStack
from bidsglm.errors import DataError, NoInputError, NothingMatchedError, UsageError
from bidsglm.group import background, consistency, effects, members
from bidsglm.group.consistency import RunAlike
from bidsglm.group.members import Members
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.calibration_tables import CALIBRATIONS
from bidsglm.settings import Settings
from tests import finished

ALL = ["spm", "nilearn", "afni", "fsl"]


def unit(participant: str = "01", **changes: Any) -> Any:
    found = {
        "participant": participant,
        "backends": ["spm", "nilearn"],
        "entities": {"task": "tap"},
        "prefix": f"sub-{participant}_task-tap",
        "configuration": {"settings": "matched", "bidsglm": "1.0"},
        "n_runs": 1,
    }
    return {**found, **changes}


# packages and settings


def test_sets_that_were_run_alike_are_the_largest_first_by_participants() -> None:
    native = {"settings": "native"}
    units = [
        unit("01", configuration=native),
        unit("01", configuration=native, entities={"session": "b"}),
        unit("01", configuration=native, entities={"session": "c"}),
        unit("02"),
        unit("03"),
    ]
    found = consistency.run_alike(units)
    assert [alike.participants for alike in found] == [("02", "03"), ("01",)]
    assert found[1].against(found[0]) == "settings: native instead of matched; bidsglm: none instead of 1.0"


def test_results_without_a_record_are_a_set_of_each_version() -> None:
    old = [unit(str(i), configuration=None, bidsglm_version=version) for i, version in enumerate("aab")]
    found = consistency.run_alike(old)
    assert [alike.participants for alike in found] == [("0", "1"), ("2",)]
    recorded = RunAlike((unit(),))
    assert found[0].against(recorded) == "run by bidsglm a, which kept no record of its settings"
    assert recorded.against(found[0]) == "run by bidsglm 1.0"
    unknown = RunAlike((unit(configuration=None),))
    assert unknown.against(recorded).startswith("run by bidsglm an unknown version, ")


@pytest.mark.parametrize(
    ("owned", "expected"),
    [
        ([["spm"], ["spm"], ["spm", "nilearn"]], ("spm", "nilearn")),
        ([["spm", "nilearn"], ALL], tuple(ALL)),
        ([["spm", "nilearn"], ["nilearn", "spm"], ALL], ("spm", "nilearn")),
        ([["spm"], ["spm"], ["nilearn"]], ("spm",)),
    ],
)
def test_a_group_is_of_the_packages_of_most(owned: list[list[str]], expected: tuple[str, ...]) -> None:
    units = [unit(str(i), backends=backends) for i, backends in enumerate(owned)]
    assert consistency.packages_of(units) == expected


def test_a_unit_of_fewer_packages_has_no_settings_of_the_others() -> None:
    recorded = {"SPM: a": 1, "AFNI: b": 2, "FSL: c": 3, "settings": "matched", "backends": ALL}
    whole = unit(backends=ALL, configuration=recorded, effect_units=dict.fromkeys(ALL, "%"))
    found = consistency.of_packages(whole, ["nilearn", "afni"])
    assert found["backends"] == ["nilearn", "afni"]
    assert found["effect_units"] == {"nilearn": "%", "afni": "%"}
    assert found["configuration"] == {
        "SPM: a": 1,
        "AFNI: b": 2,
        "settings": "matched",
        "backends": ["nilearn", "afni"],
    }
    assert consistency.of_packages(whole, ALL) is whole
    bare = unit(backends=ALL, configuration=None)
    assert consistency.of_packages(bare, ["spm"]) == {**bare, "backends": ["spm"]}


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        ({"backends": ALL}, "nilearn"),
        ({"backends": ALL, "reference": "afni"}, "afni"),
        ({"backends": ["spm", "afni", "fsl"]}, "fsl"),
        ({}, None),
        ({"backends": ALL, "configuration": None}, None),
    ],
)
def test_the_reference_is_a_setting_where_it_makes_a_difference(
    changes: dict[str, Any], reference: str | None
) -> None:
    found = consistency._of_reference(unit(**changes))
    assert (found.get("configuration") or {}).get("reference") == reference


@pytest.mark.parametrize(
    ("backends", "asked", "given", "refused"),
    [
        (ALL, "nilearn", True, False),
        (ALL, "spm", True, True),
        (ALL, "spm", False, False),
        (["spm", "nilearn"], "spm", True, False),
        (["spm", "nilearn"], "fsl", True, True),
        (["spm"], "fsl", True, False),
    ],
)
def test_another_reference_than_the_participants_is_refused(
    tmp_path: Path, backends: list[str], asked: str, given: bool, refused: bool
) -> None:
    settings = Settings(tmp_path, tmp_path, "group", reference=asked, reference_asked=given)
    if refused:
        with pytest.raises(UsageError) as error:
            consistency._check_reference("task-tap", [unit(backends=backends)], settings)
        assert str(error.value) == (
            f"--reference {asked}: task-tap was compared with nilearn in each participant; leave it out, "
            f"or run the participants again with --reference {asked}"
        )
    else:
        consistency._check_reference("task-tap", [unit(backends=backends)], settings)


def test_numbers_of_runs_are_told_for_sessions_and_for_all_of_a_participant() -> None:
    session = {"session": "a"}
    units = [unit("1", n_runs=3), unit("2", n_runs=1), unit("3", n_runs=2, entities=session)]
    assert consistency._remarks("x", RunAlike(tuple(units))) == ["x: participants have 1 to 3 runs."]
    units += [unit("4", n_runs=5, entities=session)]
    assert consistency._remarks("x", RunAlike(tuple(units))) == [
        "x: participants have 2 to 5 runs.",
        "x: participants have 1 to 3 runs.",
    ]
    assert consistency._remarks("x", RunAlike((unit(),))) == []
    (told,) = consistency._remarks("x", RunAlike((unit(configuration=None, bidsglm_version="0.3"),)))
    assert told.startswith("x: written by bidsglm 0.3, which kept no record of its settings")


def people(tmp_path: Path, *units: Any, **more: Any) -> Members:
    labels = tuple(dict.fromkeys(each["participant"] for each in units))
    return Members(tmp_path, labels, units, dict.fromkeys(labels, ""), **more)


@pytest.mark.parametrize("mixed", [True, False])
def test_others_are_left_out_where_that_is_allowed_and_named(tmp_path: Path, mixed: bool) -> None:
    settings = Settings(tmp_path, tmp_path, "group", allow_mixed=mixed)
    other = unit("03", configuration={"settings": "native", "bidsglm": "1.0"})
    alone = unit("04", backends=["spm"])
    given = people(tmp_path, unit("01"), unit("02"), other, alone, notes=("first",))
    why = "settings: native instead of matched"
    if not mixed:
        with pytest.raises(DataError) as error:
            consistency.consistent_members(given, settings)
        assert f"than the largest set of them: task-tap: sub-03 ({why}). Run them again" in str(error.value)
        return
    found = consistency.consistent_members(given, settings)
    assert members.participants_of(found.finished) == ("01", "02")
    lacking = (
        "task-tap is of the participants whom SPM and nilearn fitted. Left out: "
        "sub-04 (not fitted by nilearn)."
    )
    assert found.notes == (
        "first",
        lacking,
        f"Left out, because they were run with other settings: task-tap: sub-03 ({why}).",
    )
    assert found.problems == {
        "01": "",
        "02": "",
        "03": f"left out of task-tap, run with other settings: {why}",
        "04": "left out of task-tap, not fitted by nilearn",
    }


# members


def test_members_are_those_of_the_output_folder_in_order(tmp_path: Path) -> None:
    bids, out = finished.write_group(tmp_path, 3)
    finished.change_summary(out, "02", status="failed", errors=["no\nscans"])
    (summary,) = (out / "sub-03").rglob("*_summary.json")
    summary.write_text("{")
    (out / "sub-04").mkdir()
    settings = Settings(bids, out, "group", participant_labels=())
    found = members.find_members(settings)
    assert members.participants_of(found.finished) == ("01",)
    assert found.problems["01"] == ""
    assert found.problems["02"] == "no scans"
    assert "_summary.json" in found.problems["03"]
    assert len(found.failures) == 1
    assert found.finished[0]["n_runs"] == 1
    assert found.finished[0]["pairs"] == (("spm", "nilearn"),)
    assert "methods" not in found.finished[0]
    with pytest.raises(NoInputError, match="does not exist; run the participant level first"):
        members.find_members(Settings(bids, tmp_path / "none", "group"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"errors": []}, "is not finished"),
        ({"errors": ["a", "b"]}, "a; b"),
        ({"errors": ["a"], "exit_code": 64}, ""),
        ({"errors": ["a"], "exit_code": 18}, ""),
        ({"errors": ["a"], "exit_code": "64"}, ""),
        ({"errors": ["a"], "exit_code": 65}, "a"),
    ],
)
def test_what_only_a_command_got_wrong_is_no_problem_of_the_participant(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    finished.write_participant(tmp_path, "01", {}, status="failed", **changes)
    found = members._found(tmp_path, "01")
    assert not found.finished
    assert "; ".join(found.errors).endswith(problem)
    assert bool(found.errors) is bool(problem)
    assert members._problem("01", members.Found((), (), ())) == "sub-01: not run yet"


def test_units_of_the_tasks_sessions_and_spaces_that_are_asked_for(tmp_path: Path) -> None:
    units = [
        unit("01", entities={"task": "a", "space": "x"}),
        unit("02", entities={"task": "b", "session": "s", "space": "x"}),
    ]

    def selected(**labels: tuple[str, ...]) -> list[str]:
        settings = Settings(tmp_path, tmp_path, "group", **labels)  # type: ignore[arg-type]
        return [each["participant"] for each in members._selected(units, settings)]

    assert selected() == ["01", "02"]
    assert selected(task_labels=("b",)) == ["02"]
    assert selected(session_labels=("s",), space=("x", "y")) == ["02"]
    with pytest.raises(NothingMatchedError) as error:
        selected(task_labels=("c", "d"))
    assert str(error.value) == f"{tmp_path}: no finished results of task c, d; there are a, b"
    with pytest.raises(NothingMatchedError, match="no finished results of session t; there are none"):
        selected(task_labels=("a",), session_labels=("t",))


def test_problems_add_up_and_failures_are_kept(tmp_path: Path) -> None:
    found = people(tmp_path, unit("01")).with_problem("01", "one").with_failure("01", DataError("two"))
    assert found.problems == {"01": "one; two"}
    assert [str(error) for error in found.failures] == ["two"]
    single = people(tmp_path, unit("01", backends=["spm"]), unit("02"))
    assert members.participants_of(single.compared) == ("02",)


# maps of participants


def write_effects(out: Path, label: str, value: float, session: str = "", shift: float = 0.0) -> Any:
    affine = finished.AFFINE.copy()
    affine[0, 3] += shift
    maps = {name: np.full(finished.SHAPE, value, np.float32) for name in ("spm", "nilearn")}
    finished.write_participant(out, label, {"go": maps}, session=session, affine=affine)
    found = members._found(out, label).finished
    return found[-1]


def test_maps_of_sessions_are_averaged_or_taken_one_by_one(tmp_path: Path) -> None:
    units = [write_effects(tmp_path, "01", 1.0, "a"), write_effects(tmp_path, "01", 4.0, "b")]
    (level,) = effects.first_levels(units)
    assert (level.name, level.label, level.test) == ("go", "go", "t")
    for sessions, expected in (((None,), [2.5]), (("a", "b"), [1.0, 4.0])):
        stacks = {name: MapStack(tmp_path) for name in ("spm", "nilearn")}
        rows = [DesignRow("01", session=session or "") for session in sessions]
        taken = effects.take({"": level}, rows, tmp_path, stacks)
        assert taken.participants == ("01",)
        assert len(taken.sources["spm"]) == 2
        assert taken.sources["spm"][0].startswith("bids::sub-01/ses-a/func/")
        assert not taken.failures
        for stack in stacks.values():
            assert np.allclose(stack[:, 0:1].ravel(), expected)


def test_the_grid_of_most_is_the_groups(tmp_path: Path) -> None:
    units = [write_effects(tmp_path, f"0{i}", 1.0, shift=5.0 * (i == 1)) for i in range(1, 4)]
    (level,) = effects.first_levels(units)
    rows = [DesignRow(f"0{i}") for i in range(1, 4)]
    stacks = {name: MapStack(tmp_path) for name in ("spm", "nilearn")}
    taken = effects.take({"": level}, rows, tmp_path, stacks)
    assert taken.participants == ("02", "03")
    assert list(taken.failures) == ["01"]


def test_a_map_without_any_value_is_refused_by_name(tmp_path: Path) -> None:
    units = [write_effects(tmp_path, "01", np.nan), write_effects(tmp_path, "02", 1.0)]
    (level,) = effects.first_levels(units)
    stacks = {name: MapStack(tmp_path) for name in ("spm", "nilearn")}
    taken = effects.take({"": level}, [DesignRow("01"), DesignRow("02")], tmp_path, stacks)
    assert taken.participants == ("02",)
    assert "has no value in any voxel; run the participant again" in str(taken.failures["01"])


# the background and tables


def test_the_background_is_a_mean_of_images_of_mean_one_on_the_first_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.uniform(10, 1000, finished.SHAPE) * 10.0**i for i in range(4)]
    images[1][0, 0, 0] = np.nan
    units = []
    for i, values in enumerate(images):
        folder, prefix = f"sub-0{i}/func", f"sub-0{i}"
        affine = finished.AFFINE.copy()
        affine[0, 3] += 9.0 * (i == 2)
        finished.write_image(tmp_path / folder / f"{prefix}_desc-mean_boldref.nii.gz", values, affine)
        units.append({"folder": folder, "prefix": prefix, "entities": {"space": "MNI"}})
    units.insert(0, {"folder": "none", "prefix": "none", "entities": {}})
    background.write_background(tmp_path, "x", units)  # type: ignore[arg-type]
    found = nib.load(background.background_path(tmp_path, "x")).get_fdata()
    used = [np.nan_to_num(images[i]) for i in (0, 1, 3)]
    assert np.allclose(found, np.mean([v / v.mean() for v in used], axis=0), rtol=1e-5)
    text = (tmp_path / "group" / "x_desc-mean_boldref.json").read_text()
    assert "mean over 3 participants' mean bold images, each scaled to a mean of 1" in text
    assert text.count("bids::sub-0") == 3


@pytest.mark.parametrize("n", [19, 20, 21])
def test_twenty_images_are_enough(tmp_path: Path, n: int) -> None:
    units = []
    for i in range(n):
        prefix = f"sub-{i}"
        finished.write_image(tmp_path / f"{prefix}_desc-mean_boldref.nii.gz", np.ones((2, 2, 2)))
        units.append({"folder": ".", "prefix": prefix, "entities": {}})
    background.write_background(tmp_path, "x", units)  # type: ignore[arg-type]
    text = (tmp_path / "group" / "x_desc-mean_boldref.json").read_text()
    assert f"mean over {min(n, 20)} participants" in text


def test_without_images_an_earlier_background_stays(tmp_path: Path) -> None:
    background.write_background(tmp_path, "x", [])
    assert not (tmp_path / "group").exists()


def test_rows_are_those_that_were_just_written_or_stand_there(tmp_path: Path) -> None:
    numbers = GroupNumbers(tmp_path)
    path = numbers.path(CALIBRATIONS, "x")
    assert path == tmp_path / "group" / "x_desc-calibration_metrics.tsv"
    assert not numbers.there(path)
    path.parent.mkdir()
    path.write_text("")
    path.with_suffix(".json").write_text("")
    assert numbers.there(path)
    numbers.remove(path)
    assert list(path.parent.iterdir()) == []
    numbers.remove(path)
