"""What the command line asks for beyond the fit: the supplements of finished units."""

from collections.abc import Callable

from bidsglm.calibration.supplement import calibration_request
from bidsglm.export.supplement import code_supplement
from bidsglm.model import Settings
from bidsglm.regions.values import region_supplement
from bidsglm.supplements import Supplement

REQUESTS: tuple[Callable[[Settings], Supplement | None], ...] = (
    region_supplement,
    code_supplement,
    calibration_request,
)
"""Each makes its supplement from the command line, or None where its option is not given."""


def requested_supplements(settings: Settings) -> tuple[Supplement, ...]:
    """Supplements that the command line asks for, in the order in which they are written.

    Raises
    ------
    BidsglmError
        When one of them cannot be made from the input that its options name.
    """
    made = (request(settings) for request in REQUESTS)
    return tuple(supplement for supplement in made if supplement is not None)
