"""What the whole suite shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bidsglm.dataset import validation
from bidsglm.pages import contrasts
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure

PROJECT = Path(__file__).resolve().parent.parent


def find_shared() -> Path | None:
    """Folder with the full reference and real data, which not every checkout has beside it."""
    folder = Path(os.environ.get("BIDSGLM_SHARED", PROJECT.parent / "shared"))
    return folder if (folder / "spm12-reference").is_dir() else None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference and real data; skips where it is absent."""
    folder = find_shared()
    if folder is None:
        pytest.skip("the full reference data are not beside this checkout (see BIDSGLM_SHARED)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_validator() -> Iterator[None]:
    """Runs go without the BIDS validator, half a second each: tests/dataset/test_validation.py has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "find_validator", lambda: None)
        yield


def _plain_figures(images: ContrastImages) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"contrast-{images.label}_desc-{kind}.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "", ""
        )
        for kind in ("maps", "scatter")
    )


@pytest.fixture(scope="module")
def plain_figures() -> Iterator[None]:
    """Figures of the maps are empty, for modules that claim nothing of them: drawing is most of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrasts, "contrast_figures", _plain_figures)
        yield
