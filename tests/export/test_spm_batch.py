"""The SPM batch says all that the SPM backend was given, and nothing else."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from bidsglm.data import Condition, Volume
from bidsglm.export.spm_inputs import conditions_mat

from .batch import read_batch, read_conditions, refitted
from .units import CASES, DIGITS, HOSTILE, Unit

RTOL = 1e-6
"""Of a map's range; maps are rounded to float32."""
OCTAVE = shutil.which("octave-cli")


def on_grid(values: np.ndarray, volume: Volume) -> np.ndarray:
    grid = np.zeros(volume.shape)
    grid[volume.voxels] = values
    return grid


@pytest.mark.parametrize("name", CASES)
def test_values_of_the_batch_give_the_maps_of_the_backend(unit_of, name):
    unit = unit_of(name)
    fit, batch = unit.fitted.fits["spm"], read_batch(unit.folder / "spm_batch.m")
    again = refitted(batch)
    volume = unit.fitted.data.volume
    mask = on_grid(fit.mask, volume) > 0
    np.testing.assert_array_equal(on_grid(again.estimate.mask, again.volume) > 0, mask)
    assert [c.name for c in batch.contrasts] == [m.specification.name for m in fit.maps]
    for maps, (effect, stat) in zip(fit.maps, again.stats, strict=True):
        pairs = [(maps.stat, stat)] + ([(maps.effect, effect)] if maps.effect is not None else [])
        for ours, theirs in pairs:
            expected, found = on_grid(ours, volume)[mask], on_grid(theirs, again.volume)[mask]
            np.testing.assert_allclose(found, expected, rtol=0, atol=RTOL * np.ptp(expected))


def test_regressors_are_not_centred_since_spm_does_it(unit_of):
    unit = unit_of("plain")
    (paradigm,) = unit.fitted.prepared.paradigms
    np.testing.assert_array_equal(np.loadtxt(unit.folder / "regressors.txt"), paradigm.confounds)


def test_condition_without_events_in_a_run_is_not_in_its_file(unit_of):
    folder = unit_of("modulators").folder
    assert {c.name for c in read_conditions(folder / "run-2_conditions.mat")} == {"look", "move"}
    # run 2 of the other case has another timing, which one batch cannot have: ready-made regressors
    other = unit_of("runs that differ")
    assert not (other.folder / "run-2_conditions.mat").exists()
    assert "trial_type.look" not in other.text("spm_batch.m").split("% run-2")[1].split("spec.fact")[0]


def test_event_heights_become_ready_regressors_and_the_batch_says_so(unit_of):
    text = unit_of("transformed").text("spm_batch.m")
    assert text.count("their regressors, convolved:\n% strength\n") == 2


def test_modulator_without_variance_is_a_plain_modulator(unit_of):
    unit = unit_of("modulator without variance")
    look, move = read_conditions(unit.folder / "run-1_conditions.mat")
    assert (look.name, move.name) == ("look", "move")
    flat, times = move.modulators
    assert (flat.name, np.ptp(flat.values)) == ("flat", 0)
    assert (times.name, np.ptp(times.values) > 0) == ("rt", True)
    assert "convolved" not in unit.text("spm_batch.m")


def test_names_survive_every_quoting(unit_of):
    unit = unit_of("names")
    (path,) = unit.folder.glob("*conditions.mat")
    assert [c.name for c in read_conditions(path)] == [HOSTILE, DIGITS]
    assert read_batch(unit.folder / "spm_batch.m").contrasts[0].name == 'it\'s 100%\nof "them" é'
    assert unit.text("spm_batch.m").startswith("% This file is UTF-8.")


def test_same_conditions_make_the_same_bytes():
    go = Condition("go", np.array([1.0, 5.0]), np.zeros(2))
    assert conditions_mat([go]) == conditions_mat([go])
    assert b"Created on" not in conditions_mat([go])


