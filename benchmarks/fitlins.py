"""FitLins beside nilearn and bidsglm: ``python benchmarks/fitlins.py FITLINS FOLDER`` writes fitlins.md.

FITLINS is the program in an environment of its own (fitlins 0.11.0 with numpy 1.23, pandas 1.5, scipy 1.10
and scikit-learn 1.2 runs under Python 3.11), FOLDER one for data and results; what is there is not made
again. Two models are fitted: fMRIPrep's cosines in X, and a physiological series that is convolved. FitLins'
columns are also handed to bidsglm as they are, so that design and estimation are compared apart.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.glm.first_level import FirstLevelModel

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.cli import main as bidsglm  # noqa: E402
from bidsglm.statsmodel.contrasts import contrast_label  # noqa: E402
from tests import tiny  # noqa: E402
from tests.ten_models import documents  # noqa: E402
from tests.ten_models.study import N_SCANS, TASK, write_study  # noqa: E402

PARTICIPANTS, RUNS = ("01", "02", "03"), ("run-1", "run-2")
SOFTWARE = {
    "SPM": {"SerialCorrelation": "none"},
    "Nilearn": {"NoiseModel": "ar1", "SliceTimeRef": 0},
}
"""FitLins' settings: nilearn's AR(1), per cent of the voxel's mean, sampled at the scans' starts."""
PREFIX = "fitlins_"
"""Of FitLins' columns among the confounds."""
PAGE = PROJECT / "benchmarks" / "fitlins.md"

Table = list[tuple[str, str, str]]


def models() -> dict[str, dict[str, Any]]:
    """Two of the ten models, in words that FitLins understands too: HRF as Convolve."""
    cosines, dense = documents.cosines_in_x(), documents.dense_convolution()
    node = cosines["Nodes"][0]
    del node["Model"]["HRF"]
    conditions = [documents.FACE, documents.HOUSE]
    factor = {"Name": "Factor", "Input": ["trial_type"]}
    convolve = {"Name": "Convolve", "Input": conditions, "Model": "spm"}
    node |= documents.instructions(factor, convolve)
    dense["Nodes"][0]["Model"]["X"][3:3] = ["cosine*"]
    for document in (cosines, dense):
        document["Nodes"][0]["Model"]["Software"] = SOFTWARE
    return {"cosines in X": cosines, "convolved series": dense}


def write_data(root: Path) -> Path:
    """The data set of the ten models, with raw images, which FitLins wants to see."""
    if (root / "bids").is_dir():
        return root / "bids"
    study = write_study(root, PARTICIPANTS, [("", run) for run in RUNS])
    for sidecar in study.glob("sub-*/func/*_bold.json"):
        empty = np.zeros((2, 2, 2, N_SCANS), dtype=np.int16)
        tiny.write_image(sidecar.with_suffix(".nii.gz"), empty)
    return study


def run_bidsglm(study: Path, out: Path, document: Mapping[str, Any]) -> Path:
    """Both levels with the nilearn backend."""
    model = out.with_suffix(".json")
    if out.is_dir():
        return out
    model.write_text(json.dumps(document))
    more = ["-q", "--model", str(model), "--no-attribution"]
    assert bidsglm([str(study), str(out), "participant", *more]) == 0
    assert bidsglm([str(study), str(out), "group", "-q", "--model", str(model)]) == 0
    return out


def run_fitlins(program: str, study: Path, out: Path, document: Mapping[str, Any]) -> Path:
    """All levels."""
    model = out.with_suffix(".json")
    if out.is_dir():
        return out
    model.write_text(json.dumps(document))
    words = [program, str(study), str(out), "dataset", "-m", str(model), "--space", tiny.SPACE]
    derivatives = ["-d", str(study / "derivatives" / "fmriprep")]
    words += [*derivatives, "--estimator", "nilearn", "--n-cpus", "1", "-w", str(out) + "_work"]
    # bidsglm's own path is none of FitLins' business
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with out.with_suffix(".log").open("w") as log:
        subprocess.run(words, check=True, stdout=log, stderr=subprocess.STDOUT, env=environment)
    return out


def values(path: Path) -> np.ndarray:
    """Voxels of a map."""
    return np.asarray(nib.load(path).dataobj, dtype=np.float64).ravel()


def fitlins_design(out: Path, participant: str, run: str) -> pd.DataFrame:
    """Design of a run as FitLins publishes it."""
    return pd.read_table(out / f"node-run/sub-{participant}/sub-{participant}_task-{TASK}_{run}_design.tsv")


