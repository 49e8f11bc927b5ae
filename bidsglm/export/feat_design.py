"""A unit's model for FSL: a design of FEAT for each run, and a script of FSL's programs without FEAT."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.backends.fsl_design import high_pass, moment, response_name, shift
from bidsglm.data import Volume
from bidsglm.dataset.masks import common_grid, read_mask
from bidsglm.dataset.nifti import read_header
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.export.feat_files import FeatModel, FeatTest, feat_model
from bidsglm.export.labels import labels
from bidsglm.export.literals import number, rows_text, sh_text
from bidsglm.export.record import Exported
from bidsglm.export.templating import rendered

SCRIPT = "fsl_script.sh"
MASK = "fsl_mask.nii.gz"
CONVOLUTIONS = {"gaussian": 1, "gamma": 2, "double-gamma": 3}
"""FEAT's numbers of them"""
RESPONSES = {
    "gaussian": (("gausssigma", "2.8"), ("gaussdelay", "5")),
    "gamma": (("gammasigma", "3"), ("gammadelay", "6")),
    "double-gamma": (("gammasigma", "3"), ("gammadelay", "6")),
}
"""FEAT's defaults, which it reads beside the number"""
FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
OWN_MASK = "no mask is given, so both take what exceeds a tenth of the image's robust range."
GIVEN_MASK = (
    "the mask is what exceeds a tenth of the robust range within alternative_mask, and a voxel around it, in"
    " both."
)
OF_ALL = " bidsglm keeps the voxels of all runs."


class FeatMask(NamedTuple):
    """Mask that FEAT is given."""

    path: str = ""
    """As seen from the code; empty for none"""
    word: str = "''"
    """As the script writes it"""
    content: bytes = b""
    """What its file holds, where it is none of the data set"""


class FeatRun(NamedTuple):
    """A run as FEAT has it."""

    place: int
    """From 0"""
    short: str
    """Name of its results' folder"""
    design: str
    """Its file without .fsf"""
    model: FeatModel
    confounds: str
    """Its file; empty for none"""


def feat_designs(exported: Exported) -> dict[str, bytes]:
    """File name -> content of the designs, of the tables that they read, and of the script."""
    prepared = exported.prepared
    mask, files = _mask(exported), dict[str, bytes]()
    if mask.content:
        files[MASK] = mask.content
    runs = []
    for i, paradigm in enumerate(prepared.paradigms):
        design = exported.beside(i, "design")
        confounds = exported.beside(i, "confoundevs.txt") if paradigm.confound_names else ""
        short = design.removesuffix("design").rstrip("_") or "run"
        runs.append(
            FeatRun(i, short, design, feat_model(paradigm, prepared.model, exported.contrasts, i), confounds)
        )
        if confounds:
            files[confounds] = rows_text(paradigm.confounds).encode()
        for variable in runs[-1].model.variables:
            files[_events_name(exported, i, variable.title)] = variable.content.encode()
    for run in runs:
        said = _design(exported, run, mask)
        files[f"{run.design}.fsf"] = rendered("design.fsf.jinja", **_common(exported), **said)
    files[SCRIPT] = rendered("fsl_script.sh.jinja", **_common(exported), **_script(exported, runs, mask))
    return files


def _events_name(exported: Exported, index: int, title: str) -> str:
    return exported.beside(index, f"ev_{title}.txt")


def _mask(exported: Exported) -> FeatMask:
    """Return the mask file of the data set, or one of its own where several are to be one, on this grid."""
    runs, root = exported.prepared.unit.runs, exported.root
    files = exported.masks
    if not files:
        return FeatMask()
    if len(files) == 1 and exported.one_mask_grid:
        below = root.below(files[0])
        return FeatMask(f"{root.from_code}/{below}", f'"$root"/{sh_text(below)}')
    mask, _ = read_mask(runs)
    assert mask is not None, "there are mask files"
    volume = Volume(*common_grid([read_header(run.bold) for run in runs]), mask)
    content = map_bytes(np.ones(int(mask.sum())), volume, 0, dtype=np.uint8)
    return FeatMask(MASK, MASK, content)


