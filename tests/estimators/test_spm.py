"""nilearn's interface with SPM12's numbers: maps against SPM's own, and the conventions of both libraries."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiMasker
from sklearn.base import clone

import bidsglm
from bidsglm import SPMFirstLevelModel
from bidsglm.errors import BidsglmError
from tests.conftest import PROJECT

RANGE = 5e-7
"""Of a map's range: SPM's maps are float32."""
CASES = ("17_int16_slope_inter", "10c_mask_mthresh_0.8")
EVENTS = pd.DataFrame({"onset": [4.0, 30.0], "duration": 8.0, "trial_type": ["go", "stop"]})


class SpmCase:
    """A committed case that SPM12 itself fitted: a block design with the time derivative."""

    def __init__(self, name: str) -> None:
        root = PROJECT / "tests" / "data" / "end_to_end" / name
        self.bold = next(root.glob("bids/derivatives/**/*_bold.nii.gz"))
        self.mask = next(iter(root.glob("bids/derivatives/**/*_mask.nii.gz")), None)
        self.events = next(root.glob("bids/sub-01/**/*_events.tsv"))
        self.expected = root / "expected"

    def model(self, **changed: Any) -> SPMFirstLevelModel:
        return SPMFirstLevelModel(t_r=2.0, hrf_model="spm + derivative", mask_img=self.mask, **changed)

    def map(self, ending: str) -> np.ndarray:
        values = nib.load(next(self.expected.glob(f"**/*{ending}"))).get_fdata(dtype=np.float64)
        return np.nan_to_num(values)


def distance(ours: Any, theirs: np.ndarray) -> float:
    return float(np.abs(ours.get_fdata(dtype=np.float64) - theirs).max() / np.ptp(theirs))


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> SpmCase:
    return SpmCase(request.param)


@pytest.fixture(scope="module")
def image() -> nib.Nifti1Image:
    values = 1000 + np.random.default_rng(1).normal(0, 9, (4, 5, 3, 60))
    return nib.Nifti1Image(values.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture(scope="module")
def fitted(image: nib.Nifti1Image) -> SPMFirstLevelModel:
    return SPMFirstLevelModel(t_r=1.0, mask_threshold=-np.inf, noise_model="ols").fit(image, EVENTS)


def test_maps_design_and_mask_are_those_of_spm12(case: SpmCase) -> None:
    model = case.model().fit(case.bold, case.events)
    label = "taskBasis" if case.mask else "set"
    assert (
        distance(
            model.compute_contrast("task", output_type="stat"),
            case.map("task_stat-t_desc-spm_statmap.nii.gz"),
        )
        < RANGE
    )
    for kind, name in (("effect_size", "effect"), ("effect_variance", "variance")):
        theirs = case.map(f"contrast-task_stat-{name}_desc-spm_statmap.nii.gz")
        assert distance(model.compute_contrast("task", output_type=kind), theirs) < RANGE
    F = model.compute_contrast(np.eye(3)[:2], output_type="stat")
    assert distance(F, case.map(f"contrast-{label}_stat-F_desc-spm_statmap.nii.gz")) < RANGE
    assert np.array_equal(model.masker_.mask_img_.get_fdata() > 0, case.map("_desc-spm_mask.nii.gz") > 0)
    theirs = pd.read_csv(next(case.expected.glob("**/*_desc-spm_design.tsv")), sep="\t")
    (design,) = model.design_matrices_
    assert np.abs(design.to_numpy() - theirs.to_numpy()).max() < 1e-12
    assert list(design.columns) == ["task", "task_derivative", "constant"]
    assert design.index[0] == pytest.approx(2.0 * 7 / 16)


def test_an_image_in_memory_gives_what_its_file_gives(case: SpmCase) -> None:
    from_file, from_memory = case.model(), case.model()
    mask = None if case.mask is None else nib.load(case.mask)
    from_memory.set_params(mask_img=mask if mask is None else NiftiMasker(mask).fit())
    from_file.fit(case.bold, case.events)
    from_memory.fit([nib.load(case.bold)], [pd.read_csv(case.events, sep="\t")])
    one, other = (m.compute_contrast("task", output_type="stat") for m in (from_file, from_memory))
    np.testing.assert_allclose(one.get_fdata(), other.get_fdata(), rtol=1e-6, atol=1e-6)


def test_one_changed_import_gives_spms_maps_of_the_founding_thread(shared_dir: Path) -> None:
    folder = shared_dir / "own-analyses" / "tapping"
    if not folder.is_dir():
        pytest.skip("the analyses of users are not there")
    onset = list(range(0, 240, 20))
    events = pd.DataFrame({"onset": onset, "duration": [20] * 12, "trial_type": ["rest", "movement"] * 6})
    model = SPMFirstLevelModel(
        t_r=2.0, hrf_model="spm", drift_model=None, high_pass=1 / 128, slice_time_ref=7 / 16
    )
    with pytest.warns(UserWarning, match="nilearn ignores high_pass"):
        model.fit(str(folder / "func" / "swrasub01_tapping.nii"), events=events)
    for kind, name in (("stat", "spmT_0001.nii"), ("effect_size", "con_0001.nii")):
        theirs = nib.load(folder / "spm_overparameterised" / name).get_fdata()
        inside = np.nan_to_num(theirs)
        assert distance(model.compute_contrast("movement - rest", output_type=kind), inside) < RANGE


def test_runs_are_sessions_of_one_model_and_a_contrast_is_their_mean(image: nib.Nifti1Image) -> None:
    other = nib.Nifti1Image(image.get_fdata(dtype=np.float32)[..., ::-1].copy(), image.affine)
    confounds = [np.random.default_rng(i).normal(size=(60, 2)) for i in range(2)]
    options = {"t_r": 1.0, "mask_threshold": -np.inf, "noise_model": "ols"}
    both = SPMFirstLevelModel(**options).fit([image, other], [EVENTS, EVENTS], confounds)
    alone = [
        SPMFirstLevelModel(**options).fit(*run)
        for run in zip([image, other], [EVENTS] * 2, confounds, strict=True)
    ]
    effects = [m.compute_contrast("go - stop", output_type="effect_size").get_fdata() for m in alone]
    effect = both.compute_contrast("go - stop", output_type="effect_size").get_fdata()
    scales = [100 / run.get_fdata().mean() for run in (image, other)]
    assert np.allclose(effect, np.mean(effects, axis=0), atol=1e-4 * max(scales) * 1000)
    assert both.dof_ == pytest.approx(sum(m.dof_ for m in alone))
    assert list(both.design_matrices_[1].columns) == ["go", "stop", "confound_0", "confound_1", "constant"]
    with pytest.raises(ValueError, match="same contrast in all runs"):
        both.compute_contrast(["go", "stop"])


def test_all_maps_of_a_contrast_come_at_once(fitted: SPMFirstLevelModel) -> None:
    found = fitted.compute_contrast("go", output_type="all")
    assert set(found) == {"z_score", "stat", "p_value", "effect_size", "effect_variance"}
    t = found["effect_size"].get_fdata() / np.sqrt(found["effect_variance"].get_fdata())
    np.testing.assert_allclose(found["stat"].get_fdata(), t, rtol=1e-5)
    F = fitted.compute_contrast("go", stat_type="F", output_type="stat").get_fdata()
    np.testing.assert_allclose(F, t**2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"t_r": None}, "t_r"),
        ({"hrf_model": "fir", "fir_delays": [0, 2]}, "fir_delays"),
        ({"high_pass": -1.0}, "high_pass"),
        ({"target_affine": np.eye(3)}, "target_affine"),
    ],
)
def test_what_spm_has_no_counterpart_of_is_refused_by_name(
    image: nib.Nifti1Image, given: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        SPMFirstLevelModel(**{"t_r": 1.0, **given}).fit(image, EVENTS)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"events": None}, "events"),
        ({"events": [EVENTS, EVENTS]}, "2 given for 1 run"),
        ({"events": 3}, "path of a table, not int"),
        ({"confounds": np.zeros((9, 1))}, "9 rows for 60 scans"),
        ({"confounds": np.full((60, 1), np.nan)}, "row 1 is no number"),
    ],
)
def test_tables_that_do_not_fit_are_refused_by_name(
    image: nib.Nifti1Image, given: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        SPMFirstLevelModel(t_r=1.0).fit(image, **{"events": EVENTS, **given})


def test_images_that_are_none_are_refused(image: nib.Nifti1Image, tmp_path: Path) -> None:
    model = SPMFirstLevelModel(t_r=1.0)
    with pytest.raises(TypeError, match="run_imgs: must be paths or NIfTI images, not int"):
        model.fit(3, EVENTS)
    with pytest.raises(BidsglmError, match="gone"):
        model.fit(tmp_path / "gone.nii", EVENTS)
    with pytest.raises(BidsglmError, match="single volume"):
        model.fit(nib.Nifti1Image(image.get_fdata()[..., 0], image.affine), EVENTS)


@pytest.mark.parametrize(
    ("contrast", "options", "what"),
    [
        ("go", {"stat_type": "chi2"}, "stat_type"),
        (np.ones(9), {}, "9 weights for 3 columns"),
        (["go", "go"], {}, "2 contrasts for 1 runs"),
    ],
)
def test_contrasts_that_are_none_are_refused(
    fitted: SPMFirstLevelModel, contrast: Any, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        fitted.compute_contrast(contrast, **options)


def test_what_is_not_kept_is_refused_by_name(fitted: SPMFirstLevelModel) -> None:
    with pytest.raises(AttributeError, match="residuals"):
        fitted.residuals  # noqa: B018


def test_a_contrast_before_the_fit_or_without_estimate_is_refused(image: nib.Nifti1Image) -> None:
    with pytest.raises(ValueError, match="call fit first"):
        SPMFirstLevelModel(t_r=1.0).compute_contrast("go")
    whole = pd.DataFrame({"onset": [0.0, 0.0], "duration": 8.0, "trial_type": ["go", "same"]})
    model = SPMFirstLevelModel(t_r=1.0, mask_threshold=-np.inf, noise_model="ols").fit(image, whole)
    with pytest.raises(ValueError, match="'go' is not estimable"):
        model.compute_contrast("go")


def test_a_modulation_scales_the_response(image: nib.Nifti1Image) -> None:
    plain = SPMFirstLevelModel(t_r=1.0, mask_threshold=-np.inf, noise_model="ols").fit(image, EVENTS)
    halved = clone(plain).fit(image, EVENTS.assign(modulation=0.5))
    ours, theirs = (m.design_matrices_[0]["go"].to_numpy() for m in (halved, plain))
    np.testing.assert_allclose(ours, 0.5 * theirs)


def test_nothing_is_left_in_the_temporary_folder(
    image: nib.Nifti1Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    SPMFirstLevelModel(t_r=1.0, mask_threshold=-np.inf, noise_model="ols").fit(image, EVENTS)
    assert list(tmp_path.iterdir()) == []


def test_the_package_offers_it_without_importing_it() -> None:
    assert "SPMFirstLevelModel" in dir(bidsglm)
    with pytest.raises(AttributeError, match="Spm"):
        bidsglm.SpmFirstLevelModel  # noqa: B018
