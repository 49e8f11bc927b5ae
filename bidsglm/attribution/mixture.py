"""The designs of a run, taken apart so that the packages' rules can be mixed.

The pure mixtures are the packages' own designs. Where our reproduction of nilearn's regressors does not
meet them (FIR sets, whose bins have no common grid), the regressors are one step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.crossing import SHAPES, Clock, Columns, Rules, crossed_regressors
from bidsglm.attribution.models import RunDesigns
from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.model import CONSTANT, Floats, Hrf, ModelSpecification
from bidsglm.spm.regressors import Microtime, microtime_onset

REPRODUCED = 1e-8
"""Share of the largest value of the regressors: rounding leaves 5e-14 between nilearn's columns and ours,
another rule in one step 1e-4 or more."""
DRIFT = "drift_"
NILEARN, SPM = Rules(False, False, False), Rules(True, True, True)


class PureDesigns(NamedTuple):
    """Both packages' designs of one run."""

    nilearn: DesignMatrix
    spm: DesignMatrix


class Mixtures(NamedTuple):
    """Designs of all runs."""

    runs: tuple[RunDesigns, ...]
    apart: bool
    """Response, events and sampling are separate steps."""


def responses(model: ModelSpecification) -> tuple[Hrf, Hrf]:
    """Sets of response functions of nilearn and of SPM.

    >>> [hrf.model for hrf in responses(ModelSpecification("m", ()))]
    ['spm', 'spm']
    """
    return model.nilearn.hrf or model.hrf, model.hrf


def mixtures(
    paradigms: Sequence[Paradigm],
    model: ModelSpecification,
    designs: Sequence[PureDesigns],
    slice_time_refs: Sequence[float],
) -> Mixtures:
    """Take the designs of all runs apart.

    Parameters
    ----------
    paradigms, designs, slice_time_refs
        One for every run; the last nilearn's, as a fraction of the TR.
    model
        With both packages' settings.
    """
    parts = list(zip(paradigms, designs, slice_time_refs, strict=True))
    own = [{NILEARN: regressors_of(p, d.nilearn), SPM: regressors_of(p, d.spm)} for p, d, _ in parts]
    crossed = [_crossed(paradigm, model, reference) for paradigm, _, reference in parts]
    # response, events and sampling are told apart only where the reproduction meets both designs
    apart = all(
        bool(mixed) and all(_alike(pure[rules], mixed[rules]) for rules in pure)
        for mixed, pure in zip(crossed, own, strict=True)
    )
    if apart:
        # the pure ones are the packages' own columns, so that closure does not rest on the reproduction
        own = [mixed | pure for mixed, pure in zip(crossed, own, strict=True)]
    runs = [
        RunDesigns(regressors, _confounds(p), _filters(p, d), p.repetition_time)
        for regressors, (p, d, _) in zip(own, parts, strict=True)
    ]
    return Mixtures(tuple(runs), apart)


def _crossed(paradigm: Paradigm, model: ModelSpecification, slice_time_ref: float) -> dict[Rules, Columns]:
    """All mixtures of rules, none where a set of functions has no counterpart."""
    own, other = responses(model)
    # FIR, Fourier and gamma sets of the two packages have no functions in common
    if own.model not in SHAPES or other.model != "spm":
        return {}
    timing = Microtime(
        paradigm.repetition_time,
        paradigm.n_scans,
        model.spm.microtime_resolution,
        microtime_onset(paradigm, model),
    )
    return crossed_regressors(paradigm.conditions, Clock(timing, slice_time_ref), (own, other))


def regressors_of(paradigm: Paradigm, design: DesignMatrix) -> Columns:
    """Columns of a design that belong to conditions."""
    others = {*paradigm.confound_names, CONSTANT}
    places = [
        i
        for i, name in enumerate(design.names)
        # a condition may be called drift_something, a drift term has a number
        if name not in others and not (name.startswith(DRIFT) and name[len(DRIFT) :].isdigit())
    ]
    return Columns(tuple(design.names[i] for i in places), design.matrix[:, places])


def drifts_of(paradigm: Paradigm, design: DesignMatrix) -> Floats:
    """Columns of a design that are neither regressors nor confounds nor the constant, (n_scans, m)."""
    known = {*regressors_of(paradigm, design).names, *paradigm.confound_names, CONSTANT}
    return design.matrix[:, [i for i, name in enumerate(design.names) if name not in known]]


def _filters(paradigm: Paradigm, designs: PureDesigns) -> tuple[Floats, Floats]:
    """Nilearn's drift terms, SPM's cosines."""
    return drifts_of(paradigm, designs.nilearn), designs.spm.high_pass_basis


def _confounds(paradigm: Paradigm) -> Columns:
    """Confounds without their means, which the constant takes up."""
    # SPM centres confounds and nilearn does not; both fits are the same beside a constant
    centred = paradigm.confounds - paradigm.confounds.mean(axis=0)
    return Columns(paradigm.confound_names, centred)


def _alike(own: Columns, mixed: Columns) -> bool:
    if own.names != mixed.names:
        return False
    # a dead column of nilearn's is only as small as the others allow
    extent = np.abs(own.matrix).max(initial=0.0)
    return bool(np.abs(own.matrix - mixed.matrix).max(initial=0.0) <= REPRODUCED * extent)
