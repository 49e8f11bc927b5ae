"""Two maps on one page: the numbers, what the maps are of, other grids, and files that are no map."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.maps import MapPair, map_agreement
from bidsglm.cli import main
from bidsglm.maps.command import build_maps_parser
from bidsglm.maps.kinds import MapKind, kind_of_map
from bidsglm.maps.reading import HeaderFacts, read_image
from bidsglm.outputs.map_tables import AGREEMENT
from tests import finished
from tests.conftest import PROJECT

SHAPE = (9, 10, 8)
AFFINE = np.array([[-3.0, 0, 0, 12], [0, 3, 0, -14], [0, 0, 3, -10], [0, 0, 0, 1]])


def values(seed: int = 0, noise: float = 0.3) -> np.ndarray:
    """A statistic with an active corner, and 0 outside its mask."""
    rng = np.random.default_rng(1)
    found = rng.standard_normal(SHAPE)
    found[2:5, 2:5, 2:5] += 6
    found += noise * np.random.default_rng(seed).standard_normal(SHAPE)
    found[0] = 0
    return found


def write(path: Path, content: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    image = nib.Nifti1Image(content.astype(np.float32), affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A t map by SPM, with its degrees of freedom, and one that a script named."""
    first = write(tmp_path / "spmT_0001.nii", values(2), descrip=b"SPM{T_[83.0]} - contrast 1: go")
    second = values(3)
    second[1] = np.nan
    return first, write(tmp_path / "go_stat.nii.gz", second)


def run(*words: object) -> int:
    return main(["maps", *map(str, words)])


