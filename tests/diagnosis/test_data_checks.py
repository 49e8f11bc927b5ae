"""What is said of data: sentences with their numbers, true for the run."""

from dataclasses import replace

import pytest

from bidsglm.data import MaskLoss
from bidsglm.diagnosis.advice import Finding
from bidsglm.diagnosis.data_checks import data_findings
from bidsglm.diagnosis.data_review import DataReview, RunData
from bidsglm.diagnosis.findings import is_reported
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.model import AfniSettings, ModelSpecification, NilearnSettings

SOUND = RunData("run-1", 5000, 0, 0, 0, 0, 800.0, 70.0)
BOTH = ("spm", "nilearn")
ALL = (*BOTH, "afni", "fsl")
MODEL = ModelSpecification("m", ())
UNSCALED = replace(MODEL, nilearn=NilearnSettings(signal_scaling=False))


def review(*runs: RunData, **more: object) -> DataReview:
    return DataReview(runs or (SOUND,), smoothed=False, backends=BOTH, **{"n_without_data": 0, **more})  # type: ignore[arg-type]


def only(data: DataReview, model: ModelSpecification = MODEL) -> Finding:
    (finding,) = data_findings(data, model)
    return finding


def test_sound_data_say_nothing() -> None:
    assert data_findings(review(masks=(MaskLoss("a", 0.97, False),)), MODEL) == []


def test_voxels_without_data_are_counted_with_those_of_zeros() -> None:
    run = replace(SOUND, n_constant=70, n_zero=60)
    found = only(review(run, n_without_data=70))
    assert "70 of 5,000 voxels" in found.text
    assert "60 of them 0" in found.text
    assert "FirstLevelModel" in found.text
    assert is_reported(found)


def test_few_voxels_without_data_are_a_note() -> None:
    found = only(review(replace(SOUND, n_constant=4, n_zero=4), n_without_data=4))
    assert found.severity == "note"
    assert not is_reported(found)


def test_spm_alone_is_not_told_of_nilearn() -> None:
    data = replace(review(n_without_data=9), backends=("spm",))
    assert "nilearn" not in only(data).text


def test_values_that_are_not_finite_are_counted_in_every_run_that_has_them() -> None:
    found = only(review(replace(SOUND, n_not_finite=3), replace(SOUND, label="run-2")))
    assert "3 of 5,000 voxels are NaN or infinite in some scan (3 in run-1)" in found.text
    assert found.runs == ("run-1",)


def test_smoothed_values_that_were_not_finite_are_said_to_be_taken_as_zero() -> None:
    found = only(replace(review(replace(SOUND, n_not_finite=3)), smoothed=True))
    assert "before smoothing" in found.text
    assert "Smoothing takes 0" in found.text


def test_series_without_mean_are_in_no_unit_and_the_threshold_is_no_cure() -> None:
    run = replace(SOUND, median_mean=0.02, mean_to_deviation=0.01, n_low=5000)
    found = only(review(run))
    assert found.code == "no-mean"
    assert "Add the mean image back" in found.remedy
    assert "threshold" not in found.text + found.remedy
    assert set(without_unit([run], MODEL, ALL)) == set(ALL)
    assert set(without_unit([run], UNSCALED, ALL)) == {"spm", "afni", "fsl"}
    assert set(without_unit([run], replace(MODEL, afni=AfniSettings(scale=False)), ALL)) == {
        "spm",
        "nilearn",
        "fsl",
    }
    assert set(without_unit([run], MODEL, ["afni"])) == {"afni"}


@pytest.mark.parametrize(
    ("backends", "names"),
    [(("afni",), "AFNI"), (("fsl",), "FSL"), (("spm", "nilearn", "fsl"), "SPM, nilearn and FSL")],
)
def test_series_without_mean_are_in_no_unit_in_the_packages_that_scale(
    backends: tuple[str, ...], names: str
) -> None:
    run = replace(SOUND, median_mean=0.02, mean_to_deviation=0.01)
    found = only(replace(review(run), backends=backends))
    assert f"Effects are therefore in no unit in {names}: they" in found.text


def test_series_without_mean_that_nobody_scales_are_in_their_own_units() -> None:
    run = replace(SOUND, median_mean=0.02, mean_to_deviation=0.01)
    found = only(replace(review(run), backends=("nilearn",)), UNSCALED)
    assert (found.code, found.severity) == ("no-mean", "note")
    assert "effects are in the units of the images" in found.text
    assert found.remedy.startswith("Nothing to do, unless")


@pytest.mark.parametrize(("n_low", "severity", "units"), [(3, "note", {}), (40, "serious", {"nilearn"})])
def test_means_below_one_are_counted_and_take_the_unit_where_they_are_some(
    n_low: int, severity: str, units: object
) -> None:
    run = replace(SOUND, n_low=n_low)
    found = only(review(run))
    assert (found.code, found.severity) == ("low-means", severity)
    assert f"{n_low} of 5,000 voxels is below 1" in found.text
    assert set(without_unit([run], MODEL, ALL)) == set(units)


def test_unscaled_series_may_have_any_mean() -> None:
    assert data_findings(review(replace(SOUND, n_low=5000, median_mean=0.4)), UNSCALED) == []


def test_explained_voxels_are_counted_with_those_that_were_not_pooled() -> None:
    found = only(review(n_explained={"spm": 8, "nilearn": 8}, n_not_pooled=5))
    assert "In 8 of 5,000" in found.text
    assert "5 of them would enter the pooled covariance" in found.text


def test_mask_on_another_grid_is_noted() -> None:
    found = only(review(masks=(MaskLoss("a_mask.nii.gz", 1.0, False, moved=True),)))
    assert (found.code, found.severity) == ("mask-on-other-grid", "note")
    assert "a_mask.nii.gz" in found.text


def test_mask_that_loses_voxels_is_named_with_what_is_left() -> None:
    data = review(masks=(MaskLoss("a_mask.nii.gz", 0.42, False), MaskLoss("b_mask.nii.gz", 0.8, True)))
    found = only(data)
    assert "a_mask.nii.gz 42 % is left on the grid of the images (2 masks lose" in found.text
