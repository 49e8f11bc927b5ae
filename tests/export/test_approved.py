"""Code of each odd unit is what is kept beside the tests; `approved.py` says how that is renewed."""

from collections.abc import Callable

import pytest

from .approved import KINDS, file_of, shown
from .units import Unit

Made = Callable[[str], Unit]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, cases in KINDS.items() for name in cases])
def test_code_is_what_is_kept(kind: str, name: str, unit_of: Made, afni_unit: Made, feat_unit: Made) -> None:
    unit = {"units": unit_of, "afni": afni_unit, "fsl": feat_unit}[kind](name)
    assert shown(unit) == file_of(kind, name).read_text(encoding="utf-8")
