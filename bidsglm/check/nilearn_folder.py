"""An analysis by nilearn as it lies in a folder: maps, design matrices, what is stated beside them.

A folder of ``save_glm_to_bids`` states settings; those of the constructor stand there although they were not
used where a design matrix was given. A plain script states nothing: what it did is found by computing its
maps again. Scripts are read as text for hints, and never run.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.check.nilearn_designs import NilearnDesign, designs_among
from bidsglm.check.script_hints import script_hints
from bidsglm.errors import BidsglmError, DataError, NoInputError
from bidsglm.inputs import read_json
from bidsglm.sentences import joined

MOST_FILES = 5_000
"""Files of one analysis' folder."""
MAPS = (".nii", ".nii.gz")
BIDS = re.compile(r"_contrast-([0-9A-Za-z]+)_stat-(effect|variance|t|F|z|p)_statmap")
OF_STATISTIC = r"(?:_?(?:stat|score|map|val|value)s?)?"
"""What users write behind the letter of a statistic."""
EDGE = r"(?<![a-zA-Z])"
KINDS = tuple(
    (kind, re.compile(rf"{EDGE}(?:{words})(?![a-z])", re.IGNORECASE))
    for kind, words in (
        ("variance", "effect_?variance|variance|varcope|var"),
        ("effect", "effect_?(?:size)?s?(?:_?maps?)?|betas?(?:_?maps?)?|con(?:_?maps?)?|cope|eff"),
        ("z", f"z{OF_STATISTIC}"),
        ("p", f"p{OF_STATISTIC}"),
        ("F", f"f{OF_STATISTIC}"),
        ("t", f"(?:spm)?t{OF_STATISTIC}|stat(?:_?maps?)?"),
    )
)
"""Statistic -> how users and nilearn's output types call it in a file's name."""


NAMED_T = re.compile(rf"{EDGE}(?:spm)?t{OF_STATISTIC}(?![a-z])", re.IGNORECASE)


class NilearnMap(NamedTuple):
    """A map of a contrast."""

    path: Path
    kind: str
    """effect, variance, t, F, z or p; stat where it is not known whether t or F"""
    contrast: str
    """As the file's name tells it"""
    is_certain: bool = True
    """Whether the name says the kind; `stat` alone may be t or F"""
    is_made: bool = False
    """Whether it was made of the user's z"""


class NilearnAnalysis(NamedTuple):
    """What lies in a folder of nilearn's results."""

    folder: Path
    designs: tuple[NilearnDesign, ...]
    """In the order of the runs"""
    maps: tuple[NilearnMap, ...]
    mask: Path | None
    stated: Mapping[str, Any]
    """What statmap.json says: parameters of the constructor"""
    repetition_time: float | None
    hints: Mapping[str, Any]
    """Arguments of FirstLevelModel in a script that lies there, read as text"""
    script: Path | None
    elsewhere: tuple[Path, ...] = ()
    """Links that lead out of the folder, which are not followed"""
    unread: tuple[Path, ...] = ()
    """Images whose names do not tell what they hold"""
    notes: tuple[str, ...] = ()
    """What is to be said of the maps"""

    @property
    def given(self) -> Mapping[str, Any]:
        """Arguments of FirstLevelModel: a script's, else those that are stated."""
        return {**self.stated, **self.hints}

    def of_contrast(self, contrast: str, kind: str) -> Path | None:
        """File of one map of a contrast."""
        return next((m.path for m in self.maps if m.contrast == contrast and m.kind == kind), None)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """All that there are maps of."""
        return tuple(dict.fromkeys(m.contrast for m in self.maps))


