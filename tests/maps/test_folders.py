"""Folders of SPM and of nilearn, in any order, and what of them is read as maps."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import bidsglm
from bidsglm.errors import BidsglmError, DataError, NoInputError, ReadWriteError
from bidsglm.maps import sources
from bidsglm.maps.agreement import MapChoice, MapSide, compared_maps
from bidsglm.maps.command import _distinct, labels_of
from bidsglm.maps.comparing import _called, _named
from bidsglm.maps.designs import _in_words
from bidsglm.maps.kinds import HeaderFacts, MapKind, kind_of_map
from bidsglm.maps.reading import MapImage, map_of, read_image
from bidsglm.maps.sources import of_folder
from tests.check.analysed import Analysed, blocks_in
from tests.check.nilearn_results import events_of
from tests.check.spm_mat import condition

SHAPE = (6, 7, 5)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("blocks"))


def volume(seed: int = 0, factor: float = 1.0) -> np.ndarray:
    return factor * np.random.default_rng(seed).normal(size=SHAPE)


def image(values: np.ndarray, affine: np.ndarray | None = None) -> nib.Nifti1Image:
    return nib.Nifti1Image(values, np.eye(4) if affine is None else affine)


def side(values: np.ndarray, kind: str = "effect", label: str = "a", *dof: float) -> MapSide:
    return MapSide(label, map_of(image(values), label), MapKind(kind, dof, "its name"))


def test_a_folder_of_nilearn_and_one_of_spm_are_checked_in_that_order(blocks: Analysed) -> None:
    longer = [condition("go", [10, 50, 90, 130, 170], 12), condition("stop", [31, 72.5, 111, 152], 0)]
    nilearn = blocks.nilearn("shifted", events=[events_of(longer, shift=2.0)])
    found = bidsglm.compare(nilearn, blocks.spm)
    assert found.labels == ("nilearn", "SPM")
    settings = found.settings.set_index("setting")
    assert settings.loc["onsets of go and stop (s)"].tolist() == [
        "12, 52, 92, 132, 172",
        "10, 50, 90, 130, 170",
    ]
    columns = found.columns.set_index("first")
    assert columns.loc["go", "second"] == "go*bf(1)"
    # first over second: SPM's regressors of blocks are a little higher, those of impulses many times
    assert 0.8 < columns.loc["go", "ratio"] < 1
    assert 0.01 < columns.loc["stop", "ratio"] < 0.1
    assert set(found.agreement["map"]) == {"effect", "t"}


def test_scans_are_for_a_check(blocks: Analysed) -> None:
    found = bidsglm.compare(blocks.spm, blocks.nilearn("equal"), scans=blocks.root)
    assert not len(found.settings)
    with pytest.raises(ValueError, match="scans: are for a folder of SPM and one of nilearn"):
        bidsglm.compare(blocks.nilearn("one"), blocks.nilearn("two"), scans=blocks.root)
    with pytest.raises(ValueError, match="scans: are for a folder of SPM and one of nilearn"):
        bidsglm.compare(image(volume(1)), image(volume(2)), scans=blocks.root)


def test_a_folder_of_spm_has_the_maps_of_its_contrasts_and_none_beside_it(blocks: Analysed) -> None:
    for given in (blocks.spm, blocks.spm / "SPM.mat"):
        found = of_folder(given)
        assert found.title == "SPM"
        assert [(each.contrast, each.kind) for each in found.maps] == [
            (name, kind) for name in ("go", "go > stop") for kind in ("effect", "t")
        ]
    one = found.maps[0].load()
    assert Path(one[0].name).name == "con_0001.nii"
    with pytest.raises(NoInputError, match="there is no such folder"):
        of_folder(blocks.root / "nowhere")


def test_a_folder_holds_up_to_a_number_of_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 2)
    names = [f"sub-01_contrast-{c}_stat-t_desc-spm_statmap.nii.gz" for c in "abc"]
    for number, name in enumerate(names, start=1):
        nib.save(image(volume()), tmp_path / name)
        if number <= 2:
            assert len(of_folder(tmp_path).maps) == number
    with pytest.raises(DataError, match="holds more than 2 maps; give the folder of one participant"):
        of_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["sub-1_run-1", "sub-1_run-2"], ["1", "2"]),
        (["a_run-1", "b_run-2"], ["a_run-1", "b_run-2"]),
        (["sub-1_run-1", "sub-1_ses-2"], ["sub-1_run-1", "sub-1_ses-2"]),
        (["x_run-1", "x"], ["x_run-1", "x"]),
        (["x", "x_run-1"], ["x", "x_run-1"]),
        (["r-1_a-1_desc-spm", "r-1_a-2_desc-fsl"], ["1 SPM", "2 FSL"]),
    ],
)
def test_names_of_files_differ_by_their_entities(names: list[str], expected: list[str]) -> None:
    assert _distinct(names) == expected


def test_labels_are_told_apart_and_no_longer_than_fits() -> None:
    assert labels_of(None, (Path("x.nii"), Path("x.nii"))) == tuple(
        f"{Path().absolute().name}/x ({letter})" for letter in "AB"
    )
    long = "n" * 60
    first, second = labels_of(None, (Path(f"{long}1.nii"), Path(f"{long}2.nii")))
    assert (len(first), len(second)) == (40, 40)
    assert (first[0], first[-1], second[-1]) == ("…", "1", "2")
    assert _called(None, ("SPM", "SPM")) == ("SPM 1", "SPM 2")
    assert _called(["old", "new "], ("a", "b")) == ("old", "new")
    for wrong in ("ab", ["a"], ["a", "b", "c"]):
        with pytest.raises(ValueError, match="labels: give two names"):
            _called(wrong, ("a", "b"))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("go", ["go"]),
        (["go", np.array([1, -1])], ["go", "contrast 2"]),
        ({"mine": [1, 0], 2: "go"}, ["mine", "2"]),
        ((np.array([1]),), ["contrast 1"]),
    ],
)
def test_contrasts_are_called_by_what_they_are(given: object, names: list[str]) -> None:
    assert list(_named(given)) == names


@pytest.mark.parametrize("given", [[], [1, -1], [0.5]])
def test_bare_weights_are_no_contrasts(given: object) -> None:
    with pytest.raises(ValueError, match="an expression, a list of them, or a dictionary"):
        _named(given)


def test_settings_of_models_fit_in_a_cell(tmp_path: Path) -> None:
    assert _in_words("cosine") == "cosine"
    assert _in_words(0.5) == "0.5"
    assert _in_words(image(volume())) == "Nifti1Image"
    path = tmp_path / "mask.nii"
    nib.save(image(volume()), path)
    assert _in_words(nib.load(path)) == str(path)
    long = _in_words(["x" * 40] * 40)
    assert long.endswith("…")
    assert len(long) == len(_in_words(["y" * 50] * 50))


@pytest.mark.parametrize(
    ("shape", "affine", "fault"),
    [
        (SHAPE[:2], None, "has dimensions 6 x 7; a map of a brain in three dimensions is needed"),
        ((*SHAPE, 2), None, r"has 2 volumes \(6 x 7 x 5 x 2\); take one of them out"),
        (SHAPE, np.diag([1.0, 1, 0, 1]), "its affine is not invertible"),
        (SHAPE, np.diag([1.0, 1, np.nan, 1]), "its affine is not invertible"),
    ],
)
def test_what_is_no_map_in_memory_is_said(
    shape: tuple[int, ...], affine: np.ndarray | None, fault: str
) -> None:
    class Given:
        """What nibabel would not write."""

        dataobj = np.zeros(shape)
        header = None

    given = Given()
    given.shape, given.affine = shape, np.eye(4) if affine is None else affine  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=fault):
        map_of(given, "mine")
    with pytest.raises(DataError, match="holds values of type complex128"):
        map_of(image(np.zeros(SHAPE, dtype=complex)), "mine")


def test_a_volume_with_a_fourth_dimension_of_one_is_a_map(tmp_path: Path) -> None:
    values = volume()
    for suffix in (".nii.gz", ".img"):
        path = tmp_path / f"map{suffix}"
        nib.save(
            (nib.Nifti1Pair if suffix == ".img" else nib.Nifti1Image)(values[..., None], np.eye(4)), path
        )
        np.testing.assert_allclose(read_image(path).values, values)
    assert map_of(image(values[..., None]), "mine").grid.shape == SHAPE


def test_a_pair_that_is_none_or_of_complex_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.hdr").write_bytes(b"nothing")
    (tmp_path / "a.img").write_bytes(b"nothing")
    with pytest.raises(ReadWriteError, match="cannot be read as a pair of header and image"):
        read_image(tmp_path / "a.hdr")
    nib.save(nib.Nifti1Pair(np.zeros(SHAPE, dtype=np.complex64), np.eye(4)), tmp_path / "c.img")
    with pytest.raises(DataError, match="stores values of type complex64"):
        read_image(tmp_path / "c.img")


def test_a_mask_of_another_grid_is_refused_or_resampled() -> None:
    values = volume()
    inside = np.zeros(SHAPE)
    inside[1:4, 1:4, 1:4] = 1
    fine = np.repeat(np.repeat(np.repeat(inside, 2, 0), 2, 1), 2, 2)
    halves = np.diag([0.5, 0.5, 0.5, 1.0])
    halves[:3, 3] = -0.25
    mask: MapImage = map_of(image(fine, halves), "mask")
    sides = side(values), side(2 * values, label="b")
    with pytest.raises(DataError, match="grid"):
        compared_maps(*sides, MapChoice(mask=mask))
    assert compared_maps(*sides, MapChoice(mask=mask, resample=True)).row["n_both"] == 27
    whole = compared_maps(*sides, MapChoice())
    assert whole.row["n_both"] == values.size


def test_thresholds_are_those_of_one_family() -> None:
    t, f = side(5 * volume(1), "t", "a", 20.0), side(5 * volume(1) ** 2, "F", "b", 1.0, 20.0)
    z = side(5 * volume(1), "z", "c")
    assert "dice_p001" not in compared_maps(t, f, MapChoice()).row
    assert compared_maps(t, z, MapChoice()).row["dice_p001"] is not None
    bare = side(5 * volume(1), "t", "d")
    assert compared_maps(t, bare, MapChoice()).notes[0] == (
        "The degrees of freedom of d are not known; those of a are used."
    )
    found = compared_maps(side(5 * volume(2), "t", "e"), bare, MapChoice())
    assert "The degrees of freedom are not known, so there are no thresholds." in (found.notes)


def test_what_a_reader_should_know_is_noted() -> None:
    values = volume()
    half, third = values.copy(), values.copy()
    half.ravel()[: values.size // 2 - 1] = np.nan
    third.ravel()[: values.size * 2 // 3] = np.nan
    words = "One map has a result in more than twice as many voxels as the other: compare the masks."
    for cut, told in ((half, False), (third, True)):
        notes = compared_maps(side(values), side(2 * cut, label="b"), MapChoice()).notes
        assert (words in notes) is told
        assert not any("same numbers" in note for note in notes)
    same = compared_maps(side(values), side(values, label="b"), MapChoice()).notes
    assert same == ("Both maps hold the same numbers in every voxel that they share.",)
    unlike = compared_maps(side(values, "t", "a", 9.0), side(2 * values, "map", "b"), MapChoice()).notes
    assert unlike[0].startswith("The maps are of two kinds: a is t (by its name), b is of an unknown kind")
    assert not any("degrees of freedom" in note for note in unlike)


@pytest.mark.parametrize(
    ("sidecar", "dof"),
    [
        ('{"DegreesOfFreedom": 20}', (20.0,)),
        ('{"DegreesOfFreedom": true}', ()),
        ('{"DegreesOfFreedom": "20"}', ()),
        ('{"DegreesOfFreedom": 0}', ()),
        ('{"DegreesOfFreedom": 20, "NumeratorDegreesOfFreedom": 2}', ()),
        ("{", ()),
    ],
)
def test_degrees_of_freedom_of_a_sidecar_are_numbers_above_0(
    tmp_path: Path, sidecar: str, dof: tuple[float, ...]
) -> None:
    (tmp_path / "tmap.json").write_text(sidecar)
    found = kind_of_map(str(tmp_path / "tmap.nii.gz"), HeaderFacts(), None, ())
    assert (found.kind, found.dof) == ("t", dof)


def test_two_of_a_kind_are_compared() -> None:
    values = image(volume())
    with pytest.raises(BidsglmError, match="is the same map as the first"):
        bidsglm.compare(values, values)
    with pytest.raises(TypeError, match="first: must be a fitted model, a folder or a map, not int"):
        bidsglm.compare(1, values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contrasts: a map is of one already; leave it out"):
        bidsglm.compare(values, image(volume(1)), contrasts=["go"])
    with pytest.raises(TypeError, match="mask: must be a path or an image, not int"):
        bidsglm.compare(values, image(volume(1)), mask=1)  # type: ignore[arg-type]
    found = bidsglm.compare(image(volume(1)), image(volume(2)))
    assert found.labels == ("first", "second")
    assert found.agreement["contrast"].tolist() == [None]
