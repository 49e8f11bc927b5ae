"""A contrast's maps of both analyses on the page: agreement, pictures, the slice viewer, why they differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.agreement.maps import BothMaps, agreement
from bidsglm.attribution.differences import threshold
from bidsglm.attribution.engine import Explanation
from bidsglm.check.comparison import Checked
from bidsglm.check.data import support, values_of
from bidsglm.check.reasons import OWN_SHOWN, ranked, reach_of
from bidsglm.data import ContrastMaps, Volume
from bidsglm.dataset.masks import Grid
from bidsglm.design_space import rank
from bidsglm.export.labels import labels
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.report.breakdowns import Breakdown, breakdowns
from bidsglm.report.check import CheckedPair, SettingPair
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.figures import contrast_figures
from bidsglm.report.ladders import attribution_figures, on_sample
from bidsglm.report.participant_report import ContrastReport
from bidsglm.report.peaks import thumbnail
from bidsglm.report.thinning import stride, thinned
from bidsglm.report.volumes import held, scene
from bidsglm.spm.probability import t_tail

MOST_FIGURES = 12
"""Contrasts with pictures on a page"""
UNITS = {"spm": "% of spm_global", "nilearn": "nilearn's unit"}


class ShownContrasts(NamedTuple):
    """Contrasts with maps of both, as the page shows them."""

    contrasts: tuple[ContrastReport, ...]
    scene: Mapping[str, object] | None
    """What their viewers share"""
    agreement: tuple[Mapping[str, object], ...]
    """Rows of the table"""


class _Loaded(NamedTuple):
    """Maps of one contrast on their grid."""

    name: str
    label: str
    values: Mapping[str, Mapping[str, Floats]]
    """effect or t -> program -> (x, y, z)"""
    grid: Grid

    @property
    def masks(self) -> dict[str, Mask]:
        """Program -> voxels of its t map."""
        return {name: support(values) for name, values in self.values["t"].items()}


def shown_contrasts(found: Checked, explanation: Explanation | None) -> ShownContrasts:
    """Make what the page shows of every contrast."""
    loaded = list(_loaded(found))
    if not loaded:
        return ShownContrasts((), None, ())
    dofs = _dofs(found)
    first = _images(loaded[0], dofs)
    by = stride(int(first.either.sum()), min(len(loaded), MOST_FIGURES))
    behind = scene(thinned(first, by))
    reports: list[ContrastReport] = []
    rows: list[Mapping[str, object]] = []
    for each in loaded:
        own = _agreement(each, dofs)
        rows += [{**row, "contrast": each.label, "contrast_name": each.name} for row in own]
        breakdown = _breakdowns(explanation, each.name)
        images = _images(each, dofs)
        drawn = len(reports) < MOST_FIGURES
        report = ContrastReport(
            each.name,
            each.label,
            "as in SPM.mat",
            dof={name: (dof,) for name, dof in dofs.items()},
            agreement=own,
            figures=contrast_figures(images) if drawn else (),
            breakdowns=breakdown,
            why_figures=_why_figures(each, breakdown, explanation),
            volumes=held(images, behind, _heights(dofs), by) if drawn else None,
            thumbnail=thumbnail(images),
        )
        reports.append(report)
    return ShownContrasts(tuple(reports), behind.packed(), tuple(rows))


def _loaded(found: Checked) -> Iterator[_Loaded]:
    by_contrast: dict[str, dict[str, CheckedPair]] = {}
    for pair in found.maps:
        if pair.n_both:
            by_contrast.setdefault(pair.contrast, {})[pair.what] = pair
    called = labels(by_contrast)
    shape: tuple[int, ...] | None = None
    for name, pairs in by_contrast.items():
        if "t" not in pairs:
            continue
        read = {what: (values_of(p.spm), values_of(p.nilearn)) for what, p in pairs.items()}
        grid = read["t"][0][1]
        values = {
            what: {"spm": np.nan_to_num(one[0]), "nilearn": np.nan_to_num(other[0])}
            for what, (one, other) in read.items()
        }
        shape = shape or grid.shape
        if grid.shape == shape:
            yield _Loaded(name, called[name], values, grid)


def _dofs(found: Checked) -> dict[str, float]:
    """Residual degrees of freedom: SPM's effective ones, and scans less rank in nilearn."""
    ranks = [len(run.design.matrix) - rank(run.design.matrix) for run in found.runs]
    return {"spm": found.spm.dof, "nilearn": float(sum(ranks)) or found.spm.dof}


def _heights(dofs: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    return {name: {"p001": threshold((dof,))} for name, dof in dofs.items()}


def _images(each: _Loaded, dofs: Mapping[str, float]) -> ContrastImages:
    masks = each.masks
    t = each.values["t"]
    p = {name: t_tail(t[name].ravel(), dofs[name]).p.reshape(t[name].shape) for name in t}
    behind = (masks["spm"] | masks["nilearn"]).astype(np.float64)
    maps = {**each.values, "p": p}
    return ContrastImages(each.name, each.label, maps, masks, behind, each.grid.affine, UNITS, "mask")


def _agreement(each: _Loaded, dofs: Mapping[str, float]) -> tuple[Mapping[str, str | int | float], ...]:
    specification = ContrastSpecification(each.name, each.label, (), np.empty((1, 0)))
    own = {}
    for name in ("spm", "nilearn"):
        t = each.values["t"][name].ravel()
        tail = t_tail(t, dofs[name])
        effect = each.values["effect"][name].ravel() if "effect" in each.values else None
        own[name] = ContrastMaps(specification, (0,), effect, None, t, tail.z, tail.p, (dofs[name],))
    masks = each.masks["spm"].ravel(), each.masks["nilearn"].ravel()
    volume = Volume(each.grid.shape, each.grid.affine, np.ones(each.grid.shape, dtype=np.bool_))
    return agreement(BothMaps(own["spm"], own["nilearn"], masks), volume.coordinates)


def _breakdowns(explanation: Explanation | None, name: str) -> tuple[Breakdown, ...]:
    if explanation is None:
        return ()
    return breakdowns([row for row in explanation.rows if row["contrast"] == name])


def _why_figures(
    each: _Loaded, breakdown: Sequence[Breakdown], explanation: Explanation | None
) -> tuple[Figure, ...]:
    if explanation is None:
        return ()
    drawn = attribution_figures(each.label, each.name, breakdown, OWN_SHOWN)
    return on_sample(drawn, reach_of(explanation).sample)


def in_order(differing: Sequence[SettingPair], explanation: Explanation | None) -> tuple[SettingPair, ...]:
    """Settings that differ, what makes most of the first contrast's difference in t first."""
    first = explanation.rows[0]["contrast"] if explanation is not None else ""
    return ranked(differing, _breakdowns(explanation, str(first)))
