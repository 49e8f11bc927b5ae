"""What the command line asks for beyond the fit: the add-ons of finished units."""

from collections.abc import Callable

from bidsglm.add_ons import AddOn
from bidsglm.calibration.add_on import calibration_request
from bidsglm.export.add_on import code_add_on
from bidsglm.model import Settings
from bidsglm.regions.anatomy import underlay_add_on
from bidsglm.regions.values import region_add_on

REQUESTS: tuple[Callable[[Settings], AddOn | None], ...] = (
    region_add_on,
    code_add_on,
    calibration_request,
    underlay_add_on,
)
"""Each makes its add-on from the command line, or None where its option is not given."""


def requested_add_ons(settings: Settings) -> tuple[AddOn, ...]:
    """Add-ons that the command line asks for, in the order in which they are written.

    Raises
    ------
    BidsglmError
        When one of them cannot be made from the input that its options name.
    """
    made = (request(settings) for request in REQUESTS)
    return tuple(add_on for add_on in made if add_on is not None)
