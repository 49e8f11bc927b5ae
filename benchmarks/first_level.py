"""Time and memory of a whole participant run against nilearn's FirstLevelModel on the same file.

``python benchmarks/first_level.py --work-dir DIR [--repeats 3]``

Makes a run of 97 x 115 x 97 voxels and 300 scans in int16 (about 230,000 voxels in the mask, 24 confounds)
as a BIDS data set with fMRIPrep-like derivatives, once for each work folder. Then measures in turn, each in a
process of its own with one BLAS thread:

- nilearn: FirstLevelModel fit, three contrasts, four maps of each written;
- spm: ``run.py ... participant --no-attribution --backends spm``;
- both: ``run.py ... participant --no-attribution``;
- all: ``run.py ... participant --no-attribution --backends all``, the four packages.

CPU time is user + system of the whole process. What the report and the inference take, which nilearn's side
does not do, is measured and given apart. Ratios are those of paired runs, their median over the repeats.
Options that are not its own go to ``run.py``.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
TR = 2.0
WHOLE_TARGET, SPM_TARGET = 0.6, 0.1
FOUR_TARGETS = {"all": 2.5, "afni": 1.5, "fsl": 0.3}
"""Times nilearn's own fit: maps and agreement of four packages, and AFNI's and FSL's parts in it."""
STEM = "sub-01_task-bench"
SPACE = "space-MNI152NLin2009cAsym"
CONDITIONS = ("a", "b", "c")
CONTRASTS = {"aMinusB": ("a - b", [1, -1]), "a": ("a", [1]), "b": ("b", [1])}
"""Label -> nilearn's expression and the weights of its conditions."""
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


class Size(NamedTuple):
    """How large a run is."""

    shape: tuple[int, int, int] = (97, 115, 97)
    n_scans: int = 300

    @property
    def mib(self) -> float:
        """MiB in int16."""
        return int(np.prod(self.shape)) * self.n_scans * 2 / 2**20


BENCH = Size()
MEMORY_TARGET = 1.3 * BENCH.mib + 200


class Cost(NamedTuple):
    """What a process needed."""

    cpu: float
    wall: float
    peak_mib: float
    stages: dict[str, float]
    """CPU seconds of parts of it."""


def motion_names() -> list[str]:
    """List the 24 confounds: six motion parameters, their derivatives, and the squares of both."""
    parameters = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    expansions = ("", "_derivative1", "_power2", "_derivative1_power2")
    return [parameter + expansion for expansion in expansions for parameter in parameters]


def make_data(rng: np.random.Generator, size: Size = BENCH) -> tuple[np.ndarray, np.ndarray]:
    """Bold (x, y, z, n_scans) in int16 and the mask of a head of noise with autocorrelation that varies."""
    from scipy.ndimage import gaussian_filter

    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size.shape), indexing="ij")
    radius = (x / 0.78) ** 2 + (y / 0.85) ** 2 + (z / 0.8) ** 2
    head = radius < 0.9
    texture = gaussian_filter(rng.standard_normal(size.shape), 3) * 15000
    base = np.where(head, np.clip(8000 * np.exp(-0.3 * radius) + texture, 0, None), 0)
    rho = np.clip(0.3 + 6 * gaussian_filter(rng.standard_normal(size.shape), 5), -0.1, 0.8)
    bold = np.empty((*size.shape, size.n_scans), dtype=np.int16, order="F")
    noise = np.zeros(size.shape)
    for scan in range(size.n_scans):
        noise = rho * noise + rng.standard_normal(size.shape)
        bold[..., scan] = np.rint(base * (1 + 0.01 * np.sin(scan / 20)) + 80 * head * noise)
    return bold, radius < 0.855


