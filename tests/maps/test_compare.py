"""`bidsglm.compare`: models, folders and maps of users give tables, figures and a page."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel

import bidsglm
from bidsglm.errors import BidsglmError
from bidsglm.outputs.map_tables import AGREEMENT, COLUMNS, SETTINGS
from tests import tiny
from tests.outputs.schemas import check_tables

EVENTS = pd.DataFrame({"onset": [4.0, 34.0, 64.0, 94.0], "duration": 10.0, "trial_type": ["go", "stop"] * 2})


@pytest.fixture(scope="module")
def image() -> nib.Nifti1Image:
    return nib.Nifti1Image(tiny.bold(1), tiny.AFFINE)


@pytest.fixture(scope="module")
def models(image: nib.Nifti1Image) -> tuple[Any, Any]:
    """SPM's and nilearn's, each with its own way of the same model."""
    mask = nib.Nifti1Image(tiny.brain(), image.affine)
    spm = bidsglm.SPMFirstLevelModel(t_r=2.0, mask_img=mask, mask_threshold=-np.inf, noise_model="ols")
    nilearn = FirstLevelModel(
        t_r=2.0, mask_img=mask, hrf_model="spm", high_pass=1 / 128, slice_time_ref=7 / 16, noise_model="ols"
    )
    return spm.fit(image, EVENTS), nilearn.fit(image, EVENTS)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), tiny.AFFINE), path)
    return path


def test_two_fitted_models_give_maps_settings_and_columns(models: tuple[Any, Any], tmp_path: Path) -> None:
    found = bidsglm.compare(*models, ["go - stop"])
    assert found.labels == ("SPM", "nilearn")
    assert found.agreement[["contrast", "map"]].to_numpy().tolist() == [
        ["go - stop", "effect"],
        ["go - stop", "t"],
    ]
    t = [m.compute_contrast("go - stop", output_type="stat").get_fdata() for m in models]
    inside = (t[0] != 0) & (t[1] != 0)
    row = found.agreement.iloc[1]
    assert row["pearson_r"] == pytest.approx(np.corrcoef(t[0][inside], t[1][inside])[0, 1], abs=1e-9)
    assert np.isfinite(row["n_first_p001"])
    settings = found.settings.set_index("setting")
    assert settings.loc["signal_scaling"].tolist() == ["0", "0"]
    assert settings.loc["mask_threshold", "first"] == "-inf"
    assert pd.isna(settings.loc["mask_threshold", "second"])
    assert "verbose" not in settings.index
    columns = found.columns.set_index("first")
    assert columns.loc["go", "second"] == "go"
    assert columns.loc["go", "r"] > 0.999
    assert {"drift_1", "drift_2"} <= set(found.columns[found.columns["first"].isna()]["second"])
    assert "r = " in str(found)
    assert "SPM" in repr(found)
    picture = found.figures["go - stop t: scatter"]
    assert picture._repr_svg_().startswith("<svg")
    page = found.save(tmp_path / "out")
    text = page.read_text()
    for words in ("signal_scaling", "go - stop", 'class="viewer"', "drift_1"):
        assert words in text
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "maps.json" in names
    tables = {"agreement.tsv": AGREEMENT, "settings.tsv": SETTINGS, "columns.tsv": COLUMNS}
    check_tables(tmp_path / "out", tables)
    assert "contrast-goMinusStop_stat-t_desc-difference_statmap.nii.gz" in names
    told = json.loads((tmp_path / "out" / "maps.json").read_text())
    dof = [each["degrees_of_freedom"] for each in told["pairs"][1]["maps"]]
    assert dof == [[pytest.approx(models[0].dof_)], [next(iter(models[1].results_[0].values())).df_residuals]]
    with pytest.raises(BidsglmError, match="is not empty"):
        found.save(tmp_path / "out")
    assert found.save(tmp_path / "out", overwrite=True) == page


def test_weights_and_f_contrasts_go_by_the_names_that_are_given(models: tuple[Any, Any]) -> None:
    spm, _ = models
    found = bidsglm.compare(spm, spm, {"either": np.eye(2, 3)}, labels=["one", "other"])
    assert found.agreement[["contrast", "map"]].to_numpy().tolist() == [["either", "F"]]
    assert "identical" in found.answer
    assert found.agreement["dice_p001"][0] == 1.0


def test_two_maps_are_paths_or_images_on_one_grid_or_resampled(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=tiny.SHAPE)
    path = write(tmp_path / "a_zmap.nii", values)
    image = nib.Nifti1Image(2 * values, tiny.AFFINE)
    found = bidsglm.compare(path, image, labels=("file", "memory"))
    assert found.agreement["slope"][0] == pytest.approx(0.5)
    assert found.settings.empty
    assert found.columns.empty
    inside = np.zeros(tiny.SHAPE)
    inside[2:5, 2:5, 2:5] = 1
    masked = bidsglm.compare(path, image, mask=nib.Nifti1Image(inside, tiny.AFFINE))
    assert masked.agreement["n_both"][0] == 27
    moved = nib.Nifti1Image(values, tiny.AFFINE @ np.diag([2.0, 1, 1, 1]))
    with pytest.raises(BidsglmError, match="another grid"):
        bidsglm.compare(path, moved)
    assert "resampled" in " ".join(bidsglm.compare(path, moved, resample=True).notes)


def test_folders_of_ours_are_compared_package_by_package(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for run in ("old", "new"):
        for package in ("spm", "nilearn"):
            for stat in ("effect", "t", "z"):
                name = f"sub-01_task-y_contrast-go_stat-{stat}_desc-{package}_statmap.nii.gz"
                write(tmp_path / run / "sub-01" / "func" / name, rng.normal(size=tiny.SHAPE))
    found = bidsglm.compare(tmp_path / "old" / "sub-01", tmp_path / "new" / "sub-01")
    assert found.labels == ("old", "new")
    assert sorted(map(tuple, found.agreement[["contrast", "map"]].to_numpy())) == [
        (f"go ({package})", stat) for package in ("SPM", "nilearn") for stat in ("effect", "t")
    ]
    one = bidsglm.compare(tmp_path / "old", tmp_path / "new", contrasts=["go (SPM)"])
    assert set(one.agreement["contrast"]) == {"go (SPM)"}
    page = found.save(tmp_path / "out").read_text()
    assert page.count('class="viewer"') == 4
    with pytest.raises(BidsglmError, match="asked for"):
        bidsglm.compare(tmp_path / "old", tmp_path / "new", contrasts="stop")


def test_many_pairs_stand_in_a_table_of_the_summary(models: tuple[Any, Any], tmp_path: Path) -> None:
    found = bidsglm.compare(*models, ["go", "stop", "go - stop"])
    summary = found.save(tmp_path / "out").read_text().split('id="settings"')[0]
    assert summary.count('<th scope="row">') == 6
    assert 'class="verdict"' not in summary


def test_scripts_of_nilearn_are_compared_by_their_contrasts(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=tiny.SHAPE)
    for folder, factor in (("a", 1.0), ("b", -1.0)):
        write(tmp_path / folder / "go-stop_effect_size.nii.gz", factor * values)
        write(
            tmp_path / folder / "only_in_one.nii.gz" if folder == "a" else tmp_path / "b" / "rest_t.nii",
            values,
        )
    found = bidsglm.compare(tmp_path / "a", tmp_path / "b")
    assert found.agreement[["contrast", "map"]].to_numpy().tolist() == [["go-stop", "effect"]]
    assert found.agreement["slope"][0] == pytest.approx(-1.0)


@pytest.fixture
def own_analyses(shared_dir: Path) -> Path:
    folder = shared_dir / "own-analyses" / "tapping"
    if not folder.is_dir():
        pytest.skip("the analyses of users are not there")
    return folder


def test_folders_of_spm_and_nilearn_are_checked_in_any_order(own_analyses: Path, tmp_path: Path) -> None:
    spm, nilearn = own_analyses / "spm_movement", own_analyses / "nilearn_shifted"
    found = bidsglm.compare(nilearn, spm)
    assert found.labels == ("nilearn", "SPM")
    assert "onsets" in found.answer
    (row,) = found.settings.to_dict("records")
    assert (row["first"], row["second"]) == (
        "22, 62, 102, 142, 182, 222",
        "20, 60, 100, 140, 180, 220",
    )
    assert found.columns["second"].tolist() == ["movement*bf(1)", "constant"]
    other = bidsglm.compare(spm, nilearn)
    assert other.columns["ratio"][0] == pytest.approx(1 / found.columns["ratio"][0])
    assert other.agreement["slope"][0] == pytest.approx(1 / found.agreement["slope"][0])
    page = found.save(tmp_path / "out")
    assert page == tmp_path / "out" / "check" / "check.html"
    assert (tmp_path / "out" / "maps.html").is_file()
    assert (tmp_path / "out" / "settings.tsv").is_file()


@pytest.mark.parametrize(
    ("first", "second", "more", "words"),
    [
        (3, "a.nii", {}, "first: must be a fitted model, a folder or a map, not int"),
        ("a.nii", None, {}, "second: must be"),
        ("a.nii", "folder", {}, "first is a map and second a folder"),
        ("a.nii", "b.nii", {"contrasts": "go"}, "contrasts: a map is of one"),
        ("a.nii", "b.nii", {"labels": ["one"]}, "labels: give two names"),
        ("a.nii", "b.nii", {"labels": "ab"}, "labels: give two names"),
        ("a.nii", "b.nii", {"labels": ["x", "X"]}, "both maps are called"),
        ("a.nii", "b.nii", {"mask": 3}, "mask: must be a path or an image"),
        ("a.nii", "b.nii", {"scans": "."}, "scans: are for a folder of SPM"),
        ("a.nii", "a.nii", {}, "same map"),
        ("a.nii", "gone.nii", {}, "no such file"),
        ("folder", "folder", {}, "same folder"),
        ("folder", "empty", {}, "neither maps"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(
    first: Any, second: Any, more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).normal(size=tiny.SHAPE)
    for name in ("a.nii", "b.nii", "folder/go_t.nii"):
        write(tmp_path / name, values)
    (tmp_path / "empty").mkdir()
    given = [tmp_path / each if isinstance(each, str) else each for each in (first, second)]
    with pytest.raises((TypeError, ValueError, BidsglmError), match=words):
        bidsglm.compare(*given, **more)


def test_models_need_contrasts_and_a_fit(models: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="contrasts: name what is compared"):
        bidsglm.compare(*models)
    for nothing in ([], [1, -1]):
        with pytest.raises(ValueError, match="contrasts: an expression"):
            bidsglm.compare(*models, nothing)
    with pytest.raises(ValueError, match="second: the model is not fitted"):
        bidsglm.compare(models[0], FirstLevelModel(), "go")


def test_more_pairs_than_are_held_are_refused(
    monkeypatch: pytest.MonkeyPatch, models: tuple[Any, Any]
) -> None:
    monkeypatch.setattr("bidsglm.maps.comparing.MOST_PAIRS", 3)
    with pytest.raises(BidsglmError, match="4 pairs of maps belong together, and 3"):
        bidsglm.compare(*models, ["go", "stop"])
