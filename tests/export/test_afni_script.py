"""AFNI's script says all that the AFNI backend was given, and nothing else."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bidsglm.backends.afni_joint import JointRuns

from .afni_cases import AFNI_CASES
from .afni_reading import commands, refitted
from .units import HOSTILE, Unit, taken_away

DESIGN = 1e-6
"""Of the largest value: 3dDeconvolve reckons onsets in single precision."""
IMAGE = 1e-5
"""Of a map's range: a column moved by 1e-6 moves a map by some of it."""
TCSH = shutil.which("tcsh")
SCRIPT = "afni_script.tcsh"
INSIDE = tuple(name for name in AFNI_CASES if "mask" not in name and name != "smoothed")
"""Cases whose mask is in files that the script names, and whose images are those of the data set"""


@pytest.mark.parametrize("name", INSIDE)
def test_script_makes_the_design_of_the_backend(afni_unit, name):
    unit = afni_unit(name)
    joint = JointRuns(unit.fitted.prepared.designs["afni"])
    ours, found = joint.matrix[:, joint.independent], refitted(unit.folder / SCRIPT).matrix
    assert found.shape == ours.shape
    size = np.abs(ours).max(axis=0)
    for column in found.T:
        distance = np.abs(ours - column[:, None]).max(axis=0) / size
        assert distance.min() < DESIGN


@pytest.mark.parametrize("name", INSIDE)
def test_script_gives_the_maps_of_the_backend(afni_unit, name):
    unit = afni_unit(name)
    fit, found = unit.fitted.fits["afni"], refitted(unit.folder / SCRIPT)
    place = np.full(found.mask.shape, -1)
    place[found.mask] = np.arange(int(found.mask.sum()))
    places = place[unit.fitted.data.volume.voxels][fit.mask]
    assert (places >= 0).all()
    assert fit.maps
    for maps, label in zip(fit.maps, [label for label, _ in found.told.tests], strict=True):
        effect, stat = found.stats[label if maps.effect is not None else f"{label} F"]
        pairs = [(maps.stat, stat)] + ([(maps.effect, effect)] if maps.effect is not None else [])
        for ours, theirs in pairs:
            expected = ours[fit.mask]
            np.testing.assert_allclose(theirs[places], expected, rtol=0, atol=IMAGE * np.ptp(expected))


def test_runs_of_one_start_time_have_it_subtracted_and_others_have_moved_onsets(afni_unit):
    assert refitted(afni_unit("plain").folder / SCRIPT).told.subtract == 1.0
    unit = afni_unit("runs that differ")
    told = refitted(unit.folder / SCRIPT).told
    assert told.subtract == 0.0
    first, second = (paradigm.conditions[-1] for paradigm in unit.fitted.prepared.paradigms)
    starts = [paradigm.start_time for paradigm in unit.fitted.prepared.paradigms]
    (move,) = (stimulus for stimulus in told.stimuli if stimulus.label == "move")
    for row, condition, start in zip(move.rows, (first, second), starts, strict=True):
        moved = condition.onsets - start
        np.testing.assert_allclose(move.train(row, 0.0).onsets, moved[moved >= 0])


def test_run_without_a_condition_has_a_star_in_its_row(afni_unit):
    told = refitted(afni_unit("runs that differ").folder / SCRIPT).told
    (look,) = (stimulus for stimulus in told.stimuli if stimulus.label == "look")
    assert look.rows[1] == "*"


def test_durations_are_married_to_onsets_and_modulators_too(afni_unit):
    durations = afni_unit("durations").folder
    assert ":" in (durations / "afni_stim_move.1D").read_text()
    assert "*" not in (durations / "afni_stim_move.1D").read_text()
    kinds = {s.label: s.kind for s in refitted(afni_unit("modulated").folder / SCRIPT).told.stimuli}
    assert kinds == {"look": "", "move": "AM2"}
    kinds = {s.label: s.kind for s in refitted(afni_unit("modulated sets").folder / SCRIPT).told.stimuli}
    assert kinds == {"look": "", "move": "AM1", "move__mod1": "AM1"}


