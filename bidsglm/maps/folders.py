"""A folder of SPM and one of nilearn: what the check says of their settings, columns and maps."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bidsglm.check.comparison import Checked, checked
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.maps.sources import AnalysisMaps, NamedMap, file_map
from bidsglm.outputs.schema import Row


def distinct_labels(first: Path, second: Path) -> tuple[str, str]:
    """Folders by the last part of their paths that differs.

    >>> distinct_labels(Path("/a/old/sub-01"), Path("/a/new/sub-01"))
    ('old', 'new')
    """
    parts = zip(reversed(first.resolve().parts), reversed(second.resolve().parts), strict=False)
    return next(((a, b) for a, b in parts if a != b), (first.name, second.name))


class CheckedFolders(NamedTuple):
    """What the check says of a folder of SPM and one of nilearn."""

    result: Checked
    pairs: list[tuple[NamedMap, NamedMap]]
    settings: tuple[Row, ...]
    columns: tuple[Row, ...]
    words: tuple[str, ...]
    """For the command that writes its page"""


def checked_folders(first: AnalysisMaps, second: AnalysisMaps, scans: Path | None) -> CheckedFolders | None:
    """Check a folder of SPM and one of nilearn, in any order; None for two others."""
    read = [each.read for each in (first, second)]
    spm = next((each for each in read if isinstance(each, SpmAnalysis)), None)
    nilearn = next((each for each in read if isinstance(each, NilearnAnalysis)), None)
    if spm is None or nilearn is None:
        if scans is not None:
            raise ValueError("scans: are for a folder of SPM and one of nilearn; leave it out")
        return None
    result = checked(spm, nilearn, scans)
    in_order = first.read is spm
    sides = ("first", "second") if in_order else ("second", "first")
    pairs = []
    for each in result.maps:
        if each.n_both:
            ours, theirs = (NamedMap(each.contrast, each.what, file_map(p)) for p in (each.spm, each.nilearn))
            pairs.append((ours, theirs) if in_order else (theirs, ours))
    settings = [
        {"setting": each.setting, **dict(zip(sides, (each.spm, each.nilearn), strict=True))}
        for each in result.settings
    ]
    words = ["--spm", str(spm.path), "--nilearn", str(nilearn.folder)]
    words += [] if scans is None else ["--scans", str(scans)]
    columns = tuple(_checked_columns(result, sides))
    return CheckedFolders(result, pairs, tuple(settings), columns, tuple(words))


def _checked_columns(result: Checked, sides: tuple[str, str]) -> Iterator[Row]:
    """Columns of both designs, the first of the two sides SPM's."""
    for number, run in enumerate(result.runs, start=1):
        for match in run.columns.matches:
            # the check has nilearn's height over SPM's
            ratio = match.ratio if sides[0] == "second" else 1 / match.ratio if match.ratio else float("nan")
            names = dict(zip(sides, (match.spm, match.nilearn), strict=True))
            yield {"run": number, **names, "r": match.r, "ratio": ratio}
        for side, alone in zip(sides, (run.columns.only_spm, run.columns.only_nilearn), strict=True):
            yield from ({"run": number, side: name} for name in alone)
