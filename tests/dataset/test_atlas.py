"""Any image of whole numbers is an atlas; what is none says why."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.dataset.atlas import places_on, read_atlas
from bidsglm.dataset.masks import Grid
from bidsglm.errors import BidsglmError, DataError, NoInputError, ReadWriteError

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
NAMES = "index\tname\n0\tbackground\n3\tleft\n11\tright\n"


def labelled(dtype: type = np.int16) -> np.ndarray:
    """Two regions, 3 and 11, in a small volume."""
    values = np.zeros((6, 5, 4), dtype)
    values[:2], values[4:, :2] = 3, 11
    return values


def write(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_regions_are_read_from_any_type(tmp_path: Path, dtype: type) -> None:
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled(dtype)))
    assert (atlas.indices, atlas.names) == ((3, 11), ("3", "11"))
    np.testing.assert_array_equal(atlas.places, np.searchsorted([0, 3, 11], labelled()))


def test_one_volume_and_nan_and_scaled_storage_are_fine(tmp_path: Path) -> None:
    values = labelled(np.float32)
    values[3, 3, 3] = np.nan
    assert read_atlas(write(tmp_path / "a.nii.gz", values[..., None])).indices == (3, 11)
    image = nib.Nifti1Image(labelled(np.float32), AFFINE)
    image.set_data_dtype(np.int16)  # stored as integers under a slope
    nib.save(image, tmp_path / "b.nii")
    assert float(nib.load(tmp_path / "b.nii").dataobj.slope) != 1
    assert read_atlas(tmp_path / "b.nii").indices == (3, 11)


def test_image_without_background_has_its_regions_all_the_same(tmp_path: Path) -> None:
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled() + 5))
    assert atlas.indices == (5, 8, 16)
    assert atlas.places.min() == 1


@pytest.mark.parametrize(
    ("atlas", "labels"),
    [
        ("a.nii.gz", "a.tsv"),
        ("a.nii", "a.tsv"),
        ("a.nii.gz", "a_dseg.tsv"),
        ("tpl-X_res-01_atlas-A_dseg.nii.gz", "tpl-X_res-01_atlas-A_dseg.tsv"),
        ("tpl-X_res-01_atlas-A_dseg.nii.gz", "tpl-X_atlas-A_dseg.tsv"),
    ],
)
def test_labels_beside_the_image_are_found(tmp_path: Path, atlas: str, labels: str) -> None:
    (tmp_path / labels).write_text(NAMES)
    found = read_atlas(write(tmp_path / atlas, labelled()))
    assert found.names == ("left", "right")
    assert found.labels == tmp_path / labels
    assert found.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        NAMES,
        "Index\tName\n3\tleft\n11\tright\n",
        "name\tindex\tcolor\nleft\t3\t#fff\nright\t11.0\t#000\n",
        "id\tlabel\n3\tleft\n11\tright\n",
        "value\tregion\n3\tleft\n11\tright\n",
        "index\tabbreviation\tname\n3\tL\tleft\n11\tR\tright\n",
        "#No. Label Name:  R G B A\n0 Unknown 0 0 0 0\n3 left 1 2 3 0\n\n11 right 1 2 3 0\n",
        "3\tleft\n11\tright\n",
        "3 left 2001\r\n11 right 2002\r\n",
        "\ufeffindex\tname\n3\tleft\n11\tright\n",
    ],
)
def test_variants_of_the_labels_file_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(text.encode())
    assert read_atlas(write(tmp_path / "a.nii.gz", labelled()), path).names == ("left", "right")


def test_what_image_and_labels_do_not_share_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("index\tname\n3\tleft\n7\tnowhere\n12\tn/a\n")
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled()))
    assert atlas.names == ("left", "11")
    assert atlas.notes == (
        "a.tsv has no name for 11 of a.nii.gz; these go by number",
        "a.tsv names regions that a.nii.gz lacks: nowhere (7), 12 (12)",
    )


def test_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    first = write(tmp_path / "a.nii.gz", labelled())
    (tmp_path / "b").mkdir()
    moved = tmp_path / "b" / "c.nii.gz"
    moved.write_bytes(first.read_bytes())
    before = read_atlas(first).digest
    assert read_atlas(moved).digest == before
    (tmp_path / "a.tsv").write_text(NAMES)
    named = read_atlas(first).digest
    assert named != before
    (tmp_path / "a.tsv").write_text(NAMES.replace("left", "links"))
    assert read_atlas(first).digest not in (named, before)
    assert read_atlas(write(first, labelled()[::-1])).digest != named


def test_space_is_read_from_the_name(tmp_path: Path) -> None:
    spaces = {"tpl-MNI152NLin6Asym_res-02_dseg": "MNI152NLin6Asym", "x_space-T1w_dseg": "T1w", "a": ""}
    for name, space in spaces.items():
        assert read_atlas(write(tmp_path / f"{name}.nii.gz", labelled())).space == space


def nearest(atlas: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    """Label of the atlas voxel nearest to each voxel's centre, one voxel after the other."""
    out = np.zeros(grid.shape, int)
    inverse = np.linalg.inv(affine)
    for place in np.ndindex(*grid.shape):
        found = np.rint((inverse @ grid.affine @ [*place, 1])[:3] - 1e-9).astype(int)
        if (found >= 0).all() and (found < atlas.shape).all():
            out[place] = atlas[tuple(found)]
    return out


