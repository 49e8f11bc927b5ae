"""FEAT's designs say all that the FSL backend was given, and nothing else."""

import re
import shlex
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT, find_shared

from .feat_cases import FEAT_CASES
from .feat_reading import FeatRefit, combined, refitted, settings
from .units import Unit, taken_away

DESIGN = 1e-6
IMAGE = 1e-6
"""Of a map's range"""
SCRIPT = "fsl_script.sh"
TCLSH = shutil.which("tclsh")
REFERENCE = PROJECT / "tests" / "data" / "fsl"


def designs(unit: Unit) -> list[Path]:
    return sorted(unit.folder.glob("*design.fsf"))


@cache
def fits(folder: Path) -> tuple[FeatRefit, ...]:
    return tuple(refitted(path) for path in sorted(folder.glob("*design.fsf")))


@pytest.mark.parametrize("name", FEAT_CASES)
def test_design_is_that_of_the_backend(feat_unit, name):
    unit = feat_unit(name)
    ours = unit.fitted.prepared.designs["fsl"]
    assert len(designs(unit)) == len(ours)
    for design, found in zip(ours, fits(unit.folder), strict=True):
        matrix = found.told.matrix
        np.testing.assert_allclose(matrix, design.matrix, rtol=0, atol=DESIGN * np.abs(design.matrix).max())
        n_scans, n_columns = matrix.shape
        assert (int(found.told.given["npts"]), found.fit.dof) == (n_scans, n_scans - n_columns - 1)


def analysed(unit: Unit) -> list[list[str]]:
    """Words of the script's calls of its two functions."""
    lines = unit.text(SCRIPT).splitlines()
    return [shlex.split(line) for line in lines if line.startswith(("analyse ", "combine "))]


def maps_said(unit: Unit) -> dict[str, list[tuple[int, str]]]:
    """Name of a contrast -> runs, from 0, and what its map there is called."""
    said: dict[str, list[tuple[int, str]]] = {}
    lines = unit.text(SCRIPT).splitlines()
    runs = [before for before, line in pairwise(lines) if line.startswith("analyse ")]
    for i, line in enumerate(runs):
        for stat, number, name in re.findall(r"; ([tf])stat(\d+): ([^;]*)", line):
            said.setdefault(name, []).append((i, stat + number))
    return said


@pytest.mark.parametrize("name", FEAT_CASES)
def test_contrasts_give_the_maps_of_the_backend(feat_unit, name):
    unit = feat_unit(name)
    fit, runs, said = unit.fitted.fits["fsl"], fits(unit.folder), maps_said(unit)
    voxels = np.flatnonzero(unit.fitted.data.volume.voxels.ravel())[fit.mask]
    compared = 0
    for maps in fit.maps:
        places = said.get(" ".join(maps.specification.name.split()), [])
        if maps.effect is None and len(places) == 1:
            ((run, stat),) = places
            found, mask = runs[run].f(int(stat[1:])), runs[run].mask
            pairs = [(maps.stat, found)]
        elif maps.effect is not None and places:
            found, mask = combined([(runs[run].t(int(stat[1:])), runs[run].mask) for run, stat in places])
            pairs = [(maps.stat, found.t), (maps.effect, found.effect)]
        else:
            continue
        where = np.full(mask.size, -1)
        where[mask] = np.arange(int(mask.sum()))
        assert (where[voxels] >= 0).all()
        for ours, theirs in pairs:
            expected = ours[fit.mask]
            np.testing.assert_allclose(theirs[where[voxels]], expected, rtol=0, atol=IMAGE * np.ptp(expected))
        compared += 1
    assert compared


def test_derivatives_make_contrasts_over_real_variables(feat_unit):
    (told,) = (found.told for found in fits(feat_unit("derivatives in contrasts").folder))
    assert told.given["con_mode"] == "real"
    (told, *_) = (found.told for found in fits(feat_unit("two runs").folder))
    assert told.given["con_mode"] == "orig"
    original, real = told.rows("orig"), told.rows("real")
    np.testing.assert_array_equal(real[:, ::2], original)
    assert not real[:, 1::2].any()


def test_rows_of_an_f_test_are_contrasts_and_redundant_ones_are_left_out(feat_unit):
    (told,) = (found.told for found in fits(feat_unit("plain").folder))
    assert [told.given[f"conname_real.{c}"] for c in range(1, int(told.given["ncon_real"]) + 1)] == [
        "moveMinusLook",
        "aThird",
        "either__1",
        "either__2",
    ]
    assert told.f_test(1) == told.f_test(1, "orig") == [2, 3]


