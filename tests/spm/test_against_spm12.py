"""Every stage of every reference case against SPM12's own numbers."""

import pytest

from tests.spm12_reference import CASES, SHARED, MissingCaseError, case
from tests.spm12_stages import NEEDS_WHOLE_VOLUMES, OF_F, OF_SERIAL_CORRELATION, QUANTITIES, exists

PAIRS = [(c, q) for c in CASES for q in QUANTITIES if exists(c, q)]
COMMITTED_CASES = 12


@pytest.mark.parametrize(("case_name", "quantity_name"), PAIRS)
def test_quantity_agrees_with_spm(case_name, quantity_name):
    reference = case(case_name)
    try:
        whole = reference.is_whole
    except MissingCaseError:
        pytest.skip("reference case neither committed nor beside this checkout (BIDSGLM_SHARED)")
    if not whole and quantity_name in NEEDS_WHOLE_VOLUMES:
        pytest.skip("only the voxels of SPM's mask are committed (BIDSGLM_SHARED)")
    quantity = QUANTITIES[quantity_name]
    assert quantity.difference(reference) <= quantity.tolerance


def test_no_case_has_dropped_out():
    assert len(CASES) == len(set(CASES)) == 27


def test_cases_are_those_of_the_full_reference():
    if not SHARED.is_dir():
        pytest.skip("the full reference is not beside this checkout (BIDSGLM_SHARED)")
    assert sorted(CASES) == sorted(path.parent.name for path in SHARED.glob("*/spec.json"))


def test_committed_cases_are_found():
    committed = [name for name in CASES if case(name).is_committed]
    assert len(committed) == COMMITTED_CASES


def test_no_quantity_has_dropped_out():
    assert list(QUANTITIES) == [
        "basis set",
        "stimulus functions",
        "design matrix",
        "regressor names",
        "high-pass basis",
        "globals",
        "scale factors",
        "thresholds",
        "mask",
        "pooled F threshold",
        "pooled voxel count",
        "pooled voxel set",
        "pooled covariance Cy",
        "covariance components",
        "hyperparameters",
        "error covariance V",
        "whitening W",
        "whitened design KWX",
        "rank",
        "trRV",
        "trRVRV",
        "residual dof",
        "parameter covariance",
        "beta",
        "ResMS",
        "contrast variance",
        "con",
        "spmT",
        "trMV, trMVMV",
        "numerator dof",
        "ess",
        "spmF",
        "estimability",
        "end to end: hyperparameters",
        "end to end: residual dof",
        "end to end: beta",
        "end to end: ResMS",
        "end to end: spmT",
        "end to end: spmF",
        "end to end: RPV",
        "end to end: FWHM",
    ]


def test_no_pair_has_dropped_out():
    """One case without serial correlation, five without an F contrast."""
    assert len(PAIRS) == 27 * len(QUANTITIES) - len(OF_SERIAL_CORRELATION) - 5 * len(OF_F) == 1073


def test_tolerances_are_those_promised():
    assert QUANTITIES["design matrix"].tolerance == QUANTITIES["high-pass basis"].tolerance == 1e-12
    assert QUANTITIES["hyperparameters"].tolerance == 1e-6
    assert QUANTITIES["mask"].tolerance == QUANTITIES["pooled voxel set"].tolerance == 0
    assert max(QUANTITIES[name].tolerance for name in ("beta", "ResMS", "con", "spmT", "ess", "spmF")) == 5e-7
    others = {
        name: q.tolerance for name, q in QUANTITIES.items() if q.tolerance not in (0, 1e-12, 1e-6, 5e-7)
    }
    assert {name for name, tolerance in others.items() if tolerance != 1e-9} == {"pooled F threshold"}
    assert max(others.values()) == 1e-7
