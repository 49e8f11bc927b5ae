"""bidsglm: first-level GLMs of SPM12, nilearn and others compared on the same BIDS data."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    __version__ = version("bidsglm")
except PackageNotFoundError:  # a checkout that nobody has installed
    __version__ = "0.dev0"
__all__ = [
    "PYBIDS_CONFIG",
    "AFNIFirstLevelModel",
    "FSLFirstLevelModel",
    "SPMFirstLevelModel",
    "__version__",
    "compare",
]
PYBIDS_CONFIG = str(Path(__file__).parent / "outputs" / "pybids.json")
"""File of the entities that pybids does not know (contrast, stat ...), for `config` of its layout."""

if TYPE_CHECKING:
    from bidsglm.estimators.afni import AFNIFirstLevelModel
    from bidsglm.estimators.fsl import FSLFirstLevelModel
    from bidsglm.estimators.spm import SPMFirstLevelModel
    from bidsglm.maps.comparing import compare

_PLACES = {
    "AFNIFirstLevelModel": "bidsglm.estimators.afni",
    "FSLFirstLevelModel": "bidsglm.estimators.fsl",
    "SPMFirstLevelModel": "bidsglm.estimators.spm",
    "compare": "bidsglm.maps.comparing",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Import what is asked for: nilearn takes seconds, and the command line does without it."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
