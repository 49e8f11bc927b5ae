"""SciPy is the same but for what it adds to its docstrings."""

import subprocess
import sys

PRINTED = (
    "from scipy import special, stats; print(stats.ttest_1samp([1., 2., 4.], 0.).pvalue, special.ndtri(0.2))"
)
NOTE = "print('Array API Standard' in stats.ttest_1samp.__doc__, stats.ttest_1samp.__doc__[:30].strip())"
UNFILLED = "print('%(before_notes)s' in stats.norm.__doc__)"


def of_a_process(before: str) -> list[str]:
    script = f"{before}\n{PRINTED}\n{NOTE}\n{UNFILLED}"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_numbers_are_the_same_and_docstrings_as_they_are_written() -> None:
    usual = of_a_process("")
    quick = of_a_process("from bidsglm.process.scipy_start import without_notes; without_notes()")
    assert quick[0] == usual[0]
    assert usual[1].startswith("True")
    assert usual[2] == "False"
    assert quick[1] == usual[1].replace("True", "False", 1)
    assert quick[2] == "True"


def test_a_scipy_without_such_names_is_left_alone() -> None:
    before = (
        "import scipy._lib._docscrape as parsing\n"
        "from bidsglm.process import scipy_start\n"
        "scipy_start.INSTEAD = {('scipy._lib._docscrape', 'NoSuchParser'): 1}\n"
        "scipy_start.INSTEAD['scipy._lib.no_module', 'x'] = 2\n"
        "scipy_start.without_notes()\n"
        "assert not hasattr(parsing, 'NoSuchParser')"
    )
    assert of_a_process(before) == of_a_process("")
