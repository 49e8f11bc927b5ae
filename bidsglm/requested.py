"""What the command line asks for beyond the fit: the add-ons of finished units."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bidsglm.settings import Settings

if TYPE_CHECKING:
    from bidsglm.add_ons import AddOn


def _regions(settings: Settings) -> "AddOn | None":
    if settings.atlas is None and settings.atlas_labels is None:
        return None
    from bidsglm.regions.values import region_add_on

    return region_add_on(settings)


def _code(settings: Settings) -> "AddOn | None":
    if not settings.export_code:
        return None
    from bidsglm.export.add_on import code_add_on

    return code_add_on(settings)


def _calibration(settings: Settings) -> "AddOn | None":
    if settings.calibrate is None:
        return None
    from bidsglm.calibration.add_on import calibration_add_on

    return calibration_add_on(settings.calibrate, settings.random_seed)


def _underlay(settings: Settings) -> "AddOn | None":
    if settings.underlay == "bold":
        return None
    from bidsglm.regions.anatomy import underlay_add_on

    return underlay_add_on(settings)


REQUESTS: "tuple[Callable[[Settings], AddOn | None], ...]" = (_regions, _code, _calibration, _underlay)
"""Each makes its add-on from the command line, or None where its option is not given; what makes an add-on is
loaded for those alone that are asked for."""


def requested_add_ons(settings: Settings) -> "tuple[AddOn, ...]":
    """Add-ons that the command line asks for, in the order in which they are written.

    Raises
    ------
    BidsglmError
        When one of them cannot be made from the input that its options name.
    """
    made = (request(settings) for request in REQUESTS)
    return tuple(add_on for add_on in made if add_on is not None)
