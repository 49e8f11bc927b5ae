"""Images of a second level found again: the users' con images, and never the group's own maps."""

from pathlib import Path
from typing import NamedTuple

from bidsglm.check.data import ScanPlace
from bidsglm.check.scans import relocated
from bidsglm.check.second_level import SpmGroup


class GroupImages(NamedTuple):
    """Where the images of a second level are now."""

    scans: tuple[ScanPlace, ...]
    """In the order of the rows; none where one is missing"""
    masks: tuple[Path, ...] | None
    """Explicit masks; None where one is missing"""
    notes: tuple[str, ...]


def group_images(group: SpmGroup, folder: Path | None) -> GroupImages:
    """Find a second level's images and explicit masks by the ends of their paths.

    Raises
    ------
    DataError
        There are too many files below the folder.
    """
    where = group.folder if folder is None else folder
    paths = [scan.path for scan in group.scans]
    # con_0001.nii of the group lies beside those of the participants, with the same name
    found = relocated([*paths, *group.mask.explicit], where, _own_maps(group))
    taken: dict[Path, str] = {}
    twice = set()
    for path in dict.fromkeys(paths):
        if path in found.found:
            other = taken.setdefault(found.found[path], path)
            twice |= {other, path} if other != path else set()
    missing = [p for p in dict.fromkeys(paths) if p in twice or p not in found.found]
    lost = [p for p in group.mask.explicit if p not in found.found]
    notes = []
    if missing:
        several = [p for p in missing if p in twice or p in found.ambiguous]
        told = f"several images may be {several[0]}" if several else f"not found: {missing[0]}"
        more = "" if folder is not None else "; --scans FOLDER says where they are"
        notes.append(
            f"{len(missing)} of {len(set(paths))} images were not found below {where} ({told}){more}"
        )
    if lost:
        notes.append(
            f"The explicit mask {lost[0]} was not found below {where}: SPM's mask was not made again"
        )
    places = () if missing else tuple(ScanPlace(found.found[s.path], s.volume) for s in group.scans)
    return GroupImages(
        places, None if lost else tuple(found.found[p] for p in group.mask.explicit), tuple(notes)
    )


def _own_maps(group: SpmGroup) -> frozenset[Path]:
    names = [*group.beta_maps, group.variance_map, group.mask_map]
    names += [name for c in group.contrasts for name in (c.effect_map, c.stat_map)]
    return frozenset((group.folder / name).resolve() for name in names if name)