def make_dataset(folder: Path, scaling: tuple[float, float] | None = None, size: Size = BENCH) -> None:
    """Write the data set, its derivatives and the model, unless they are there."""
    import nibabel as nib
    import pandas as pd

    if (folder / "done").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    rng = np.random.default_rng(0)
    raw, preprocessed = folder / "bids/sub-01/func", folder / "bids/derivatives/fmriprep/sub-01/func"
    raw.mkdir(parents=True)
    preprocessed.mkdir(parents=True)
    for path, kind in ((folder / "bids", "raw"), (folder / "bids/derivatives/fmriprep", "derivative")):
        about = {"Name": "benchmark", "BIDSVersion": "1.9.0", "DatasetType": kind}
        made = {"GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.2.0"}]} if kind == "derivative" else {}
        (path / "dataset_description.json").write_text(json.dumps({**about, **made}))
    (folder / "bids/README").write_text("Synthetic data of bidsglm's benchmark.\n")
    onsets = np.arange(10, size.n_scans * TR - 20, 12.0)
    events = pd.DataFrame(
        {"onset": onsets, "duration": 3.0, "trial_type": np.resize(CONDITIONS, onsets.size)}
    )
    events.to_csv(raw / f"{STEM}_events.tsv", sep="\t", index=False)
    confounds = pd.DataFrame(
        np.cumsum(rng.standard_normal((size.n_scans, 24)), axis=0) / 10, columns=motion_names()
    )
    confounds.to_csv(preprocessed / f"{STEM}_desc-confounds_timeseries.tsv", sep="\t", index=False)
    sidecar = json.dumps({"RepetitionTime": TR, "TaskName": "bench"})
    (raw / f"{STEM}_bold.json").write_text(sidecar)
    (preprocessed / f"{STEM}_{SPACE}_desc-preproc_bold.json").write_text(sidecar)
    bold, mask = make_data(rng, size)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -96, -132, -78
    image = nib.Nifti1Image(bold, affine)
    image.header.set_zooms((2, 2, 2, TR))
    if scaling:
        image.header.set_slope_inter(*scaling)
    path = preprocessed / f"{STEM}_{SPACE}_desc-preproc_bold.nii.gz"
    nib.save(image, path)
    (raw / f"{STEM}_bold.nii.gz").symlink_to(os.path.relpath(path, raw))
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), mask_path(folder))
    (folder / "model_smdl.json").write_text(json.dumps(model(), indent=2))
    (folder / "done").touch()


def bold_path(folder: Path) -> Path:
    """Preprocessed run."""
    return folder / f"bids/derivatives/fmriprep/sub-01/func/{STEM}_{SPACE}_desc-preproc_bold.nii.gz"


def mask_path(folder: Path) -> Path:
    """Brain mask."""
    return bold_path(folder).with_name(f"{STEM}_{SPACE}_desc-brain_mask.nii.gz")


def model() -> dict[str, Any]:
    """BIDS Stats Model with the conditions, the confounds and the contrasts."""
    columns = [f"trial_type.{name}" for name in CONDITIONS]
    contrasts = [
        {
            "Name": label,
            "ConditionList": [f"trial_type.{name}" for name in expression.split(" - ")],
            "Weights": weights,
            "Test": "t",
        }
        for label, (expression, weights) in CONTRASTS.items()
    ]
    run = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Transformations": {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Factor", "Input": ["trial_type"]}],
        },
        "Model": {
            "Type": "glm",
            "X": [*columns, *motion_names(), 1],
            "HRF": {"Variables": columns, "Model": "spm"},
            "Options": {"HighPassFilterCutoffHz": 1 / 128},
        },
        "Contrasts": contrasts,
    }
    return {"Name": "bench", "BIDSModelVersion": "1.0.0", "Input": {"task": ["bench"]}, "Nodes": [run]}


def run_nilearn(folder: Path, output: Path) -> None:
    """Do what a user of nilearn would do."""
    import nibabel as nib
    import pandas as pd
    from nilearn.glm.first_level import FirstLevelModel

    raw, preprocessed = folder / "bids/sub-01/func", bold_path(folder).parent
    fitted = FirstLevelModel(
        TR, slice_time_ref=7 / 16, hrf_model="spm", high_pass=1 / 128, mask_img=mask_path(folder)
    ).fit(
        bold_path(folder),
        pd.read_csv(raw / f"{STEM}_events.tsv", sep="\t"),
        pd.read_csv(preprocessed / f"{STEM}_desc-confounds_timeseries.tsv", sep="\t"),
    )
    for label, (expression, _) in CONTRASTS.items():
        maps = fitted.compute_contrast(expression, output_type="all")
        for name in ("effect_size", "effect_variance", "stat", "z_score"):
            nib.save(maps[name], output / f"{label}_{name}.nii.gz")


def fast_model(folder: Path, output: Path) -> Path:
    """The model with SPM's FAST in place of AR(1)."""
    document = json.loads((folder / "model_smdl.json").read_text())
    document["Nodes"][0]["Model"]["Software"] = {"SPM": {"SerialCorrelation": "FAST"}}
    path = output / "fast_smdl.json"
    path.write_text(json.dumps(document))
    return path


def run_participant(model: Path, folder: Path, output: Path, arguments: list[str]) -> None:
    """``run.py`` with the CPU time of its stages written beside the results."""
    stages: dict[str, float] = {}
    import bidsglm.cli
    import bidsglm.participant
    import bidsglm.unit.fit
    from bidsglm.backends import BACKENDS

    for name, module in BACKENDS.items():
        for function in ("designs", "mask_from", "estimate", "usable_runs", "contrast"):
            setattr(module, function, timed(getattr(module, function), stages, name))
        module.inference = timed(module.inference, stages, "inference")
    bidsglm.unit.fit.read_data = timed(bidsglm.unit.fit.read_data, stages, "read")
    bidsglm.participant.write_unit = timed(bidsglm.participant.write_unit, stages, "write")
    page = "write_participant_page"
    setattr(bidsglm.participant, page, timed(getattr(bidsglm.participant, page), stages, "report"))
    command = [
        str(folder / "bids"),
        str(output / "out"),
        "participant",
        "--skip-bids-validation",
        "--no-attribution",
    ]
    code = bidsglm.cli.main([*command, "--model", str(model), *arguments])
    (output / "stages.json").write_text(json.dumps(stages))
    sys.exit(code)


