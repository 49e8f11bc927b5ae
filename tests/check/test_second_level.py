"""`bidsglm check` of second levels: design and variance are named, SPM's maps come out again."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.second_level import SecondLevelModel
from scipy.io import savemat

from bidsglm.cli import main
from bidsglm.outputs.check_tables import GROUP_MAPS, GROUP_SETTINGS
from tests.conftest import find_shared
from tests.outputs.schemas import check_tables
from tests.spm.test_group_variance import CASES, read_case

from .approved import compared_with_kept
from .group_mat import GroupStudy, group_structure, images_of, one_hot, write_group
from .spm_mat import AFFINE, SHAPE

N = 12
SUBJECTS = np.arange(N)
AGE = np.array([21.0, 35, 28, 44, 31, 26, 39, 52, 24, 33, 47, 30])
GROUP = np.repeat([0, 1], N // 2)
FLOAT32 = 5e-7


def levels(*factors: np.ndarray) -> np.ndarray:
    """SPM's table of levels: replications, then up to three factors, from 1."""
    n = len(factors[0])
    more = [np.ones(n)] * (3 - len(factors))
    return np.column_stack([np.arange(n) + 1, *(f + 1 for f in factors), *more]).astype(float)


def variances(labels: np.ndarray) -> list[np.ndarray]:
    return [np.diag((labels == each).astype(float)) for each in np.unique(labels)]


def covariance(subjects: np.ndarray) -> np.ndarray:
    """One for all pairs of images of a subject."""
    return np.equal.outer(subjects, subjects) - np.eye(len(subjects))


def covariate(centred: np.ndarray) -> dict[str, Any]:
    return {"rc": AGE[:, None], "rcname": "age", "c": centred, "iCC": 1.0, "type": 1.0}


TWICE = np.repeat([0, 1], N)
THRICE = np.repeat([0, 1, 2], 6)
SIX = np.tile(np.arange(6), 3)


def study(kind: str) -> GroupStudy:
    """A second level of each design that SPM offers."""
    if kind == "one-sample t-test":
        return GroupStudy("One sample t-test", np.ones((N, 1)), ["mean"], {"mean": ("T", [[1]])})
    if kind == "multiple regression":
        X = np.column_stack([np.ones(N), AGE - AGE.mean()])
        both = {"mean": ("T", [[1, 0]]), "age": ("T", [[0, 1]]), "either": ("F", [[1, 0], [0, 1]])}
        return GroupStudy("Multiple regression", X, ["mean", "age"], both, covariates=[covariate(X[:, 1:])])
    if kind == "two-sample t-test":
        return GroupStudy(
            "Two-sample t-test",
            one_hot(GROUP),
            ["patients_{1}", "controls_{2}"],
            {"patients > controls": ("T", [[1, -1]]), "any": ("F", [[1, 0], [0, 1]])},
            levels(GROUP),
            ["diagnosis"],
            components=variances(GROUP),
        )
    if kind == "paired t-test":
        subjects = np.tile(SUBJECTS, 2)
        X = np.column_stack([one_hot(TWICE), one_hot(subjects)])
        contrast = {"second > first": ("T", [[-1, 1, *[0] * N]])}
        names = ["Condition_{1}", "Condition_{2}", *(f"Pair_{{{i + 1}}}" for i in range(N))]
        return GroupStudy(
            "Paired t-test",
            X,
            names,
            contrast,
            levels(subjects, TWICE),
            ["Pair", "Condition"],
            range(2, 2 + N),
        )
    X = one_hot(THRICE)
    if kind == "one-way ANOVA within subject":
        X = np.column_stack([X, one_hot(SIX)])
        rows = [[1, -1, 0, *[0] * 6], [0, 1, -1, *[0] * 6]]
        return GroupStudy(
            "One-way ANOVA - within subject",
            X,
            [*(f"level_{{{i}}}" for i in (1, 2, 3)), *(f"subject_{{{i + 1}}}" for i in range(6))],
            {"any difference": ("F", rows), "first > last": ("T", [[1, 0, -1, *[0] * 6]])},
            levels(SIX, THRICE),
            ["subject", "level"],
            range(3, 9),
            components=[*variances(THRICE), covariance(SIX)],
        )
    names = [f"dose_{{{i}}}" for i in (1, 2, 3)]
    contrasts = {"dose": ("F", [[1, -1, 0], [0, 1, -1]]), "high > none": ("T", [[-1, 0, 1]])}
    if kind == "flexible factorial":
        X = np.column_stack([one_hot(SIX), X])
        weights = {"high > none": ("T", [[*[0] * 6, -1, 0, 1]])}
        named = [*(f"subject_{{{i + 1}}}" for i in range(6)), *names]
        return GroupStudy(
            "Flexible factorial",
            X,
            named,
            weights,
            levels(SIX, THRICE),
            ["subject", "dose"],
            range(6),
            components=[np.eye(18), covariance(SIX)],
        )
    title = {"full factorial": "Full factorial", "one-way ANOVA": "One-way ANOVA"}[kind]
    return GroupStudy(title, X, names, contrasts, levels(THRICE), ["dose"], components=variances(THRICE))


