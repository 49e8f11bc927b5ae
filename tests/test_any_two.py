"""Four packages end to end: each against the reference, all pairs beside each other; files and page."""

import csv
import html
import json
import math
import re
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.outputs.summaries import compared
from bidsglm.packages import PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair

from . import tiny
from .test_outputs_page import PAGE, documented_columns, documented_files, expanded, regex, with_folder

NOISE = "<p>_stat-{ar,ma}_desc-afni_statmap.{nii.gz,json}"
"""Files that only AFNI has"""
FOUR = ("spm", "nilearn", "afni", "fsl")

pytestmark = pytest.mark.skipif(set(PACKAGES) < set(FOUR), reason="not all packages are there")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any-two")
    tiny.write_study(root, ("01",), ("run-1", "run-2"))
    model = tiny.model()
    conditions = ["trial_type.move", "trial_type.look"]
    anything = {"Name": "any", "ConditionList": conditions, "Weights": [[1, 0], [0, 1]], "Test": "F"}
    model["Nodes"][0]["Contrasts"].append(anything)  # type: ignore[index]
    tiny.write_json(root / "smdl.json", model)
    return root


def run(study: Path, name: str, *options: str) -> Path:
    out = study / name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        patch.setattr("bidsglm.pages.contrasts.pair_figures", lambda images: ())
        model = ("--model", str(study / "smdl.json"))
        arguments = [str(study / "bids"), str(out), "participant", "-q", *model, *options]
        assert main(arguments) == 0
    return out


@pytest.fixture(scope="module")
def four(study: Path) -> Path:
    return run(study, "four", "--backends", "all")


@pytest.fixture(scope="module")
def two(study: Path) -> Path:
    return run(study, "two", "--backends", "afni", "nilearn")


def prefix(out: Path) -> str:
    (path,) = out.glob("sub-01/func/*_desc-agreement_metrics.tsv")
    return str(path).removesuffix("_desc-agreement_metrics.tsv")


