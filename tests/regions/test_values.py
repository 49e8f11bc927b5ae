"""Participants get the values of an atlas' regions without being fitted again."""

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm import participant
from bidsglm.cli import main
from bidsglm.dataset.atlas import read_atlas
from bidsglm.dataset.masks import Grid
from bidsglm.outputs.region_tables import REGIONS
from bidsglm.regions.values import RegionReader, UnitRegions
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

P = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
TABLE = f"sub-01/func/{P}_desc-rois_metrics.tsv"
AGREEMENT = f"sub-01/func/{P}_desc-roiAgreement_metrics.tsv"
SUMMARY = f"sub-01/func/{P}_desc-bidsglm_summary.json"
FLOAT32 = 1e-5
"""The maps on disk are float32."""
F_CONTRAST = {
    "Name": "any",
    "ConditionList": ["trial_type.move", "trial_type.look"],
    "Weights": [[1, 0], [0, 1]],
    "Test": "F",
}


def regions() -> np.ndarray:
    """Region 1 holds the response, 2 is elsewhere in the brain, 40 outside the brain."""
    values = np.zeros(tiny.SHAPE, np.int16)
    values[2:5, 2:5, 2:5], values[5:9, 5:10, 2:6], values[0, :3, :3] = 1, 2, 40
    return values


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    study = tiny.write_study(root, participants=("01",))
    document: Any = tiny.model()
    document["Nodes"][0]["Contrasts"].append(F_CONTRAST)
    (root / "model.json").write_text(json.dumps(document))
    tiny.write_image(root / "atlas.nii.gz", regions())
    (root / "atlas.tsv").write_text("index\tname\n1\tmotor\n2\tvisual\n40\tbeside the head\n")
    return study


def command(study: Path, *options: str) -> list[str]:
    model = ["--model", str(study.parent / "model.json"), "--no-attribution", "-q"]
    return [str(study), str(study.parent / "out"), "participant", *model, *options]


def atlas_option(study: Path) -> tuple[str, str]:
    return "--atlas", str(study.parent / "atlas.nii.gz")


