"""Pages speak of the packages that were fitted: no sentence and no tooltip names another."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.packages import PACKAGES, title
from bidsglm.pairs import Pair
from bidsglm.report.wording import column_texts
from tests import tiny

SILENT = re.compile(r"<(script|style)\b.*?</\1>|<dt>Versions</dt><dd>.*?</dd>", re.DOTALL)
TOOLTIPS = re.compile(r' (?:title|aria-label|alt)="([^"]*)"')
SHARED = re.compile(
    r"SPM's (canonical )?response( function)?|canonical \(spm\)|SPMG1\S*|nilearn's (EPI mask|kernel)"
)
"""Names of responses, masks and kernels that a package takes from another"""


def texts(page: Path) -> list[str]:
    """What a page shows, with its tooltips."""
    text = SILENT.sub(" ", page.read_text(encoding="utf-8"))
    shown = [*re.split(r"<[^>]*>", text), *TOOLTIPS.findall(text)]
    return [SHARED.sub("", html.unescape(each)) for each in shown]


def pages(root: Path, packages: Sequence[str]) -> list[Path]:
    """Two participants of two runs, and their group."""
    study, out = tiny.write_study(root, runs=("run-1", "run-2")), root / "out"
    words = [str(study), str(out)]
    assert main([*words, "participant", "--backends", *packages, "-q", "--skip-bids-validation"]) == 0
    assert main([*words, "group", "-q"]) == 0
    return [out / "sub-01.html", out / "group.html"]


@pytest.mark.parametrize("packages", [("spm",), ("afni", "fsl")], ids=" ".join)
@pytest.mark.usefixtures("plain_figures")
def test_no_page_names_a_package_that_was_not_fitted(tmp_path: Path, packages: Sequence[str]) -> None:
    others = [title(name) for name in PACKAGES if name not in packages]
    for page in pages(tmp_path, packages):
        named = [text for text in texts(page) for other in others if re.search(rf"\b{other}", text)]
        assert not named, page.name


def test_titles_of_columns_say_what_they_hold_of_their_own_pair() -> None:
    found = column_texts(Pair("afni", "nilearn"))
    assert found["slope"].startswith("Slope of the total least squares line, AFNI (y) against nilearn (x)")
    assert found["dark_dice_afni"].startswith("Share of AFNI's suprathreshold voxels outside nilearn's mask")
    assert found["n_afni"] == "AFNI's suprathreshold voxels in its own mask"
    assert not any("SPM" in text for text in found.values())
