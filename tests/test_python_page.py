"""docs/python.md: its examples run and print what it says, and it names all that is public."""

import re
import subprocess
import sys

import pytest

import bidsglm
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```(?:\n\nIt prints\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs_and_prints_what_the_page_says(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    example, printed = EXAMPLES[number]
    exec(example, {})
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", bidsglm.__all__)
def test_what_is_public_is_there_and_on_the_page(name: str) -> None:
    assert hasattr(bidsglm, name)
    assert name == "__version__" or f"{name}" in PAGE


def test_what_is_public_costs_nothing_before_it_is_used() -> None:
    code = "import sys, bidsglm; print(sorted({'numpy', 'nilearn', 'pandas', 'scipy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