def test_contrasts_over_confounds_are_said_to_be_left_out(feat_unit):
    (path,) = designs(feat_unit("derivatives in contrasts"))
    assert "these are left out: motion\n" in path.read_text()


def test_other_moments_of_scans_move_the_events(feat_unit):
    unit = feat_unit("runs that differ")
    first, second = (np.loadtxt(unit.folder / f"run-{i}_ev_move.txt", ndmin=2)[0, 0] for i in (1, 2))
    starts = [paradigm.start_time for paradigm in unit.fitted.prepared.paradigms]
    assert starts == [1.0, 0.5]
    assert (first, second) == (0.0, 0.5)
    assert "all\n# events are moved by the difference, 0.5 s" in designs(unit)[1].read_text()


def keys(given: dict[str, str]) -> set[str]:
    """Keys with their numbers taken out."""
    return {re.sub(r"\d+", "#", key) for key in given}


@pytest.mark.parametrize(
    "path", sorted(REFERENCE.glob("*/*.fsf")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_all_keys_that_feat_model_was_run_with_are_there(feat_unit, path):
    ours = set.union(*(keys(found.told.given) for found in fits(feat_unit("plain").folder)))
    gaussian = set.union(*(keys(found.told.given) for found in fits(feat_unit("gaussian").folder)))
    theirs = settings(path)
    assert keys(theirs) - ours - gaussian == set()
    (told,) = (found.told for found in fits(feat_unit("plain").folder))
    same = ("version", "level", "ndelete", "critical_z", "noise", "noisear", "templp_yn", "evs_vox")
    assert {key: float(told.given[key]) for key in same} == {key: float(theirs[key]) for key in same}


def test_feat_preprocesses_nothing_but_scale_and_filter(feat_unit):
    (told,) = (found.told for found in fits(feat_unit("plain").folder))
    off = ("mc", "st", "bet_yn", "smooth", "norm_yn", "perfsub_yn", "melodic_yn", "regunwarp_yn", "motionevs")
    off += ("thresh", "reghighres_yn", "regstandard_yn", "reginitial_highres_yn", "templp_yn", "inmelodic")
    assert {told.given[key] for key in off} == {"0"}
    assert (told.given["analysis"], told.given["temphp_yn"], told.given["paradigm_hp"]) == ("7", "1", "128")


@pytest.mark.skipif(TCLSH is None, reason="no tclsh is installed")
@pytest.mark.parametrize("name", ["plain", "runs that differ", "no mask files", "names"])
def test_tcl_finds_all_files_from_the_folder_of_the_design(feat_unit, name):
    unit = feat_unit(name)
    show = (
        'foreach {k v} [array get fmri] {puts "$k\\t$v"}; puts "data\\t$feat_files(1)";'
        ' if {[info exists confoundev_files(1)]} {puts "confounds\\t$confoundev_files(1)"}'
    )
    for path in designs(unit):
        done = subprocess.run(
            [str(TCLSH)], input=f"source {path.name}; {show}", cwd=path.parent, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found = dict(line.split("\t", 1) for line in done.stdout.splitlines())
        files = [value for key, value in found.items() if key.startswith("custom")]
        files += [found[key] for key in ("data", "confounds", "alternative_mask") if found.get(key)]
        assert len(files) >= 2
        assert all(Path(file).is_absolute() and Path(file).exists() for file in files)
        assert Path(found["outputdir"]) == unit.folder.resolve() / "fsl" / Path(found["outputdir"]).name


STUB = """#!/bin/sh
program="${0##*/}"
printf '%s' "$program" >>"$CALLS"
for word in "$@"; do printf '\\t%s' "$word" >>"$CALLS"; done
echo >>"$CALLS"
case "$program" in
fslstats) if [ "$2" = -k ]; then echo '871.000000 '; else echo '0.500000 959.750000 '; fi ;;
film_gls)
    for word in "$@"; do
        case "$word" in --rn=*) mkdir -p "${word#--rn=}" && echo 60 >"${word#--rn=}/dof" ;; esac
    done ;;
fslmaths) for last in "$@"; do case "$last" in fsl/*/mask) : >"$last.nii.gz" ;; esac; done ;;
esac
"""
PROGRAMS = ("fslmaths", "fslstats", "fslmerge", "feat_model", "film_gls", "flameo")


def run_in_sh(unit: Unit, folder: Path) -> list[list[str]]:
    """Run a script with programs that only write down how they were called."""
    for name in PROGRAMS:
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(folder / "calls"), "HOME": str(folder)}
    done = subprocess.run(["sh", str(unit.folder / SCRIPT)], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t") for line in (folder / "calls").read_text().splitlines()]


def words_of(call: list[str]) -> list[str]:
    """A call with files by their bare names and numbers to seven digits."""
    found = []
    for word in call:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        bare = Path(value).name.removesuffix(".nii.gz") if "/" in value else value
        with suppress(ValueError):
            bare = f"{float(bare):.7g}"
        found.append(f"{option}{equals}{bare}")
    return found


def test_programs_are_called_as_they_were_for_the_reference(feat_unit, tmp_path):
    shared = find_shared()
    if shared is None:
        pytest.skip("../shared is absent")
    log = (shared / "fsl-reference" / "studyforrest" / "log.txt").read_text()
    theirs = [words_of(shlex.split(line[2:])) for line in log.splitlines() if line.startswith("$ ")]
    calls = [words_of(call) for call in run_in_sh(feat_unit("plain"), tmp_path)]
    renamed = {"alt": "brain", "run1": "bold", "2": "2", "--outputPWdata": None}
    values = {"409.5005": "96.425", "3.026646": "11.48106", "25": "32"}

    def same(words: list[str], data: str) -> list[str]:
        swapped = [renamed.get(word, values.get(word, word)) for word in words]
        return [data if word == "bold" else word for word in swapped if word is not None]

    data = Path(unit_bold(feat_unit("plain"))).name.removesuffix(".nii.gz")
    mask = re.sub("desc-preproc_bold", "desc-brain_mask", data)
    expected = [same(words, data) for words in theirs]
    expected[0][expected[0].index("mask")] = mask
    assert [call for call in calls if call[0] != "film_gls"] == [w for w in expected if w[0] != "film_gls"]
    (ours,) = (call for call in calls if call[0] == "film_gls")
    (of_reference,) = (words for words in expected if words[0] == "film_gls")
    assert ours == [*of_reference, "--fcon=design.fts"]


def unit_bold(unit: Unit) -> str:
    return str(unit.fitted.prepared.unit.runs[0].bold)


def test_runs_are_combined_by_fixed_effects(feat_unit, tmp_path):
    calls = run_in_sh(feat_unit("two runs"), tmp_path)
    (flameo,) = (call for call in calls if call[0] == "flameo")
    assert {"--runmode=fe", "--cope=fsl/contrast-move/cope", "--dofvarcope=fsl/contrast-move/tdof"} <= set(
        flameo
    )
    merged = {call[2]: call[3:] for call in calls if call[0] == "fslmerge"}
    assert merged["fsl/contrast-move/cope"] == [f"fsl/run-{i}/stats/cope1" for i in (1, 2)]
    folder = feat_unit("two runs").folder / "fsl" / "contrast-move"
    assert (folder / "design.mat").read_text().split("/Matrix\n")[1] == "1\n1\n"
    dofs = [call for call in calls if call[0] == "fslmaths" and call[-3].startswith("fsl/contrast-move/dof")]
    assert [call[3] for call in dofs] == ["60", "60"]


def test_least_squares_without_filter_call_nothing_more(feat_unit, tmp_path):
    calls = run_in_sh(feat_unit("gamma, no filter, least squares"), tmp_path)
    assert not [call for call in calls if "-bptf" in call]
    assert all("--noest" in call and "--sa" not in call for call in calls if call[0] == "film_gls")


def test_paths_that_a_shell_could_take_for_commands_are_files(tmp_path):
    unit = taken_away(tmp_path / "don't $HOME; `touch harm` !x [1] *", FEAT_CASES["plain"])
    calls = run_in_sh(unit, tmp_path)
    assert (unit.folder / calls[0][1]).resolve() == Path(unit_bold(unit)).resolve()
    assert fits(unit.folder)[0].told.data[0].shape[0] == 70
    assert not list(tmp_path.rglob("harm"))


def test_smoothing_is_a_gaussian_in_the_script_and_feats_own_in_the_design(tmp_path):
    case = replace(FEAT_CASES["plain"], options={"smoothing_fwhm": 5.0})
    unit = taken_away(tmp_path, case)
    (blur,) = (call for call in run_in_sh(unit, tmp_path) if "-s" in call)
    assert float(blur[blur.index("-s") + 1]) == pytest.approx(5 / 2.3548, rel=1e-4)
    (path,) = designs(unit)
    assert settings(path)["smooth"] == "5"
    assert "FEAT smooths by SUSAN" in path.read_text()


def test_script_is_for_a_reader(feat_unit):
    text = feat_unit("two runs").text(SCRIPT)
    assert text.count("differs") >= 5
    assert len(text.splitlines()) < 110