DESIGNS = {
    "one-sample t-test": (True, True),
    "multiple regression": (True, True),
    "two-sample t-test": (False, True),
    "paired t-test": (True, True),
    "one-way ANOVA": (False, True),
    "one-way ANOVA within subject": (False, False),
    "full factorial": (False, True),
    "flexible factorial": (True, False),
}
"""Design -> whether its variance is equal, and its images independent"""


def result(root: Path, spm: Path, *words: str) -> dict[str, Any]:
    out = root / "check"
    assert main(["check", str(out), "--spm", str(spm), *words, "--overwrite"]) == 0
    found: dict[str, Any] = json.loads((out / "check.json").read_text())
    return found


def check(root: Path, spm: Path, *words: str) -> dict[str, Any]:
    """A result that is also what is kept of it."""
    found = result(root, spm, *words)
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition(" ")[0]
    CHECKS[test] += 1
    compared_with_kept(root / "check", root, f"{test}-{CHECKS[test]}")
    return found


CHECKS: Counter[str] = Counter()
"""Checks that each test has made"""


def made(tmp_path: Path, given: GroupStudy, **more: Any) -> dict[str, Any]:
    """Its check, where images and the group's folder lie side by side."""
    images = images_of(given, tmp_path / "data", **more)
    spm = write_group(given, tmp_path / "data" / "group", images)
    return check(tmp_path, spm, "--scans", str(tmp_path / "data"))


def reproduced(found: dict[str, Any]) -> bool:
    return bool(found["maps"]) and all(each["is_reproduced"] for each in found["maps"])


@pytest.mark.parametrize("kind", DESIGNS)
def test_every_design_and_variance_is_named_and_its_maps_come_out(kind: str, tmp_path: Path) -> None:
    given = study(kind)
    found = made(tmp_path, given)
    equal, independent = DESIGNS[kind]
    assert found["design"]["name"] == kind
    assert (found["variance"]["equal"], found["variance"]["independent"]) == (equal, independent)
    assert reproduced(found), found["notes"]
    assert {each["what"] for each in found["maps"]} >= {"beta", "ResMS", "effect", "t", "mask"}
    assert all(each["largest_difference"] < FLOAT32 and each["r"] > 1 - 1e-9 for each in found["maps"])
    assert kind in found["answer"]
    assert "are reproduced" in found["answer"]
    np.testing.assert_allclose(
        found["variance"]["hyperparameters"], found["variance"]["hyperparameters_spm"], rtol=1e-9
    )


@pytest.mark.parametrize("kind", [kind for kind in DESIGNS if kind != "full factorial"])
def test_a_design_without_spms_title_is_named_by_its_columns(kind: str, tmp_path: Path) -> None:
    given = study(kind)
    given.title = ""
    savemat(
        tmp_path / "SPM.mat", {"SPM": group_structure(given, [f"c{i}.nii" for i in range(given.n)], False)}
    )
    found = check(tmp_path, tmp_path / "SPM.mat")
    alike = {"flexible factorial": "one-way ANOVA within subject"}
    assert found["design"]["name"] == alike.get(kind, kind)
    assert any("not estimated" in note for note in found["notes"])


