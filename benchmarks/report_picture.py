"""Renew the picture of a report in the README: ``python benchmarks/report_picture.py DEMO_DIR [FILE]``.

DEMO_DIR is a finished demo data set (``make demo``). The picture is what headless Chromium shows of the
summary of a participant's page and of why the packages differ, in few colours so that it stays small.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
WIDTH = 1120
"""CSS pixels; a README is shown some 900 wide."""
MARGIN = 16
COLOURS = 256
LARGEST = 200_000
"""Bytes; more would make the README slow to open."""
TOP = 640
"""CSS pixels: the head of the page and its summary."""
FIGURES = ("#why-they-differ figure", "figure.viewer .stage")
"""Shown below it: which modelling steps make the difference, and the maps."""
PATIENCE = 120_000
"""ms, on a busy machine."""


def screenshots(page_path: Path) -> list[Image.Image]:
    """Pieces of a page, as Chromium shows them."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium is installed")
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=chromium, headless=True)
        view = {"width": WIDTH, "height": TOP}
        page = browser.new_page(viewport=view, reduced_motion="reduce", bypass_csp=True)
        page.set_default_timeout(PATIENCE)
        page.goto(page_path.resolve().as_uri())
        shots = [page.screenshot()]
        page.add_style_tag(content="nav, header { position: static !important }")
        page.locator(".viewer").first.scroll_into_view_if_needed()
        page.wait_for_selector(".viewer[data-ready]")
        shots += [page.locator(name).first.screenshot() for name in FIGURES]
        browser.close()
    return [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]


def stacked(pieces: list[Image.Image]) -> Image.Image:
    """Pieces below each other."""
    result = Image.new("RGB", (WIDTH, sum(piece.height + MARGIN for piece in pieces)), "white")
    top = 0
    for piece in pieces:
        result.paste(piece, ((WIDTH - piece.width) // 2, top))
        top += piece.height + MARGIN
    return result


def main(demo: Path, target: Path) -> None:
    """Write the picture, or say why it is too large."""
    picture = stacked(screenshots(demo / "derivatives" / "bidsglm" / "sub-01.html"))
    small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    target.parent.mkdir(parents=True, exist_ok=True)
    small.save(target, optimize=True)
    size = target.stat().st_size
    print(f"{target}: {small.width} x {small.height}, {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"{target} is larger than {LARGEST} bytes: show less, or in fewer colours")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]) if len(sys.argv) == 3 else PROJECT / "docs" / "images" / "report.png",
    )