def _common(exported: Exported) -> dict[str, object]:
    model = exported.prepared.model
    cutoff = high_pass(model)
    return {
        **exported.header,
        "prewhitening": model.fsl.prewhitening,
        "high_pass": "" if math.isinf(cutoff) else number(cutoff),
        "fwhm": number(model.smoothing_fwhm) if model.smoothing_fwhm else "",
    }


def _design(exported: Exported, run: FeatRun, mask: FeatMask) -> dict[str, object]:
    """What a run's design.fsf says."""
    prepared, model = exported.prepared, run.model
    paradigm = prepared.paradigms[run.place]
    step = 1 + model.derivative
    later = round(shift(paradigm), 9)
    return {
        "label": exported.run_labels[run.place],
        "name": run.design,
        "mask_words": (GIVEN_MASK if mask.path else OWN_MASK) + OF_ALL * (len(prepared.paradigms) > 1),
        "moved": number(later) if later else "",
        "moment": number(moment(paradigm) * paradigm.repetition_time),
        "not_made": model.not_made,
        "output": f"fsl/{run.short}",
        "repetition_time": number(paradigm.repetition_time),
        "n_scans": paradigm.n_scans,
        "bold": _bold(exported, run),
        "confounds": run.confounds,
        "variables": [
            {
                "regressor": variable.regressor,
                "title": variable.title,
                "file": _events_name(exported, run.place, variable.title),
            }
            for variable in model.variables
        ],
        "n_columns": len(model.columns),
        "convolution": CONVOLUTIONS[response_name(prepared.model)],
        "response": RESPONSES[response_name(prepared.model)],
        "derivative": model.derivative,
        "contrasts": [
            {
                "title": contrast.title,
                "real": [number(weight) for weight in contrast.weights],
                "orig": [number(weight) for weight in contrast.weights[::step]],
            }
            for contrast in model.contrasts
        ],
        "of_originals": model.of_originals,
        "f_tests": [test.rows for test in model.tests if test.f_test is not None],
        "mask": mask.path,
    }


def _bold(exported: Exported, run: FeatRun) -> str:
    root = exported.root
    return f"{root.from_code}/{root.below(exported.prepared.unit.runs[run.place].bold)}"


def _script(exported: Exported, runs: Sequence[FeatRun], mask: FeatMask) -> dict[str, object]:
    """What the script says."""
    prepared, root = exported.prepared, exported.root
    fwhm = prepared.model.smoothing_fwhm
    over_runs = [contrast for contrast in exported.contrasts if len(contrast.runs) > 1]
    return {
        "sigma_mm": number(fwhm / FWHM_PER_SIGMA),
        "runs": [
            {
                "label": exported.run_labels[run.place],
                "short": run.short,
                "design": run.design,
                "bold": root.below(prepared.unit.runs[run.place].bold),
                "mask": mask.word,
                "sigma": _sigma(exported, run),
                "confounds": run.confounds,
                "f_tests": any(test.f_test is not None for test in run.model.tests),
                "tests": [
                    {"name": test.contrast.specification.name, "map": _map(test)} for test in run.model.tests
                ],
            }
            for run in runs
        ],
        "combined": list(_combined(exported, runs)),
        "f_over_runs": [c.specification.name for c in over_runs if c.specification.test == "F"],
    }


def _sigma(exported: Exported, run: FeatRun) -> str:
    """Write the filter's width in scans; empty for no filter."""
    prepared = exported.prepared
    cutoff = high_pass(prepared.model)
    if math.isinf(cutoff):
        return "''"
    return number(cutoff / (2 * prepared.paradigms[run.place].repetition_time))


def _map(test: FeatTest) -> str:
    """Name of a test's map in FILM's folder."""
    return f"tstat{test.rows[0] + 1}" if test.f_test is None else f"fstat{test.f_test + 1}"


def _combined(exported: Exported, runs: Sequence[FeatRun]) -> Iterator[Mapping[str, object]]:
    """Contrasts over several runs, and their numbers in each."""
    names = labels(contrast.specification.label for contrast in exported.contrasts)
    for contrast in exported.contrasts:
        specification = contrast.specification
        places = [
            f"{run.short}:{test.rows[0] + 1}"
            for run in runs
            for test in run.model.tests
            if test.contrast is contrast and test.f_test is None
        ]
        if len(places) > 1:
            yield {"name": specification.name, "label": names[specification.label], "places": places}