def rows(out: Path, kind: str) -> list[dict[str, str]]:
    with Path(f"{prefix(out)}_desc-{kind}_metrics.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def volume(out: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(f"{prefix(out)}_{name}.nii.gz").dataobj)  # type: ignore[attr-defined]


def expected(out: Path, pair: Pair, contrast: str, stat: str) -> dict[str, float]:
    """What the two packages' maps on disk say."""
    masks = [volume(out, f"desc-{b}_mask") > 0 for b in pair]
    y, x = (volume(out, f"contrast-{contrast}_stat-{stat}_desc-{b}_statmap") for b in pair)
    both = masks[0] & masks[1]
    known = both & np.isfinite(x) & np.isfinite(y)
    values, vectors = np.linalg.eigh(np.cov(x[known], y[known]))
    axis = vectors[:, values.argmax()]
    p = [volume(out, f"contrast-{contrast}_stat-p_desc-{b}_statmap") < 0.001 for b in pair]
    shared, sizes = (p[0] & p[1] & both).sum(), (p[0] & both).sum() + (p[1] & both).sum()
    return {
        "n_both": float(both.sum()),
        "pearson_r": float(np.corrcoef(x[known], y[known])[0, 1]),
        "slope": float(axis[1] / axis[0]),
        "dice_p001": 2 * shared / sizes if sizes and stat != "effect" else math.nan,
    }


def number(cell: str) -> float:
    return math.nan if cell == "n/a" else float(cell)


def test_each_package_has_columns_of_its_own_pair_behind_those_of_spm_and_nilearn(four: Path) -> None:
    header = list(rows(four, "agreement")[0])
    plain = [name for name in header if "VS" not in name]
    assert header[: len(plain)] == plain
    assert plain[:5] == ["contrast", "map", "n_both", "n_spm_only", "n_nilearn_only"]
    for pair in (Pair("afni", "nilearn"), Pair("fsl", "nilearn")):
        own = [name.removesuffix(pair.suffix) for name in header if name.endswith(pair.suffix)]
        renamed = [name.replace("spm", pair.first) for name in plain]
        assert own == [name for name in renamed if name not in ("contrast", "map", "contrast_name")]
    sidecar = json.loads(Path(f"{prefix(four)}_desc-agreement_metrics.json").read_text(encoding="utf-8"))
    assert sidecar.keys() >= set(header)
    assert sidecar["slope_fslVSnilearn"]["Description"].startswith("FSL and nilearn: Slope")


@pytest.mark.parametrize("pair", [DEFAULT_PAIR, Pair("afni", "nilearn"), Pair("fsl", "nilearn")])
def test_numbers_of_a_pair_are_those_of_its_maps(four: Path, pair: Pair) -> None:
    for row in rows(four, "agreement"):
        if row["map"] == "z":
            continue
        for key, value in expected(four, pair, row["contrast"], row["map"]).items():
            np.testing.assert_allclose(number(row[f"{key}{pair.suffix}"]), value, rtol=2e-4, err_msg=key)


def test_the_table_of_all_pairs_has_six_for_four(four: Path) -> None:
    found = rows(four, "pairs")
    each = Counter((row["contrast"], row["map"]) for row in found)
    assert set(each.values()) == {6}
    assert {frozenset((row["package"], row["reference"])) for row in found} == {
        frozenset((a, b)) for a in FOUR for b in FOUR if a != b
    }
    for row in found:
        pair = Pair(row["package"], row["reference"])
        for key, value in expected(four, pair, row["contrast"], row["map"]).items():
            np.testing.assert_allclose(number(row[key]), value, rtol=2e-4, err_msg=f"{pair} {key}")


def test_slopes_in_percent_are_free_of_the_units(four: Path) -> None:
    effects = [row for row in rows(four, "pairs") if row["map"] == "effect" and "fsl" in row["package"]]
    assert effects
    for row in effects:
        assert number(row["slope"]) > 20 * number(row["slope_percent"])
        assert 0.5 < number(row["slope_percent"]) < 2


def test_differences_are_named_after_their_pair(four: Path) -> None:
    for pair in (DEFAULT_PAIR, Pair("afni", "nilearn"), Pair("fsl", "nilearn")):
        one, base = (volume(four, f"contrast-moveMinusLook_stat-t_desc-{b}_statmap") for b in pair)
        both = np.logical_and(*(volume(four, f"desc-{b}_mask") > 0 for b in pair))
        difference = volume(four, f"contrast-moveMinusLook_stat-t_desc-{pair.label}_statmap")
        np.testing.assert_allclose(difference[both], (one - base)[both], atol=1e-5)
    assert not list(four.rglob("*afniVSfsl*"))


def test_the_reference_can_be_another_and_spm_minus_nilearn_stays(study: Path) -> None:
    out = run(
        study, "spm-first", "--backends", "spm", "nilearn", "afni", "--reference", "spm", "--no-attribution"
    )
    header = list(rows(out, "agreement")[0])
    assert {"slope", "slope_afniVSspm"} <= set(header)
    assert not any("nilearn" in name and "VS" in name for name in header)
    one, base = (volume(out, f"contrast-moveMinusLook_stat-t_desc-{b}_statmap") for b in DEFAULT_PAIR)
    both = np.logical_and(*(volume(out, f"desc-{b}_mask") > 0 for b in DEFAULT_PAIR))
    np.testing.assert_allclose(
        volume(out, "contrast-moveMinusLook_stat-t_desc-difference_statmap")[both],
        (one - base)[both],
        atol=1e-5,
    )
    summary = json.loads(Path(f"{prefix(out)}_desc-bidsglm_summary.json").read_text(encoding="utf-8"))
    assert summary["reference"] == "spm"
    assert compared(summary) == (DEFAULT_PAIR, Pair("afni", "spm"))
    assert "AFNI and SPM" in (out / "sub-01.html").read_text(encoding="utf-8")


def test_every_file_and_column_of_four_packages_is_documented(four: Path) -> None:
    assert f"`{NOISE}`" in PAGE
    patterns = [regex(name) for name in (*documented_files(), *map(with_folder, expanded(NOISE)))]
    names = [path.relative_to(four).as_posix() for path in four.rglob("*") if path.is_file()]
    as_usual = {
        name: re.sub(r"desc-(afni|fsl)VSnilearn_", "desc-difference_", name)
        .replace("desc-afniVSnilearnAttribution", "desc-attribution")
        .replace("desc-fslVSnilearnAttribution", "desc-attribution")
        .replace("desc-afni", "desc-nilearn")
        .replace("desc-fsl", "desc-nilearn")
        for name in names
    }
    strange = [
        name
        for name, usual in as_usual.items()
        if not any(p.fullmatch(n) for p in patterns for n in (name, usual))
    ]
    assert strange == []
    header = list(rows(four, "pairs")[0])
    assert documented_columns()["sub-01/func/<p>_desc-pairs_metrics.tsv"] == header


def visible(page: str) -> str:
    return html.unescape(re.sub(r"<(script|style|svg).*?</\1>", "", page, flags=re.DOTALL))


def test_the_page_has_a_tab_for_each_pair_and_one_viewer_of_any_two(four: Path) -> None:
    page = (four / "sub-01.html").read_text(encoding="utf-8")
    assert page.count('id="compared-1-') == 3
    assert page.count('<figure class="viewer"') == len({row["contrast"] for row in rows(four, "agreement")})
    assert '<option value="5">' in page.split('class="pair"')[1].split("</select>")[0]
    ids = Counter(re.findall(r'\sid="([^"]+)"', page))
    assert [name for name, n in ids.items() if n > 1] == []
    for words in ("SPM and nilearn:", "AFNI and nilearn:", "FSL and nilearn:"):
        assert words in page
    text = " ".join(re.sub(r"<[^>]+>", "", visible(page)).split())
    questions = text.split("Of the other pairs:")[1].split("Is my code at fault?")[0]
    assert "--calibrate 20 adds the rates of every package's analyses" in questions
    assert "which judges every package against nilearn" in questions


def test_two_others_alone_carry_their_suffix_and_are_all_that_the_page_speaks_of(two: Path) -> None:
    header = list(rows(two, "agreement")[0])
    assert [name for name in header if "VS" not in name] == ["contrast", "map", "contrast_name"]
    assert "pearson_r_afniVSnilearn" in header
    text = visible((two / "sub-01.html").read_text(encoding="utf-8"))
    assert "nilearn and AFNI compared" in text
    assert "SPM's effects" not in text
    assert 'role="tablist"' not in text
    assert 'class="tabs"' not in text
    # both effects are in percent of each voxel's mean as they are
    assert "nilearn's (slope over voxels)." in text
    assert "In percent of each voxel's own mean, so that units do not count" not in text
    (row, *_) = rows(two, "pairs")
    assert (row["package"], row["reference"]) == ("afni", "nilearn")
    assert 'id="questions"' not in text


@pytest.mark.parametrize("name", ["four", "two"])
def test_the_page_comes_again_from_what_is_on_disk(
    name: str, request: pytest.FixtureRequest, study: Path
) -> None:
    out = request.getfixturevalue(name)
    before = visible((out / "sub-01.html").read_text(encoding="utf-8")).split('id="about"')[0]
    run(study, name, "--reports-only")
    assert visible((out / "sub-01.html").read_text(encoding="utf-8")).split('id="about"')[0] == before


def test_another_reference_fits_again_and_an_idle_one_does_not(study: Path, two: Path) -> None:
    summary = Path(f"{prefix(two)}_desc-bidsglm_summary.json")
    before = summary.read_bytes()
    run(study, "two", "--backends", "afni", "nilearn", "--reference", "nilearn")
    assert summary.read_bytes() == before
    run(study, "two", "--backends", "afni", "nilearn", "--reference", "afni")
    assert json.loads(summary.read_bytes())["reference"] == "afni"
    assert "slope_nilearnVSafni" in rows(two, "agreement")[0]
    assert not list(two.rglob("*afniVSnilearn*"))


def test_a_reference_that_is_asked_for_must_be_among_the_packages(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(study / "bids"), str(study / "none"), "participant", "--backends", "spm", "afni"]
    assert main([*arguments, "--reference", "nilearn"]) == 64
    assert "--reference nilearn is not among --backends spm afni" in capsys.readouterr().err


def test_a_single_further_package_has_a_page_that_compares_nothing(study: Path) -> None:
    out = run(study, "one", "--backends", "afni")
    text = visible((out / "sub-01.html").read_text(encoding="utf-8"))
    assert "nothing is compared" in text
    assert "Does it matter" not in text
    assert not list(out.rglob("*agreement*"))


def test_a_package_that_cannot_express_the_model_is_named_and_the_others_are_compared(study: Path) -> None:
    document = json.loads((study / "smdl.json").read_text(encoding="utf-8"))
    document["Nodes"][0]["Model"]["HRF"] = {
        "Variables": ["trial_type.*"],
        "Model": "spm + derivative + dispersion",
    }
    document["Name"] = "dispersion"
    tiny.write_json(study / "dispersion.json", document)
    out = run(
        study, "fewer", "--backends", "all", "--model", str(study / "dispersion.json"), "--no-attribution"
    )
    summary = json.loads(Path(f"{prefix(out)}_desc-bidsglm_summary.json").read_text(encoding="utf-8"))
    left = set(FOUR) - set(summary["backends"])
    assert left == {"fsl"}
    page = visible((out / "sub-01.html").read_text(encoding="utf-8"))
    for name in left:
        assert f"{PACKAGES[name].title} is left out" in page
    assert not any(name in column for column in rows(out, "agreement")[0] for name in left)
