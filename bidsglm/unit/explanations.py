"""Why the maps of a unit's packages differ, for each package against the reference."""

from collections.abc import Iterator

from bidsglm.attribution.engine import Explanation
from bidsglm.packages import REFERENCE, pairs_of
from bidsglm.unit.explanation import explain
from bidsglm.unit.fit import Fitted
from bidsglm.unit.pair_explanation import explain_pair


def explanations(fitted: Fitted, reference: str = REFERENCE) -> Iterator[Explanation]:
    """Attribute the differences of each pair, SPM and nilearn over all voxels, others on a sample.

    Parameters
    ----------
    fitted
        With any packages; with one there is nothing to explain.
    reference
        What the others are compared with.
    """
    for pair in pairs_of(fitted.fits, reference):
        yield explain(fitted) if pair.is_default else explain_pair(fitted, pair)
