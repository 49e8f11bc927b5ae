"""What some packages cannot express does not stop the others, as long as two are left to compare."""

from collections.abc import Callable

import pytest

from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.unit.expressible import Able, able


def refusing(*names: str, error: type[DataError] = DataError) -> Callable[[str], None]:
    def attempt(name: str) -> None:
        if name in names:
            raise error(f"not in {name}")

    return attempt


def test_one_of_three_that_cannot_is_left_out_with_its_reason() -> None:
    found = able(("spm", "nilearn", "third"), refusing("spm"))
    assert found == Able(("nilearn", "third"), ("SPM is left out: not in spm",))


@pytest.mark.parametrize("asked", [("spm", "nilearn"), ("spm",), ("spm", "nilearn", "third")])
def test_a_refusal_that_leaves_less_than_two_is_an_error(asked: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="not in spm"):
        able(asked, refusing("spm", "nilearn"))


def test_a_single_package_is_asked_for_and_fitted() -> None:
    assert able(("nilearn",), refusing()) == Able(("nilearn",), ())


def test_an_error_of_the_data_is_none_of_the_model() -> None:
    with pytest.raises(DataError, match="not in spm"):
        able(("spm", "nilearn", "third"), refusing("spm"), UnsupportedModelError)
    found = able(
        ("spm", "nilearn", "third"), refusing("spm", error=UnsupportedModelError), UnsupportedModelError
    )
    assert found.names == ("nilearn", "third")
