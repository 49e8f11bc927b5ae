"""What is given as events, confounds, contrasts and images becomes what the packages take."""

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm import AFNIFirstLevelModel, SPMFirstLevelModel
from bidsglm.data import Run
from bidsglm.estimators import tables
from bidsglm.estimators.base import OUTPUTS, columns_of
from bidsglm.estimators.contrasts import contrast_of
from bidsglm.estimators.images import read_runs
from bidsglm.estimators.tables import conditions, confound_columns, kept_scans, per_run

EVENTS = pd.DataFrame(
    {
        "onset": [30.0, 4.0, 12.5, 4.0],
        "duration": [1.0, 2.0, 0.0, 3.0],
        "trial_type": ["b", "a", "b", "b"],
        "modulation": [0.5, 2.0, -1.0, 4.0],
    }
)


def test_conditions_are_sorted_by_name_and_their_events_by_onset() -> None:
    found = conditions(EVENTS, "events")
    assert [c.name for c in found] == ["a", "b"]
    assert [c.onsets.tolist() for c in found] == [[4.0], [4.0, 12.5, 30.0]]
    assert [c.durations.tolist() for c in found] == [[2.0], [3.0, 0.0, 1.0]]
    assert [np.asarray(c.amplitudes).tolist() for c in found] == [[2.0], [4.0, -1.0, 0.5]]
    assert all(c.amplitudes is None for c in conditions(EVENTS.drop(columns="modulation"), "events"))


def test_events_that_begin_together_keep_their_order() -> None:
    n = 40
    table = pd.DataFrame({"onset": [3.0] * n, "duration": np.arange(n), "trial_type": "x"})
    (found,) = conditions(table, "events")
    assert found.durations.tolist() == list(range(n))


def test_events_without_a_type_are_nilearns_dummy() -> None:
    (found,) = conditions(EVENTS[["onset", "duration"]], "events")
    assert (found.name, found.onsets.tolist()) == ("dummy", [4.0, 4.0, 12.5, 30.0])


