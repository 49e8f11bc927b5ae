"""Write docs/validation.md from all reference cases: ``python benchmarks/validation.py [FILE]``.

The differences are those that ``tests/spm/test_against_spm12.py`` asserts, computed by the same code.
"""

import platform
import re
import sys
from pathlib import Path

import numpy as np
import scipy

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.spm.group_variance import pooled_images  # noqa: E402
from bidsglm.spm.second_level import group_contrast  # noqa: E402
from tests.spm.extras import find_extra  # noqa: E402
from tests.spm.test_group_variance import CASES as GROUPS  # noqa: E402
from tests.spm.test_group_variance import FOLDER, read_case  # noqa: E402
from tests.spm12_reference import CASES, SHARED, case  # noqa: E402
from tests.spm12_stages import QUANTITIES, exists  # noqa: E402

Differences = dict[str, dict[str, float]]

PACKAGES = PROJECT / "benchmarks" / "packages.md"
"""Made by ``benchmarks/packages.py``."""
FITLINS = PROJECT / "benchmarks" / "fitlins.md"
"""Made by ``benchmarks/fitlins.py``, which needs FitLins in an environment of its own."""
EQUATIONS = PROJECT / "docs" / "explanation" / "spm12.md"
"""Quotes the worst case of each quantity."""
REPRODUCIBILITY = PROJECT / "benchmarks" / "reproducibility.md"
"""Made by ``benchmarks/reproducibility.py``, which needs environments of other numpys."""

SECTIONS = {
    "Design": ("basis set", "high-pass basis"),
    "Data": ("globals", "mask"),
    "Serial correlation": ("pooled F threshold", "whitening W"),
    "Estimation": ("whitened design KWX", "ResMS"),
    "Contrasts": ("contrast variance", "estimability"),
    "End to end": ("end to end: hyperparameters", "end to end: FWHM"),
}
"""First and last quantity of each."""

NOT_COVERED = {
    "Volterra order 2": "not offered: SPM's batch default is 1, and BIDS Stats Models cannot ask for it",
    "basis set 'none'": "not offered; no reference run",
    "a number in place of AR(1)": "SPM takes it from scripts only; not offered",
    "several explicit masks": "SPM intersects them and so do we; no reference run",
    "images of one slice": "no first-level reference run",
    "missing values in confounds": "SPM has no rule; we replace or refuse them before the design is built",
    "ReML's restart after a wild step": "happened in none of the reference runs; tested without SPM",
    "'no significant voxels'": "SPM stops, and so do we; groups then have equal variances unless asked",
    "dependence between measurements at the second level": "not offered: a paired test has one variance",
    "MATLAB": "the reference runs used GNU Octave; their last digits may differ from MATLAB's",
}

INTRODUCTION = """# Agreement with SPM12

[AFNI](#agreement-with-afni) and [FSL](#agreement-with-fsl) have their parts below.

Made by `python benchmarks/validation.py`; do not edit. The reference is SPM12 r7771 (git 03ac947) under
GNU Octave 7.3 on synthetic data: {n_cases} analyses that vary basis set, modulators, filter, noise model,
scaling, mask, data type and number of runs. Each stage is computed from *SPM's own* results of the stage
before it, so that its difference is its own; the last section goes from events and images to the maps with
nothing of SPM's in between. `tests/spm/test_against_spm12.py` asserts these differences on every run of the
test suite.

A difference is the largest absolute one, divided by the largest value (numbers) or by the range (images)
of SPM's; masks, counts and names show how many differ. A dash: SPM has no such quantity in this case. SPM's
images are float32, so 6e-8 would be rounding alone. Betas of all-zero columns, which are rounding errors
around zero in SPM, enter as absolute differences.

Computed with numpy {numpy}, scipy {scipy}, Python {python} on {machine}.
"""

SECOND_LEVEL = """## Second level

Effects of eleven synthetic participants, of two groups, fitted by SPM12 itself: one and two samples, with
and without a covariate, with one variance and with SPM's default of one for each group. From the
participants' images to the maps, with nothing of SPM's in between; `tests/spm/test_group_variance.py`
asserts these differences, and `tests/group/test_variance.py` those of the files that the group level writes.

{table}"""

EXCEPTIONS = """## Where both packages give a number and we give none

The nilearn backend equals `FirstLevelModel` on the same files to 1e-6, with the exceptions below; the SPM
backend equals SPM12, with the same exceptions. `tests/backends/test_without_data.py` holds them.

- **Voxels without data**, constant in every scan of any run (before smoothing, if there is any): nilearn's
  residual there is rounding error, and so is its effect; their ratio, the t, has any size (-4.7 in 200
  voxels of one noise data set) and reaches thresholds. SPM leaves out voxels that are constant over all
  runs together, and keeps those that are constant in one run. No package has a result there: effect,
  variance and betas NaN, t, F and z 0, p 1, and the voxel is in no mask, cluster, agreement or group map.
  All other voxels have nilearn's own numbers: grand means and clusters of AR coefficients are still taken
  over all of its mask.
- **Voxels that the design explains up to rounding**, such as a constant but for scans that have a column of
  their own: no result either, and no part in SPM's pooled covariance, where such a voxel would outweigh all
  others.
- **Values that are infinite**: SPM12 keeps the voxel, and loses the smoothness and the thresholds of the
  map to it; here it leaves SPM's mask, as NaN does in SPM12.

A finding on the participant's page counts each kind."""