@pytest.mark.parametrize("name", CASES)
def test_maps_that_spm12_wrote_come_out(name: str, tmp_path: Path) -> None:
    case, shared = read_case(name), find_shared()
    if shared is None:
        pytest.skip("needs the whole reference")
    folder = shared / "spm12-extras" / "second_level_unequal"
    inputs, spm = tmp_path / "inputs", tmp_path / "group"
    inputs.mkdir()
    spm.mkdir()
    names = [f"{who}_contrast-{case.about['contrast']}_effect.nii" for who in case.about["order"]]
    for target, source in [
        *((inputs / each, folder / "inputs" / f"{each}.gz") for each in names),
        *((spm / path.name.removesuffix(".gz"), path) for path in (folder / name).glob("*.nii.gz")),
    ]:
        nib.save(nib.load(source), target)
    explicit = "/home/user/study/inputs/explicit_mask.nii" if case.about["explicit_mask"] else ""
    if explicit:
        nib.save(nib.load(folder / "inputs" / "explicit_mask.nii.gz"), inputs / "explicit_mask.nii")
    groups = case.groups
    given = GroupStudy(
        "Two-sample t-test" if name.startswith("two") else "One sample t-test",
        case.design,
        np.atleast_1d(case.summary["names"]).tolist(),
        {c["name"]: (c["test"], [c["w"]]) for c in case.about["cons"]},
        None if groups is None else levels(groups),
        ["Group"],
        components=[] if groups is None else variances(groups),
        explicit=explicit,
    )
    if groups is not None:
        given.hyperparameters = np.array(case.summary["h"])
        given.covariance = np.diag(case.summary["V_diag"])
    savemat(spm / "SPM.mat", {"SPM": group_structure(given, [f"/home/user/study/inputs/{n}" for n in names])})
    found = result(tmp_path, spm, "--scans", str(tmp_path))
    assert reproduced(found), (found["notes"], found["maps"])
    assert {each["what"] for each in found["maps"]} == {"beta", "ResMS", "effect", "t", "mask"}
    assert found["variance"]["equal"] == (groups is None)
    if groups is not None:
        assert any("as SPM has them" in each for each in found["findings"])
        assert "over the levels of Group" in found["variance"]["words"]


@pytest.mark.parametrize(
    ("centred", "words"),
    [
        (AGE - AGE.mean(), r"centred on its mean \(34.2\)"),
        (AGE, "not centred"),
        (AGE - 30, "centred on 30"),
        (AGE - np.array([AGE[g == GROUP].mean() for g in (0, 1)])[GROUP], "means in the levels of diagnosis"),
        ((AGE - AGE.mean())[:, None] * one_hot(GROUP), r"centred on its mean .*for each of 2 levels"),
    ],
)
def test_covariates_are_told_with_their_centring(centred: np.ndarray, words: str, tmp_path: Path) -> None:
    given = study("two-sample t-test")
    columns = centred.reshape(N, -1)
    given.matrix = np.column_stack([given.matrix, columns])
    given.names = [*given.names, *(f"age{i}" for i in range(columns.shape[1]))]
    given.contrasts = {"p > c": ("T", [[1, -1, *[0] * columns.shape[1]]])}
    given.covariates = [covariate(columns)]
    found = made(tmp_path, given)
    assert re.search(words, found["design"]["covariates"]), found["design"]["covariates"]
    assert reproduced(found)


def test_thresholds_scaling_and_masks_are_those_of_spm(tmp_path: Path) -> None:
    given = study("one-sample t-test")
    given.scaling = np.linspace(0.5, 1.5, N)
    given.thresholds = np.full(N, -0.5)
    found = made(tmp_path, given)
    assert reproduced(found)
    assert "values above −0.500 (Absolute)" in found["mask"]
    expected = "calculation: omit; no grand Mean scaling; no global normalisation; images times 0.500 to 1.50"
    assert found["globals"] == expected


