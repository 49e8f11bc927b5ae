"""What the page of the group shows of its maps, from the files on disk; figures are written on the way."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.dataset.nifti import read_map
from bidsglm.errors import ReadWriteError
from bidsglm.group.background import background_path
from bidsglm.group.numbers import GroupNumbers
from bidsglm.model import Floats
from bidsglm.outputs.group_form import GroupContrastForm, GroupForm
from bidsglm.outputs.group_map_tables import (
    GROUP_PAIRS,
    GROUP_STABILITY,
    group_agreement_schema,
    group_attribution_schema,
    group_inference_schema,
)
from bidsglm.outputs.names import clusters_name, map_name
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.sidecars import PermutationFacts, read_sidecar
from bidsglm.outputs.summary_reading import read_group_summary
from bidsglm.outputs.unit_tables import of_pair
from bidsglm.packages import PACKAGES
from bidsglm.pages.contrasts import Drawn
from bidsglm.pages.group_words import definition, variances
from bidsglm.pages.reasons import findings
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import breakdowns
from bidsglm.report.cluster_tables import ClusterReport
from bidsglm.report.contrast_images import EFFECT_UNITS, ContrastImages
from bidsglm.report.group_inference import GroupInference, of_contrast
from bidsglm.report.group_reasons import GroupReasons
from bidsglm.report.group_report import GroupContrast
from bidsglm.report.group_stability import GroupStability
from bidsglm.report.thinning import stride, thinned
from bidsglm.report.volumes import Scene, scene

STATS = {"t": ("effect", "t", "p"), "F": ("F", "p")}
"""Test -> maps shown"""
MEAN = "mean"
"""Name of the group contrast that every data set has: the mean over participants."""


class GroupMaps(NamedTuple):
    """Maps of a group, with their methods and notes."""

    contrasts: tuple[GroupContrast, ...] = ()
    scene: Scene | None = None
    methods: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    permutations: str = ""
    """What the permuted maps are; empty where there are none"""
    stability: GroupStability | None = None
    """What single participants change"""
    table: str = ""
    """Link to the table of their agreement"""
    matrix: tuple[Row, ...] = ()
    """Every package with every other; empty with two"""


class _Place(NamedTuple):
    """Where the files of one task and space stand, and the rows of its tables."""

    numbers: GroupNumbers
    name: str
    pairs: tuple[Pair, ...]
    """What is compared"""

    @property
    def folder(self) -> Path:
        """Folder of the group."""
        return self.numbers.output_dir / "group"

    def rows(self, schema: Schema) -> tuple[Row, ...]:
        """Rows of a table; none where there is no such table."""
        path = self.numbers.path(schema, self.name)
        return self.numbers.rows(schema, path) if self.numbers.there(path) else ()

    def read(self, stat: str, backend: str, label: str) -> tuple[Floats, Floats]:
        """A map (x, y, z) and its affine."""
        return read_map(self.folder / f"{map_name(self.name, stat, backend, label)}.nii.gz")


def group_maps(numbers: GroupNumbers, name: str, pairs: tuple[Pair, ...] = (DEFAULT_PAIR,)) -> GroupMaps:
    """Everything that there is of a group's maps; nothing where there are none.

    Parameters
    ----------
    numbers
        Of the group.
    name
        Start of the file names.
    pairs
        What is compared.

    Raises
    ------
    NoInputError, ReadWriteError
        When a map or table of the summary is missing or damaged.
    """
    output_dir = numbers.output_dir
    path = output_dir / "group" / f"{name}_desc-group_summary.json"
    summary = read_group_summary(path) if path.exists() else {}
    place = _Place(numbers, name, pairs)
    contrasts, behind, by = [], None, 0
    tables: dict[str, Sequence[Row]] = {}
    matrix: list[Row] = []
    for entry in summary.get("contrasts", ()):
        own = place._replace(name=entry.get("prefix", name))
        if own.name not in tables:
            tables[own.name] = own.rows(group_agreement_schema(*pairs))
            matrix += own.rows(GROUP_PAIRS)
        images = _images(own, entry, _background(output_dir, name))
        by = by or stride(int(images.either.sum()), len(summary["contrasts"]))
        behind = behind or scene(thinned(images, by))
        drawn = Drawn(own.folder / "figures", own.name, behind, by, pairs)
        contrasts.append(_contrast(own, entry, images, drawn, _rows_of(tables[own.name], entry)))
    return GroupMaps(
        tuple(contrasts),
        behind,
        tuple(summary.get("methods", ())),
        tuple(summary.get("notes", ())),
        _permutations(output_dir, summary),
        _stability(place, summary),
        f"group/{_table(place).name}" if _table(place).exists() else "",
        tuple(matrix),
    )


def _stability(place: _Place, summary: GroupForm) -> GroupStability | None:
    """Rows of all contrasts, named as the page names them; None where an earlier version wrote no table."""
    rows: list[Row] = []
    links: list[str] = []
    for prefix in dict.fromkeys(entry.get("prefix", place.name) for entry in summary.get("contrasts", ())):
        own = place._replace(name=prefix)
        titles = {e["label"]: title(e) for e in summary["contrasts"] if e.get("prefix", place.name) == prefix}
        found = own.rows(GROUP_STABILITY)
        rows += [{**row, "contrast_name": titles.get(str(row["label"]), "")} for row in found]
        links += [f"group/{own.numbers.path(GROUP_STABILITY, prefix).name}"] * bool(found)
    return GroupStability(tuple(rows), links[0], place.pairs or (DEFAULT_PAIR,)) if rows else None


def _permutations(output_dir: Path, summary: GroupForm) -> str:
    """What the sidecars of permuted maps say of them."""
    names = [name for name in summary.get("files", ()) if "Permutation" in name and name.endswith(".json")]
    if not names:
        return ""
    facts = read_sidecar(output_dir / names[0], PermutationFacts)
    clusters = ", the mass of clusters formed at p < 0.001 and TFCE"
    return (
        f"familywise p by {facts['Permutations']} permutations of nilearn's non_parametric_inference, "
        f"{'two' if facts['Tails'] == 'both' else 'one'}-sided, were made from the largest t"
        f"{clusters if any('PermutationTFCE' in name for name in names) else ''}"
    )


def _background(output_dir: Path, name: str) -> tuple[Floats, Floats] | None:
    path = background_path(output_dir, name)
    try:
        return read_map(path) if path.exists() else None
    except ReadWriteError:
        return None


def _images(place: _Place, entry: GroupContrastForm, behind: tuple[Floats, Floats] | None) -> ContrastImages:
    """Every package's maps; a package's mask is where it has an effect, of F the file with it."""
    stats = STATS[entry.get("test", "t")]
    maps: dict[str, dict[str, Floats]] = {stat: {} for stat in stats}
    affine = np.eye(4)
    backends = tuple(entry["dof"])
    for backend in backends:
        for stat in stats:
            maps[stat][backend], affine = place.read(stat, backend, entry["label"])
    if "effect" in maps:
        masks = {backend: np.isfinite(effect) for backend, effect in maps["effect"].items()}
    else:
        masks = {b: read_map(place.folder / f"{entry['masks'][b]}.nii.gz")[0] > 0 for b in backends}
    everywhere = np.logical_and.reduce(list(masks.values()))
    fits = behind is not None and behind[0].shape == everywhere.shape
    ground = behind[0] if behind is not None and fits else everywhere.astype(float)
    units = entry.get("effect_units") or EFFECT_UNITS
    images = ContrastImages(title(entry), entry["label"], maps, masks, ground, affine, units)
    return replace(images, reference=place.pairs[0].reference) if place.pairs else images


def title(entry: GroupContrastForm) -> str:
    """Name of a contrast over participants, the participants' contrast first.

    >>> title({"name": "go", "group_contrast": "mean"}), title({"name": "go", "group_contrast": "age"})
    ('go', 'go: age')
    >>> title({"name": "", "group_contrast": "any", "node": "words", "group": "ses-1"})
    'any (words, ses-1)'
    """
    over, own = entry.get("group_contrast", MEAN), str(entry["name"])
    name = own if over == MEAN and own else ": ".join(filter(None, (own, over)))
    where = ", ".join(filter(None, (entry.get("node", ""), entry.get("group", ""))))
    return f"{name} ({where})" if where else name


def _table(place: _Place) -> Path:
    return place.folder / f"{place.name}_desc-groupAgreement_metrics.tsv"


def _rows_of(rows: Sequence[Row], entry: GroupContrastForm) -> tuple[Row, ...]:
    """Rows of a contrast, named as the page names it."""
    key = entry["contrast"] or None, entry.get("group_contrast", MEAN)
    chosen = [row for row in rows if (row["contrast"], row.get("group_contrast", MEAN)) == key]
    chosen = [row for row in chosen if row.get("label", entry["label"]) == entry["label"]]
    return tuple({**row, "contrast": entry["label"], "contrast_name": title(entry)} for row in chosen)


def _contrast(
    place: _Place, entry: GroupContrastForm, images: ContrastImages, drawn: Drawn, rows: Sequence[Row]
) -> GroupContrast:
    left_out = entry.get("left_out", {})
    clusters = [_clusters(place, entry, backend) for backend in entry["dof"]]
    every_pair = [row for row in place.rows(GROUP_PAIRS) if row["label"] == entry["label"]]
    found = replace(
        GroupContrast(**vars(drawn.contrast(entry, definition(entry), images, clusters, every_pair))),
        notes=(
            *variances(entry),
            *(f"sub-{who} is not in these maps: {why}." for who, why in left_out.items()),
        ),
        anchor=f"{place.name}-{entry['label']}",
        inference=_inference(place, entry),
        of=entry["contrast"],
    )
    first, *others = (
        replace(
            found,
            pair=pair,
            agreement=tuple(of_pair(row, pair) for row in rows),
            pair_figures=drawn.of_pair(images, pair),
            reasons=_reasons(place, entry, pair),
        )
        for pair in place.pairs or (DEFAULT_PAIR,)
    )
    return replace(first, others=tuple(others))


def _inference(place: _Place, entry: GroupContrastForm) -> GroupInference | None:
    """What survives correction; None where an earlier version wrote no such table."""
    schema = group_inference_schema(*place.pairs)
    path = place.numbers.path(schema, place.name)
    dof = min(each[-1] for each in entry["dof"].values())
    pairs = place.pairs or (DEFAULT_PAIR,)
    return of_contrast(place.rows(schema), entry["label"], f"group/{path.name}", dof, pairs)


def _reasons(place: _Place, entry: GroupContrastForm, pair: Pair) -> GroupReasons | None:
    """Why the maps of a contrast differ between two packages; None where nothing was attributed."""
    schema = group_attribution_schema(*(place.pairs or (DEFAULT_PAIR,)))
    rows = [_of_step(row, pair) for row in place.rows(schema) if row["label"] == entry["label"]]
    path = place.numbers.path(schema, place.name)
    differ = any(row[pair.first] != row[pair.reference] for row in rows if row["step"] == "variance")
    found = next(iter(findings(entry.get("findings", ()))), None) if differ else None
    return GroupReasons(breakdowns(rows, pair), f"group/{path.name}", found) if rows else None


def _of_step(row: Row, pair: Pair) -> Row:
    return {**of_pair(row, pair), "metric": row["metric"], "step": row["step"]}


def _clusters(place: _Place, entry: GroupContrastForm, backend: str) -> ClusterReport:
    name = f"{clusters_name(place.name, backend, entry['label'])}.tsv"
    fwhm = entry.get("fwhm_mm") if PACKAGES[backend].random_fields else None
    return ClusterReport(
        backend,
        entry.get("test", "t"),
        entry["thresholds"][backend],
        tuple(fwhm or ()),
        place.numbers.rows(BACKENDS[backend].CLUSTERS, place.folder / name),
        f"group/{name}",
    )
