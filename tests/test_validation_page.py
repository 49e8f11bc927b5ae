from pathlib import Path

import pytest

from tests.afni.reference import CASES as AFNI_CASES
from tests.afni.reference import case as afni_case
from tests.conftest import PROJECT
from tests.fsl.test_against_fsl import CASES as FSL_CASES
from tests.spm.test_group_variance import CASES as GROUPS
from tests.spm12_reference import CASES
from tests.spm12_stages import QUANTITIES

PAGE = PROJECT / "docs" / "validation.md"
PARTS = PROJECT / "benchmarks" / "packages.md"
"""Made by benchmarks/packages.py"""


@pytest.mark.parametrize("name", [*CASES, *GROUPS, *(q.removeprefix("end to end: ") for q in QUANTITIES)])
def test_validation_page_has_every_case_and_quantity(name):
    assert f"| {name} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "part", [PARTS, *(PARTS.with_name(f"{n}.md") for n in ("fitlins", "reproducibility"))]
)
def test_parts_that_other_programs_made_are_on_the_page(part: Path) -> None:
    assert part.read_text(encoding="utf-8").strip() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*(name for name in AFNI_CASES if afni_case(name)), *FSL_CASES])
def test_cases_of_afni_and_fsl_have_a_row_whose_differences_the_tests_prove(name: str) -> None:
    rows = [line for line in PARTS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        differences = [float(cell) for cell in cells[2:] if "%" not in cell]
        assert max(differences) <= 5e-6
        assert all(cell.startswith("100%") for cell in cells if "%" in cell)
        assert differences[0] <= 1e-6