@pytest.mark.parametrize("implicit", [True, False])
def test_zeros_of_whole_numbers_are_masked_as_spm_does(implicit: bool, tmp_path: Path) -> None:
    given = study("one-sample t-test")
    given.implicit = implicit
    images = images_of(given, tmp_path / "data", kind=np.int16)
    image = nib.load(images[3])
    values = np.asarray(image.dataobj).copy()
    values[:2] = 0
    nib.Nifti1Image(values, AFFINE).to_filename(images[3])
    spm = write_group(given, tmp_path / "data" / "group", images)
    found = check(tmp_path, spm, "--scans", str(tmp_path))
    assert reproduced(found)
    assert (np.asarray(nib.load(spm / "mask.nii").dataobj).mean() < 1) == implicit


def test_an_explicit_mask_is_used_and_its_absence_said(tmp_path: Path) -> None:
    given = study("one-sample t-test")
    images = images_of(given, tmp_path / "data")
    mask = tmp_path / "data" / "brain.nii"
    inside = np.zeros(SHAPE, np.uint8)
    inside[1:4] = 1
    nib.Nifti1Image(inside, AFFINE).to_filename(mask)
    given.explicit = "C:\\masks\\brain.nii"
    spm = write_group(given, tmp_path / "data" / "group", images, mask)
    assert reproduced(check(tmp_path, spm, "--scans", str(tmp_path / "data")))
    mask.unlink()
    found = check(tmp_path, spm, "--scans", str(tmp_path / "data"))
    assert reproduced(found)
    assert "mask" not in {each["what"] for each in found["maps"]}
    assert any("brain.nii was not found" in note for note in found["notes"])


def test_what_other_modalities_add_to_the_variance_is_found(tmp_path: Path) -> None:
    given = study("two-sample t-test")
    given.adds_to_variance, given.selection_p = True, 0.05
    found = made(tmp_path, given)
    assert reproduced(found)
    assert any("PET or EEG" in each for each in found["findings"])
    assert "p < 0.05" in found["variance"]["words"]


def test_other_images_do_not_give_the_maps(tmp_path: Path) -> None:
    given = study("one-sample t-test")
    images = images_of(given, tmp_path / "data")
    spm = write_group(given, tmp_path / "data" / "group", images)
    images_of(given, tmp_path / "data", seed=1)
    found = check(tmp_path, spm, "--scans", str(tmp_path / "data"))
    assert not any(each["is_reproduced"] for each in found["maps"] if each["what"] != "mask")
    assert "Not all of SPM's maps come out" in found["answer"]


def test_the_groups_own_maps_are_never_taken_for_its_images(tmp_path: Path) -> None:
    given = study("one-sample t-test")
    images = images_of(given, tmp_path / "data")
    spm = write_group(given, tmp_path / "data" / "group", images)
    for path in images[2:]:
        path.unlink()
    for words in (("--scans", str(tmp_path / "data")), ()):
        found = check(tmp_path, spm, *words)
        assert found["maps"] == []
        assert found["images"] == []
        assert "not computed again" in found["answer"]
        assert any("images were not found" in note for note in found["notes"])


def test_one_file_is_not_the_image_of_two_participants(tmp_path: Path) -> None:
    given = study("one-sample t-test")
    images = images_of(given, tmp_path / "data")
    spm = write_group(given, tmp_path / "data" / "group", images)
    lone = tmp_path / "lone"
    lone.mkdir()
    images[0].rename(lone / "con_0001.nii")
    found = check(tmp_path, spm, "--scans", str(lone))
    assert found["images"] == []


def test_page_and_tables_say_what_the_json_says(tmp_path: Path) -> None:
    found = made(tmp_path, study("one-way ANOVA within subject"))
    out = tmp_path / "check"
    page = re.sub(r"\s+", " ", (out / "check.html").read_text())
    assert found["answer"] in page.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert found["variance"]["words"].replace("<", "&lt;") in page
    rows = [row.split("\t") for row in (out / "maps.tsv").read_text().splitlines()]
    assert rows[0][:4] == ["contrast", "map", "file", "pearson_r"]
    assert len(rows) == len(found["maps"]) + 1
    assert "design\tone-way ANOVA within subject" in (out / "settings.tsv").read_text()
    check_tables(out, {"settings.tsv": GROUP_SETTINGS, "maps.tsv": GROUP_MAPS})


