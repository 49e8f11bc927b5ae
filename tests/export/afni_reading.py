"""A script of AFNI read back without AFNI: commands, files, and what they come to in `bidsglm.afni`."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.afni.baseline import legendre_columns, run_blocks
from bidsglm.afni.contrasts import joint_test, row_test
from bidsglm.afni.estimation import fits
from bidsglm.afni.noise import noise_grid, white_noise
from bidsglm.afni.regressors import EventTrain, condition_columns
from bidsglm.afni.responses import response
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.afni.timeline import Timeline
from bidsglm.model import Floats, Mask

EVENT = re.compile(r"([-\d.]+)(?:\*([-\d.,]+))?(?::([\d.]+))?")
TERM = re.compile(r"([+-]?)(?:([\d.]+)\*)?([A-Za-z]\w*)(?:\[(\d+)\])?")


def commands(script: str) -> Iterator[list[str]]:
    """Command lines of a script, as words."""
    for line in script.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith(("#", "set", "if", "cd")):
            yield shlex.split(re.sub(r" \|\| exit 1.*$", "", line))


@dataclass(frozen=True)
class Stimulus:
    """What -stim_times and the like say of a condition."""

    label: str
    kind: str
    response: str
    rows: tuple[str, ...]

    def train(self, row: str, subtract: float) -> EventTrain:
        """Events of a run."""
        found = [EVENT.fullmatch(word) for word in row.split() if word != "*"]
        events = [match for match in found if match is not None]
        assert len(events) == len(found), row
        onsets = np.array([float(match[1]) for match in events]) - subtract
        married = [[float(value) for value in match[2].split(",")] for match in events if match[2]]
        durations = [float(match[3]) for match in events if match[3]]
        assert bool(durations) <= self.response.startswith("dm")
        values = np.array(married).reshape(len(events), -1) if married else None
        return EventTrain(
            onsets,
            np.array(durations) if durations else None,
            values[:, 0] if values is not None and self.kind == "AM1" else None,
            values if values is not None and self.kind == "AM2" else None,
        )


@dataclass(frozen=True)
class Deconvolution:
    """3dDeconvolve's options, and the files that they name."""

    stimuli: tuple[Stimulus, ...]
    polort: int
    subtract: float
    ortvecs: tuple[Floats, ...]
    censor: Floats | None
    tests: tuple[tuple[str, Floats | tuple[str, ...]], ...]
    """Label, and a matrix or rows of symbols"""
    repetition_time: float
    goforit: bool


def deconvolution(words: list[str], folder: Path) -> Deconvolution:
    """Read a command line; every option has to be known."""
    assert words[0] == "3dDeconvolve"
    options: dict[str, list[str]] = {}
    for word in words[1:]:
        if re.match(r"-[A-Za-z]", word):
            options.setdefault(word, [])
            last = options[word]
        else:
            last.append(word)
    labels = dict(zip(options["-stim_label"][::2], options["-stim_label"][1::2], strict=True))
    stimuli: dict[int, Stimulus] = {}
    for option in ("-stim_times", "-stim_times_AM1", "-stim_times_AM2"):
        words_of = options.pop(option, [])
        for k, name, notation in zip(words_of[::3], words_of[1::3], words_of[2::3], strict=True):
            rows = tuple((folder / name).read_text().splitlines())
            stimuli[int(k)] = Stimulus(
                labels[k], option.removeprefix("-stim_times").strip("_"), notation, rows
            )
    assert sorted(stimuli) == list(range(1, int(options["-num_stimts"][0]) + 1))
    tests = list(_tests(words, folder))
    assert len(tests) == int(options.get("-num_glt", ["0"])[0])
    ortvecs = options.get("-ortvec", [])
    known = {"-input", "-force_TR", "-mask", "-censor", "-polort", "-ortvec", "-local_times", "-num_stimts"}
    known |= {"-stim_times_subtract", "-stim_label", "-num_glt", "-gltsym", "-glt", "-glt_label", "-GOFORIT"}
    assert options.keys() <= known | {
        "-float",
        "-fout",
        "-tout",
        "-x1D",
        "-bucket",
        "-cbucket",
        "-allzero_OK",
    }
    assert "-local_times" in options
    return Deconvolution(
        tuple(stimuli[k] for k in sorted(stimuli)),
        int(options["-polort"][0]),
        float(options.get("-stim_times_subtract", ["0"])[0]),
        tuple(np.loadtxt(folder / name, ndmin=2) for name in ortvecs[::2]),
        np.loadtxt(folder / options["-censor"][0]) if "-censor" in options else None,
        tuple(tests),
        float(options["-force_TR"][0]),
        "-GOFORIT" in options,
    )


