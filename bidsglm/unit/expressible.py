"""Packages that can express a model: the others are left out with their reason, as long as two are left."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bidsglm.errors import DataError, FaultyModelError
from bidsglm.packages import title

COMPARED = 2
"""Packages that a comparison needs"""


class Able(NamedTuple):
    """Packages that could do it."""

    names: tuple[str, ...]
    notes: tuple[str, ...]
    """Why the others could not, for the reader of the report"""


def able(
    names: Sequence[str], attempt: Callable[[str], object], refusal: type[DataError] = DataError
) -> Able:
    """Try something with every package, which is refused where a package cannot express the model.

    Any other error ends it, as does a setting that is wrong as it stands.

    Raises
    ------
    DataError
        The first refusal, where less than two packages would be left to compare, or none to fit.

    >>> def attempt(name):
    ...     if name == "spm":
    ...         raise DataError("SPM has no such response")
    >>> able(["spm", "nilearn", "other"], attempt)
    Able(names=('nilearn', 'other'), notes=('SPM is left out: SPM has no such response',))
    """
    kept, refused = [], {}
    for name in names:
        try:
            attempt(name)
            kept.append(name)
        except FaultyModelError:
            raise
        except refusal as error:
            refused[name] = error
    if refused and len(kept) < COMPARED:
        raise next(iter(refused.values()))
    return Able(tuple(kept), tuple(f"{title(name)} is left out: {error}" for name, error in refused.items()))
