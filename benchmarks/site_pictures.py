"""Renew the pictures of tutorial and gallery: ``python benchmarks/site_pictures.py DEMO_DIR [NAME ...]``.

DEMO_DIR is a finished demo data set (``make demo``), with the pages of ``benchmarks/example_pages.py``. The
pictures are what headless Chromium shows, in few colours so that they stay small. Names choose among them.
"""

import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = PROJECT / "docs" / "images"
WIDTH = 1000
"""CSS pixels; the site shows some 900."""
COLOURS = 256
LARGEST = 150_000
"""Bytes of one picture."""
PATIENCE = 120_000
"""ms, on a busy machine."""
RESULTS = Path("derivatives/bidsglm")
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
    Picture("gallery_maps", "../maps/maps.html", height=900),
    Picture("gallery_check", "../check/check.html", height=900),
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


def main(demo: Path, names: Sequence[str]) -> None:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium is installed")
    results = (demo / RESULTS).resolve()
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=chromium, headless=True)
        page = browser.new_page(reduced_motion="reduce", bypass_csp=True)
        page.set_default_timeout(PATIENCE)
        for picture in chosen:
            store(shot(page, (results / picture.page).resolve().as_uri(), picture), picture.name)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
