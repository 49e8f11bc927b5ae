"""Renew the pictures of tutorial and gallery: ``python benchmarks/site_pictures.py DEMO_DIR [NAME ...]``.

DEMO_DIR is a finished demo data set (``make demo``). The pictures are what headless Chromium shows of
its pages, of two of its maps compared, and of the check that the tutorial on own analyses makes, in few
colours so that they stay small. Names choose among them.
"""

import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.cli import main as bidsglm  # noqa: E402
from tests.check.test_tutorial import blocks, study  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = PROJECT / "docs" / "images"
WIDTH = 1000
"""CSS pixels; the site shows some 900."""
COLOURS = 128
LARGEST = 150_000
"""Bytes of one picture."""
PATIENCE = 120_000
"""ms, on a busy machine."""
RESULTS = Path("derivatives/bidsglm")
MAP = "sub-01/func/sub-01_task-tapping_space-MNI152NLin2009cAsym_contrast-movement_stat-t_desc-{}_statmap"
QUIET = "nav, header { position: static !important }"


class Picture(NamedTuple):
    """What is shown of which page."""

    name: str
    page: str
    selector: str = ""
    """Of what is shown; without one, the beginning of the page"""
    height: int = 900


def figure(words: str, within: str = "") -> str:
    """Selector of a figure by the beginning of its caption."""
    return f'{within} figure:has(figcaption:has-text("{words}"))'


MOVEMENT = "#unit-1-movement"
PICTURES = (
    Picture("page_summary", "sub-01.html", height=880),
    Picture("page_todo", "sub-01.html", "#summary .actions"),
    Picture("page_trust", "sub-01.html", figure("False positives without signal")),
    Picture("page_power", "sub-01.html", figure("True positives under noise with")),
    Picture("page_noise", "sub-01.html", figure("Left: nilearn's AR(1) coefficient")),
    Picture("page_viewer", "sub-01.html", f"{MOVEMENT} figure.viewer"),
    Picture("page_scatter", "sub-01.html", figure("scatter", MOVEMENT)),
    Picture("page_blandaltman", "sub-01.html", figure("Bland-Altman plot", MOVEMENT)),
    Picture("page_shares", "sub-01.html", figure("share of each step", MOVEMENT)),
    Picture("page_ladder", "sub-01.html", figure("ladder of steps", MOVEMENT)),
    Picture("page_regions", "sub-01.html", "#regions figure.plots"),
    Picture("page_design", "sub-01.html", figure("Time runs downward")),
    Picture("page_inflation", "sub-01.html", figure("How many times larger")),
    Picture("page_masks", "sub-01.html", figure("The voxels that each package analyses")),
    Picture("gallery_participant", "sub-01.html", height=760),
    Picture("gallery_group", "group.html", height=760),
    Picture("gallery_overparameterised", "../bidsglm-overparameterised/sub-01.html", height=760),
    Picture("gallery_maps", "maps/maps.html", height=900),
    Picture("gallery_check", "check/check.html", height=900),
)


def shot(page: "Page", address: str, picture: Picture) -> Image.Image:
    """What Chromium shows of a page."""
    page.set_viewport_size({"width": WIDTH, "height": picture.height})
    if page.url != address:
        page.goto(address)
        page.add_style_tag(content=QUIET)
    if not picture.selector:
        page.evaluate("window.scrollTo(0, 0)")
        raw = page.screenshot()
    else:
        place = page.locator(picture.selector).first
        place.evaluate(
            "e => { for (let a = e; a; a = a.parentElement) if (a.localName == 'details') a.open = true }"
        )
        place.scroll_into_view_if_needed()
        if "viewer" in picture.selector:
            page.wait_for_selector(f"{picture.selector}[data-ready]")
        raw = place.screenshot()
    return Image.open(io.BytesIO(raw)).convert("RGB")


def store(image: Image.Image, name: str) -> None:
    """Write a picture in few colours, or say that it is too large."""
    target = IMAGES / f"{name}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    size = target.stat().st_size
    print(f"{target.name}: {image.width} x {image.height}, {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"{target} is larger than {LARGEST} bytes: show less")


def compared(results: Path, folder: Path) -> None:
    """The page of two maps, and that of the tutorial's check; names of files are short in both."""
    study(folder / "study")
    for name in ("spm", "nilearn"):
        shutil.copyfile(results / f"{MAP.format(name)}.nii.gz", folder / f"{name}_t.nii.gz")
    (script,) = blocks("python")
    (folder / "study" / "nilearn" / "first_level.py").write_text(script)
    with contextlib.chdir(folder / "study"):
        exec(compile(script, "first_level.py", "exec"), {})
    with contextlib.chdir(folder):
        bidsglm(["maps", "spm_t.nii.gz", "nilearn_t.nii.gz", "maps", "--labels", "SPM", "nilearn"])
        words = ["--spm", "study/spm", "--nilearn", "study/nilearn", "--scans", "study"]
        bidsglm(["check", "check", *words])


def main(demo: Path, names: Sequence[str]) -> None:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium is installed")
    results = (demo / RESULTS).resolve()
    with tempfile.TemporaryDirectory() as made, sync_playwright() as runner:
        places = {"maps": Path(made), "check": Path(made)}
        if any(picture.page.split("/")[0] in places for picture in chosen):
            compared(results, Path(made))
        browser = runner.chromium.launch(executable_path=chromium, headless=True)
        page = browser.new_page(reduced_motion="reduce", bypass_csp=True)
        page.set_default_timeout(PATIENCE)
        for picture in chosen:
            folder = places.get(picture.page.split("/")[0], results)
            store(shot(page, (folder / picture.page).resolve().as_uri(), picture), picture.name)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