@pytest.fixture(scope="module")
def out(study: Path) -> Path:
    assert main(command(study)) == 0
    assert main(command(study, *atlas_option(study))) == 0
    return study.parent / "out"


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = (line.split("\t") for line in path.read_text().splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def volume(out: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(out / "sub-01/func" / f"{P}_{name}.nii.gz").dataobj, dtype=float)


def test_first_columns_are_the_contract_and_all_are_described(out: Path) -> None:
    header = (out / TABLE).read_text().splitlines()[0].split("\t")
    assert header[:7] == ["contrast", "region", "label", "backend", "n_voxels", "effect", "t"]
    sidecar = json.loads((out / TABLE).with_suffix(".json").read_text())
    assert header == list(REGIONS.names)
    assert {key: sidecar[key]["Description"] for key in header} == {c.name: c.text for c in REGIONS.columns}
    assert sidecar["Atlas"].endswith("atlas.nii.gz")
    assert sidecar["EffectUnits"] == {"spm": "% of spm_global", "nilearn": "% of voxel mean"}


def test_there_is_one_row_for_each_contrast_region_and_backend(out: Path) -> None:
    found = [(row["contrast"], row["region"], row["label"], row["backend"]) for row in rows(out / TABLE)]
    assert found == [
        (contrast, region, label, backend)
        for contrast in ("moveMinusLook", "any")
        for region, label in (("1", "motor"), ("2", "visual"), ("40", "beside the head"))
        for backend in ("spm", "nilearn")
    ]


def test_values_are_means_of_the_maps_inside_each_mask(out: Path) -> None:
    labels = regions()
    for row in rows(out / TABLE):
        inside = volume(out, f"desc-{row['backend']}_mask") > 0
        here = inside & (labels == int(row["region"]))
        assert int(row["n_voxels"]) == here.sum()
        assert int(row["n_atlas_voxels"]) == (labels == int(row["region"])).sum()
        stats = ("effect", "t") if row["contrast"] == "moveMinusLook" else ("F",)
        for stat in ("effect", "t", "F"):
            name = f"contrast-{row['contrast']}_stat-{stat}_desc-{row['backend']}_statmap"
            if stat not in stats or not here.any():
                assert row[stat] == "n/a"
            else:
                expected = volume(out, name)[here].mean()
                np.testing.assert_allclose(float(row[stat]), expected, rtol=FLOAT32)
    motor, visual = (
        float(r["effect"]) for r in rows(out / TABLE) if r["backend"] == "spm" and r["t"] != "n/a"
    )
    assert motor > 10 * abs(visual), "the response is in region 1"


def test_agreement_of_each_region_is_that_of_the_maps(out: Path) -> None:
    labels = regions()
    found = rows(out / AGREEMENT)
    assert [(row["contrast"], row["map"], row["region"]) for row in found] == [
        (contrast, stat, region)
        for contrast, stats in (("moveMinusLook", ("effect", "t")), ("any", ("F",)))
        for stat in stats
        for region in ("1", "2", "40")
    ]
    inside = (volume(out, "desc-spm_mask") > 0) & (volume(out, "desc-nilearn_mask") > 0)
    for row in found:
        here = inside & (labels == int(row["region"]))
        assert int(row["n_both"]) == here.sum()
        if not here.any():
            assert (row["mean_difference"], row["pearson_r"], row["slope"]) == ("n/a",) * 3
            continue
        name = f"contrast-{row['contrast']}_stat-{row['map']}"
        spm, nilearn = (volume(out, f"{name}_desc-{b}_statmap")[here] for b in ("spm", "nilearn"))
        expected = np.corrcoef(spm, nilearn)[0, 1], (spm - nilearn).mean()
        got = float(row["pearson_r"]), float(row["mean_difference"])
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(float(row["rmsd"]), np.sqrt(((spm - nilearn) ** 2).mean()), rtol=1e-4)
    sidecar = json.loads((out / AGREEMENT).with_suffix(".json").read_text())
    assert sidecar["EffectUnits"] == {"spm": "% of spm_global", "nilearn": "% of voxel mean"}
    assert AGREEMENT in (out / "sub-01.html").read_text()
    assert AGREEMENT in json.loads((out / SUMMARY).read_text())["supplements"]["rois"]["files"]


def test_agreement_of_further_pairs_has_their_suffix(study: Path) -> None:
    four = study.parent / "four"
    words = command(study, *atlas_option(study), "--backends", "spm", "nilearn", "afni")
    assert main([words[0], str(four), *words[2:]]) == 0
    header = list(rows(four / AGREEMENT)[0])
    plain = ["n_both", "mean_difference", "rmsd", "pearson_r", "slope"]
    further = [f"{name}_afniVSnilearn" for name in plain]
    assert header == ["contrast", "map", "region", "label", *plain, *further, "contrast_name"]


def test_region_without_voxels_is_kept_and_warned_of_by_name(out: Path) -> None:
    empty = [row for row in rows(out / TABLE) if row["region"] == "40"]
    assert [(row["n_voxels"], row["effect"], row["t"], row["fraction"]) for row in empty] == [
        ("0", "n/a", "n/a", "0.0")
    ] * 4
    entry = json.loads((out / SUMMARY).read_text())["supplements"]["rois"]
    assert entry["warnings"] == ["no voxel inside the masks: beside the head; n/a stands for them"]


def test_atlas_is_added_changed_and_left_without_a_fit(
    study: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(participant, "estimated", refuse)
    first = (out / TABLE).read_bytes()
    stamp = (out / TABLE).stat().st_mtime_ns
    assert main(command(study, *atlas_option(study))) == 0
    assert (out / TABLE).stat().st_mtime_ns == stamp, "it was there"
    names = tmp_path / "other.tsv"
    names.write_text("index\tname\n1\tA\n2\tB\n40\tC\n")
    assert main(command(study, *atlas_option(study), "--atlas-labels", str(names))) == 0
    assert [row["label"] for row in rows(out / TABLE)][:6:2] == ["A", "B", "C"]
    assert main(command(study, *atlas_option(study))) == 0
    assert (out / TABLE).read_bytes() == first


def read(out: Path, atlas: Path, **changes: object) -> UnitRegions:
    """Regions of the finished participant in another atlas."""
    summary = json.loads((out / SUMMARY).read_text())
    return RegionReader(read_atlas(atlas)).read(out, {**summary, **changes})


def test_finer_and_turned_atlas_gives_the_regions_nearest_to_the_voxels(
    study: Path, out: Path, tmp_path: Path
) -> None:
    fine = np.repeat(np.repeat(np.repeat(regions(), 3, 0), 3, 1), 3, 2)
    shift = np.eye(4)
    shift[:3, 3] = -1  # the centre of the first of three fine voxels
    affine = tiny.AFFINE @ np.diag([1 / 3, 1 / 3, 1 / 3, 1]) @ shift
    turned = np.moveaxis(fine, 0, 1)[:, ::-1]  # axes swapped, one mirrored: the same places in space
    swap = np.array([[0, -1, 0, fine.shape[0] - 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    tiny.write_image(tmp_path / "fine.nii.gz", np.ascontiguousarray(turned), affine @ swap)
    (tmp_path / "fine.tsv").write_text((study.parent / "atlas.tsv").read_text())
    expected = read(out, study.parent / "atlas.nii.gz")
    assert len(expected.rows) == 12
    assert repr(read(out, tmp_path / "fine.nii.gz")) == repr(expected)  # NaN equals itself so


def test_atlas_of_another_space_is_warned_of(out: Path, tmp_path: Path) -> None:
    moved = tiny.AFFINE.copy()
    moved[0, 3] += 18
    path = tmp_path / "tpl-MNI305_dseg.nii.gz"
    tiny.write_image(path, np.where(regions() == 40, 0, regions()), moved)
    said = read(out, path).warnings
    assert any(text.startswith("tpl-MNI305_dseg.nii.gz is in space MNI305 by its name") for text in said)
    assert any("% of tpl-MNI305_dseg.nii.gz lies inside the masks; is it in the" in text for text in said)


def test_one_reader_reads_each_grid_as_a_reader_of_its_own(study: Path) -> None:
    atlas = read_atlas(study.parent / "atlas.nii.gz")
    grids = [Grid(tiny.SHAPE, tiny.AFFINE @ scale) for scale in (np.eye(4), np.diag([2.0, 2, 2, 1]))]
    reader = RegionReader(atlas)
    for grid in (grids[0], grids[1], grids[1], grids[0]):
        np.testing.assert_array_equal(reader.places(grid), RegionReader(atlas).places(grid))
    assert (reader.places(grids[0]) != reader.places(grids[1])).any()


@pytest.mark.parametrize(
    ("name", "space", "warned"),
    [
        (f"tpl-{tiny.SPACE}_dseg", tiny.SPACE, False),
        ("tpl-MNI305_dseg", tiny.SPACE, True),
        ("tpl-MNI305_dseg", "", False),
        ("dseg", tiny.SPACE, False),
    ],
)
def test_spaces_are_compared_where_both_are_known(
    study: Path, out: Path, tmp_path: Path, name: str, space: str, warned: bool
) -> None:
    path = tmp_path / f"{name}.nii.gz"
    shutil.copy(study.parent / "atlas.nii.gz", path)
    summary = json.loads((out / SUMMARY).read_text())
    entities = {key: value for key, value in summary["entities"].items() if key != "space"}
    said = read(out, path, entities=entities | ({"space": space} if space else {})).warnings
    there = [text for text in said if "by its name" in text]
    assert len(there) == warned
    if warned:
        assert there == [
            f"{path.name} is in space MNI305 by its name, the maps are in {space}; "
            "values of regions hold only where the two agree"
        ]


@pytest.mark.parametrize(("kept", "warned"), [(2, True), (4, False), (6, False)])
def test_less_than_half_an_atlas_in_the_masks_is_warned_of(
    out: Path, tmp_path: Path, kept: int, warned: bool
) -> None:
    """Eight voxels of eight times the size, of which some lie in what all packages have for a mask."""
    folder = tmp_path / "out" / "sub-01" / "func"
    shutil.copytree(out / "sub-01" / "func", folder)
    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    mask = np.zeros(tiny.SHAPE, np.uint8)
    mask[:kept, 3, 3] = 1
    for backend, part in (("spm", mask), ("nilearn", np.zeros_like(mask))):
        part = part.copy()
        part[0, 3, 3] = 1
        tiny.write_image(folder / f"{P}_desc-{backend}_mask.nii.gz", part)
    labels = np.zeros([2 * n for n in tiny.SHAPE], np.int16)
    labels[:16, 6:8, 6:8] = 1
    path = tmp_path / "atlas.nii.gz"
    tiny.write_image(path, labels, tiny.AFFINE @ fine)
    space = f"({tiny.SPACE})"
    said = [text for text in read(tmp_path / "out", path).warnings if "of atlas" in text]
    only = (
        f"only {kept / 8:.0%} of atlas.nii.gz lies inside the masks; is it in the space of the maps {space}?"
    )
    assert said == ([only] if warned else [])


def test_region_in_one_mask_only_names_the_package(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "sub-01" / "func"
    shutil.copytree(out / "sub-01" / "func", folder)
    tiny.write_image(
        folder / f"{P}_desc-spm_mask.nii.gz", ((regions() == 1) | (regions() == 40)).astype(np.uint8)
    )
    path = tmp_path / "atlas.nii.gz"
    tiny.write_image(path, np.where(regions() == 40, 0, regions()))
    found = read(tmp_path / "out", path)
    assert found.warnings[-1] == "no voxel inside SPM's mask: 2; n/a stands for them"
    counts = {row["backend"]: row["n_voxels"] for row in found.rows if row["region"] == 2}
    assert counts["spm"] == 0 < counts["nilearn"]


def test_one_backend_has_rows_too(study: Path, out: Path) -> None:
    found = read(out, study.parent / "atlas.nii.gz", backends=["nilearn"])
    assert {row["backend"] for row in found.rows} == {"nilearn"}
    assert len(found.rows) == 6


def bad_options(study: Path, case: str) -> list[str]:
    root = study.parent
    labels = root / f"{case}.tsv"
    if case == "labels alone":
        return ["--atlas-labels", str(root / "atlas.tsv")]
    if case == "missing atlas":
        return ["--atlas", str(root / "none.nii.gz")]
    if case == "truncated":
        path = root / "short.nii.gz"
        path.write_bytes((root / "atlas.nii.gz").read_bytes()[:-20])
        return ["--atlas", str(path)]
    if case == "twice":
        labels.write_text("index\tname\n1\ta\n1\tb\n")
    return [*atlas_option(study), "--atlas-labels", str(labels)]


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ("labels alone", 64, "--atlas-labels needs --atlas"),
        ("missing atlas", 66, "none.nii.gz: there is no such atlas; check --atlas"),
        ("missing labels", 66, "missing labels.tsv: there is no such labels file; check --atlas-labels"),
        ("truncated", 74, "short.nii.gz: is truncated or damaged; copy or re-run it"),
        ("twice", 65, "twice.tsv: line 3: index 1 stands in line 2 already; keep one of them"),
    ],
)
def test_wrong_atlas_is_one_line_before_anything_is_fitted(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, code: int, said: str
) -> None:
    new = tmp_path / "new"
    words = [str(study), str(new), "participant", "-q", *bad_options(study, case)]
    assert main(words) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not new.exists()


def test_sidecar_says_which_space_the_regions_are_in(out: Path) -> None:
    assert json.loads((out / TABLE).with_suffix(".json").read_text())["SpatialReference"] == tiny.SPACE
