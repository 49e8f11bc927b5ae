"""Modelling steps as players of a game: which of them matter, and which corner a coalition stands for."""

from collections.abc import Sequence

from bidsglm.attribution.models import Corner
from bidsglm.attribution.steps import COARSE_STEPS, PARTS_OF_REGRESSORS, REGRESSORS, STEPS, Step


def players(steps: Sequence[Step], kind: str, n_runs: int, scanwise: bool) -> tuple[str, ...]:
    """Steps that can change a map, in their order.

    Parameters
    ----------
    steps
        Of the analysis.
    kind
        effect, t or F: the way runs are combined moves no effect, the factor of a single run's data no t.
    n_runs
        Number of runs.
    scanwise
        SPM scales every scan apart.

    >>> both = [Step("scaling", "a", "b", False), Step("noise", "a", "b", False)]
    >>> players(both, "t", 1, False), players(both, "effect", 1, False)
    (('noise',), ('scaling', 'noise'))
    """
    idle = "runs" if kind == "effect" else "scaling" if n_runs == 1 and not scanwise else ""
    return tuple(step.name for step in steps if not step.same and step.name != idle)


def corner_of(playing: Sequence[str], joined: Sequence[int]) -> Corner:
    """Corner in which some players have joined; the steps that do not play are at SPM's setting.

    >>> corner_of(("noise", "filter"), (1, 0)).noise, corner_of(("noise", "filter"), (1, 0)).filter
    (True, False)
    """
    settings = dict.fromkeys(STEPS, True)
    for name, flag in zip(playing, joined, strict=True):
        for part in PARTS_OF_REGRESSORS if name == REGRESSORS else (name,):
            settings[part] = bool(flag)
    return Corner(**settings)


def coarse(steps: Sequence[Step]) -> list[Step]:
    """The steps with the parts of the regressors as one."""
    parts = [step for step in steps if step.name in PARTS_OF_REGRESSORS]
    if not parts:
        return list(steps)
    together = Step(REGRESSORS, "", "", all(step.same for step in parts))
    rest = {step.name: step for step in steps} | {REGRESSORS: together}
    return [rest[name] for name in COARSE_STEPS if name in rest]
