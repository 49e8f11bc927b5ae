"""A group that three packages fitted: each with the reference, and every one with every other."""

import html
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.outputs.names import map_name, read_json
from bidsglm.packages import PACKAGES
from tests.finished import (
    CONFIGURATION,
    NAME,
    Maps,
    change_summary,
    effects,
    read_rows,
    write_dataset,
    write_participant,
)

pytestmark = pytest.mark.usefixtures("plain_figures")

PAIR = "afniVSnilearn"


def three(seed: int, mean: float = 1.0) -> Maps:
    """A third package whose effects are those of nilearn and some noise."""
    maps = effects(seed, mean)
    noise = np.random.default_rng(seed + 100).standard_normal(maps["spm"].shape)
    return {**maps, "afni": (maps["nilearn"] + 0.2 * noise).astype(np.float32)}


def study(root: Path, n: int = 4, **changes: object) -> tuple[Path, Path]:
    labels = [f"{i:02d}" for i in range(1, n + 1)]
    bids, out = write_dataset(root, labels), root / "out"
    for seed, label in enumerate(labels):
        write_participant(out, label, {"go": three(seed)}, **changes)
    return bids, out


def group(bids: Path, out: Path, *options: str) -> int:
    return main([str(bids), str(out), "group", "-q", *options])


def table(out: Path, kind: str) -> list[dict[str, str]]:
    return read_rows(out / "group" / f"{NAME}_desc-{kind}_metrics.tsv")


