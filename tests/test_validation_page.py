import pytest

from tests.conftest import PROJECT
from tests.spm.test_group_variance import CASES as GROUPS
from tests.spm12_reference import CASES
from tests.spm12_stages import QUANTITIES

PAGE = PROJECT / "docs" / "validation.md"


@pytest.mark.parametrize("name", [*CASES, *GROUPS, *(q.removeprefix("end to end: ") for q in QUANTITIES)])
def test_validation_page_has_every_case_and_quantity(name):
    assert f"| {name} |" in PAGE.read_text(encoding="utf-8")