def test_numbers_as_types_are_names() -> None:
    assert [c.name for c in conditions(EVENTS.assign(trial_type=[2, 10, 2, 2]), "events")] == ["10", "2"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"duration": [1, 2, -0.5, 0]}, "events: row 3 has a negative duration"),
        ({"onset": [1, 2, 3, np.inf]}, "events: column 'onset', row 4 is no number"),
        ({"duration": [1, "x", 3, "y"]}, "events: column 'duration', row 2 is no number"),
        ({"modulation": [1, np.nan, 3, 4]}, "events: column 'modulation', row 2 is no number"),
        ({"trial_type": ["a", "b", "c", None]}, "events: row 4 has no trial_type"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        conditions(EVENTS.assign(**changed), "events")


@pytest.mark.parametrize("column", ["onset", "duration"])
def test_a_missing_column_is_named_with_those_that_there_are(column: str) -> None:
    others = ", ".join(name for name in EVENTS if name != column)
    with pytest.raises(ValueError, match=f"^events: no column '{column}'; there are {others}$"):
        conditions(EVENTS.drop(columns=column), "events")


@pytest.mark.parametrize(("name", "separator"), [("e.tsv", "\t"), ("e.csv", ","), ("e.txt", "\t")])
def test_tables_are_read_by_their_ending(tmp_path: Path, name: str, separator: str) -> None:
    path = tmp_path / name
    EVENTS.to_csv(path, sep=separator, index=False)
    for given in (path, str(path)):
        (one, other), (expected, _) = conditions(given, "events"), conditions(EVENTS, "events")
        assert (one.name, one.onsets.tolist(), other.name) == ("a", expected.onsets.tolist(), "b")


def test_what_is_no_table_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.tsv"
    path.write_text("")
    with pytest.raises(ValueError, match=re.escape(f"{path}: is no table with columns between '\\t' (")):
        conditions(path, "events")
    path.write_text("onset\tduration\n1\t2\n")
    monkeypatch.setattr(tables, "LARGEST_TEXT", path.stat().st_size)
    assert len(conditions(path, "events")) == 1
    monkeypatch.setattr(tables, "LARGEST_TEXT", path.stat().st_size - 1)
    with pytest.raises(ValueError, match=f"^{path}: larger than any table of events or confounds$"):
        conditions(path, "events")
    with pytest.raises(ValueError, match=r"^events: must be a data frame or the path of a table, not int$"):
        conditions(3, "events")


def test_confounds_are_named_by_their_table_or_by_their_place() -> None:
    values = np.arange(12.0).reshape(4, 3)
    found = confound_columns(values, 4, "c")
    assert found.names == ("confound_0", "confound_1", "confound_2")
    np.testing.assert_array_equal(found.values, values)
    table = confound_columns(pd.DataFrame(values, columns=["x", 5, "y"]), 4, "c")
    assert table.names == ("x", "5", "y")
    np.testing.assert_array_equal(table.values, values)
    one = confound_columns(values[:, 1], 4, "c")
    assert one.names == ("confound_0",)
    np.testing.assert_array_equal(one.values, values[:, 1:2])


@pytest.mark.parametrize("given", [None, pd.DataFrame(index=range(4)), np.empty((4, 0))])
def test_no_confounds_are_no_columns(given: Any) -> None:
    found = confound_columns(given, 4, "c")
    assert (found.names, found.values.shape) == ((), (4, 0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((3, 1)), "c: 3 rows for 4 scans"),
        (pd.DataFrame(np.zeros((4, 2)), columns=["x", "x"]), "c: two columns have one name"),
        (pd.DataFrame({"x": [0, 1, None, 3]}), "c: column 'x', row 3 is no number"),
        ([1, 2, 3, 4], "c: must be a data frame or the path of a table, not list"),
    ],
)
def test_confounds_that_do_not_fit_are_refused(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        confound_columns(given, 4, "c")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, [1, 1, 1]),
        ([0, 2], [1, 0, 1]),
        (np.array([2], dtype=np.uint8), [0, 0, 1]),
        ([True, False, False], [1, 0, 0]),
        (np.array([], dtype=int), [0, 0, 0]),
    ],
)
def test_scans_are_kept_by_number_or_by_truth_value(given: Any, kept: list[int]) -> None:
    found = kept_scans(given, 3, "s")
    assert (found.dtype, found.tolist()) == (np.bool_, [bool(each) for each in kept])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([3], "s: scan 3 of 3, which count from 0"),
        ([0, -1], "s: scan -1 of 3, which count from 0"),
        ([True, False], "s: numbers of scans from 0, or one truth value for each of 3 scans"),
        ([0.0, 1.0], "s: numbers of scans from 0, or one truth value for each of 3 scans"),
        ([[0, 1]], "s: numbers of scans from 0, or one truth value for each of 3 scans"),
    ],
)
def test_scans_that_are_none_are_refused(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        kept_scans(given, 3, "s")


def test_there_is_one_item_for_each_run() -> None:
    assert per_run(["a", "b"], 2, "events") == ["a", "b"]
    assert per_run(("a",), 1, "events") == ["a"]
    assert per_run(EVENTS, 1, "events")[0] is EVENTS
    with pytest.raises(ValueError, match=r"^events: 1 given for 2 runs$"):
        per_run("a", 2, "events")
    with pytest.raises(ValueError, match=r"^events: 2 given for 1 run$"):
        per_run(["a", "b"], 1, "events")


COLUMNS, NAMES = ["go", "stop", "constant"], ("trial_type.go", "trial_type.stop", "constant")


@pytest.mark.parametrize(
    ("given", "stat", "names", "weights", "test"),
    [
        ("go - 2 * stop", None, NAMES[:2], [[1, -2]], "t"),
        ([0, 1], None, NAMES[1:2], [[1]], "t"),
        ([0.5, 0, -3], "t", (NAMES[0], NAMES[2]), [[0.5, -3]], "t"),
        (np.array([1, 0, 0]), "F", NAMES[:1], [[1]], "F"),
        (np.eye(3)[1:], None, NAMES[1:], [[1, 0], [0, 1]], "F"),
        (np.eye(2), "F", NAMES[:2], [[1, 0], [0, 1]], "F"),
        (["go"], None, NAMES[:1], [[1]], "t"),
    ],
)
def test_contrasts_are_over_the_regressors_that_they_weigh(
    given: Any, stat: str | None, names: tuple[str, ...], weights: list[list[float]], test: str
) -> None:
    found = contrast_of(given, stat, [COLUMNS], [NAMES])
    assert (found.conditions, found.weights.tolist(), found.test) == (names, weights, test)
    assert (found.name, found.label) == (given if isinstance(given, str) else "contrast", "contrast")


def test_a_contrast_of_runs_goes_by_the_names_of_their_columns() -> None:
    turned = [COLUMNS, COLUMNS[::-1]], [NAMES, NAMES[::-1]]
    found = contrast_of(["stop", "stop"], None, *turned)
    assert (found.conditions, found.weights.tolist()) == (NAMES[1:2], [[1.0]])
    assert contrast_of([[0, 2], [0, 2]], None, *turned).weights.tolist() == [[2.0]]
    for different in (["go", "stop"], ["go", "2 * go"], [[0, 1], [0, 1, 1]]):
        with pytest.raises(ValueError, match=r"^contrast_def: must be the same contrast in all runs$"):
            contrast_of(different, None, *turned)
    with pytest.raises(ValueError, match=r"^contrast_def: 3 contrasts for 2 runs$"):
        contrast_of(["go"] * 3, None, *turned)


@pytest.mark.parametrize(
    ("given", "stat", "said"),
    [
        ("go", "chi2", "stat_type: 't' or 'F', not 'chi2'"),
        (np.eye(2), "t", "contrast_def: a t contrast has one row of weights, not 2"),
        ([1, 2, 3, 4], None, "contrast_def: 4 weights for 3 columns"),
        ([1, np.inf], None, "contrast_def: a weight is no number"),
        ([0, 0], None, "contrast_def: all weights are zero"),
    ],
)
def test_contrasts_that_are_none_are_said_to_be(given: Any, stat: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        contrast_of(given, stat, [COLUMNS], [NAMES])


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (np.int64, np.float64),
        (np.uint64, np.float64),
        (np.int32, np.int32),
        (np.float32, np.float32),
        (np.uint8, np.uint8),
        (np.bool_, np.uint8),
    ],
)
def test_images_in_memory_are_written_in_a_type_that_programs_read(
    tmp_path: Path, dtype: Any, stored: Any
) -> None:
    affine = np.diag([2.0, 3, 4, 1])
    values = np.random.default_rng(0).integers(0, 2, (2, 3, 4, 5)).astype(np.uint8)
    image = nib.Nifti1Image(values, affine)
    image.header.set_zooms((2, 3, 4, 1.5))
    given = nib.Nifti1Image(values.astype(np.float64), affine, header=image.header)
    given._dataobj = values.astype(dtype)
    mask = nib.Nifti1Image(values[..., 0], affine)
    runs = read_runs([given, given], mask, tmp_path, 1.5)
    assert [run.bold.name for run in runs] == ["run-1.nii", "run-2.nii"]
    assert {run.mask for run in runs} == {tmp_path / "mask.nii"}
    assert [(run.n_scans, run.repetition_time) for run in runs] == [(5, 1.5)] * 2
    written = nib.load(runs[1].bold)
    assert written.get_data_dtype() == stored
    assert written.header.get_zooms() == (2, 3, 4, 1.5)
    np.testing.assert_array_equal(written.get_fdata(), values)
    np.testing.assert_array_equal(nib.load(tmp_path / "mask.nii").get_fdata(), values[..., 0])