def mirrored() -> np.ndarray:
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = 8
    return affine


def turned(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    affine = np.eye(4)
    affine[:2, :2] = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine[2, 2], affine[:3, 3] = 1.7, (-3.3, 2.1, 0.4)
    return affine


@pytest.mark.parametrize(
    "affine",
    [AFFINE, mirrored(), np.diag([1.1, 1.3, 0.9, 1.0]), turned(10), turned(37)],
    ids=["same", "mirrored", "finer", "turned by 10", "turned by 37"],
)
def test_regions_of_the_nearest_voxels_are_taken(tmp_path: Path, affine: np.ndarray) -> None:
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled(), affine))
    grid = Grid((9, 8, 7), np.array([[1.5, 0, 0, -4.3], [0, 1.5, 0, -2.2], [0, 0, 1.5, -0.7], [0, 0, 0, 1]]))
    expected = nearest(atlas.places, affine, grid)
    found = places_on(atlas, grid)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) == 3


@pytest.mark.parametrize("away", [500.0, -500.0])
def test_atlas_that_lies_elsewhere_has_no_voxel(tmp_path: Path, away: float) -> None:
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled()))
    affine = AFFINE.copy()
    affine[1, 3] += away
    found = places_on(atlas, Grid((9, 8, 7), affine))
    assert found.shape == (9, 8, 7)
    assert not found.any()


def test_same_grid_is_left_untouched(tmp_path: Path) -> None:
    atlas = read_atlas(write(tmp_path / "a.nii.gz", labelled()))
    np.testing.assert_array_equal(places_on(atlas, Grid((6, 5, 4), AFFINE)), atlas.places)


def bad_image(case: str) -> np.ndarray:
    return {
        "interpolated": labelled(np.float32) * np.float32(0.5),
        "volumes": np.stack([labelled()] * 3, axis=-1),
        "empty": np.zeros((3, 3, 3), np.int16),
        "negative": -labelled(),
        "infinite": np.where(labelled() > 0, np.inf, 0).astype(np.float32),
    }[case]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("interpolated", "holds 1.5, which numbers no region; an atlas has whole numbers only"),
        ("volumes", "has 3 volumes; an atlas needs one"),
        ("empty", "holds no region, every voxel is 0; choose another atlas"),
        ("negative", "holds -11; regions are numbered from 1, and 0 is the background"),
        ("infinite", "holds values beyond 2147483647"),
    ],
)
def test_image_that_is_no_atlas_says_why(tmp_path: Path, case: str, said: str) -> None:
    path = write(tmp_path / "a.nii.gz", bad_image(case))
    with pytest.raises(DataError) as caught:
        read_atlas(path)
    assert str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("index\tname\n3\tleft\nx\tright\n", "line 3: index is x; give the region's whole number"),
        ("index\tname\n3\tleft\n\tright\n", "line 3: index is nothing; give the region's whole number"),
        ("index\tname\n3.5\tleft\n", "line 2: index is 3.5; give the region's whole number"),
        ("index\tname\n3\tleft\n11\ta\n3\tb\n", "line 4: index 3 stands in line 2 already; keep one of them"),
        ("number\tcolor\n3\tred\n", "line 1: has no column name, only number, color; it must be tab-sep"),
        ("a\tname\n3\tleft\n", "line 1: has no column index, only a, name; it must be tab-separated"),
        ("index,name\n3,left\n", "line 1: its columns are separated by commas, not by tabs; save it"),
        ("index\tname\n3\tleft\tmore\n", "line 2: 3 cells under 2 column names; correct it"),
        ("3 left\n11\n", "line 2: a number and a name are needed; correct it"),
        ("", "empty; it needs a line with the names of its columns"),
    ],
)
def test_broken_labels_name_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "names.tsv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_atlas(write(tmp_path / "a.nii.gz", labelled()), path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("header", [b"index\tname\n", b""])
def test_labels_that_are_no_text_say_so(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "names.tsv"
    path.write_bytes(header + b"3\t\xff\xfe\n")
    with pytest.raises(DataError, match="not UTF-8 text"):
        read_atlas(write(tmp_path / "a.nii.gz", labelled()), path)


def damaged(tmp_path: Path, case: str) -> tuple[Path, Path | None]:
    path = write(tmp_path / "a.nii.gz", labelled())
    if case == "no atlas":
        path.unlink()
    if case == "a folder":
        return tmp_path, None
    if case == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    if case == "no gzip":
        path.write_bytes(gzip.decompress(path.read_bytes()))
    return path, (tmp_path / "none.tsv" if case == "no labels" else None)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("no atlas", NoInputError),
        ("a folder", NoInputError),
        ("no labels", NoInputError),
        ("truncated", ReadWriteError),
        ("no gzip", ReadWriteError),
    ],
)
def test_missing_and_damaged_files_have_their_own_codes(
    tmp_path: Path, case: str, kind: type[BidsglmError]
) -> None:
    path, labels = damaged(tmp_path, case)
    with pytest.raises(kind) as caught:
        read_atlas(path, labels)
    assert str(caught.value).startswith(str(labels or path))