def differences() -> Differences:
    """Difference of every quantity in every case."""
    return {
        name: {q: QUANTITIES[q].difference(case(name)) for q in QUANTITIES if exists(name, q)}
        for name in CASES
    }


def number(value: float | None) -> str:
    """One digit and exponent; 0 for no difference."""
    if value is None:
        return "-"
    return f"{value:.0e}" if value else "0"


def summary(found: Differences) -> str:
    """Worst case of every quantity."""
    rows = ["| quantity | difference | worst | in case | tolerance | cases |", "|---|---|---|---|---|---|"]
    for name, quantity in QUANTITIES.items():
        values = {c: found[c][name] for c in CASES if name in found[c]}
        worst = max(values, key=values.__getitem__)
        where = worst if values[worst] else ""
        rows.append(
            f"| {name} | {quantity.measure} | {number(values[worst])} | {where} "
            f"| {number(quantity.tolerance)} | {len(values)} |"
        )
    return "\n".join(rows)


def section(title: str, found: Differences) -> str:
    """All cases of some quantities."""
    names = list(QUANTITIES)
    first, last = SECTIONS[title]
    chosen = names[names.index(first) : names.index(last) + 1]
    rows = [" | ".join(["| case", *(n.removeprefix("end to end: ") for n in chosen)]) + " |"]
    rows.append("|---" * (len(chosen) + 1) + "|")
    rows += [" | ".join([f"| {c}", *(number(found[c].get(n)) for n in chosen)]) + " |" for c in CASES]
    return f"### {title}\n\n" + "\n".join(rows)


def second_level() -> str:
    """All cases of the second level."""
    columns = ("mask", "Cy", "h", "ResMS", "con", "variance", "spmT")
    rows = [" | ".join(["| case", *columns]) + " |", "|---" * (len(columns) + 1) + "|"]
    rows += [" | ".join([f"| {name}", *second_level_case(name)]) + " |" for name in GROUPS]
    return "\n".join(rows)


def second_level_case(name: str) -> list[str]:
    """Differences of one case of the second level, in the order of the columns."""
    reference = read_case(name)
    fit = reference.fitted()
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
        "ResMS": [],
        "con": [],
        "variance": [],
        "spmT": [],
    }
    pairs["ResMS"].append((fit.residual_mean_square, reference.map("ResMS")))
    Bcov = np.array(reference.summary["Bcov"], dtype=float, ndmin=2)
    for i, contrast in enumerate(reference.about["cons"], start=1):
        weights = np.array(contrast["w"], dtype=float)
        maps = group_contrast(fit, weights)
        pairs["con"].append((maps.effect, reference.map(f"con_{i:04d}")))
        pairs["variance"].append((maps.variance, reference.map("ResMS") * (weights @ Bcov @ weights)))
        pairs["spmT"].append((maps.stat, reference.map(f"spmT_{i:04d}")))
    n_other = int(np.count_nonzero(fit.mask != (reference.map("mask") > 0)))
    found = [number(n_other), "-", "-"]
    if fit.variances is not None:
        Cy = np.loadtxt(find_extra(f"{FOLDER}/{name}/Cy.tsv"))
        ours, _ = pooled_images([reference.images[:, fit.mask]], reference.design)
        h = np.array(reference.summary["h"])
        found[1] = number(float(np.abs(ours - Cy).max() / np.abs(Cy).max()))
        found[2] = number(float(np.abs(fit.variances.hyperparameters / h - 1).max()))
    return found + [number(max(of_range(*pair) for pair in each)) for each in pairs.values()]


def of_range(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference over the range."""
    return float(np.nanmax(np.abs(ours - theirs)) / (np.nanmax(theirs) - np.nanmin(theirs)))


def page(found: Differences) -> str:
    """Join all parts of the page."""
    introduction = INTRODUCTION.format(
        n_cases=len(CASES),
        numpy=np.__version__,
        scipy=scipy.__version__,
        python=platform.python_version(),
        machine=platform.machine(),
    )
    not_covered = "\n".join(f"- **{what}**: {why}." for what, why in NOT_COVERED.items())
    quantile = (
        "SPM stops its search for the F threshold of the pooled covariance up to 1e-7 off its p value's\n"
        "quantile; ours is exact, and the selected voxels are the same."
    )
    parts = [introduction, "## Worst case of each quantity", summary(found), quantile, "## Every case"]
    parts += [section(title, found) for title in SECTIONS]
    parts.append(SECOND_LEVEL.format(table=second_level()))
    others = [path.read_text(encoding="utf-8").strip() for path in (PACKAGES, FITLINS, REPRODUCIBILITY)]
    return "\n\n".join([*parts, EXCEPTIONS, "## Not covered, and why", not_covered, *others]) + "\n"


def renewed(equations: str, text: str) -> str:
    """The page of the equations with the numbers that the worst cases of this page have."""
    rows = re.findall(r"^\| ([^|]+) \| (?:of [^|]+|number that differ) \| (\S+) \|", text, re.MULTILINE)
    for name, value in rows:
        equations = re.sub(rf"(`{re.escape(name)}`\s+(?:> )?)\d+(?:e-\d+)?", rf"\g<1>{value}", equations)
    return equations


def main() -> None:
    """Write the page and the numbers that another quotes of it, or say what is missing."""
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} does not exist: set BIDSGLM_SHARED to the folder that holds spm12-reference")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "docs" / "validation.md"
    target.parent.mkdir(exist_ok=True)
    text = page(differences())
    target.write_text(text, encoding="utf-8")
    EQUATIONS.write_text(renewed(EQUATIONS.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