def read_nilearn(folder: Path, more: tuple[Path, ...] = ()) -> NilearnAnalysis:
    """Read a folder of nilearn's results; where the user names files, these alone.

    Raises
    ------
    NoInputError, DataError
        There is no such folder, or neither map nor design matrix in it.
    """
    listed = list(more) or list(_files(folder))
    elsewhere = () if more else tuple(path for path in listed if _leads_out(path, folder))
    files = [path for path in listed if path not in elsewhere]
    designs = designs_among(files)
    maps = tuple(_maps(files))
    if not designs and not maps:
        raise DataError(
            f"{folder}: holds neither maps (*.nii, *.nii.gz) nor a design matrix (*.csv, *.tsv) of nilearn"
            + (f" itself, only links that lead out of it, such as {elsewhere[0].name}" if elsewhere else "")
            + "; give the folder where your script wrote them"
        )
    stated, time = _stated(files)
    script, hints = script_hints(files)
    mask = next((f for f in files if _stem(f).endswith("mask")), None)
    unread = tuple(
        f
        for f in files
        if f.name.endswith(MAPS)
        and not _is_of_model(f)
        and BIDS.search(f.name) is None
        and kind_of(_stem(f)) is None
    )
    return NilearnAnalysis(folder, designs, maps, mask, stated, time, hints, script, elsewhere, unread)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise NoInputError(f"{folder}: there is no such folder; give the folder of nilearn's results")
    count = 0
    for path in sorted(folder.rglob("*"), key=_natural):
        if not path.is_file():
            continue
        count += 1
        if count > MOST_FILES:
            raise DataError(
                f"{folder}: holds more than {MOST_FILES:,} files; give the folder of one analysis"
            )
        yield path


def _leads_out(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())


def links_note(folder: Path, elsewhere: tuple[Path, ...]) -> tuple[str, ...]:
    """What is to be said of links that are not followed."""
    if not elsewhere:
        return ()
    names = joined((path.name for path in elsewhere), 3)
    return (f"Links that lead out of {folder} are not followed: {names}. Put the files themselves there.",)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order in which run 2 comes before run 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", str(path))]


def _stem(path: Path) -> str:
    """Name without what follows the first dot.

    >>> _stem(Path("a/movement_stat.nii.gz"))
    'movement_stat'
    """
    return re.sub(r"(\.nii)?(\.gz)?(\.\w+)?$", "", path.name) or path.name


def _maps(files: list[Path]) -> Iterator[NilearnMap]:
    for path in files:
        if not path.name.endswith(MAPS):
            continue
        bids = BIDS.search(path.name)
        if bids:
            yield NilearnMap(path, bids[2], bids[1])
            continue
        if _is_of_model(path):
            continue
        guessed = kind_of(_stem(path))
        if guessed is not None:
            yield NilearnMap(path, *guessed, guessed[0] != "t" or names_t(_stem(path)))


def _is_of_model(path: Path) -> bool:
    """Whether an image is of the model and of no contrast."""
    stem = _stem(path)
    if stem.endswith("_statmap"):
        return BIDS.search(path.name) is None  # residuals (errorts), R squared
    return stem.endswith("mask") or "rsquared" in stem or "residuals" in stem.lower()


def kind_of(stem: str) -> tuple[str, str] | None:
    """Guess the statistic and the contrast from a file's name.

    >>> kind_of("movement_effect_size"), kind_of("tmap_movement-rest"), kind_of("face_vs_others_T")
    (('effect', 'movement'), ('t', 'movement-rest'), ('t', 'face_vs_others'))
    >>> kind_of("movement_effect_variance"), kind_of("anatomy")
    (('variance', 'movement'), None)
    >>> kind_of("movement_stat")
    ('t', 'movement')
    >>> kind_of("con_stat")
    ('t', 'con')
    """
    joined_up = re.sub(r"[ .-]", "_", stem)
    # a statistic's name stands at one end of a file's name, more often at the last
    for at_end in (True, False):
        for kind, pattern in KINDS:
            for match in pattern.finditer(joined_up):
                if match.end() == len(stem) if at_end else match.start() == 0:
                    rest = (stem[: match.start()] + stem[match.end() :]).strip("_-. ")
                    return kind, rest or stem
    return None


def names_t(stem: str) -> bool:
    """Whether a name says t in so many words.

    >>> names_t("go_tmap"), names_t("go_stat")
    (True, False)
    """
    return NAMED_T.search(re.sub(r"[ .-]", "_", stem)) is not None


def _stated(files: list[Path]) -> tuple[dict[str, Any], float | None]:
    found: dict[str, Any] = {}
    time = None
    for path in files:
        if path.name.endswith(("_statmap.json", "_design.json")):
            try:
                content = read_json(path)
            except BidsglmError:
                continue
            found |= content.get("ModelParameters") or {}
            given = content.get("RepetitionTime")
            time = float(given) if isinstance(given, int | float) else time
    given = found.get("t_r")
    return found, time or (float(given) if isinstance(given, int | float) else None)