def row(out: Path) -> dict[str, Any]:
    (found,) = AGREEMENT.read(out / "agreement.tsv")
    return found


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on what is wrong."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_page_table_and_summary_say_what_the_maps_hold(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(*pair, out, "--labels", "SPM", "my <script>") == 0
    first, second = (nib.load(path).get_fdata() for path in pair)
    both = (first != 0) & np.isfinite(second) & (second != 0)
    found = row(out)
    assert (found["n_both"], found["n_first_only"], found["n_second_only"]) == (both.sum(), 80, 0)
    assert found["pearson_r"] == pytest.approx(np.corrcoef(first[both], second[both])[0, 1], abs=1e-12)
    assert found["mean_difference"] == pytest.approx(np.mean(first[both] - second[both]), abs=1e-12)
    passing = [(v > stats.t.isf(0.001, 83)) & (np.nan_to_num(v) != 0) for v in (first, second)]
    common = 2 * (passing[0] & passing[1] & both).sum() / sum((p & both).sum() for p in passing)
    assert found["dice_p001"] == pytest.approx(common)
    assert found["map"], found["first"] == ("t", "SPM")
    page = (out / "maps.html").read_text()
    for text in (
        "my &lt;script&gt;",
        f"{found['pearson_r']:.3f}",
        'class="viewer"',
        "Bland-Altman",
        str(pair[0]),
    ):
        assert text in page
    assert "<script>" not in page.split("</header>")[0].split("<header>")[1]
    summary = json.loads((out / "maps.json").read_text())
    (told,) = summary["pairs"]
    assert [each["kind_told_by"] for each in told["maps"]] == ["its header", "its name"]
    assert told["maps"][0]["degrees_of_freedom"] == told["maps"][1]["degrees_of_freedom"] == [83.0]
    assert "those of SPM are used" in told["notes"][0]
    assert told["verdict"] in capsys.readouterr().out
    assert {"desc-scatter.svg", "stat-t_desc-maps.svg"} <= {p.name for p in (out / "figures").iterdir()}
    difference = nib.load(out / "desc-difference_statmap.nii.gz").get_fdata()
    np.testing.assert_allclose(difference[both], (first - second)[both], atol=1e-6)
    assert not difference[~both].any()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda v: v, "are identical"),
        (lambda v: 102.6 * v, "is 0.00975 times B, and nothing else differs"),
        (lambda v: -v + 0.05 * np.where(v, values(9), 0), "opposite in sign"),
    ],
)
def test_the_verdict_knows_equal_scaled_and_opposite_maps(
    other: Any, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "con_0001.nii", values())
    image = nib.Nifti1Image(other(nib.load(first).get_fdata()), AFFINE)
    nib.save(image, tmp_path / "con_0002.nii")
    assert run(first, tmp_path / "con_0002.nii", tmp_path / "out", "--labels", "A", "B") == 0
    assert words in capsys.readouterr().out
    assert np.isnan(row(tmp_path / "out").get("dice_p001", np.nan))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (values(2)[:, :, 4:5], values(3)[:, :, 4:5]),
        (np.ones(SHAPE), values()),
        (np.ones(SHAPE), 2 * np.ones(SHAPE)),
        (1e30 * values(2), 1e30 * values(3)),
        (1e6 * values(2), values(3)),
        (np.where(values() > 5, np.inf, values()), values()),
        (np.arange(1.0, 5.0).reshape(2, 2, 1), np.arange(4.0, 0.0, -1.0).reshape(2, 2, 1)),
    ],
    ids=["slice", "constant", "both constant", "huge", "other unit", "infinite", "four voxels"],
)
@pytest.mark.filterwarnings("error")
def test_odd_maps_have_a_page_too(first: np.ndarray, second: np.ndarray, tmp_path: Path) -> None:
    tilted = np.array([[2.9, 0.5, 0, 0], [-0.5, 2.9, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])
    paths = [write(tmp_path / f"{name}.nii.gz", v, tilted) for name, v in (("a", first), ("b", second))]
    assert run(*paths, tmp_path / "out", "--stat", "t", "--dof", "50") == 0
    assert 'class="viewer"' in (tmp_path / "out" / "maps.html").read_text()


def test_maps_that_hardly_correlate_are_not_called_opposite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = [np.random.default_rng(seed).normal(size=SHAPE) for seed in (1, 9)]
    paths = [write(tmp_path / f"{name}.nii", v) for name, v in zip("ab", maps, strict=True)]
    assert row_of(*paths, tmp_path / "out")["pearson_r"] < 0
    assert "opposite" not in capsys.readouterr().out


def row_of(first: Path, second: Path, out: Path) -> dict[str, Any]:
    assert run(first, second, out) == 0
    return row(out)


def test_the_mask_limits_what_is_compared(pair: tuple[Path, Path], tmp_path: Path) -> None:
    inside = np.zeros(SHAPE)
    inside[3:6, 3:6, 3:6] = 1
    mask = write(tmp_path / "mask.nii", inside)
    assert run(*pair, tmp_path / "out", "--mask", mask) == 0
    assert row(tmp_path / "out")["n_both"] == 27


def test_other_grids_are_refused_with_both_and_resampled_on_request(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smooth = np.fromfunction(lambda x, y, z: 1 + x + 2 * y - z, SHAPE)
    first = write(tmp_path / "a_beta.nii.gz", smooth)
    # the same slope on voxels of half the size
    half = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    fine = np.fromfunction(lambda x, y, z: 1 + x / 2 + y - z / 2, tuple(2 * n for n in SHAPE))
    second = write(tmp_path / "b_beta.nii.gz", fine, half)
    out = tmp_path / "out"
    assert run(first, second, out) == 65
    line = refusal(capsys)
    for text in ("9 x 10 x 8", "18 x 20 x 16", "[-3 0 0 12;", "[-1.5 0 0 12;", "--resample"):
        assert text in line
    assert not out.exists()
    assert run(first, second, out, "--resample") == 0
    found = row(out)
    assert found["pearson_r"] > 1 - 1e-9
    assert found["rmsd"] < 1e-5
    assert "resampled" in capsys.readouterr().out
    same_shape = write(
        tmp_path / "c_beta.nii.gz", smooth, AFFINE + np.eye(4)[:, [3, 1, 2, 0]] * 0 + _shift(5)
    )
    assert run(first, same_shape, tmp_path / "other") == 65


def _shift(mm: float) -> np.ndarray:
    moved = np.zeros((4, 4))
    moved[0, 3] = mm
    return moved


def test_pairs_of_header_and_image_are_read_by_either_name(pair: tuple[Path, Path], tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(values(2).astype(np.float32), AFFINE), tmp_path / "spmT_0002.img")
    for name in ("spmT_0002.img", "spmT_0002.hdr"):
        np.testing.assert_allclose(read_image(tmp_path / name).values, nib.load(pair[0]).get_fdata())
    assert run(tmp_path / "spmT_0002.hdr", pair[1], tmp_path / "out", "--dof", "80") == 0
    assert row(tmp_path / "out")["map"] == "t"


@pytest.mark.parametrize(
    ("name", "facts", "asked", "dof", "expected"),
    [
        ("a.nii", HeaderFacts(3, (40.0, 0, 0)), None, (), MapKind("t", (40.0,), "its header")),
        ("a.nii", HeaderFacts(4, (2.0, 40.0, 0)), None, (), MapKind("F", (2.0, 40.0), "its header")),
        ("a.nii", HeaderFacts(5), None, (), MapKind("z", (), "its header")),
        (
            "spmF_0001.nii",
            HeaderFacts(description="SPM{F_[2.0,83.0]}"),
            None,
            (),
            MapKind("F", (2, 83), "its header"),
        ),
        ("spmT_0001.nii", HeaderFacts(), None, (), MapKind("t", (), "its name")),
        (
            "sub-01_contrast-go_stat-variance_statmap.nii.gz",
            HeaderFacts(),
            None,
            (),
            MapKind("variance", (), "its name"),
        ),
        ("zstat1.nii.gz", HeaderFacts(), None, (), MapKind("z", (), "its name")),
        ("cope1.nii.gz", HeaderFacts(), None, (), MapKind("effect", (), "its name")),
        ("con_0001.nii", HeaderFacts(), None, (), MapKind("effect", (), "its name")),
        ("anatomy.nii", HeaderFacts(), None, (), MapKind("map")),
        ("anatomy.nii", HeaderFacts(), "t", (12.0,), MapKind("t", (12.0,), "--stat")),
        ("tmap.nii", HeaderFacts(3, (0.0, 0, 0)), None, (), MapKind("t", (), "its header")),
        (
            "spmT_0001.nii",
            HeaderFacts(description="SPM{T_[83.0]}"),
            None,
            (90.0,),
            MapKind("t", (90.0,), "its header"),
        ),
    ],
)
def test_what_a_map_is_of_is_told_by_the_user_the_header_or_the_name(
    name: str, facts: HeaderFacts, asked: str | None, dof: tuple[float, ...], expected: MapKind
) -> None:
    assert kind_of_map(name, facts, asked, dof) == expected


def test_degrees_of_freedom_come_from_our_own_sidecar(tmp_path: Path) -> None:
    path = write(tmp_path / "x_stat-F_desc-spm_statmap.nii.gz", values())
    (tmp_path / "x_stat-F_desc-spm_statmap.json").write_text(
        '{"DegreesOfFreedom": 80, "NumeratorDegreesOfFreedom": 2}'
    )
    assert kind_of_map(str(path), HeaderFacts(), None, ()).dof == (2.0, 80.0)


def test_t_and_z_have_thresholds_each_by_its_own_p_and_kinds_that_differ_are_told(tmp_path: Path) -> None:
    t = write(tmp_path / "tmap.nii", values(2))
    z = write(tmp_path / "zmap.nii", stats.norm.isf(stats.t.sf(values(2), 10)))
    assert run(t, z, tmp_path / "out", "--dof", "10") == 0
    assert row(tmp_path / "out")["dice_p001"] == 1.0
    told = json.loads((tmp_path / "out" / "maps.json").read_text())["pairs"][0]
    assert "two kinds" in told["notes"][0]
    assert told["map"] == "map"
    f = write(tmp_path / "fmap.nii", values(2) ** 2)
    assert run(t, f, tmp_path / "more", "--stat", "F", "--dof", "1,10") == 0
    assert row(tmp_path / "more")["map"] == "F"


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("many.nii.gz", np.ones((*SHAPE, 3)), 65, "has 3 volumes"),
        ("zero.nii", np.zeros(SHAPE), 65, "no value but 0 and NaN"),
        ("nan.nii", np.full(SHAPE, np.nan), 65, "no value but 0 and NaN"),
        ("flat.nii", np.ones(SHAPE[:2]), 65, "dimensions"),
        ("one.nii", np.eye(1, np.prod(SHAPE), 200).reshape(SHAPE), 65, "shares 1 voxel with"),
    ],
)
def test_a_map_that_is_none_is_one_line(
    name: str,
    content: np.ndarray,
    code: int,
    words: str,
    pair: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert run(pair[0], write(tmp_path / name, content), out) == code
    line = refusal(capsys)
    assert words in line
    assert name in line
    assert not out.exists()


def test_a_file_that_is_no_image_is_one_line(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = pair[1].read_bytes()
    complex_values = nib.Nifti1Image(np.ones(SHAPE, dtype=np.complex64), AFFINE)
    files = {
        "text.nii": (b"onset\tduration\n", 74),
        "text.nii.gz": (b"onset\tduration\n", 74),
        "table.csv": (b"a,b\n", 65),
        "cut.nii.gz": (whole[: len(whole) // 2], 74),
        "empty.nii": (b"", 74),
        "lone.hdr": (gzip.decompress(whole)[:348].replace(b"n+1\0", b"ni1\0"), 66),
        "text.img": (b"nothing", 74),
        "gone.nii": (None, 66),
        "complex.nii": (complex_values.to_bytes(), 65),
    }
    for name, (content, code) in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert run(pair[0], tmp_path / name, tmp_path / "out") == code, name
        assert name in refusal(capsys)
    assert run(pair[0], tmp_path, tmp_path / "out") == 65
    assert not (tmp_path / "out").exists()


def test_arguments_that_make_no_sense_are_refused(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    link = tmp_path / "link.nii"
    link.symlink_to(pair[0])
    assert run(pair[0], pair[0], out) == 64
    assert run(pair[0], link, out) == 64
    assert "same file" in capsys.readouterr().err
    for words in (["--labels", "same", "SAME"], ["--labels", "", "b"], ["--labels", "x" * 41, "b"]):
        assert run(*pair, out, *words) == 64, words
    for words in (["--dof", "0"], ["--dof", "1", "2", "3"], ["--stat", "chi2"]):
        assert run(*pair, out, *words) == 64, words
    empty = write(tmp_path / "mask.nii", np.zeros(SHAPE))
    beyond = np.zeros(SHAPE)
    beyond[0] = 1
    capsys.readouterr()
    for mask in (empty, write(tmp_path / "beyond.nii", beyond)):
        assert run(*pair, out, "--mask", mask) == 65
        assert "mask" in refusal(capsys)
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone_and_ours_is_replaced_on_request(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*pair, tmp_path) == 73
    assert "give a new folder" in refusal(capsys)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    out = tmp_path / "out"
    assert run(*pair, out) == 0
    assert run(*pair, out) == 73
    assert "--overwrite" in capsys.readouterr().err
    assert run(*pair, out, "--overwrite") == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path != out} == before
    (tmp_path / "file").write_text("")
    assert run(*pair, tmp_path / "file") == 73


def test_nothing_is_written_through_a_link_that_leads_out(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    assert run(*pair, out) == 0
    elsewhere.mkdir()
    for path in (out / "figures").iterdir():
        path.unlink()
    (out / "figures").rmdir()
    (out / "figures").symlink_to(elsewhere)
    assert run(*pair, out, "--overwrite") == 73
    assert list(elsewhere.iterdir()) == []


def test_the_page_of_the_documentation_names_every_option_and_file(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    page = (PROJECT / "docs" / "maps.md").read_text()
    options = [name for action in build_maps_parser()._actions for name in action.option_strings]
    named = set(re.findall(r"^\| `(--[a-z]+)", page, re.MULTILINE))
    assert named == {name for name in options if name.startswith("--")} - {"--help"}
    assert run(*pair, tmp_path / "out") == 0
    for path in (tmp_path / "out").rglob("*"):
        name = path.name.replace("stat-t", "stat-<kind>").replace("statmap.json", "statmap.nii.gz")
        assert name in page


def test_metrics_are_those_of_the_participants_page(tmp_path: Path) -> None:
    maps = finished.effects(3)
    paths = [
        write(tmp_path / f"x_stat-effect_desc-{name}_statmap.nii.gz", maps[name], finished.AFFINE)
        for name in maps
    ]
    assert run(*paths, tmp_path / "out") == 0
    inside = np.isfinite(maps["spm"])
    x, y = maps["nilearn"][inside].astype(float), maps["spm"][inside].astype(float)
    both = MapPair(y, x, np.ones(x.size, bool), np.ones(x.size, bool))
    found = row(tmp_path / "out")
    assert (found["first"], found["second"]) == ("SPM", "nilearn")
    for key, value in map_agreement(both).items():
        name = key.replace("_spm_", "_first_").replace("_nilearn_", "_second_")
        assert found[name] == pytest.approx(value, abs=1e-9), name
