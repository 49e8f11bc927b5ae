"""A backend is a module with agreed function names and signatures."""

import inspect
from types import ModuleType

import pytest

from bidsglm.backends import BACKENDS, nilearn_glm, spm12

FUNCTIONS = (
    "check",
    "check_designs",
    "mask_from",
    "design",
    "estimate",
    "usable_runs",
    "contrast",
    "inference",
    "second_level",
)
ESTIMATE_FIELDS = {"mask", "betas", "residual_mean_square", "dof", "noise"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_backends_have_the_function_with_the_same_signature(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(module, name)) for module in (spm12, nilearn_glm))
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter in ours.parameters.values():
        other = theirs.parameters[parameter.name]
        assert (parameter.kind, parameter.default) == (other.kind, other.default)
        if parameter.name != "estimate":
            assert parameter.annotation == other.annotation
    if name != "estimate":
        assert ours.return_annotation == theirs.return_annotation


@pytest.mark.parametrize("module", [spm12, nilearn_glm])
def test_estimates_have_what_the_other_floors_read(module: ModuleType) -> None:
    assert set(module.Estimate.__dataclass_fields__) >= ESTIMATE_FIELDS
    assert module.Estimate.__dataclass_params__.frozen


def test_backends_are_registered_under_their_names() -> None:
    assert {name: module.NAME for name, module in BACKENDS.items()} == {"spm": "spm", "nilearn": "nilearn"}