def test_images_of_paths_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "bold.nii"
    nib.Nifti1Image(np.zeros((2, 2, 2, 7), np.float32), np.eye(4)).to_filename(path)
    (run,) = read_runs([str(path)], None, tmp_path / "nowhere", 2.0)
    assert (run.bold, run.mask, run.n_scans) == (path, None, 7)
    with pytest.raises(TypeError, match=r"^mask_img: must be paths or NIfTI images, not float$"):
        read_runs([path], 0.5, tmp_path, 2.0)


def run_of(n_scans: int) -> Run:
    return Run({}, Path("bold.nii"), None, None, None, n_scans, 2.0, None)


def test_each_run_has_its_own_events_confounds_and_scans() -> None:
    model = AFNIFirstLevelModel(t_r=2.0, slice_time_ref=0.25)
    confounds = [np.zeros((5, 1)), pd.DataFrame({"x": np.arange(4.0)})]
    other = EVENTS.assign(trial_type="c")
    found = model._paradigms([run_of(5), run_of(4)], [EVENTS, other], confounds, [[0, 1, 4], [True] * 4])
    assert [p.n_scans for p in found] == [5, 4]
    assert [[c.name for c in p.conditions] for p in found] == [["a", "b"], ["c"]]
    assert [p.confound_names for p in found] == [("confound_0",), ("x",)]
    assert [p.censored for p in found] == [(2, 3), ()]
    assert [(p.repetition_time, p.start_time) for p in found] == [(2.0, 0.5)] * 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([EVENTS, 3], None, None), "events of run 2: must be a data frame"),
        (([EVENTS] * 2, [None, np.zeros((3, 1))], None), "confounds of run 2: 3 rows for 4 scans"),
        (([EVENTS] * 2, None, [[5], [0]]), "sample_masks of run 1: scan 5 of 5"),
    ],
)
def test_a_table_of_several_is_named_with_its_run(given: tuple[Any, Any, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        AFNIFirstLevelModel(t_r=2.0)._paradigms([run_of(5), run_of(4)], *given)


def test_a_table_of_one_run_is_named_without_it() -> None:
    with pytest.raises(ValueError, match=r"^confounds: 3 rows for 5 scans$"):
        AFNIFirstLevelModel(t_r=2.0)._paradigms([run_of(5)], EVENTS, np.zeros((3, 1)), None)


@pytest.fixture(scope="module")
def fitted() -> SPMFirstLevelModel:
    values = 1000 + np.random.default_rng(1).normal(0, 9, (3, 4, 2, 40))
    values[0, 0, 0] = 0
    image = nib.Nifti1Image(values.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))
    model = SPMFirstLevelModel(t_r=1.5, noise_model="ols", slice_time_ref=0.5)
    return model.fit([image, image], [EVENTS, EVENTS.assign(trial_type=["z", "a", "z", "a"])])


def test_designs_have_the_moments_of_the_scans(fitted: SPMFirstLevelModel) -> None:
    for design in fitted.design_matrices_:
        np.testing.assert_allclose(design.index, 1.5 * (np.arange(40) + 0.5))
    assert list(fitted.design_matrices_[1].columns) == ["a", "z", "constant"]
    assert columns_of(["trial_type.a", "x"]) == ["a", "x"]


def test_reports_are_left_what_they_read(fitted: SPMFirstLevelModel) -> None:
    assert fitted._reporting_data == {
        "trial_types": ["a", "b", "z"],
        "noise_model": "ols",
        "hrf_model": "spm",
        "drift_model": "and SPM's high-pass filter (128 s)",
        "run_imgs": {0: {}, 1: {}},
    }
    assert fitted._report_content["reports_at_fit_time"] is True
    assert fitted.fir_delays_ == [0]


def test_maps_are_0_outside_the_mask_and_where_there_is_no_number(fitted: SPMFirstLevelModel) -> None:
    mask = fitted.masker_.mask_img_.get_fdata() > 0
    assert 0 < (~mask).sum() < mask.sum()
    values = np.where(fitted.estimate_.mask, 2.0, 7.0)
    values[np.flatnonzero(fitted.estimate_.mask)[:2]] = np.nan, np.inf
    found = fitted._image(values).get_fdata()
    assert set(np.unique(found[~mask])) == {0.0}
    assert sorted(found[mask])[:3] == [0.0, 0.0, 2.0]
    assert found[mask].max() == 2.0


def test_outputs_are_refused_by_name(fitted: SPMFirstLevelModel) -> None:
    known = "z_score, stat, p_value, effect_size, effect_variance"
    with pytest.raises(ValueError, match=f"^output_type: one of {known} or all, not 'beta'$"):
        fitted.compute_contrast("a", output_type="beta")
    with pytest.raises(ValueError, match=r"^output_type: an F contrast has no effect_variance$"):
        fitted.compute_contrast("a", "F", "effect_variance")
    assert set(fitted.compute_contrast("a", "F", "all")) == set(OUTPUTS[:3])
    z = fitted.compute_contrast("a").get_fdata()
    np.testing.assert_array_equal(z, fitted.compute_contrast("a", output_type="z_score").get_fdata())


def test_a_model_that_is_not_fitted_says_so() -> None:
    assert not SPMFirstLevelModel().__sklearn_is_fitted__()
    with pytest.raises(ValueError, match=r"^the model is not fitted; call fit first$"):
        SPMFirstLevelModel().compute_contrast("a")


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (
            SPMFirstLevelModel,
            {"sample_masks": [0]},
            "sample_masks: SPM has no scrubbing; give each scan a confound of its own",
        ),
        (
            SPMFirstLevelModel,
            {"design_matrices": 3},
            "design_matrices: SPM makes its design from events; give events and confounds",
        ),
        (
            AFNIFirstLevelModel,
            {"events": None},
            "events: AFNI makes its design from them; give one table for each run",
        ),
    ],
)
def test_what_fit_does_not_take_is_said(model: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        model(t_r=2.0).fit("bold.nii", **{"events": EVENTS, **given})