def _tests(words: list[str], folder: Path) -> Iterator[tuple[str, Floats | tuple[str, ...]]]:
    """General linear tests in their order."""
    pending: Floats | tuple[str, ...] = ()
    for i, word in enumerate(words):
        if word == "-gltsym":
            said = words[i + 1]
            is_symbol = said.startswith("SYM:")
            lines = [said.removeprefix("SYM:")] if is_symbol else (folder / said).read_text().splitlines()
            pending = tuple(line.strip() for line in lines)
        elif word == "-glt":
            pending = np.loadtxt(folder / words[i + 2], ndmin=2)
            assert len(pending) == int(words[i + 1])
        elif word == "-glt_label":
            yield words[i + 2], pending


@dataclass(frozen=True)
class Refit:
    """A script fitted again by the equations of AFNI."""

    told: Deconvolution
    matrix: Floats
    """Rows of the scans that are kept"""
    mask: Mask
    """(x, y, z)"""
    stats: dict[str, tuple[Floats | None, Floats]]
    """Label of a test -> effect (none for F) and statistic, over the voxels of the mask"""


def refitted(path: Path) -> Refit:
    """Do what a script asks of AFNI with nothing but what stands in its files."""
    folder, script = path.parent, path.read_text(encoding="utf-8")
    lines = list(commands(script))
    (told,) = (deconvolution(words, folder) for words in lines if words[0] == "3dDeconvolve")
    root = folder / shlex.split(re.search(r"^set root = (.*?)  #", script, re.M)[1])[0]
    files = {words[3]: words[2] for words in lines if words[0] == "ln"}
    found = {
        link: Path(str(target).replace("$root", str(root)).replace("$here", str(folder)))
        for link, target in files.items()
    }
    mask = np.all([nib.load(p).get_fdata() > 0 for link, p in found.items() if "/mask" in link], axis=0)
    runs = [nib.load(p).get_fdata()[mask].T for link, p in found.items() if "/bold" in link]
    scaled = any(words[0] == "3dTstat" for words in lines)
    data = np.vstack([percent_of_mean(run) if scaled else run.astype(np.float32) for run in runs])
    n_scans = tuple(len(run) for run in runs)
    matrix, places = design(told, n_scans)
    kept = np.ones(len(data), dtype=bool) if told.censor is None else told.censor > 0
    parts = np.split(kept, np.cumsum(n_scans)[:-1])
    timeline = Timeline(told.repetition_time, n_scans, tuple(parts))
    X = matrix[kept]
    reml = any(words[0] == "3dREMLfit" for words in lines)
    grid = noise_grid(X, timeline.times) if reml else white_noise(X, timeline.times)
    fitted = fits(data[kept], grid)
    stats: dict[str, tuple[Floats | None, Floats]] = {}
    for label, rows in told.tests:
        weights = rows if isinstance(rows, np.ndarray) else symbols(rows, places, X.shape[1])
        if len(weights) == 1:
            tested = row_test(weights[0], fitted, grid)
            stats[label] = (tested.effect, tested.t)
        stats[f"{label} F"] = (None, joint_test(weights, fitted, grid))
    return Refit(told, X, mask, stats)


def design(told: Deconvolution, n_scans: tuple[int, ...]) -> tuple[Floats, dict[str, list[int]]]:
    """Columns as 3dDeconvolve orders them, and where each stimulus stands."""
    timeline = Timeline(told.repetition_time, n_scans)
    blocks = [run_blocks([legendre_columns(n, told.polort) for n in n_scans])]
    places = {}
    for stimulus in told.stimuli:
        assert len(stimulus.rows) == len(n_scans)
        trains = [stimulus.train(row, told.subtract) for row in stimulus.rows]
        start = sum(block.shape[1] for block in blocks)
        blocks.append(condition_columns(response(stimulus.response), trains, timeline))
        places[stimulus.label] = list(range(start, start + blocks[-1].shape[1]))
    return np.hstack([*blocks, *told.ortvecs]), places


def symbols(rows: tuple[str, ...], places: dict[str, list[int]], n_columns: int) -> Floats:
    """Rows of a symbolic test as weights."""
    weights = np.zeros((len(rows), n_columns))
    for row, text in zip(weights, rows, strict=True):
        for term in text.split():
            sign, size, label, number = TERM.fullmatch(term).groups()
            column = places[label][int(number)] if number else places[label][0]
            assert number or len(places[label]) == 1
            row[column] = float(size or 1) * (-1 if sign == "-" else 1)
    return weights
