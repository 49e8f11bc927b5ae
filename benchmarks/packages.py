"""Write benchmarks/packages.md, parts of docs/validation.md: ``python benchmarks/packages.py``.

The differences are those that ``tests/afni/test_against_afni.py`` and ``tests/fsl/test_against_fsl.py``
assert, computed by the same classes. The reference must lie in the folder named by BIDSGLM_SHARED.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.afni.contrasts import joint_test, noise_maps, row_test  # noqa: E402
from bidsglm.fsl import zscores  # noqa: E402
from tests.afni import reference as afni  # noqa: E402
from tests.conftest import find_shared  # noqa: E402
from tests.fsl import reference as fsl  # noqa: E402
from tests.fsl.test_against_fsl import CASES as FSL_CASES  # noqa: E402
from tests.fsl.test_against_fsl import difference, maps  # noqa: E402

PAGE = PROJECT / "benchmarks" / "packages.md"
AFNI = ("n, m", "design", "a, b equal", "betas", "sigma", "-log L", "effect and t", "F")
FSL = ("n, p", "design", "mask", "filtered mean", "autocorrelation", "betas", "effect", "t", "end to end: t")

TEXT = """## Agreement with AFNI

AFNI 26.2.03-equivalent (3dDeconvolve, 3dREMLfit): what was compared are the designs of 3dDeconvolve,
the scaling of afni_proc.py's block `scale`, 3dREMLfit's ARMA(1,1) with its betas, t and F, and
3dDeconvolve's least squares. `tests/afni/test_against_afni.py` asserts each, to 5e-6 of the largest
value of an image, a and b in every voxel; `tests/test_afni_end_to_end.py` goes from BIDS files to the
maps that bidsglm writes. Two cases are in the repository, the others are asserted where AFNI's files
lie beside it. {n_designs} designs of single response models and edge cases agree to 1e-6 of the largest
value, but for those that AFNI interpolates on a grid of 10 ms (2.5e-5) and SPMG3's third function
(1e-5). AFNI's files are single precision. Below are the largest differences, over the largest value.

{afni}

Not covered: response models other than GAM, BLOCK, BLOCK5, UBLOCK, dmBLOCK, dmUBLOCK, SPMG1 to 3 and
TENT; grids other than 3dREMLfit's default; 3dAutomask; smoothed data; group programs but for t tests,
which no reference run holds.

## Agreement with FSL

FSL 6.0.0-equivalent (FEAT's GLM and FILM, without spatial smoothing of data): what was compared are
mask and scaling, the high-pass filter, feat_model's designs, film_gls and, over runs, flameo with fixed
effects. `tests/fsl/test_against_fsl.py` asserts each, to 5e-6 of the largest value of an image and 1e-6
of a design; `tests/fsl/test_end_to_end.py` goes from BIDS files to the maps that bidsglm writes. Of the
data two runs and a handful of voxels are in the repository, the rest is asserted where FSL's files lie
beside it. {n_fsl_designs} designs of feat_model (edge cases, responses, derivatives, repetition times)
agree to 1e-6. FSL's files are single precision. Below are the largest differences, over the largest
value; of masks the number of voxels that differ.

{fsl}

Fixed effects of two runs agree to 1e-7 (effect, variance) and 5e-7 (t); z of F to 5e-5, where FSL
approximates the tail.

Not covered: SUSAN, BET and FEAT's other preprocessing; voxelwise regressors; basis sets; contrast
masking; FLAME. F of several effects over several runs, for which FSL has no fixed effects, is bidsglm's
own. The group level uses ordinary least squares (FEAT's "Mixed effects: Simple OLS"), and no reference
run holds it.
"""


def shown(value: float) -> str:
    """One digit and exponent; 0 for no difference."""
    return f"{value:.0e}" if value else "0"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = ["| " + " | ".join(["case", *heads]) + " |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def afni_row(name: str) -> list[str]:
    """Differences of a case of AFNI."""
    found = afni.case(name)
    assert found is not None, "AFNI's reference is not beside this checkout"
    fitted, grid = found.reml, found.grid
    pairs = noise_maps(grid, fitted.pairs)[:2], found.maps("REML_var")[:2]
    equal = np.mean((np.abs(pairs[0] - pairs[1]) < 1e-6).all(axis=0))
    tests: list[np.ndarray] = []
    joint = [joint_test(found.full_test, fitted, grid)]
    places, place = [], 1
    for rows in found.tests:
        for row in rows:
            tested = row_test(row, fitted, grid)
            tests += [tested.effect, tested.t]
            places += [place, place + 1]
            place += 2
        joint.append(joint_test(rows, fitted, grid))
        place += 1
    bucket = found.maps("REML_bucket")
    others = [i for i in range(len(bucket)) if i not in places]
    sigma, criterion = found.maps("REML_var")[3:5]
    values = [
        difference(found.design.matrix, found.xmat.matrix),
        difference(fitted.betas, found.maps("REML_beta")),
        difference(np.sqrt(fitted.mean_square), sigma),
        difference(fitted.criterion, criterion),
        max(difference(ours, bucket[i]) for ours, i in zip(tests, places, strict=True)),
        max(difference(ours, bucket[i]) for ours, i in zip(joint, others, strict=True)),
    ]
    design, *rest = map(shown, values)
    size = f"{len(found.xmat.matrix)}, {found.xmat.matrix.shape[1]}"
    return [name, size, design, f"{equal:.0%} of {pairs[0].shape[1]}", *rest]


def fsl_row(name: str, shared: Path) -> list[str]:
    """Differences of a case of FSL."""
    found = fsl.shared_case(name, shared)
    fit, mask = found.film, found.film.mask
    mean = found.filtered.astype(np.float64).mean(axis=0).astype(np.float32)
    theirs = [found.image(f"stats/pe{i + 1}")[mask] for i in range(found.design.shape[1])]
    rows = range(len(found.contrasts))
    stats = [(maps(fit, row), row + 1) for row in rows]
    ends = [(maps(found.end_to_end, row), row + 1) for row in rows]
    values = [
        difference(fsl.design(found.folder / "design.fsf"), found.design),
        float(np.count_nonzero(found.mask != (found.image("mask") > 0))),
        float(np.abs(mean - found.image("mean_func")).max()),
        difference(fit.autocorrelation, found.image("stats/threshac1")[mask].T),
        difference(fit.fit.betas, np.array(theirs)),
        max(difference(t.effect, found.image(f"stats/cope{k}")[mask]) for t, k in stats),
        max(difference(t.t, found.image(f"stats/tstat{k}")[mask]) for t, k in stats),
        max(difference(t.t, found.image(f"stats/tstat{k}")[mask]) for t, k in ends),
    ]
    assert (
        max(difference(zscores.z_of_t(t.t, fit.dof), found.image(f"stats/zstat{k}")[mask]) for t, k in stats)
        < 5e-6
    )
    return [name, f"{found.design.shape[0]}, {found.design.shape[1]}", *map(shown, values)]


def text() -> str:
    """Both parts."""
    shared = find_shared()
    assert shared is not None, "set BIDSGLM_SHARED to the folder that holds afni-reference and fsl-reference"
    return TEXT.format(
        n_designs=len(afni.DESIGNS),
        afni=table(AFNI, [afni_row(name) for name in afni.CASES if afni.case(name) is not None]),
        n_fsl_designs=len(fsl.design_names()),
        fsl=table(FSL, [fsl_row(name, shared) for name in FSL_CASES]),
    )


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    print(PAGE)
