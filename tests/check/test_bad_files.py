"""`bidsglm check` of what it cannot check: one line with the file and the remedy, and nothing written."""

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat

from bidsglm.check.data import values_of
from bidsglm.check.matlab import read_mat
from bidsglm.check.own_files import own_file
from bidsglm.cli import main
from bidsglm.errors import DataError, ReadWriteError

from .group_mat import GroupStudy, group_structure
from .spm_mat import AFFINE, SHAPE, Study, condition, scans_of, write_spm

GO = condition("go", [10, 50, 90], 12)
N_SCANS = 60


class Given:
    """An analysis of each program, small."""

    def __init__(self, root: Path) -> None:
        self.root = root
        study = Study([[GO]], [N_SCANS], contrasts={"go": {"trial_type.go": 1.0}})
        (root / "func").mkdir(parents=True)
        self.spm = write_spm(study, root / "spm", scans_of(study, root / "func"))
        self.nilearn = root / "nilearn"
        self.nilearn.mkdir()
        columns = {"go": np.sin(np.arange(N_SCANS)), "constant": np.ones(N_SCANS)}
        pd.DataFrame(columns, index=2.0 * np.arange(N_SCANS)).to_csv(self.nilearn / "design.csv")
        write_map(self.nilearn / "go_stat.nii.gz", np.random.default_rng(0).normal(size=SHAPE))

    @property
    def mat(self) -> bytes:
        return (self.spm / "SPM.mat").read_bytes()

    def structure(self, **changed: Any) -> dict[str, Any]:
        """Fields of SPM, some replaced or (...) left out."""
        found = loadmat(self.spm / "SPM.mat")["SPM"]
        fields = {name: found[name][0, 0] for name in found.dtype.names} | changed
        return {name: value for name, value in fields.items() if value is not ...}


def write_map(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    kind = values.dtype if values.dtype.kind == "c" else np.float32
    nib.Nifti1Image(values.astype(kind), affine).to_filename(path)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("given"))


def nested(depth: int) -> bytes:
    """A variable SPM of cells in cells."""
    leaf = struct.pack("<14I", 14, 48, 6, 8, 6, 0, 5, 8, 0, 0, 1, 0, 9, 0)
    pieces, size = [leaf], len(leaf)
    for level in range(depth):
        name = struct.pack("<HH4s", 1, 3, b"SPM\0") if level == depth - 1 else struct.pack("<2I", 1, 0)
        head = struct.pack("<8I", 6, 8, 1, 0, 5, 8, 1, 1) + name
        pieces.append(struct.pack("<2I", 14, len(head) + size) + head)
        size += len(head) + 8
    return b"".join(reversed(pieces))


