"""FSL's brain is found from the same values, whether a run is in memory or in its file."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.data import TimeSeries
from bidsglm.dataset.brain import in_file, in_memory
from bidsglm.dataset.nifti import read_header


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.25, 0.0), (1.0, -300.0), (0.1, 7.0)])
def test_scaled_values_in_memory_are_those_of_the_file(
    tmp_path: Path, slope: float, intercept: float
) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (3, 2, 2, 5), dtype=np.int16)
    image = nib.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / "bold.nii.gz"
    nib.save(image, path)
    header = read_header(path)
    series = nib.Nifti1Image.from_filename(path).dataobj.get_unscaled().reshape(-1, 5, order="F").T
    run = TimeSeries(np.ascontiguousarray(series), header.slope, header.intercept, np.zeros(5))
    places = np.arange(12)
    whole = np.concatenate(list(in_memory(run)(places)))
    np.testing.assert_array_equal(whole, np.concatenate(list(in_file(header)(places))))
    expected = nib.load(path).get_fdata().reshape(-1, 5, order="F").T
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    assert (header.slope, header.intercept) == pytest.approx((slope, intercept))