def our_design(out: Path, participant: str, run: str) -> pd.DataFrame:
    """Design of a run of bidsglm's nilearn backend."""
    return pd.read_table(next(out.glob(f"sub-{participant}/func/*_{run}_*_desc-nilearn_design.tsv")))


def difference(found: np.ndarray, expected: np.ndarray, where: np.ndarray | bool = True) -> float:
    """Largest absolute difference over some of the voxels that both have, as a share of the largest value."""
    both = np.isfinite(found) & np.isfinite(expected) & (found != 0) & (expected != 0) & where
    return float(np.abs(found - expected)[both].max() / np.abs(expected[both]).max())


def hand_over(study: Path, out: Path) -> None:
    """Write FitLins' columns into the confounds of each run."""
    for participant in PARTICIPANTS:
        for run in RUNS:
            path = next(study.glob(f"derivatives/fmriprep/sub-{participant}/func/*_{run}_*confounds*.tsv"))
            design = fitlins_design(out, participant, run).drop(columns="intercept")
            table = pd.read_table(path)
            kept = table[[name for name in table if not name.startswith(PREFIX)]]
            pd.concat([kept, design.add_prefix(PREFIX)], axis=1).to_csv(path, sep="\t", index=False)


def with_fitlins_columns(document: Mapping[str, Any], design: pd.DataFrame) -> dict[str, Any]:
    """The model over FitLins' columns, which are neither transformed nor convolved again."""
    copied: dict[str, Any] = json.loads(json.dumps(document))
    node = copied["Nodes"][0]
    del node["Transformations"]
    node["Model"]["X"] = [PREFIX + name for name in design if name != "intercept"] + [1]
    node["Model"]["Options"] = {"HighPassFilterCutoffHz": 0}
    for contrast in node["Contrasts"]:
        contrast["ConditionList"] = [PREFIX + name for name in contrast["ConditionList"]]
    return copied


def fitlins_label(name: str) -> str:
    """How FitLins writes a contrast in file names: signs are lost."""
    words = "".join(c if c.isalnum() else " " for c in name).split()
    return words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])


def maps_of(out: Path, pattern: str) -> np.ndarray:
    """Voxels of all maps of a kind, one participant after the other."""
    return np.concatenate([values(path) for path in sorted(out.glob(pattern))])


class Folders(NamedTuple):
    """Results of one model."""

    study: Path
    fitlins: Path
    ours: Path
    handed: Path
    """Of bidsglm on FitLins' columns"""


def rows(name: str, document: Mapping[str, Any], folders: Folders) -> Iterator[tuple[str, str, str]]:
    """What is compared, and how much differs."""
    for compared, value in (*design_rows(folders), *map_rows(document, folders)):
        yield name, compared, value


def design_rows(folders: Folders) -> Iterator[tuple[str, str]]:
    """Columns of FitLins and of bidsglm."""
    runs = [(participant, run) for participant in PARTICIPANTS for run in RUNS]
    pairs = [(fitlins_design(folders.fitlins, *each), our_design(folders.ours, *each)) for each in runs]
    convolved = [c for c in pairs[0][0] if c in (documents.FACE, documents.HOUSE, "csf")]
    plain = [c for c in pairs[0][0] if c not in (*convolved, "intercept")]
    lowest = min(np.corrcoef(a[c], b[c])[0, 1] for a, b in pairs for c in convolved)
    largest = max(np.abs(a[c] - b[c]).max() for a, b in pairs for c in plain)
    yield f"columns {', '.join(convolved)}: FitLins, bidsglm", f"correlation {lowest:.3f}"
    yield "other columns: FitLins, bidsglm", f"{largest:.0e}"


def map_rows(document: Mapping[str, Any], folders: Folders) -> Iterator[tuple[str, str]]:
    """Maps of FitLins, of nilearn on its design, and of bidsglm."""
    first, fitlins = fitlins_design(folders.fitlins, "01", "run-1"), folders.fitlins
    for contrast in document["Nodes"][0]["Contrasts"]:
        name = contrast["Name"]
        label, ours = fitlins_label(name), contrast_label(name)
        for stat, key in (("effect", "effect_size"), ("t", "stat")):
            path = fitlins / f"node-run/sub-01/sub-01_run-1_contrast-{label}_stat-{stat}_statmap.nii.gz"
            found = difference(nilearn_map(folders.study, first, contrast, key), values(path))
            yield f"{name}, {stat} of a run: FitLins, nilearn on FitLins' design", f"{found:.0e}"
        for title, out in (("bidsglm on FitLins' columns", folders.handed), ("bidsglm", folders.ours)):
            for what, theirs, own in (
                (
                    "effect of a participant",
                    f"node-subject/sub-*/*_contrast-{label}_stat-effect_statmap.nii.gz",
                    f"sub-*/func/*_contrast-{ours}_stat-effect_desc-nilearn_statmap.nii.gz",
                ),
                (
                    "t of the group",
                    f"node-group/*contrast-{label}_stat-t_statmap.nii.gz",
                    f"group/*_contrast-{ours}_stat-t_desc-nilearn_statmap.nii.gz",
                ),
            ):
                expected = maps_of(fitlins, theirs)
                whole = everybody(fitlins, label) if what.endswith("group") else True
                found = difference(maps_of(out, own), expected, whole)
                yield f"{name}, {what}: FitLins, {title}", f"{found:.0e}"