def bomb() -> bytes:
    """Three GiB of zeros in three MB: one piece, from which a flush cuts the next, again and again."""
    packer = zlib.compressobj(9)
    first, piece = (packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    packed = first + piece * (3 * 2**10 - 1)
    return struct.pack("<2I", 15, len(packed)) + packed


def one_sample(paths: str = "/study/sub-{}/con_0001.nii") -> dict[str, Any]:
    study = GroupStudy("One sample t-test", np.ones((8, 1)), ["mean"], {"mean": ("T", [[1]])})
    return group_structure(study, [paths.format(i) for i in range(8)])


Bad = tuple[Callable[[Given, Path], bytes | dict[str, Any]], int, str]
MATS: dict[str, Bad] = {
    "empty": (lambda g, p: b"", 65, "is no MATLAB file"),
    "half a header": (lambda g, p: g.mat[:100], 74, "damaged or cut short"),
    "half a file": (lambda g, p: g.mat[: len(g.mat) // 2], 74, "damaged or cut short"),
    "no variables": (lambda g, p: g.mat[:128], 65, "holds no variable SPM"),
    "depth": (lambda g, p: g.mat[:128] + nested(100_000), 74, "is damaged"),
    "bomb": (lambda g, p: g.mat[:128] + bomb(), 65, "unpacks to more than 2 GiB"),
    "v7.3 cut": (
        lambda g, p: b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(99),
        74,
        "damaged or cut short",
    ),
    "EEG": (lambda g, p: {"D": {"Fs": 250.0}}, 65, "holds no variable SPM"),
    "surfaces": (lambda g, p: {"SPM": one_sample("/study/sub-{}.gii")}, 65, "surfaces (GIfTI)"),
    "other level": (lambda g, p: {"SPM": one_sample()}, 65, "give results of one level"),
    "no response": (lambda g, p: {"SPM": g.structure(xBF=...)}, 65, "no first-level fMRI design"),
    "no noise model": (lambda g, p: {"SPM": g.structure(xVi=...)}, 65, "serial correlations in xVi.form"),
    "no sessions": (lambda g, p: {"SPM": g.structure(Sess=...)}, 65, "no first-level fMRI design"),
    "text": (lambda g, p: {"SPM": "SPM"}, 65, "its SPM is no structure"),
}


@pytest.mark.parametrize("kind", MATS)
def test_an_spm_mat_that_cannot_be_checked_is_one_line(
    kind: str, given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, words = MATS[kind]
    content, path = make(given, tmp_path), tmp_path / "SPM.mat"
    if isinstance(content, dict):
        savemat(path, content)
    else:
        path.write_bytes(content)
    assert_refused(capsys, code, words, tmp_path / "out", path, given.nilearn)


def assert_refused(
    capsys: pytest.CaptureFixture[str], code: int, words: str, out: Path, spm: Path, *nilearn: Path
) -> None:
    command = ["check", str(out), "--spm", str(spm)]
    command += ["--nilearn", *map(str, nilearn)] if nilearn else []
    assert (main(command), out.exists()) == (code, False)
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1


def test_several_gigabytes_are_refused_without_reading_them(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "SPM.mat"
    with path.open("wb") as stream:
        stream.write(given.mat[:128])
        stream.truncate(3 * 2**30)
    assert_refused(capsys, 65, "is larger than 1 GiB; save it", tmp_path / "out", path, given.nilearn)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(SHAPE), "no value other than 0"),
        (np.full(SHAPE, np.nan), "no value other than 0"),
        (np.zeros((0, 7, 4)), "no voxel at all"),
        (np.ones((*SHAPE, 3)), "has 3 volumes"),
        (np.ones((*SHAPE, 1, 2)), "give an image of three or four dimensions"),
        (np.ones((6, 7)), "give an image of three or four dimensions"),
        (np.ones(SHAPE, np.complex64), "no real numbers"),
    ],
)
def test_maps_that_are_none_are_one_line(
    values: np.ndarray, words: str, given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_map(tmp_path / "go_stat.nii.gz", values)
    (tmp_path / "design.csv").write_bytes((given.nilearn / "design.csv").read_bytes())
    assert_refused(capsys, 65, words, tmp_path / "out", given.spm, tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"a;b\n1,2", b"\xff\xfe\0" * 9, b"go,constant\n", b"go,constant\n1,x"]
)
def test_a_design_that_is_none_is_one_line(
    content: bytes, given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "design.csv").write_bytes(content)
    (tmp_path / "go_stat.nii.gz").write_bytes((given.nilearn / "go_stat.nii.gz").read_bytes())
    assert_refused(capsys, 65, "is no design matrix", tmp_path / "out", given.spm, tmp_path)


def test_levels_are_not_mixed(given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"intercept": np.ones(12)}).to_csv(tmp_path / "design_matrix.csv")
    assert_refused(capsys, 65, "a second level of nilearn", tmp_path / "out", given.spm, tmp_path)
    assert_refused(capsys, 64, "give that with --nilearn", tmp_path / "out", given.spm)


def checked(given: Given, spm: Path, out: Path, nilearn: Path | None = None) -> dict[str, Any]:
    words = ["check", str(out), "--spm", str(spm), "--nilearn", str(nilearn or given.nilearn), "--overwrite"]
    assert main(words) == 0
    found: dict[str, Any] = json.loads((out / "check.json").read_text())
    return found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Vbeta": ..., "xCon": ...}, "was specified, not estimated"),
        ({"xCon": np.empty((0, 0))}, "holds no contrast"),
        ({"xVol": ...}, "holds none of SPM's maps"),
    ],
)
def test_what_an_analysis_lacks_is_said(
    changed: dict[str, Any], words: str, given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    savemat(tmp_path / "SPM.mat", {"SPM": given.structure(**changed)})
    assert any(words in note for note in checked(given, tmp_path, tmp_path / "out")["notes"])
    assert words in capsys.readouterr().out


def test_without_a_design_matrix_nothing_is_claimed(given: Given, tmp_path: Path) -> None:
    (tmp_path / "go_stat.nii.gz").write_bytes((given.nilearn / "go_stat.nii.gz").read_bytes())
    found = checked(given, given.spm, tmp_path / "out", tmp_path)
    assert "is not known" in found["answer"]
    assert found["same_model"] is None


def test_links_that_lead_out_of_nilearns_folder_are_told(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "nilearn"
    folder.mkdir()
    (folder / "go_stat.nii.gz").symlink_to(given.nilearn / "go_stat.nii.gz")
    assert_refused(
        capsys,
        65,
        "only links that lead out of it, such as go_stat.nii.gz",
        tmp_path / "out",
        given.spm,
        folder,
    )
    (folder / "design.csv").write_bytes((given.nilearn / "design.csv").read_bytes())
    notes = checked(given, given.spm, tmp_path / "out", folder)["notes"]
    assert any("are not followed: go_stat.nii.gz" in note for note in notes)


def test_a_packed_spm_mat_is_told(given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "SPM.mat.gz").write_bytes(gzip.compress(given.mat))
    assert_refused(capsys, 66, "there is SPM.mat.gz: unpack it", tmp_path / "out", tmp_path, given.nilearn)


def test_out_may_lie_in_the_folder_of_spm_where_nothing_else_changes(given: Given, tmp_path: Path) -> None:
    spm = tmp_path / "größe 名"
    spm.mkdir()
    for path in given.spm.iterdir():
        (spm / path.name).write_bytes(path.read_bytes())
    before = {path.name: path.read_bytes() for path in spm.iterdir()}
    checked(given, spm, spm / "out")
    assert {p.name: p.read_bytes() for p in spm.iterdir() if p.is_file()} == before


def test_a_map_of_spm_that_leads_out_of_its_folder_is_none_of_its_maps(tmp_path: Path) -> None:
    inside = tmp_path / "spm"
    inside.mkdir()
    write_map(tmp_path / "secret.nii", np.ones(SHAPE))
    (inside / "con_0001.nii").symlink_to(tmp_path / "secret.nii")
    assert own_file(inside, "con_0001.nii") is None
    write_map(inside / "con_0002.nii.gz", np.ones(SHAPE))
    assert own_file(inside, "con_0002.nii") == inside / "con_0002.nii.gz"


def test_an_analyze_image_with_a_matlab_file_is_refused_by_name(tmp_path: Path) -> None:
    nib.Spm99AnalyzeImage(np.ones(SHAPE, np.float32), AFFINE).to_filename(tmp_path / "con_0001.img")
    assert (tmp_path / "con_0001.mat").exists()
    with pytest.raises(DataError, match=r"con_0001.mat, which is not read"):
        values_of(tmp_path / "con_0001.img")
    (tmp_path / "con_0001.mat").unlink()
    values, grid = values_of(tmp_path / "con_0001.img")
    assert values.shape == SHAPE
    # SPM's convention: without a place in space, left is on the right
    assert grid.affine[0, 0] < 0


def test_links_of_a_v73_file_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.mat", "w") as other:
        other["secret"] = np.ones(3)
    with h5py.File(tmp_path / "SPM.mat", "w") as file:
        file["SPM"] = h5py.ExternalLink("other.mat", "secret")
        group = file.create_group("own")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        group["secret"] = h5py.ExternalLink("other.mat", "secret")
        raw = tmp_path / "raw"
        raw.write_bytes(bytes(80))
        group.create_dataset("outside", (10,), "f8", external=[(str(raw), 0, 80)])
    with pytest.raises(DataError, match="is a link"):
        read_mat(tmp_path / "SPM.mat", "SPM")
    with pytest.raises(DataError, match="keeps values in other files"):
        read_mat(tmp_path / "SPM.mat", "own")


def test_gzipped_maps_that_are_cut_are_one_line(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.decompress((given.nilearn / "go_stat.nii.gz").read_bytes())
    (tmp_path / "go_stat.nii.gz").write_bytes(gzip.compress(whole[:400]))
    (tmp_path / "design.csv").write_bytes((given.nilearn / "design.csv").read_bytes())
    assert_refused(capsys, 74, "go_stat.nii.gz", tmp_path / "out", given.spm, tmp_path)


@pytest.mark.parametrize(
    ("at", "kind", "values", "words"),
    [
        (70, "<h", [1920], "is damaged, cut short or no image (data code 1920 not recognized)"),
        (42, "<3h", [30_000] * 3, "its header says 30000 x 30000 x 30000, more than any brain has"),
        (42, "<3h", [-1, 7, 4], "no voxel at all"),
    ],
    ids=["type", "size", "negative"],
)
@pytest.mark.parametrize("name", ["go_stat.nii", "go_stat.img"])
def test_headers_that_cannot_be_are_one_line(
    at: int,
    kind: str,
    values: list[int],
    words: str,
    name: str,
    given: Given,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = name.endswith(".img")
    path = tmp_path / "con_0001.img" if pair else tmp_path / name
    (nib.Nifti1Pair if pair else nib.Nifti1Image)(np.ones(SHAPE, np.float32), AFFINE).to_filename(path)
    head = path.with_suffix(".hdr") if pair else path
    content = bytearray(head.read_bytes())
    struct.pack_into(kind, content, at, *values)
    head.write_bytes(content)
    with pytest.raises((DataError, ReadWriteError), match=words.replace("(", r"\(").replace(")", r"\)")):
        values_of(path)
    assert capsys.readouterr().err == ""