def test_batch_is_for_a_reader(unit_of):
    text = unit_of("plain").text("spm_batch.m")
    assert text.count("differs") >= 6
    assert len(text.splitlines()) < 130
    assert max(map(len, text.splitlines())) < 140


STUBS = {
    "spm.m": "function spm(varargin)\nend\n",
    "spm_jobman.m": """\
function spm_jobman(action, jobs)
if ~strcmp(action, 'run'), return; end
out = getenv('JOBS');
n = numel(dir(fullfile(out, 'job_*.mat'))) + 1;
inputs = {};
for i = 1:numel(jobs)
    if isfield(jobs{i}.spm, 'stats') && isfield(jobs{i}.spm.stats, 'fmri_spec')
        for session = jobs{i}.spm.stats.fmri_spec.sess
            one = struct();
            if ~isempty(session.multi{1}), one = load(session.multi{1}); end
            if ~isempty(session.multi_reg{1}), one.R = load(session.multi_reg{1}); end
            [image, rest] = strtok(session.scans{1}, ',');
            one.there = exist(image, 'file') == 2;
            inputs{end + 1} = one;
        end
    end
end
save('-v6', fullfile(out, sprintf('job_%d.mat', n)), 'jobs', 'inputs');
end
""",
}


def run_in_octave(unit: Unit, folder: Path) -> list[dict]:
    """Run the batch in Octave with SPM's functions replaced; what they were given, call by call."""
    for name, content in STUBS.items():
        (folder / name).write_text(content)
    code = f"addpath('{folder}'); run('{unit.folder / 'spm_batch.m'}');"
    command = [str(OCTAVE), "--no-init-file", "--no-window-system", "--eval", code]
    done = subprocess.run(
        command, env={"JOBS": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    paths = sorted(folder.glob("job_*.mat"), key=lambda path: int(re.findall(r"\d+", path.stem)[-1]))
    return [loadmat(path, simplify_cells=True) for path in paths]


@pytest.mark.skipif(OCTAVE is None, reason="no octave is installed")
@pytest.mark.parametrize("name", ["plain", "modulators", "finite impulse response", "names"])
def test_octave_runs_the_batch_to_the_jobs_that_its_text_says(unit_of, tmp_path, name):
    unit = unit_of(name)
    prepared = unit.fitted.prepared
    batch, (*before, last) = read_batch(unit.folder / "spm_batch.m"), run_in_octave(unit, tmp_path)
    spec, estimation, con = (job["spm"]["stats"] for job in last["jobs"])
    sessions, read = np.atleast_1d(spec["fmri_spec"]["sess"]), np.atleast_1d(last["inputs"])
    assert spec["fmri_spec"]["timing"]["RT"] == prepared.paradigms[0].repetition_time
    assert [len(session["scans"]) for session in sessions] == [run.n_scans for run in prepared.unit.runs]
    is_smoothed = prepared.model.smoothing_fwhm > 0
    assert bool(smoothing_jobs(before)) == is_smoothed
    assert all(one["there"] for one in read) or is_smoothed
    for one, paradigm in zip(read, prepared.paradigms, strict=True):
        for onsets, condition in zip(one["onsets"], paradigm.conditions, strict=True):
            np.testing.assert_array_equal(np.atleast_1d(onsets), condition.onsets)
        if paradigm.confound_names:
            np.testing.assert_array_equal(one["R"].reshape(paradigm.confounds.shape), paradigm.confounds)
    assert estimation["fmri_est"]["method"]["Classical"] == 1
    for contrast, one in zip(batch.contrasts, np.atleast_1d(con["con"]["consess"]), strict=True):
        weights = one[f"{contrast.test}con"]["weights"]
        np.testing.assert_array_equal(np.atleast_2d(weights), contrast.weights)


def smoothing_jobs(calls: list[dict]) -> list[dict]:
    jobs = [job for call in calls for job in np.atleast_1d(call["jobs"])]
    return [job["spm"]["spatial"]["smooth"] for job in jobs if "spatial" in job["spm"]]
