"""Designs, fits and tests of every reference case against AFNI's own numbers."""

import nibabel as nib
import numpy as np
import pytest

from bidsglm.afni.contrasts import joint_test, noise_maps, row_test
from bidsglm.afni.scaling import percent_of_mean
from tests.afni.reference import CASES, COMMITTED, DESIGNS, Xmat, case
from tests.spm12_reference import MissingCaseError

IMAGE = 5e-6
"""Betas, t, F: what is promised; AFNI writes designs in single precision, and images too."""
SINGLE = 1e-6
"""Columns of designs that AFNI evaluates in single precision."""
GRIDDED = 2.5e-5
"""Columns that AFNI interpolates between points of 10 ms in single precision."""
DISPERSION = 1e-5
"""SPMG3's third function, a small difference of large numbers, times 100."""
EXACT = 1e-6
"""Of a and b, which are multiples of 0.1 in single precision."""
TOLERANCES = {"01_GAM_8.6_.547_5": GRIDDED, "12_SPMG1_5": GRIDDED, "14_SPMG3": DISPERSION}


def difference(ours, theirs) -> float:
    """Largest one, over the largest absolute value."""
    assert np.shape(ours) == np.shape(theirs)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.fixture(params=CASES)
def reference(request):
    found = case(request.param)
    if found is None:
        pytest.skip("reference case neither committed nor beside this checkout (BIDSGLM_SHARED)")
    try:
        assert found.runs
    except (MissingCaseError, StopIteration):
        pytest.skip("the images of this case are not beside this checkout (BIDSGLM_SHARED)")
    return found


@pytest.mark.parametrize("name", DESIGNS)
def test_design_of_every_response_model_agrees(name):
    xmat = Xmat(COMMITTED / "designs" / f"{name}.xmat.1D")
    ours = xmat.design()
    assert [column.label for column in ours.columns] == xmat.names("ColumnLabels")
    columns = zip(ours.matrix.T, xmat.matrix.T, strict=True)
    assert max(difference(*pair) for pair in columns) <= TOLERANCES.get(name, SINGLE)


def test_committed_cases_and_designs_are_found():
    assert len(DESIGNS) == 21
    assert [name for name in CASES if (COMMITTED / name).is_dir()] == ["01_block", "03_gam_motion_2runs"]


def test_design_of_data_agrees(reference):
    ours, xmat = reference.design, reference.xmat
    assert [column.label for column in ours.columns] == xmat.names("ColumnLabels")
    assert difference(ours.matrix, xmat.matrix) <= SINGLE


def test_scaling_has_the_mean_of_every_run(reference):
    for number, run in enumerate(reference.runs, start=1):
        mean = nib.load(reference.folder / f"mean_r{number}.nii.gz").get_fdata().ravel()[reference.mask]
        scaled = percent_of_mean(run)
        inside = (scaled > 0) & (scaled < 200)
        ratio = np.divide(
            run.astype(np.float64), scaled / np.float64(100), out=np.full(run.shape, np.nan), where=inside
        )
        np.testing.assert_allclose(ratio[inside], np.broadcast_to(mean, run.shape)[inside], rtol=2e-7)


def test_a_and_b_are_equal_in_every_voxel(reference):
    ours, theirs = noise_maps(reference.grid, reference.reml.pairs), reference.maps("REML_var")[:3]
    assert np.abs(ours - theirs).max() <= EXACT


def test_deviation_and_likelihood_agree(reference):
    deviation, criterion = reference.maps("REML_var")[3:5]
    assert difference(np.sqrt(reference.reml.mean_square), deviation) <= SINGLE
    assert difference(reference.reml.criterion, criterion) <= SINGLE


@pytest.mark.parametrize(("found", "name"), [("reml", "REML_beta"), ("ols", "OLS_cbucket")])
def test_betas_agree(reference, found, name):
    assert difference(getattr(reference, found).betas, reference.maps(name)) <= IMAGE


@pytest.mark.parametrize(("kind", "name"), [("reml", "REML_bucket"), ("ols", "OLS_bucket")])
def test_every_statistic_of_the_bucket_agrees(reference, kind, name):
    found, grid = getattr(reference, kind), reference.grid if kind == "reml" else reference.white
    ours = [joint_test(reference.full_test, found, grid)]
    for rows in reference.tests:
        for row in rows:
            test = row_test(row, found, grid)
            ours += [test.effect, test.t]
        ours.append(joint_test(rows, found, grid))
    for number, (mine, theirs) in enumerate(zip(ours, reference.maps(name), strict=True)):
        assert difference(mine, theirs) <= IMAGE, f"map {number}"
