"""Every package with every other in few numbers: correlation, slope and overlap."""

from collections.abc import Iterator, Mapping

import numpy as np

from bidsglm.agreement.coefficients import pearson_r, principal_axis
from bidsglm.agreement.maps import BothMaps, MapPair, Row, dice_p001
from bidsglm.model import Floats

NOT_DEFINED = float("nan")


def pair_rows(
    both: BothMaps, percent: Mapping[str, Floats] | None = None, two_sided: bool = False
) -> Iterator[Row]:
    """Rows of the table of all pairs for one contrast: effect, t or F, and z.

    Parameters
    ----------
    both
        Maps over the same columns of voxels.
    percent
        Package -> 1 % of each voxel's own mean in the unit of its effects (n_voxels,); a package may lack
    two_sided
        Whether thresholds give each tail of t half of the error

    Examples
    --------
    >>> from bidsglm.data import ContrastMaps
    >>> from bidsglm.model import ContrastSpecification
    >>> inside, values = np.ones(4, bool), np.array([1.0, 2.0, 3.0, 5.0])
    >>> go = ContrastSpecification("go", "go", ("go",), np.ones((1, 1)))
    >>> one = ContrastMaps(go, (0,), values, values, values, values, values, (9.0,))
    >>> next(pair_rows(BothMaps(one, one, (inside, inside))))["slope"]
    1.0
    """
    units = [(percent or {}).get(name) for name in both.pair]
    for name, maps in both.maps().items():
        x, y = maps.usable_values
        shape = {"pearson_r": pearson_r(x, y), "slope": principal_axis(x, y).slope}
        row: Row = {"map": name, "package": both.pair.first, "reference": both.pair.reference}
        row |= {"n_both": int((both.masks[0] & both.masks[1]).sum()), **shape}
        in_percent = NOT_DEFINED
        if name == "effect" and units[0] is not None and units[1] is not None:
            in_percent = _slope_in_percent(maps, units[0], units[1])
        # an effect has no threshold of its own
        dice = NOT_DEFINED if name == "effect" else dice_p001(both, two_sided)
        yield row | {"slope_percent": in_percent, "dice_p001": dice}


def _slope_in_percent(maps: MapPair, first: Floats, reference: Floats) -> float:
    """Slope once the effects of both are in percent of each voxel's own mean."""
    # each in percent of its own package's mean image, so that units cancel; a mean of 0 or below is no
    # signal that a change could be per cent of
    with np.errstate(divide="ignore", invalid="ignore"):
        converted = MapPair(
            maps.first / np.where(first > 0, first, np.nan),
            maps.reference / np.where(reference > 0, reference, np.nan),
            maps.first_mask,
            maps.reference_mask,
        )
    return principal_axis(*converted.usable_values).slope
