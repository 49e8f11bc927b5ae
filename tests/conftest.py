"""What the whole suite shares."""

import os
from pathlib import Path

import pytest

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