class Beside:
    """SPM's second level and nilearn's of the same images."""

    def __init__(self, root: Path, given: GroupStudy) -> None:
        self.root = root
        self.images = images_of(given, root / "data")
        self.spm = write_group(given, root / "data" / "group", self.images)

    def check(self, design: pd.DataFrame, contrast: Any, **more: Any) -> dict[str, Any]:
        folder = self.root / "nilearn"
        folder.mkdir(exist_ok=True)
        images = more.pop("images", self.images)
        model = SecondLevelModel(mask_img=str(self.spm / "mask.nii"), **more)
        model.fit([str(path) for path in images], design_matrix=design)
        design.to_csv(folder / "design_matrix.csv")
        for kind in ("effect_size", "stat"):
            made = model.compute_contrast(contrast, output_type=kind, second_level_stat_type="t")
            made.to_filename(folder / f"group_{kind}.nii.gz")
        words = ["--scans", str(self.root / "data"), "--nilearn", str(folder)]
        return check(self.root, self.spm, *words)


def told(found: dict[str, Any]) -> list[str]:
    return [each["setting"] for each in found["settings_that_differ"]]


def test_the_same_second_level_in_nilearn_is_the_same_model(tmp_path: Path) -> None:
    both = Beside(tmp_path, study("multiple regression"))
    found = both.check(pd.DataFrame({"age": AGE - AGE.mean(), "intercept": 1.0}), "intercept")
    assert found["same_model"]
    assert told(found) == []
    assert {each["what"]: round(each["r"], 5) for each in found["nilearn_maps"]} == {"effect": 1, "t": 1}
    assert [each["nilearn"] for each in found["columns"]] == ["intercept", "age"]
    assert any("least squares on these images: +1 intercept" in each for each in found["findings"])
    assert "Beside nilearn" in (tmp_path / "check" / "check.html").read_text()


def test_differences_from_nilearns_second_level_are_named(tmp_path: Path) -> None:
    both = Beside(tmp_path, study("multiple regression"))
    alone = pd.DataFrame({"intercept": np.ones(N)})
    assert told(both.check(alone, "intercept")) == ["columns"]
    whole = pd.DataFrame({"age": AGE - AGE.mean(), "intercept": 1.0})
    assert told(both.check(whole, np.array([0.0, -2.0]))) == ["contrast: weights of mean"]
    assert told(both.check(whole, "intercept", smoothing_fwhm=6.0)) == ["scans"]
    fewer = both.check(whole[:8], "intercept", images=both.images[:8])
    assert told(fewer) == ["scans"]
    assert not fewer["same_model"]


def test_rows_in_another_order_are_the_same_design_where_the_images_follow(tmp_path: Path) -> None:
    both = Beside(tmp_path, study("multiple regression"))
    whole = pd.DataFrame({"age": AGE - AGE.mean(), "intercept": 1.0})
    order = np.random.default_rng(2).permutation(N)
    moved = whole.iloc[order].reset_index(drop=True)
    found = both.check(moved, "age", images=[both.images[i] for i in order])
    assert told(found) == []
    assert any("in another order" in each for each in found["findings"])
    assert told(both.check(moved, "age")) == ["scans"]


def test_unequal_variance_is_a_difference_from_nilearn(tmp_path: Path) -> None:
    both = Beside(tmp_path, study("two-sample t-test"))
    design = pd.DataFrame({"patients": GROUP == 0, "controls": GROUP == 1}).astype(float)
    found = both.check(design, np.array([1.0, -1.0]))
    assert told(found) == ["variance"]
    assert "Not the same model" in found["answer"]


def test_results_of_two_levels_are_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = study("one-sample t-test")
    images = images_of(given, tmp_path / "data")
    spm = write_group(given, tmp_path / "data" / "group", images)
    nilearn = tmp_path / "nilearn"
    nilearn.mkdir()
    times = pd.DataFrame({"go": np.sin(np.arange(40.0)), "constant": 1.0}, index=2.0 * np.arange(40))
    times.to_csv(nilearn / "design.csv")
    out = tmp_path / "out"
    assert main(["check", str(out), "--spm", str(spm), "--nilearn", str(nilearn)]) == 65
    said = capsys.readouterr().err.strip()
    assert "is of a second level; give results of one level" in said
    assert len(said.splitlines()) == 1
    assert not out.exists()
