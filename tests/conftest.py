"""What the whole suite shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bidsglm.dataset import validation

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
