"""Which differences between two packages' maps of a unit can be attributed, and what is said of others."""

from collections.abc import Callable, Sequence

from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.models import ContrastPair
from bidsglm.attribution.runs import Plan, plan
from bidsglm.attribution.steps import COARSE_STEPS
from bidsglm.model import CONSTANT, ModelSpecification
from bidsglm.pairs import Pair
from bidsglm.unit.fit import Fitted

EXPLAINABLE = ("ols", "ar1")
"""nilearn's noise models that estimate each voxel by itself"""
NO_CONTRAST = "The differences are not attributed: there is no contrast of both packages."


def refused(pair: Pair, n_voxels: int, notes: Sequence[str]) -> Explanation:
    """What is said of maps whose difference is not attributed."""
    labels = ("none", *COARSE_STEPS)
    return Explanation((), (), {}, labels, False, 0, n_voxels, 0, tuple(notes), pair)


def what_is_not_done(pair: Pair) -> str:
    """What stands before the reason, as a sentence begins."""
    between = "" if pair.is_default else f" between {' and '.join(pair.titles)}"
    return f"The differences{between} are not attributed"


def reason_against(model: ModelSpecification, n_voxels: int, pair: Pair) -> str:
    """Why a pair's differences cannot be attributed, by its noise models and masks; empty where they can."""
    if "nilearn" in pair and model.nilearn.noise_model not in EXPLAINABLE:
        return (
            f"{what_is_not_done(pair)}: nilearn's noise model {model.nilearn.noise_model} clusters voxels,"
            " which no other combination of steps repeats; ar1 and ols can be explained."
        )
    return "" if n_voxels else f"{what_is_not_done(pair)}: no voxel is in both masks."


def shared_contrasts(
    fitted: Fitted, pair: Pair, can_estimate: Callable[[Plan], bool], designs: str
) -> tuple[list[ContrastPair], list[str]]:
    """Contrasts of both packages that every mixture of their designs can estimate; notes on the others."""
    own = {maps.specification.label: maps for maps in fitted.fits[pair.reference].maps}
    found, notes = [], []
    for maps in fitted.fits[pair.first].maps:
        specification = maps.specification
        if specification.label not in own:
            continue
        if CONSTANT in specification.conditions:
            notes.append(f"Contrast {specification.name!r} weighs the constant and is not attributed.")
        elif not can_estimate(plan(specification, maps.runs)):
            notes.append(
                f"Contrast {specification.name!r} is not estimable in every mixture of {designs} and is not "
                "attributed."
            )
        else:
            found.append(ContrastPair(own[specification.label], maps))
    return found, notes
