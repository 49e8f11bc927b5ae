"""Whether results may go into a folder: never among raw data, nor into what other programs made."""

import json
from itertools import islice
from pathlib import Path

from bidsglm.dataset.roots import DESCRIPTION, derivative_roots
from bidsglm.errors import BidsglmError, UsageError
from bidsglm.outputs.summaries import summary_paths
from bidsglm.settings import Settings

OURS = "bidsglm"
LARGEST = 2**20
"""Bytes of a dataset_description.json; ours has a thousand."""
RAW = ("sub-", "sourcedata", ".")
"""Starts of the names inside a data set that hold what nobody can make again."""
LOOKED_AT = 1000
"""Entries of a folder; one that holds other data shows it early."""


def check_destination(settings: Settings) -> None:
    """Refuse an OUTPUT_DIR that holds, or lies among, data of somebody else.

    Raises
    ------
    UsageError
        Saying whose folder it is.
    """
    out = settings.output_dir.resolve()
    why = _why_not(out, settings)
    if why:
        raise UsageError(
            f"{settings.output_dir}: {why}; name another OUTPUT_DIR, "
            f"such as {settings.bids_dir / 'derivatives' / OURS}"
        )


def _why_not(out: Path, settings: Settings) -> str:
    """What speaks against a folder; empty where nothing does."""
    bids = settings.bids_dir.resolve()
    if out == bids:
        return "results must not go into the raw data folder itself"
    roots = _derivatives(settings)
    if out in roots:
        return "holds the preprocessed data that are to be read"
    for root in (bids, *roots):
        if out.is_relative_to(root) and out.relative_to(root).parts[0].startswith(RAW):
            return f"lies among the data of {root}"
    if _holds_data_sets(out, bids):
        return "is the folder of all derivatives, one of which the results become"
    return _foreign(out)


def _derivatives(settings: Settings) -> list[Path]:
    """Folders of preprocessed data in use, those that exist; missing ones are reported later."""
    given = [path.resolve() for path in settings.derivatives]
    try:
        return [*given, *(path.resolve() for path in derivative_roots(settings).values())]
    except (BidsglmError, OSError):
        return given


def _holds_data_sets(out: Path, bids: Path) -> bool:
    """Whether a folder is `derivatives` of a data set, or holds several data sets itself."""
    if out == bids / "derivatives" or (out.name == "derivatives" and (out.parent / DESCRIPTION).exists()):
        return True
    if (out / DESCRIPTION).exists() or not out.is_dir():
        return False
    return any((path / DESCRIPTION).exists() for path in islice(out.iterdir(), LOOKED_AT))


def _foreign(out: Path) -> str:
    """Whose results stand in a folder; empty for ours and for a folder without any."""
    path = out / DESCRIPTION
    if path.is_file() and path.stat().st_size > 0:  # an empty one is what a machine's crash leaves
        maker = _maker(path)
        return "" if maker == OURS else f"holds a data set that is not ours ({maker or 'raw data'})"
    if path.exists() and not path.is_file():
        return f"holds a {DESCRIPTION} that is no file"
    if out.is_dir() and not (out / "logs").is_dir():
        held = [entry.name for entry in islice(out.iterdir(), LOOKED_AT) if entry.name.startswith("sub-")]
        if held and not summary_paths(out):
            return f"holds {held[0]}, and nothing that says that it is ours"
    return ""


def _maker(path: Path) -> str:
    """Program that made a data set, by its description; empty where it names none."""
    if path.stat().st_size > LARGEST:
        return f"{DESCRIPTION} of another program"
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return f"{DESCRIPTION} cannot be read"
    made = content.get("GeneratedBy") if isinstance(content, dict) else None
    first = made[0] if isinstance(made, list) and made else made
    return str(first.get("Name", ""))[:60] if isinstance(first, dict) else ""