def timed(function: Callable[..., Any], stages: dict[str, float], name: str) -> Callable[..., Any]:
    """Add the CPU time of a function to a stage."""

    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            stages[name] = stages.get(name, 0) + time.process_time() - started

    return call


def measure(folder: Path, case: str, arguments: list[str]) -> Cost:
    """Run a case in a process of its own."""
    output = folder / "output"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    command = [sys.executable, str(Path(__file__)), "--work-dir", str(folder), "--case", case, *arguments]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PROJECT)}
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise SystemExit(f"{case} failed:\n{errors}")
    path = output / "stages.json"
    stages = json.loads(path.read_text()) if path.exists() else {}
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, stages)


def main() -> None:
    """Make the data, measure in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slope", type=float, help="store a slope (and an intercept of 3) in the header")
    parser.add_argument(
        "--case", choices=("data", "nilearn", "spm", "fast", "both", "all"), help=argparse.SUPPRESS
    )
    options, arguments = parser.parse_known_args()
    folder = options.work_dir.resolve()
    if options.case == "data":
        make_dataset(folder, (options.slope, 3.0) if options.slope else None)
    elif options.case == "nilearn":
        run_nilearn(folder, folder / "output")
    elif options.case:
        backends = {"both": [], "all": ["--backends", "all"]}.get(options.case, ["--backends", "spm"])
        output = folder / "output"
        model = fast_model(folder, output) if options.case == "fast" else folder / "model_smdl.json"
        run_participant(model, folder, output, [*backends, *arguments])
    else:
        # In a process of its own, or its memory would count for the processes that this one starts.
        subprocess.run([sys.executable, *sys.argv, "--case", "data"], check=True)
        compare(folder, options.repeats, arguments)


def compare(folder: Path, repeats: int, arguments: list[str]) -> None:
    """Measure all cases, one after the other in every repeat, and print what they cost."""
    costs: dict[str, list[Cost]] = {case: [] for case in ("nilearn", "spm", "fast", "both", "all")}
    for _ in range(repeats):
        for case, measured in costs.items():
            measured.append(measure(folder, case, [] if case == "nilearn" else arguments))
            print(case, measured[-1], file=sys.stderr, flush=True)
    print(f"{'case':8} {'CPU (s)':>9} {'report':>7} {'wall (s)':>9} {'peak (MiB)':>11}")
    for case, measured in costs.items():
        cpu, wall, peak = (statistics.median(cost[i] for cost in measured) for i in range(3))
        report = statistics.median(cost.stages.get("report", 0) for cost in measured)
        print(f"{case:8} {cpu:9.1f} {report:7.1f} {wall:9.1f} {peak:11.0f}")
    pairs = list(zip(costs["nilearn"], costs["both"], strict=True))
    extra = [both.stages["report"] + both.stages["inference"] for _, both in pairs]
    whole_cpu = statistics.median(
        (both.cpu - e) / base.cpu for (base, both), e in zip(pairs, extra, strict=True)
    )
    whole_wall = statistics.median(
        (both.wall - e) / base.wall for (base, both), e in zip(pairs, extra, strict=True)
    )
    share = statistics.median(both.stages["spm"] / base.cpu for base, both in pairs)
    fast = statistics.median(cost.stages["spm"] for cost in costs["fast"])
    peak = max(cost.peak_mib for cost in costs["both"])
    print(f"maps and agreement of both / nilearn, CPU:  {whole_cpu:5.2f}  (target {WHOLE_TARGET})")
    print(f"maps and agreement of both / nilearn, wall: {whole_wall:5.2f}  (target {WHOLE_TARGET})")
    print(f"SPM backend within it / nilearn, CPU:       {share:5.2f}  (target {SPM_TARGET})")
    print(f"CPU (s) of the SPM backend with FAST, 18 components: {fast:.1f}")
    print(f"peak memory of the whole run: {peak:.0f} MiB  (target {MEMORY_TARGET:.0f} MiB)")
    for name, target in FOUR_TARGETS.items():
        shares = [
            (
                four.cpu - four.stages["report"] - four.stages["inference"]
                if name == "all"
                else four.stages[name]
            )
            / base.cpu
            for base, four in zip(costs["nilearn"], costs["all"], strict=True)
        ]
        print(
            f"{name} of the four packages / nilearn, CPU: {statistics.median(shares):5.2f}  (target {target})"
        )
    stages = costs["all"][-1].stages
    print("CPU (s) of its stages: " + ", ".join(f"{name} {cpu:.1f}" for name, cpu in stages.items()))


if __name__ == "__main__":
    main()
