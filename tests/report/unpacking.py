"""The maps of a page, as the slice viewer reads them."""

import base64
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.report.volumes import ONLY_FIRST, ONLY_SECOND


def unpacked_numbers(text: str) -> NDArray[np.int16]:
    """Whole numbers of two bytes as a page holds them."""
    content = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return content.reshape(2, -1).T.ravel().view("<i2")


def unpacked(codes: Mapping[str, object]) -> list[Floats]:
    """Maps of both backends from what a page holds; NaN where there is none.

    Parameters
    ----------
    codes
        An element of the maps of `packed_contrast`.
    """
    steps, texts = codes["steps"], codes["codes"]
    assert isinstance(steps, list)
    assert isinstance(texts, list)
    found = [unpacked_numbers(text) for text in texts]
    first = found[0] * float(steps[0])
    if len(found) == 1:
        return [first]
    second = np.select(
        [found[1] == ONLY_SECOND, found[1] == ONLY_FIRST], [first, np.nan], first - found[1] * float(steps[1])
    )
    return [np.where(found[1] == ONLY_SECOND, np.nan, first), second]
