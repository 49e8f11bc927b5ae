"""nilearn's interface with AFNI's and FSL's numbers: those of the program on the same files, and theirs."""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel
from nilearn.glm.second_level import SecondLevelModel
from sklearn.base import clone

from bidsglm import AFNIFirstLevelModel, FSLFirstLevelModel, SPMFirstLevelModel
from bidsglm.cli import main
from bidsglm.errors import BidsglmError, TryLaterError
from bidsglm.estimators import fsl
from bidsglm.estimators.base import PackageFirstLevelModel
from tests import tiny
from tests.afni.reference import case
from tests.afni.to_bids import bids
from tests.fsl.reference import committed_case, committed_values

MODELS: Mapping[str, Any] = {
    "spm": SPMFirstLevelModel,
    "afni": AFNIFirstLevelModel,
    "fsl": FSLFirstLevelModel,
}
OTHERS = (AFNIFirstLevelModel, FSLFirstLevelModel)
SAME = 1e-6
"""Of a map's largest value: the program's files are float32."""
REFERENCE = 5e-6
"""As the packages' own references are met by the program"""
STATS = {"effect_size": "effect", "effect_variance": "variance", "stat": "t", "z_score": "z"}
EVENTS = pd.DataFrame({"onset": [4.0, 30.0, 61.0], "duration": 8.0, "trial_type": ["go", "stop", "go"]})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A participant of two runs, fitted by the program in three packages."""
    folder = tmp_path_factory.mktemp("study")
    root = tiny.write_study(folder, ("01",), ("run-1", "run-2"))
    document = tiny.model(X=["trial_type.move", "trial_type.look", "trans_x", "rot_y", 1])
    (node,) = document["Nodes"]
    test = {"Name": "either", "ConditionList": ["trial_type.move", "trial_type.look"], "Test": "F"}
    node["Contrasts"].append({**test, "Weights": [[1, 0], [0, 1]]})
    tiny.write_json(folder / "model.json", document)
    command = [str(root), str(folder / "out"), "participant", "--model", str(folder / "model.json"), "-q"]
    assert main([*command, "--no-attribution", "--backends", *MODELS]) == 0
    return folder


def fitted(study: Path, name: str, **changed: Any) -> PackageFirstLevelModel:
    derived = study / "bids" / "derivatives" / "fmriprep" / "sub-01" / "func"
    confounds = [
        pd.read_csv(path, sep="\t")[["trans_x", "rot_y"]] for path in sorted(derived.glob("*_timeseries.tsv"))
    ]
    options = {"t_r": 2.0, "slice_time_ref": 0.5, "mask_img": next(derived.glob("*_mask.nii.gz"))}
    if name != "afni":
        options["high_pass"] = 1 / 128
    model: PackageFirstLevelModel = MODELS[name](**{**options, **changed})
    events = sorted((study / "bids" / "sub-01" / "func").glob("*_events.tsv"))
    model.fit(sorted(derived.glob("*_bold.nii.gz")), events, confounds)
    return model


@pytest.fixture(scope="module")
def image() -> nib.Nifti1Image:
    """A bright brain of seventy scans."""
    return nib.Nifti1Image(tiny.bold(1), tiny.AFFINE)


def farthest(ours: Any, theirs: np.ndarray) -> float:
    """Largest difference, as a share of the largest value."""
    values = np.nan_to_num(theirs)
    return float(np.abs(ours.get_fdata(dtype=np.float64) - values).max() / np.abs(values).max())


@pytest.mark.parametrize("name", MODELS)
def test_maps_and_designs_are_those_that_the_program_makes_of_the_same_files(study: Path, name: str) -> None:
    model, folder = fitted(study, name), study / "out" / "sub-01" / "func"
    found = model.compute_contrast("move - look", output_type="all")
    found["F"] = model.compute_contrast(np.eye(2, len(model._names[0]))[::-1], output_type="stat")
    for kind, stat in {**STATS, "F": "F"}.items():
        label = "either" if kind == "F" else "moveMinusLook"
        (path,) = folder.glob(f"*contrast-{label}_stat-{stat}_desc-{name}_statmap.nii.gz")
        assert farthest(found[kind], nib.load(path).get_fdata(dtype=np.float64)) < SAME, (kind, path.name)
    (mask,) = folder.glob(f"*_desc-{name}_mask.nii.gz")
    assert np.array_equal(model.masker_.mask_img_.get_fdata() > 0, nib.load(mask).get_fdata() > 0)
    for run, design in enumerate(model.design_matrices_, start=1):
        (table,) = folder.glob(f"*run-{run}*_desc-{name}_design.tsv")
        theirs = pd.read_csv(table, sep="\t").rename(columns=lambda each: each.removeprefix("trial_type."))
        assert set(theirs.columns) == set(design.columns)
        assert np.abs(design[list(theirs.columns)].to_numpy() - theirs.to_numpy()).max() < 1e-9


def test_fsl_keeps_less_where_contrasts_are_announced_and_gives_the_same(study: Path) -> None:
    every, some = (fitted(study, "fsl", contrasts=c) for c in (None, ["move - look", np.eye(2)]))
    for contrast in ("move - look", "move", np.eye(2)):
        one, other = (m.compute_contrast(contrast, output_type="stat").get_fdata() for m in (every, some))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert len(some.estimate_.runs[0].covariance) < len(every.estimate_.runs[0].covariance)
    with pytest.raises(ValueError, match="contrast 'move \\+ look' was not among contrasts"):
        some.compute_contrast("move + look")


def test_fsl_refuses_to_keep_more_than_there_is_room_for(
    image: nib.Nifti1Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsl, "LARGEST_FIT", 20_000)
    with pytest.raises(TryLaterError, match=r"contrasts: a fit of 2 columns .* name the contrasts"):
        FSLFirstLevelModel(t_r=2.0).fit(image, EVENTS)
    FSLFirstLevelModel(t_r=2.0, contrasts=["go"]).fit(image, EVENTS).compute_contrast("go")
    with pytest.raises(ValueError, match="contrasts: names none"):
        FSLFirstLevelModel(t_r=2.0, contrasts=[]).fit(image, EVENTS)


def test_fsls_own_images_come_out() -> None:
    run, theirs = committed_case("14_run1_n64"), committed_values("14_run1_n64")
    onsets, durations, _ = np.loadtxt(run.folder / "task.txt", ndmin=2).T
    events = pd.DataFrame({"onset": onsets, "duration": durations, "trial_type": "task"})
    bold = nib.load(run.bold).slicer[..., : int(run.settings["n"])]
    settings = dict(
        re.findall(r"^set fmri\((\w+)\) (\S+)", (run.folder / "design.fsf").read_text(), re.MULTILINE)
    )
    model = FSLFirstLevelModel(t_r=float(settings["tr"]), high_pass=1 / float(settings["paradigm_hp"]))
    found = model.fit(bold, events).compute_contrast("task", output_type="all")
    places = tuple(np.transpose(theirs["voxels"]))
    for kind, name in {"effect_size": "cope", "stat": "tstat", "z_score": "zstat"}.items():
        expected = np.array(theirs[f"{name}1"])
        ours = found[kind].get_fdata()[places]
        assert np.abs(ours - expected).max() < REFERENCE * np.abs(expected).max(), name


def test_afnis_own_images_come_out(tmp_path: Path) -> None:
    reference = case("01_block")
    func = bids(reference, tmp_path) / "derivatives" / "fmriprep" / "sub-01" / "func"
    model = AFNIFirstLevelModel(
        t_r=2.0, hrf_model={"tapping": "BLOCK(20,1)"}, mask_img=next(func.glob("*_mask.nii.gz"))
    )
    model.fit(next(func.glob("*_bold.nii.gz")), next(tmp_path.glob("bids/sub-01/func/*_events.tsv")))
    for kind, theirs in zip(("effect_size", "stat"), reference.maps("REML_bucket")[1:3], strict=True):
        ours = model.compute_contrast("tapping", output_type=kind).get_fdata().ravel()[reference.mask]
        assert np.abs(ours - theirs).max() < REFERENCE * np.abs(theirs).max(), kind


@pytest.mark.parametrize("model", OTHERS)
def test_the_founding_script_runs_with_one_changed_import(
    model: Any, shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared_dir / "own-analyses" / "tapping"
    if not folder.is_dir():
        pytest.skip("the analyses of users are not there")
    text = (folder / "nilearn_thread" / "first_level.py").read_text()
    text = text.replace("from nilearn.glm.first_level import", f"from bidsglm import {model.__name__} as")
    text = text.replace("/home/user/study/tapping/func", str(folder / "func"))
    text = text.replace("/home/user/study/tapping/nilearn_thread", str(tmp_path))
    (tmp_path / "script.py").write_text(text)
    with pytest.warns(UserWarning, match="nilearn ignores high_pass"):
        runpy.run_path(str(tmp_path / "script.py"))
    theirs = np.nan_to_num(nib.load(folder / "spm_overparameterised" / "spmT_0001.nii").get_fdata())
    ours = nib.load(tmp_path / "tmap_movement-rest.nii.gz").get_fdata()
    both = (theirs != 0) & (ours != 0)
    assert np.corrcoef(ours[both], theirs[both])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (SPMFirstLevelModel, {"mask_threshold"}),
        (AFNIFirstLevelModel, set()),
        (FSLFirstLevelModel, {"contrasts"}),
    ],
)
def test_parameters_keep_the_conventions_of_scikit_learn(
    model: Any, own: set[str], image: nib.Nifti1Image
) -> None:
    assert set(model().get_params()) == {*FirstLevelModel().get_params(), *own}
    first = model(t_r=2.0, noise_model="ols").fit(image, EVENTS)
    again = clone(first)
    assert again.get_params() == first.get_params()
    assert not hasattr(again, "design_matrices_")
    assert again.set_params(noise_model="none").noise_model == "none"
    assert repr(model(t_r=2.0, noise_model="ols")) == f"{model.__name__}(noise_model='ols', t_r=2.0)"
    assert model(high_pass="no number").set_params(t_r=3.0).high_pass == "no number"


@pytest.mark.parametrize("model", [SPMFirstLevelModel, *OTHERS])
def test_nilearns_second_level_takes_the_models_themselves(model: Any, image: nib.Nifti1Image) -> None:
    models = []
    for number in range(3):
        models.append(model(t_r=2.0, noise_model="ols", subject_label=f"s{number}"))
        models[-1].fit(nib.Nifti1Image(tiny.bold(number), image.affine), EVENTS)
    second = SecondLevelModel().fit(models)
    t = second.compute_contrast(first_level_contrast="go - stop", output_type="stat").get_fdata()
    effects = [m.compute_contrast("go - stop", output_type="effect_size").get_fdata() for m in models]
    inside = np.all(effects, axis=0) & (t != 0)
    expected = np.mean(effects, axis=0) / (np.std(effects, axis=0, ddof=1) / np.sqrt(3))
    assert np.count_nonzero(inside) > 100
    np.testing.assert_allclose(t[inside], expected[inside], rtol=1e-3)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (SPMFirstLevelModel, "SPM's high-pass filter (128 s)"),
        (AFNIFirstLevelModel, "AFNI ARMA"),
        (FSLFirstLevelModel, "FILM"),
    ],
)
def test_nilearns_report_names_what_was_done(model: Any, words: str, image: nib.Nifti1Image) -> None:
    first = model(t_r=2.0).fit(image, EVENTS)
    assert words in first.generate_report(contrasts={"go": "go"}, bg_img=None).get_standalone()


def test_afni_leaves_out_the_scans_that_sample_masks_leave_out(image: nib.Nifti1Image) -> None:
    kept = np.delete(np.arange(70), [10, 11, 40])
    by_number, by_truth = (
        AFNIFirstLevelModel(t_r=2.0).fit(image, EVENTS, sample_masks=each)
        for each in (kept, np.isin(np.arange(70), kept))
    )
    whole = AFNIFirstLevelModel(t_r=2.0).fit(image, EVENTS)
    assert by_number.dof_ == by_truth.dof_ == whole.dof_ - 3
    with pytest.raises(ValueError, match="sample_masks: scan 70 of 70"):
        AFNIFirstLevelModel(t_r=2.0).fit(image, EVENTS, sample_masks=np.array([0, 70]))
    with pytest.raises(ValueError, match="sample_masks: numbers of scans"):
        AFNIFirstLevelModel(t_r=2.0).fit(image, EVENTS, sample_masks=np.array([0.5]))


def test_afnis_drifts_follow_the_order_the_rule_or_nothing(image: nib.Nifti1Image) -> None:
    def drifts(**given: Any) -> int:
        model = AFNIFirstLevelModel(t_r=2.0, **given).fit(image, EVENTS)
        return sum(name.startswith("drift") for name in model.design_matrices_[0].columns)

    assert drifts() == 1  # -polort A for 140 s
    assert drifts(drift_order=4) == 4
    assert drifts(drift_model=None) == 0
    with pytest.warns(UserWarning, match="AFNI removes polynomials by the length of the runs"):
        assert drifts(drift_model=None, high_pass=0.01) == 1


@pytest.mark.parametrize(
    ("model", "given", "name"),
    [
        (AFNIFirstLevelModel, {"high_pass": 0.01}, "high_pass"),
        (AFNIFirstLevelModel, {"hrf_model": "glover"}, "hrf_model"),
        (AFNIFirstLevelModel, {"hrf_model": "BLOCK(20"}, "hrf_model"),
        (AFNIFirstLevelModel, {"min_onset": 0}, "min_onset"),
        (FSLFirstLevelModel, {"high_pass": -0.01}, "high_pass"),
        (FSLFirstLevelModel, {"hrf_model": "spm + derivative + dispersion"}, "hrf_model"),
        (FSLFirstLevelModel, {"smoothing_fwhm": [4, 4, 4]}, "smoothing_fwhm"),
    ],
)
def test_what_a_package_has_no_counterpart_of_is_refused_by_name(
    model: Any, image: nib.Nifti1Image, given: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        model(**{"t_r": 2.0, **given}).fit(image, EVENTS)


def test_messages_name_parameters_and_no_keys_of_the_model_language(image: nib.Nifti1Image) -> None:
    uneven = EVENTS.assign(duration=[1.0, 2.0, 0.0])
    with pytest.raises(BidsglmError, match="response models in hrf_model"):
        AFNIFirstLevelModel(t_r=2.0).fit(image, uneven)
    with pytest.raises(BidsglmError, match="high_pass"):
        FSLFirstLevelModel(t_r=2.0, high_pass=0.9).fit(image, EVENTS)
    with pytest.raises(ValueError, match="sample_masks: FSL has no scrubbing"):
        FSLFirstLevelModel(t_r=2.0).fit(image, EVENTS, sample_masks=np.arange(9))
    with pytest.raises(ValueError, match="design_matrices: AFNI makes its design"):
        AFNIFirstLevelModel(t_r=2.0).fit(image, EVENTS, design_matrices=pd.DataFrame())


def test_fsls_responses_go_by_their_names(image: nib.Nifti1Image) -> None:
    def columns(name: str) -> pd.DataFrame:
        return FSLFirstLevelModel(t_r=2.0, hrf_model=name).fit(image, EVENTS).design_matrices_[0]

    pd.testing.assert_frame_equal(columns("spm"), columns("double-gamma"))
    assert list(columns("Gamma + Derivative")) == ["go", "go_derivative", "stop", "stop_derivative"]
    assert not np.allclose(columns("gamma")["go"], columns("spm")["go"])
