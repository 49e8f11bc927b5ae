"""Every package of the table has a module with the functions of the contract, and their signatures."""

import inspect
from types import ModuleType
from typing import get_type_hints

import pytest

from bidsglm.backends import BACKENDS, contract
from bidsglm.backends.records import Estimate
from bidsglm.packages import PACKAGES

FUNCTIONS = tuple(
    name
    for name, value in vars(contract.Backend).items()
    if inspect.isfunction(value) and not name.startswith("_")
)
OPAQUE = {"estimate"}
"""Each package has an estimate of its own."""


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_backend_has_every_function_of_the_contract(name: str, package: str) -> None:
    agreed = inspect.signature(getattr(contract.Backend, name))
    ours = inspect.signature(getattr(BACKENDS[package], name))
    expected = list(agreed.parameters.values())[1:]
    assert list(ours.parameters) == [parameter.name for parameter in expected]
    for parameter in expected:
        other = ours.parameters[parameter.name]
        assert (parameter.kind, parameter.default) == (other.kind, other.default)
        if parameter.name not in OPAQUE:
            assert parameter.annotation == other.annotation
    if name not in OPAQUE:
        assert agreed.return_annotation == ours.return_annotation


@pytest.mark.parametrize("package", PACKAGES)
def test_estimates_have_what_the_other_floors_read(package: str) -> None:
    module = BACKENDS[package]
    assert isinstance(module, ModuleType)
    estimate = get_type_hints(module.estimate)["return"]
    assert issubclass(estimate, Estimate)
    assert estimate.__dataclass_params__.frozen


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_knows_the_name_of_its_row(package: str) -> None:
    assert BACKENDS[package].NAME == PACKAGES[package].name == package