def test_dependent_confounds_are_left_out_and_nothing_is_forced(afni_unit):
    unit = afni_unit("columns that depend on others")
    told = refitted(unit.folder / SCRIPT).told
    assert [values.shape[1] for values in told.ortvecs] == [1, 1]
    assert not told.goforit
    assert "left out, as bidsglm does: double of run 1, double of run 2" in unit.text(SCRIPT)


def test_censored_scans_are_0_in_their_file(afni_unit):
    told = refitted(afni_unit("censored").folder / SCRIPT).told
    assert told.censor is not None
    assert np.flatnonzero(told.censor == 0).tolist() == [3, 4, 17, 73, 74, 87]


def test_least_squares_need_no_second_program(afni_unit):
    unit = afni_unit("least squares")
    programs = [words[0] for words in commands(unit.text(SCRIPT))]
    assert "3dREMLfit" not in programs
    assert "3dTstat" not in programs
    assert "OLS_bucket.nii[" in unit.text(SCRIPT)


def test_own_mask_stands_in_for_mask_files_that_do_not_fit(afni_unit):
    for name in ("no mask files", "mask on another grid"):
        unit = afni_unit(name)
        (line,) = (words for words in commands(unit.text(SCRIPT)) if words[0] == "ln" and "mask" in words[3])
        mask = (unit.folder / line[2].replace("$here/", "")).resolve()
        assert mask.name.endswith("_desc-afni_mask.nii.gz")
        assert mask.parent.name == "func"


def test_smoothed_images_are_what_is_scaled(afni_unit):
    lines = list(commands(afni_unit("smoothed").text(SCRIPT)))
    (blur,) = (words for words in lines if words[0] == "3dmerge")
    assert blur[1:3] == ["-1blur_fwhm", "5"]
    (mean,) = (words for words in lines if words[0] == "3dTstat")
    assert mean[-1] == blur[blur.index("-prefix") + 1]


def test_script_is_for_a_reader(afni_unit):
    text = afni_unit("plain").text(SCRIPT)
    assert text.count("differs") >= 6
    assert len(text.splitlines()) < 110


STUB = """#!/bin/sh
printf '%s' "${0##*/}" >>"$CALLS"
for word in "$@"; do printf '\\t%s' "$word" >>"$CALLS"; done
echo >>"$CALLS"
"""
PROGRAMS = ("3dTstat", "3dcalc", "3dDeconvolve", "3dREMLfit", "3dmerge")


def run_in_tcsh(unit: Unit, folder: Path) -> list[list[str]]:
    """Run a script with programs that only write down how they were called."""
    for name in PROGRAMS:
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(folder / "calls"), "HOME": str(folder)}
    done = subprocess.run([str(TCSH), str(unit.folder / SCRIPT)], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t") for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.skipif(TCSH is None, reason="no tcsh is installed")
@pytest.mark.parametrize("name", AFNI_CASES)
def test_tcsh_calls_the_programs_as_the_text_says(afni_unit, tmp_path, name):
    unit = afni_unit(name)
    said = [words for words in commands(unit.text(SCRIPT)) if words[0] in PROGRAMS]
    assert run_in_tcsh(unit, tmp_path) == said
    links = sorted((unit.folder / "afni").iterdir())
    assert len(links) >= 2
    assert all(link.exists() or "mask_of_bidsglm" in link.name for link in links)


@pytest.mark.skipif(TCSH is None, reason="no tcsh is installed")
def test_paths_that_a_shell_could_take_for_commands_are_files(tmp_path):
    place = tmp_path / "don't $HOME; `touch harm` !x [1] *"
    unit = taken_away(place, AFNI_CASES["plain"])
    run_in_tcsh(unit, tmp_path)
    assert (unit.folder / "afni" / "bold.r01.nii.gz").resolve() == unit.fitted.prepared.unit.runs[
        0
    ].bold.resolve()
    assert not list(tmp_path.rglob("harm"))


def test_names_of_conditions_become_labels(afni_unit):
    unit = afni_unit("names")
    told = refitted(unit.folder / SCRIPT).told
    assert [stimulus.label for stimulus in told.stimuli] == ["don_t_go_50", "c_2_back"]
    assert HOSTILE not in unit.text(SCRIPT)
