"""Every recipe of the page is applied to small data: the step that it is for makes nothing any more."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main
from bidsglm.report.recipes import NO_DRIFTS, Recipe, recipe
from bidsglm.spm.highpass import dct_basis
from tests import tiny

NAME = "sub-01_task-tap_space-MNI152NLin2009cAsym"
RUNS = ("run-1", "run-2")
TABLES = tuple(f"sub-01/func/sub-01_task-tap_{run}_space-MNI152NLin2009cAsym" for run in RUNS)
COSINES = ("a cosine drifts", "cosines")
NOTHING = 1e-9
"""Of a map's difference: what rounding leaves of a step."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, with fMRIPrep's cosines among the confounds, and a dark corner that SPM's threshold drops."""
    found = tiny.write_study(tmp_path_factory.mktemp("recipes"), ("01",), RUNS)
    func = found / "derivatives" / "fmriprep" / "sub-01" / "func"
    for path in func.glob("*_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        basis = dct_basis(tiny.N_SCANS, tiny.REPETITION_TIME, 128.0)
        for column in range(basis.shape[1]):
            table[f"cosine{column:02d}"] = [repr(float(value)) for value in basis[:, column]]
        table.to_csv(path, sep="\t", index=False)
    for path in func.glob("*_bold.nii.gz"):
        image = nib.load(path)
        values = np.array(image.dataobj)
        values[1:3, 1:3, 1:3] *= 0.6
        tiny.write_image(path, values)
    return found


def merged(part: dict[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a model with a recipe's keys; ... stands for what is there."""
    found = copy.deepcopy(part)
    for key, value in keys.items():
        if isinstance(value, Mapping):
            found[key] = merged(found.get(key, {}), value)
        elif isinstance(value, list) and "..." in value:
            found[key] = [*found[key], *(name for name in value if name != "...")]
        else:
            found[key] = value
    return found


class Fitted:
    """Results of the study, with one model and some options."""

    def __init__(self, study: Path, model: Mapping[str, Any], *options: str) -> None:
        number = len(list(study.parent.glob("model*.json")))
        path, self.folder = study.parent / f"model{number}.json", study.parent / f"out{number}"
        path.write_text(json.dumps(model))
        arguments = [str(study), str(self.folder), "participant", "--model", str(path), "--export-code", "-q"]
        assert main([*arguments, *options]) == 0
        self.func = self.folder / "sub-01" / "func"

    def table(self, kind: str) -> pd.DataFrame:
        (path,) = self.func.glob(f"*_desc-{kind}_metrics.tsv")
        return pd.read_csv(path, sep="\t")

    def share(self, step: str, map_name: str = "effect", metric: str = "rmsd") -> float:
        """Part of the whole difference that a step makes."""
        rows = self.table("attribution").query(f"map == '{map_name}' and metric == '{metric}'")
        row = rows[rows["step"] == step].iloc[0]
        return abs(row["shapley"]) / abs(row["total"])

    def map(self, stat: str, backend: str) -> np.ndarray:
        return nib.load(
            self.func / f"{NAME}_contrast-moveMinusLook_stat-{stat}_desc-{backend}_statmap.nii.gz"
        ).get_fdata()

    def script(self, pattern: str) -> str:
        (path,) = (self.folder / "sub-01" / "code").rglob(pattern)
        return path.read_text()


def model(**software: Any) -> dict[str, Any]:
    return tiny.model(Options={"HighPassFilterCutoffHz": 1 / 128}, Software=software)


def applied(found: Recipe, to: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(to)
    changed["Nodes"][0]["Model"] = merged(changed["Nodes"][0]["Model"], found.model)
    return changed


@pytest.fixture(scope="module")
def before(study: Path) -> Fitted:
    return Fitted(study, model())


def assert_lines_are_in_the_scripts(found: Recipe, fitted: Fitted) -> None:
    """What the recipe says to type is what the exported scripts of the changed model have."""
    python, batch = fitted.script("nilearn_script.py"), fitted.script("spm_batch.m")
    for line in found.nilearn:
        if "confounds.filter" not in line:
            assert line.split(",  #")[0].rstrip(",").replace("1 / 128", "1 / 128") in python, line
    for line in found.spm:
        if not line.startswith("%"):
            setting = line.split(";")[0].removeprefix("matlabbatch{1}.spm.stats.fmri_")
            assert setting in batch, line


def test_noise_recipe_leaves_nothing_of_the_noise_model(study: Path, before: Fitted) -> None:
    found = recipe("noise", ("AR(1)", "AR(1)"), TABLES)
    assert before.share("noise", "t") > 0.05
    after = Fitted(study, applied(found, model()))
    assert after.share("noise", "t") < NOTHING
    assert_lines_are_in_the_scripts(found, after)


def test_filter_recipe_leaves_nothing_of_the_filter(study: Path, before: Fitted) -> None:
    found = recipe("filter", COSINES, TABLES)
    assert before.share("filter", "t") > 100 * NOTHING
    after = Fitted(study, applied(found, model()))
    assert after.share("filter", "t") < NOTHING
    assert_lines_are_in_the_scripts(found, after)


def test_filter_recipe_switches_on_the_filter_that_is_missing(study: Path, before: Fitted) -> None:
    without = model(Nilearn={"DriftModel": None})
    found = recipe("filter", (NO_DRIFTS, "2 cosines (128 s) projected off"), TABLES)
    after = Fitted(study, applied(found, without))
    assert Fitted(study, without).share("filter", "t") > 5 * after.share("filter", "t")
    np.testing.assert_array_equal(after.map("t", "nilearn"), before.map("t", "nilearn"))
    assert_lines_are_in_the_scripts(found, after)


def test_mask_recipe_gives_both_the_same_voxels(study: Path, before: Fitted) -> None:
    found = recipe("mask", ("", ""), TABLES)
    alone = ["n_spm_only", "n_nilearn_only"]
    assert before.table("agreement")[alone].to_numpy().sum() > 0
    after = Fitted(study, applied(found, model()))
    assert after.table("agreement")[alone].to_numpy().sum() == 0
    assert "spec.mthresh = -Inf" in after.script("spm_batch.m")


def test_scaling_key_leaves_one_factor_for_the_whole_brain(study: Path, before: Fitted) -> None:
    found = recipe("scaling", ("", ""), TABLES)
    assert before.share("scaling", metric="1-r") > 0.05
    after = Fitted(study, applied(found, model()))
    # runs have factors of their own, so a trace of the pattern is left
    assert after.share("scaling", metric="1-r") < 0.01


def test_a_single_run_leaves_nothing_of_the_combination_of_runs(study: Path, before: Fitted) -> None:
    found = recipe("runs", ("", ""), TABLES)
    assert before.share("runs", "t") > NOTHING
    after = Fitted(study, model(), *found.option.split())
    assert after.share("runs", "t") < NOTHING


def test_data_smoothed_once_leave_nothing_of_the_kernel(study: Path) -> None:
    found = recipe("smoother", ("", ""), TABLES)
    smoothed = Fitted(study, model(), "--smoothing-fwhm", "4")
    assert smoothed.share("smoother", "t") > NOTHING
    after = Fitted(study, model(), *found.option.split())
    assert after.share("smoother", "t") < NOTHING


def test_lines_of_nilearn_make_scaling_and_regressors_equal(
    study: Path, before: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines, run as they stand, give the map that the attribution has behind these two steps."""
    from nilearn.glm.first_level import FirstLevelModel
    from nilearn.image import new_img_like

    monkeypatch.chdir(before.folder)
    func = study / "derivatives" / "fmriprep" / "sub-01" / "func"
    images = [nib.load(path) for path in sorted(func.glob("*_bold.nii.gz"))]
    mask = nib.load(before.func / f"{NAME}_desc-nilearn_mask.nii.gz")
    names = {"np": np, "pd": pd, "new_img_like": new_img_like, "FirstLevelModel": FirstLevelModel}
    names |= {"images": images, "mask": mask, "noise_model": "ar1"}
    for step in ("scaling", "regressors"):
        exec("\n".join(recipe(step, ("", ""), TABLES).nilearn), names)
    designs = names["designs"]
    fitted = names["model"].fit(names["images"], design_matrices=designs)
    weights = [
        np.array(
            [[{"trial_type.move": 1, "trial_type.look": -1}.get(c, 0) for c in design] for design in [each]]
        )[0]
        for each in designs
    ]
    found = fitted.compute_contrast(weights, output_type="all")
    rows = before.table("attribution").query("metric == 'rmsd' and step == 'sampling'").set_index("map")
    both = np.isfinite(before.map("effect", "spm")) & np.isfinite(before.map("effect", "nilearn"))
    for name, key in (("effect", "effect_size"), ("t", "stat")):
        moved = (found[key].get_fdata() - before.map(name, "nilearn"))[both]
        np.testing.assert_allclose(np.sqrt(np.mean(moved**2)), rows.loc[name, "ladder"], rtol=1e-4)
