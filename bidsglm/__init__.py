"""bidsglm: first-level GLMs of SPM12, nilearn and others compared on the same BIDS data."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["SPMFirstLevelModel", "__version__"]

if TYPE_CHECKING:
    from bidsglm.estimators.spm import SPMFirstLevelModel


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Import what is asked for: nilearn takes seconds, and the command line does without it."""
    if name == "SPMFirstLevelModel":
        from bidsglm.estimators.spm import SPMFirstLevelModel

        return SPMFirstLevelModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
