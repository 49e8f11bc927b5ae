"""nilearn's import without scikit-learn's tests of estimators."""

import subprocess
import sys

import pytest

START = "import sys; from bidsglm.backends.nilearn_start import CHECKS, without_checks\n"


def said(script: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", START + script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def imported() -> list[str]:
    """What a process prints that imports nilearn, and then the module that was left out."""
    script = (
        "with without_checks():\n"
        "    import nilearn.glm.first_level.first_level as theirs\n"
        "from sklearn.utils.validation import check_is_fitted\n"
        "print('_pytest' in sys.modules, CHECKS in sys.modules, theirs.check_is_fitted is check_is_fitted)\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "print(check_estimator.__module__ == CHECKS, sys.modules[CHECKS].__file__ is not None)"
    )
    return said(script).splitlines()


def test_nilearn_is_imported_without_pytest_and_its_function_is_the_right_one(imported: list[str]) -> None:
    assert imported[0] == "False False True"


def test_whoever_imports_the_module_later_gets_it(imported: list[str]) -> None:
    assert imported[1] == "True True"


def test_another_name_loads_the_module_itself() -> None:
    script = (
        "with without_checks():\n"
        "    from sklearn.utils.estimator_checks import check_is_fitted, check_estimator\n"
        "print(check_estimator.__module__ == CHECKS, sys.modules[CHECKS].check_estimator is check_estimator)"
    )
    assert said(script) == "True True"


def test_a_module_that_is_there_stays() -> None:
    script = (
        "import sklearn.utils.estimator_checks as before\n"
        "with without_checks():\n"
        "    import sklearn.utils.estimator_checks as within\n"
        "print(before is within is sys.modules[CHECKS])"
    )
    assert said(script) == "True"
