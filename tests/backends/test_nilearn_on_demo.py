"""On the demo's files the nilearn backend gives the maps of FirstLevelModel, from the model file on."""

from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel

from bidsglm.data import Run
from bidsglm.dataset.layout import find_units
from bidsglm.demo.data_set import REPETITION_TIME, START_TIME, Recording, write_demo
from bidsglm.model import MOTION_PARAMETERS, Floats
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import read_model
from bidsglm.unit.fit import Fitted, fit
from bidsglm.unit.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore")

RELATIVE = 1e-6
"""What the project promises against FirstLevelModel, relative to a map's largest value."""
N_SCANS = 60
MAPS = {
    "effect": "effect_size",
    "variance": "effect_variance",
    "stat": "stat",
    "z": "z_score",
    "p": "p_value",
}
"""Our names -> FirstLevelModel's; an F contrast has the last three."""


@pytest.fixture(scope="module", params=[1, 2], ids=["single run", "two runs"])
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("demo")
    demo = write_demo(folder, 1, Recording(n_runs=request.param, n_scans=N_SCANS))
    settings = Settings(demo.bids_dir, folder / "out", "participant")
    model = read_model(demo.model, settings)
    (unit,) = find_units(settings, model.inputs, model.mask_entities, "01", model.by_session)
    return fit(prepare(unit, model, ("nilearn",)))


@pytest.fixture(scope="module")
def first_level_model(fitted: Fitted) -> Any:
    runs = fitted.prepared.unit.runs
    model = FirstLevelModel(
        REPETITION_TIME,
        slice_time_ref=START_TIME / REPETITION_TIME,
        hrf_model="spm",
        high_pass=1 / 128,
        noise_model="ar1",
        signal_scaling=0,
        mask_img=runs[0].mask,
    )
    return model.fit([run.bold for run in runs], list(map(movement, runs)), list(map(motion, runs)))


def movement(run: Run) -> pd.DataFrame:
    events = pd.read_csv(run.events, sep="\t")
    return events[events.trial_type == "movement"]


def motion(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.confounds, sep="\t")[list(MOTION_PARAMETERS)]


def in_columns(image: nib.Nifti1Image, fitted: Fitted) -> Floats:
    return np.asarray(image.get_fdata()[fitted.data.volume.voxels][fitted.fits["nilearn"].mask])


@pytest.mark.parametrize(("label", "maps"), [("movement", tuple(MAPS)), ("headMotion", ("stat", "z", "p"))])
def test_maps_equal_first_level_model(
    fitted: Fitted, first_level_model: Any, label: str, maps: tuple[str, ...]
) -> None:
    ours = next(m for m in fitted.fits["nilearn"].maps if m.specification.label == label)
    columns = list(first_level_model.design_matrices_[0])
    wanted = ours.specification.conditions
    rows = np.array([[name.removeprefix("trial_type.") == column for column in columns] for name in wanted])
    contrast = rows[0] if ours.specification.test == "t" else rows
    theirs = first_level_model.compute_contrast(
        contrast.astype(float), stat_type=ours.specification.test, output_type="all"
    )
    for name in maps:
        expected = in_columns(theirs[MAPS[name]], fitted)
        actual = getattr(ours, name)[fitted.fits["nilearn"].mask]
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=RELATIVE * np.abs(expected).max(), err_msg=name
        )


def test_every_voxel_of_their_mask_is_fitted(fitted: Fitted, first_level_model: Any) -> None:
    theirs = first_level_model.masker_.mask_img_.get_fdata() > 0
    ours = np.zeros(theirs.shape, dtype=bool)
    ours[fitted.data.volume.voxels] = fitted.fits["nilearn"].mask
    np.testing.assert_array_equal(ours, theirs)