def everybody(fitlins: Path, label: str) -> np.ndarray:
    """Voxels that every participant has: FitLins' group counts one outside its guessed mask as 0."""
    paths = sorted(fitlins.glob(f"node-subject/sub-*/*_contrast-{label}_stat-effect_statmap.nii.gz"))
    return np.all([values(path) != 0 for path in paths], axis=0)


def nilearn_map(study: Path, design: pd.DataFrame, contrast: Mapping[str, Any], key: str) -> np.ndarray:
    """A map of the first run by nilearn itself, with FitLins' design."""
    bold = next(study.glob("derivatives/fmriprep/sub-01/func/*_run-1_*_bold.nii.gz"))
    mask = str(bold).replace("preproc_bold", "brain_mask")
    weights = dict(zip(contrast["ConditionList"], contrast["Weights"], strict=True))
    model = FirstLevelModel(mask_img=mask, minimize_memory=False, standardize=False, signal_scaling=0)
    model.fit(bold, design_matrices=design)
    vector = np.array([float(weights.get(name, 0)) for name in design])
    return np.asarray(model.compute_contrast(vector, output_type="all")[key].get_fdata()).ravel()


INTRODUCTION = """## FitLins

FitLins 0.11.0 (nilearn 0.9.2, pybids 0.15.6), nilearn itself and bidsglm's nilearn backend on the same
{participants} made-up participants of {runs} runs, by `python benchmarks/fitlins.py`. Differences are the
largest absolute ones, as shares of the largest value.
"""

REMARKS = """Estimation is the same: where FitLins' own columns are handed to bidsglm, its maps come out, to
the rounding of float32. What cannot be expressed in bidsglm, on purpose:

- **The time axis of pybids 0.15.** FitLins convolves at 10 Hz and then resamples to the scans with pybids,
  which there spreads the scans from 0 to the very end of the run, so that the last one is read a TR too
  late, and smooths on the way. Later versions of pybids do not. bidsglm convolves on each package's own grid.
- **The Subject node of Type `glm`** is a t test over the runs in FitLins, and fixed effects in bidsglm: the
  effects are the same mean; variance and t of a participant are not, and are not compared here.
- **Masks above the runs**: FitLins lets nilearn guess a mask from the effects, and a participant's voxel
  outside it goes into the group as 0; compared are the voxels that everybody has.
- **The filter without cosines in X** is nilearn's of 100 s in FitLins, whatever `HighPassFilterCutoffHz`
  says; both models here have fMRIPrep's.
- **`Software`, `HRF`, `Options`** are not read by FitLins: the models here say it by `Convolve`.
"""


def page(found: Table) -> str:
    """The part of docs/validation.md that is about FitLins."""
    head = ["| model | compared | largest difference |", "|---|---|---|"]
    lines = ["| " + " | ".join(row) + " |" for row in found]
    introduction = INTRODUCTION.format(participants=len(PARTICIPANTS), runs=len(RUNS))
    return "\n".join([introduction, *head, *lines, "", REMARKS])


def main() -> None:
    """Run everything and write the part of the page."""
    program, root = sys.argv[1], Path(sys.argv[2]).resolve()
    found: Table = []
    for number, (name, document) in enumerate(models().items()):
        folder = root / str(number)
        study = write_data(folder)
        fitlins = run_fitlins(program, study, folder / "fitlins", document)
        ours = run_bidsglm(study, folder / "ours", document)
        hand_over(study, fitlins)
        columns = with_fitlins_columns(document, fitlins_design(fitlins, "01", "run-1"))
        handed = run_bidsglm(study, folder / "handed", columns)
        found += rows(name, document, Folders(study, fitlins, ours, handed))
        print(page(found))
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