def values(out: Path, stat: str, what: str) -> np.ndarray:
    path = out / "group" / f"{map_name(NAME, stat, what, 'go')}.nii.gz"
    return np.asarray(nib.load(path).get_fdata())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a finished group of four."""
    bids, out = study(tmp_path_factory.mktemp("three"))
    assert group(bids, out) == 0
    return out


def test_each_package_has_maps_and_a_difference_from_the_reference(made: Path) -> None:
    for package, label in (("spm", "difference"), ("afni", PAIR)):
        expected = values(made, "effect", package) - values(made, "effect", "nilearn")
        np.testing.assert_allclose(values(made, "effect", label), expected, atol=1e-5)
    sidecar = read_json(made / "group" / f"{map_name(NAME, 't', PAIR, 'go')}.json")
    assert sidecar["Description"] == "afni minus nilearn, in the voxels of both"
    assert not list((made / "group").glob("*spmVS*"))


def test_tables_have_columns_of_each_pair(made: Path) -> None:
    for kind in ("agreement", "groupAgreement"):
        row = next(row for row in table(made, kind) if row["map"] == "t")
        assert {"pearson_r", f"pearson_r_{PAIR}", "n_spm_p001", f"n_afni_p001_{PAIR}"} <= set(row)
        assert row["pearson_r"] != row[f"pearson_r_{PAIR}"]
    t = {name: values(made, "t", name) for name in ("afni", "nilearn")}
    inside = np.isfinite(values(made, "effect", "afni"))
    row = next(row for row in table(made, "groupAgreement") if row["map"] == "t")
    expected = np.corrcoef(t["afni"][inside], t["nilearn"][inside])[0, 1]
    assert float(row[f"pearson_r_{PAIR}"]) == pytest.approx(expected, abs=1e-6)
    metrics = {row["metric"] for row in table(made, "agreementSummary")}
    assert {"slope", f"slope_{PAIR}"} <= metrics
    survived = table(made, "groupInference")[0]
    assert {"n_afni", "dice", f"dice_{PAIR}"} <= set(survived)
    assert {row["compared"] for row in table(made, "groupStability")} == {
        "spm",
        "nilearn",
        "afni",
        "packages",
        PAIR,
    }
    steps = table(made, "groupAttribution")
    assert all(row[f"shapley_{PAIR}"] != "n/a" for row in steps if row["step"] == "effects")


def test_every_package_stands_beside_every_other(made: Path) -> None:
    everybody = {("spm", "nilearn"), ("afni", "nilearn"), ("spm", "afni")}
    for kind in ("pairs", "groupPairs"):
        assert {(row["package"], row["reference"]) for row in table(made, kind)} == everybody
    assert len(table(made, "pairs")) == 4 * 3 * 2


def test_page_has_a_tab_for_each_pair_and_each_packages_tables_once(made: Path) -> None:
    page = (made / "group.html").read_text()
    assert 'id="summary-1-difference"' in page
    assert f'id="summary-1-{PAIR}"' in page
    assert page.count('class="matrix whole"') == 6
    assert page.count('<section id="group-maps"') == 1
    assert page.count("Voxels at corrected p") == 1
    assert "3dttest++ without options" in page


def test_page_is_written_again_from_the_files(made: Path) -> None:
    before = (made / "group.html").read_text()
    (made / "group.html").unlink()
    assert group(made.parent / "bids", made, "--reports-only") == 0
    again = (made / "group.html").read_text()
    assert again.count("tab-title") == before.count("tab-title") > 0
    assert again.count("<table") == before.count("<table")


def test_who_lacks_a_package_is_left_out_and_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path)
    write_participant(out, "04", {"go": effects(3)})
    assert main([str(bids), str(out), "group"]) == 0
    line = "of the participants whom SPM, nilearn and AFNI fitted. Left out: sub-04 (not fitted by AFNI)."
    assert sum(line in text for text in capsys.readouterr().err.splitlines()) == 1
    assert {row["participant_id"] for row in table(out, "agreement")} == {"sub-01", "sub-02", "sub-03"}
    assert "not fitted by AFNI" in (out / "group.html").read_text()


def test_who_has_more_packages_takes_part_with_those_of_most(tmp_path: Path) -> None:
    bids, out = write_dataset(tmp_path, ["01", "02", "03"]), tmp_path / "out"
    for seed, label in enumerate(("01", "02")):
        write_participant(out, label, {"go": effects(seed)})
    write_participant(out, "03", {"go": three(2)}, configuration={**CONFIGURATION, "AFNI: Polort": "A"})
    change_summary(out, "03", effect_units={"spm": "%", "nilearn": "%", "afni": "%"})
    assert group(bids, out) == 0
    rows = table(out, "agreement")
    assert {row["participant_id"] for row in rows} == {"sub-01", "sub-02", "sub-03"}
    assert not [name for name in rows[0] if "VS" in name]


def test_other_references_are_other_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bids, out = study(tmp_path)
    write_participant(out, "02", {"go": three(1)}, reference="spm")
    assert group(bids, out) == 65
    assert "sub-02 (reference: spm instead of nilearn)" in capsys.readouterr().err


def test_reference_is_that_of_the_participants_and_another_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, reference="spm")
    assert group(bids, out) == 0
    assert (out / "group" / f"{map_name(NAME, 't', 'afniVSspm', 'go')}.nii.gz").exists()
    for other in ("afni", "nilearn"):
        assert group(bids, out, "--reference", other) == 64
        assert "was compared with spm in each participant" in capsys.readouterr().err
    assert group(bids, out, "--reference", "spm") == 0


@pytest.mark.parametrize(("asked", "code"), [("spm", 0), ("nilearn", 0), ("afni", 64)])
def test_reference_of_two_packages_is_one_of_them(tmp_path: Path, asked: str, code: int) -> None:
    bids, out = write_dataset(tmp_path, ["01", "02"]), tmp_path / "out"
    for seed, label in enumerate(("01", "02")):
        write_participant(out, label, {"go": effects(seed)})
    assert group(bids, out, "--reference", asked) == code


def test_matrix_of_the_group_maps_is_of_z_as_the_verdict(made: Path) -> None:
    rows = {(r["map"], r["package"], r["reference"]): r for r in table(made, "groupPairs")}
    of_pair = next(row for row in table(made, "groupAgreement") if row["map"] == "z")
    assert rows["z", "afni", "nilearn"]["pearson_r"] == of_pair[f"pearson_r_{PAIR}"]
    assert "z maps, group maps" in (made / "group.html").read_text()


def test_effects_keep_their_units_and_the_page_names_them(tmp_path: Path) -> None:
    bids, out = write_dataset(tmp_path, ["01", "02", "03"]), tmp_path / "out"
    for seed, label in enumerate(("01", "02", "03")):
        maps = effects(seed)
        other = (100 * maps["nilearn"]).astype(np.float32)
        write_participant(out, label, {"go": {**maps, "fsl": other}})
    assert group(bids, out) == 0
    sidecar = read_json(out / "group" / f"{map_name(NAME, 'effect', 'fsl', 'go')}.json")
    assert sidecar["Units"] == PACKAGES["fsl"].unit
    page = html.unescape((out / "group.html").read_text())
    for text in (
        "FSL's effect maps are in 0.01 % of the run's median, nilearn's in % of voxel mean.",
        "Effects are compared each in its own unit, FSL's in 0.01 % of the run's median",
        "FSL's FLAME (flame1), which weighs by these, is not made.",
        "bidsglm's results of SPM and FSL come from a reimplementation in Python",
    ):
        assert text in page


def test_sentences_on_the_group_maps_name_their_packages(made: Path) -> None:
    page = html.unescape((made / "group.html").read_text())
    assert "Participants' maps: in nilearn, nilearn's first level; in AFNI, AFNI's first level." in page


def test_tables_of_an_earlier_run_with_more_packages_go(tmp_path: Path) -> None:
    bids, out = study(tmp_path)
    assert group(bids, out) == 0
    folder = out / "group"
    gone = [f"{NAME}_desc-{kind}_metrics" for kind in ("pairs", "groupPairs")]
    assert all((folder / f"{name}.tsv").exists() for name in gone)
    foreign, of_another = folder / "mine.tsv", folder / "task-other_desc-pairs_metrics.tsv"
    for path in (foreign, of_another):
        path.write_text("kept\n")
    for seed, label in enumerate(("01", "02", "03", "04")):
        write_participant(out, label, {"go": effects(seed)})
    assert group(bids, out) == 0
    left = {path.name for path in folder.iterdir()}
    assert not {f"{name}.{kind}" for name in gone for kind in ("tsv", "json")} & left
    assert not [name for name in left if "afni" in name]
    assert {foreign.name, of_another.name, f"{NAME}_desc-agreement_metrics.tsv"} <= left
    for label in ("01", "02", "03", "04"):
        change_summary(out, label, backends=["spm"], effect_units={"spm": "%"})
    assert group(bids, out) == 0
    left = {path.name for path in folder.iterdir()}
    assert not [name for name in left if "greement" in name or "ttribution" in name]


def test_permutations_are_of_every_package_in_its_own_mask(tmp_path: Path) -> None:
    labels = [f"{i:02d}" for i in range(1, 7)]
    bids, out = write_dataset(tmp_path, labels), tmp_path / "out"
    for seed, label in enumerate(labels):
        maps = three(seed, mean=8.0)
        maps["afni"][3] = np.nan
        write_participant(out, label, {"go": {**maps, "fsl": (100 * maps["nilearn"]).astype(np.float32)}})
    assert group(bids, out, "--permutations", "100") == 0
    for kind in ("Permutation", "PermutationMass", "PermutationTFCE"):
        by_package = {name: values(out, "p", f"{name}{kind}") for name in ("spm", "nilearn", "afni", "fsl")}
        # a package's unit is of no weight to a test
        np.testing.assert_allclose(by_package["fsl"], by_package["nilearn"], atol=1e-6)
        assert (by_package["afni"][3] == 1).all()
        assert (by_package["nilearn"][3] < 1).any()
        assert (by_package["afni"][4] < 1).any()
    rows = {row["inference"]: row for row in table(out, "groupInference") if row["tail"] == "upper"}
    for inference in ("permutationVoxel", "permutationMass", "permutationTFCE"):
        row = rows[inference]
        assert row["n_fsl"] == row["n_nilearn"] != "0"
        assert 0 < int(row["n_afni"]) < int(row["n_nilearn"])
        assert row["dice_fslVSnilearn"] == "1.0"
    page = html.unescape((out / "group.html").read_text())
    assert "familywise p by 100 permutations of nilearn's non_parametric_inference" in page
