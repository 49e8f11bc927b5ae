r"""Demo maps by numpy and BLAS: ``python benchmarks/reproducibility.py PYTHON... --work DIR``.

Each PYTHON is an interpreter of an environment that can run bidsglm; it fits participants of the demo with
all packages, and its maps are compared with those of the first. Writes reproducibility.md beside this file,
which ``benchmarks/validation.py`` puts on its page. DIR/demo is the demo; results in DIR are not made again.
``--kernels Nehalem``: once more with the first, and what OpenBLAS (numpy's and scipy's) runs on that CPU.

An environment with an older numpy beside everything else of the first, and one whose numpy calls another
BLAS (Netlib's own, in Debian libblas-dev and liblapack-dev)::

    python3 -m venv DIR/older && DIR/older/bin/pip install numpy==2.1.3
    python3 -m venv DIR/netlib && DIR/netlib/bin/pip install --no-binary numpy numpy==2.4.6 \
        -Csetup-args=-Dblas=blas -Csetup-args=-Dlapack=lapack
    for each in older netlib; do  # everything but numpy from the first environment
        echo PATH/TO/site-packages > DIR/$each/lib/python3.11/site-packages/rest.pth
    done
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "benchmarks" / "reproducibility.md"
PARTICIPANTS = ("01", "02")
BACKENDS = ("spm", "nilearn", "afni", "fsl")
TITLES = {"spm": "SPM", "nilearn": "nilearn", "afni": "AFNI", "fsl": "FSL"}
VERSIONS = """
import json, numpy
blas = numpy.show_config("dicts")["Build Dependencies"]["blas"]
print(json.dumps({"numpy": numpy.__version__, "blas": f"{blas['name']} {blas['version']}"}))
"""


class Difference(NamedTuple):
    """Maps of one package in an environment, against those of the first."""

    package: str
    n_maps: int
    n_equal: int
    """maps that are the same in every bit"""
    largest: float
    """difference, over the largest value of its map"""
    statistic: str
    """of the map that has it"""


def environment(kernels: str = "") -> dict[str, str]:
    """Variables of a run: this checkout, one thread, OpenBLAS's kernels where they are given."""
    chosen = {"OPENBLAS_CORETYPE": kernels} if kernels else {}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "BLIS")}
    return {**os.environ, "PYTHONPATH": str(PROJECT), **threads, **chosen}


def versions(python: str) -> dict[str, str]:
    """What an interpreter computes with."""
    found = subprocess.run(
        [python, "-c", VERSIONS], env=environment(), check=True, capture_output=True, text=True
    )
    return dict(json.loads(found.stdout))


def fitted(python: str, data: Path, out: Path, kernels: str = "") -> Path:
    """Results of an interpreter; made where they are not there."""
    command = [python, "-m", "bidsglm", str(data), str(out), "participant", "-q", "--no-attribution"]
    command += ["--participant-label", *PARTICIPANTS, "--backends", *BACKENDS]
    subprocess.run(command, env=environment(kernels), check=True)
    return out


def compared(first: Path, other: Path) -> Iterator[Difference]:
    """Differences by package, over both participants' maps."""
    for package in BACKENDS:
        names = [path.relative_to(first) for path in first.rglob(f"*_desc-{package}_statmap.nii.gz")]
        pairs = {name: (values(first / name), values(other / name)) for name in names}
        n_equal = sum(np.array_equal(a, b, equal_nan=True) for a, b in pairs.values())
        found = {name: largest(a, b) for name, (a, b) in pairs.items()}
        worst = max(found, key=lambda name: found[name])
        statistic = worst.name.split("_stat-")[1].split("_")[0]
        yield Difference(package, len(pairs), n_equal, found[worst], statistic)


def values(path: Path) -> np.ndarray:
    """Voxels of a map."""
    return np.asanyarray(nib.load(path).dataobj)


def largest(first: np.ndarray, other: np.ndarray) -> float:
    """Largest difference over the largest value; infinite where one has voxels that the other has not."""
    if not np.array_equal(np.isfinite(first), np.isfinite(other)):
        return float("inf")
    apart = np.abs(np.where(np.isfinite(first), first - other, 0)).max()
    return float(apart / np.nanmax(np.abs(np.where(np.isfinite(first), first, 0))))


def page(first: dict[str, str], others: Sequence[tuple[dict[str, str], list[Difference]]]) -> str:
    """Section of the page on validation."""
    text = (
        f"{len(PARTICIPANTS)} participants of the demo, every package, by "
        f"`python benchmarks/reproducibility.py`: with {said(first)}, and with another numpy, another "
        "library of linear algebra under it, and what OpenBLAS runs on an older CPU. All else is the same, "
        "scipy with its own OpenBLAS too. Differences are the largest absolute ones over the largest value "
        "of a map; maps are float32, so 6e-8 is one rounding."
    )
    lines = [
        "## The same maps on another computer",
        "",
        text,
        "",
        "| computed with | package | maps that are equal in every bit | largest difference |",
        "|---|---|---|---|",
    ]
    for told, differences in others:
        for each in differences:
            apart = f"{each.largest:.0e} ({each.statistic})" if each.largest else "0"
            cells = (said(told), TITLES[each.package], f"{each.n_equal} of {each.n_maps}", apart)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def said(told: dict[str, str]) -> str:
    """An environment in words."""
    kernels = f", kernels for {told['kernels']}" if "kernels" in told else ""
    return f"numpy {told['numpy']} on {told['blas']}{kernels}"


def main() -> None:
    """Fit with every interpreter, compare, write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    parser.add_argument("--kernels", default="", metavar="CPU")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.work / "demo"
    if not data.exists():
        sys.exit(f"{data} is not there; make it by: bidsglm demo {data}")
    results = [
        (versions(python), fitted(python, data, arguments.work / f"out-{number}"))
        for number, python in enumerate(arguments.pythons)
    ]
    (first, maps), *others = results
    if arguments.kernels:
        out = fitted(
            arguments.pythons[0], data, arguments.work / f"out-{arguments.kernels}", arguments.kernels
        )
        others.append(({**first, "kernels": arguments.kernels}, out))
    found = [(told, list(compared(maps, out))) for told, out in others]
    PAGE.write_text(page(first, found), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
