"""What both programs did in each modelling step, in a few words."""

from collections.abc import Callable

import numpy as np

from bidsglm.attribution.drawing_rules import Interpolated
from bidsglm.attribution.response_rules import NilearnResponse, SpmResponse
from bidsglm.attribution.sides import PairModels
from bidsglm.attribution.steps import REGRESSORS, event_words, sampling_words
from bidsglm.backends.phrases import response
from bidsglm.check.comparison import Checked
from bidsglm.check.event_settings import listed_values
from bidsglm.check.map_weights import Attempt
from bidsglm.sentences import joined
from bidsglm.unit.pair_steps import same_weights

SPM_BY_SCAN = "100 / each scan's global"
SPM_BY_RUN = "100 / the session's mean, for all voxels"


def words(name: str, found: Checked, models: PairModels) -> tuple[str, str]:
    """Words of nilearn's and of SPM's setting in a step."""
    makers: dict[str, Callable[[Checked, PairModels], tuple[str, str]]] = {
        "smoother": _smoother,
        "scaling": _scaling,
        "noise": _noise,
        "filter": _filter,
        "sampling": _sampling,
        "events": _events,
        "response": _response,
        "confounds": _confounds,
        "contrast": _contrast,
        REGRESSORS: _columns,
    }
    if name in ("onsets", "durations"):
        return _timing(name, models)
    if name == "runs":
        return "one model each, effects averaged, variances added", "one model, one residual variance"
    return makers[name](found, models)


def scaling_words(made: Attempt) -> str:
    """How nilearn scaled, as its arguments have it."""
    return f"signal_scaling={made.scaling}" if made.scaling != "grand mean" else "grand mean of all voxels"


def smoothing_words(made: Attempt) -> str:
    """Which scans nilearn had, and how it smoothed them."""
    of = "the scans before SPM's smoothing" if made.unsmoothed else "SPM's scans"
    return f"{made.smoothed_by:g} mm on {of}" if made.smoothed_by else f"none, on {of}"


def _attempt(found: Checked) -> Attempt:
    assert found.way is not None
    return found.way.attempt


def _smoother(found: Checked, models: PairModels) -> tuple[str, str]:
    own = f"SPM's scans ({found.spm.smoothed[0]:g} mm)" if found.spm.smoothed else "SPM's scans"
    return smoothing_words(_attempt(found)), own


def _scaling(found: Checked, models: PairModels) -> tuple[str, str]:
    return scaling_words(_attempt(found)), SPM_BY_SCAN if found.spm.scaling == "Scaling" else SPM_BY_RUN


def _noise(found: Checked, models: PairModels) -> tuple[str, str]:
    own = {"ar1": "AR(1) of each voxel, cut to hundredths", "ols": "ordinary least squares"}
    kind = found.spm.noise
    ours = "independent errors" if kind == "none" else f"{kind} of all voxels by pooled ReML"
    return own[_attempt(found).noise], ours


def _filter(found: Checked, models: PairModels) -> tuple[str, str]:
    run = found.runs[0]
    n_drifts, n_cosines = run.columns.n_drifts, run.columns.n_cosines
    return (
        f"{n_drifts} drift columns in the design" if n_drifts else "no drift columns",
        f"{n_cosines} cosines ({run.session.high_pass:g} s) projected off" if n_cosines else "no filter",
    )


def _sampling(found: Checked, models: PairModels) -> tuple[str, str]:
    drawing = models.sides[0].drawing
    assert drawing is not None
    assert isinstance(drawing.sampling, Interpolated)
    offset = drawing.sampling.times(0)[0] / found.spm.repetition_time
    return sampling_words(offset, found.spm.microtime_onset, found.spm.microtime_resolution)


def _events(found: Checked, models: PairModels) -> tuple[str, str]:
    return event_words(found.spm.microtime_resolution)


def _response(found: Checked, models: PairModels) -> tuple[str, str]:
    drawings = [side.drawing for side in models.sides]
    assert drawings[0] is not None
    assert drawings[1] is not None
    own, other = drawings[0].response, drawings[1].response
    assert isinstance(own, NilearnResponse)
    assert isinstance(other, SpmResponse)
    return f"nilearn's {response(own.hrf)}", f"SPM's {response(other.hrf)}"


def _timing(name: str, models: PairModels) -> tuple[str, str]:
    """Values of the first condition in which they differ."""
    pairs = [
        (getattr(a, name), getattr(b, name))
        for run in range(len(models.runs))
        for a, b in zip(
            models.conditions(0, 0, run),
            models.conditions(1, 1, run),
            strict=True,
        )
    ]
    own, other = next(((a, b) for a, b in pairs if not np.array_equal(a, b)), pairs[0])
    if name == "durations":
        own, other = np.unique(own), np.unique(other)
    return listed_values(own), listed_values(other)


def _confounds(found: Checked, models: PairModels) -> tuple[str, str]:
    names = [[n for n in models.confounds(side, 0).names] for side in (0, 1)]
    own, other = (joined([n.removesuffix(" (nilearn)") for n in each]) or "none" for each in names)
    return own, other if own != other else f"{other}, of other values" if other != "none" else other


def _contrast(found: Checked, models: PairModels) -> tuple[str, str]:
    pairs = list(zip(*(models.plans_of(side) for side in (0, 1)), strict=True))
    differing = [(a, b) for a, b in pairs if not same_weights(a, b)]
    told = []
    for each in (differing or pairs)[0]:
        conditions = each.specification.conditions
        weights = " ".join(f"{w:+g} {name}" for w, name in zip(each.weights[0], conditions, strict=True))
        apart = each.factors and len(set(each.factors)) > 1
        runs = f", times {' and '.join(f'{f:g}' for f in each.factors)} in the runs" if apart else ""
        told.append(weights + runs)
    return told[0], told[1]


def _columns(found: Checked, models: PairModels) -> tuple[str, str]:
    counts = [len(models.sides[side].runs[0].regressors.names) for side in (0, 1)]
    own, other = (f"{n} column{'s' * (n != 1)} of conditions" for n in counts)
    return f"nilearn's {own}", f"SPM's {other}"
