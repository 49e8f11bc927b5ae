"""Units that are fitted once for all tests of the code."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.export.afni_cases import AFNI_CASES
from tests.export.feat_cases import FEAT_CASES
from tests.export.units import CASES, Unit, taken_away


@pytest.fixture(scope="session")
def unit_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Unit]:
    """A case's name -> its fitted unit, whose code stands on disk."""

    @cache
    def made(name: str) -> Unit:
        return taken_away(tmp_path_factory.mktemp("unit"), CASES[name])

    return made


@pytest.fixture(scope="session")
def afni_unit(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Unit]:
    """A case's name -> its unit, fitted by AFNI's model, whose script stands on disk."""

    @cache
    def made(name: str) -> Unit:
        return taken_away(tmp_path_factory.mktemp("unit"), AFNI_CASES[name])

    return made


@pytest.fixture(scope="session")
def feat_unit(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Unit]:
    """A case's name -> its unit, fitted by FSL's model, whose designs stand on disk."""

    @cache
    def made(name: str) -> Unit:
        return taken_away(tmp_path_factory.mktemp("unit"), FEAT_CASES[name])

    return made
