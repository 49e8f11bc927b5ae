"""The maps of a page, as the slice viewer reads them."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.report.volumes import ALONE, NOTHING


def unpacked_numbers(text: str) -> NDArray[np.int16]:
    """Whole numbers of two bytes as a page holds them."""
    content = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return content.reshape(2, -1).T.ravel().view("<i2")


def unpacked(codes: Mapping[str, Any]) -> list[Floats]:
    """Maps of all backends from what a page holds; NaN where there is none.

    Parameters
    ----------
    codes
        An element of the maps of `packed_contrast`.
    """
    packed = codes["backends"]
    base_step = float(packed[codes["base"]]["step"])
    base = _whole(packed[codes["base"]])
    found = []
    for each in packed:
        if each["whole"]:
            found.append(_whole(each))
            continue
        numbers = unpacked_numbers(each["codes"])
        values = np.where(numbers == NOTHING, np.nan, base + numbers * float(each["step"]))
        values[numbers == ALONE] = unpacked_numbers(each["alone"]) * base_step
        found.append(values)
    return found


def _whole(each: Mapping[str, Any]) -> Floats:
    numbers = unpacked_numbers(each["codes"])
    return np.where(numbers == NOTHING, np.nan, numbers * float(each["step"]))
