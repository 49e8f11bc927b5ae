"""From finished results on disk to pages, which can so be written again at any time."""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import bidsglm
from bidsglm.dataset.images import read_map
from bidsglm.dataset.outputs import (
    clusters_name,
    map_name,
    number,
    read_json,
    read_table,
    write_bytes,
    write_text,
)
from bidsglm.model import DesignMatrix, Floats, Mask
from bidsglm.report.diagnosis_tables import DiagnosisReport
from bidsglm.report.figures import (
    ContrastImages,
    Figure,
    contrast_figures,
    design_figure,
    masks_figure,
    participants_figure,
)
from bidsglm.report.html import (
    About,
    ClusterReport,
    ContrastReport,
    GroupReport,
    GroupUnit,
    ParticipantEntry,
    ParticipantReport,
    UnitReport,
    group_page,
    participant_page,
)
from bidsglm.report.ladders import attribution_figures
from bidsglm.report.maps import EFFECT_UNITS
from bidsglm.report.methods import RunInput, SettingRow
from bidsglm.report.volumes import Scene, packed_contrast, scene
from bidsglm.spm.highpass import dct_basis
from bidsglm.unit_reasons import diagnoses, findings, reach, read_breakdowns, read_dominant

Summary = Mapping[str, Any]
PACKAGES = ("nilearn", "numpy", "scipy", "nibabel", "pandas", "pybids")
TEXTS = ("contrast", "map", "contrast_name")


def failure_path(output_dir: Path, participant: str) -> Path:
    """Where stands why a participant failed before any unit was known."""
    return output_dir / f"sub-{participant}" / f"sub-{participant}_desc-bidsglm_summary.json"


def unit_summaries(output_dir: Path, participant: str) -> list[dict[str, Any]]:
    """Summaries of a participant's units, finished and failed, in order of their names."""
    folder = output_dir / f"sub-{participant}"
    paths = [*folder.glob("func/*_summary.json"), *folder.glob("ses-*/func/*_summary.json")]
    return [read_json(path) for path in sorted(paths)]


def about() -> About:
    """What made the page."""
    packages = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    command = shlex.join(["bidsglm", *sys.argv[1:]])
    return About(bidsglm.__version__, command, f"{datetime.now():%Y-%m-%d %H:%M}", packages)


class _UnitFiles:
    """Reads the files of a finished unit."""

    def __init__(self, output_dir: Path, summary: Summary) -> None:
        self.summary = summary
        self.folder = output_dir / summary["folder"]
        self.prefix = summary["prefix"]

    def map(self, name: str) -> tuple[Floats, Floats]:
        """A map (x, y, z) and its affine."""
        return read_map(self.folder / f"{name}.nii.gz")

    def masks(self) -> dict[str, Mask]:
        """Backend -> (x, y, z)."""
        return {b: self.map(f"{self.prefix}_desc-{b}_mask")[0] > 0 for b in self.summary["backends"]}

    def design(self, run: Summary, backend: str) -> DesignMatrix:
        """A run's design matrix, the filter made anew from its cut-off."""
        rows = read_table(self.folder / f"{run['prefix']}_desc-{backend}_design.tsv")
        names = tuple(rows[0])
        matrix = np.array([[number(row[name]) for name in names] for row in rows])
        time, cutoff = run["repetition_time"], run["high_pass"] or np.inf
        basis = dct_basis(len(rows), time, cutoff if backend == "spm" else np.inf)
        return DesignMatrix(names, matrix, basis, time)

    def contrast_images(self, contrast: Summary, masks: Mapping[str, Mask]) -> ContrastImages:
        """The maps of a contrast with their background."""
        background, affine = self.map(f"{self.prefix}_desc-mean_boldref")
        stats = ("effect", "t", "p") if contrast["test"] == "t" else ("F", "p")
        maps = {
            stat: {b: self.map(map_name(self.prefix, stat, b, contrast["label"]))[0] for b in masks}
            for stat in stats
        }
        name, units = contrast["name"], self.summary.get("effect_units", EFFECT_UNITS)
        return ContrastImages(name, contrast["label"], maps, masks, background, affine, units)

    def clusters(self, contrast: Summary) -> tuple[ClusterReport, ...]:
        """Clusters of a contrast, of each backend."""
        names = {
            b: clusters_name(self.prefix, b, contrast["label"]) + ".tsv" for b in self.summary["backends"]
        }
        return tuple(
            ClusterReport(
                backend,
                contrast["test"],
                contrast["thresholds"][backend],
                tuple(self.summary["estimates"][backend]["fwhm_mm"] or ()),
                tuple(read_table(self.folder / name)),
                f"{self.summary['folder']}/{name}",
            )
            for backend, name in names.items()
        )

    def agreement(self) -> list[dict[str, str | float]]:
        """Rows of the agreement table; none with a single backend."""
        path = self.folder / f"{self.prefix}_desc-agreement_metrics.tsv"
        if not path.exists():
            return []
        return [{k: v if k in TEXTS else number(v) for k, v in row.items()} for row in read_table(path)]


def _definition(contrast: Summary) -> str:
    """Weights of a contrast, for people to read.

    >>> _definition({"test": "t", "conditions": ["trial_type.a", "trial_type.b"], "weights": [1.0, -0.5]})
    '1 × a − 0.5 × b'
    """
    rows = [contrast["weights"]] if contrast["test"] == "t" else contrast["weights"]
    return "; ".join(_weighted_sum(row, contrast["conditions"]) for row in rows)


def _weighted_sum(weights: Sequence[float], conditions: Sequence[str]) -> str:
    terms = [
        ("− " if weight < 0 else "+ ") + f"{abs(weight):.3g} × {name.removeprefix('trial_type.')}"
        for weight, name in zip(weights, conditions, strict=True)
        if weight
    ]
    return " ".join(terms).removeprefix("+ ")


def _run_input(run: Summary) -> RunInput:
    return RunInput(
        run["label"],
        run["files"],
        run["n_scans"],
        run["repetition_time"],
        run["start_time"],
        run["events"],
        tuple(run["confounds"]),
    )


def _estimates(summary: Summary) -> tuple[SettingRow, ...]:
    """Voxels, degrees of freedom and noise that each backend found."""
    found = summary["estimates"]
    cells = {
        backend: {
            "voxels in the mask": f"{facts['n_voxels']:,}",
            "residual degrees of freedom": f"{facts['dof']:.4g}",
            **{str(key).replace("_", " "): _words(value) for key, value in facts["noise"].items()},
        }
        for backend, facts in found.items()
    }
    names = dict.fromkeys(name for backend in cells.values() for name in backend)
    return tuple(
        SettingRow(name, *(cells.get(backend, {}).get(name, "–") for backend in ("spm", "nilearn")))
        for name in names
    )


def _words(value: object) -> str:
    """A fact of a summary, for people to read.

    >>> _words([[0.38215, 0.6702]]), _words("AR(1)")
    ('(0.382, 0.67)', 'AR(1)')
    """
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(
            f"({', '.join(map(_words, v))})" if isinstance(v, list) else _words(v) for v in value
        )
    return str(value)


def _unit_report(files: _UnitFiles, figures_dir: Path) -> UnitReport:
    """All that a page shows of a unit; its figures are written on the way."""
    summary, masks = files.summary, files.masks()
    rows = files.agreement()
    why = read_breakdowns(files.folder, files.prefix)
    shared: Scene | None = None
    designs = []
    for run in summary["runs"]:
        figure = design_figure({b: files.design(run, b) for b in summary["backends"]}, run["label"])
        designs.append(_written(figure, figures_dir, run["prefix"]))
    contrasts = []
    data_figures: tuple[Figure, ...] = ()
    for contrast in summary["contrasts"]:
        images = files.contrast_images(contrast, masks)
        if shared is None:
            shared = scene(images)
            overlap = masks_figure(masks, images.background, images.affine)
            data_figures = (_written(overlap, figures_dir, files.prefix),)
        figures = tuple(_written(f, figures_dir, files.prefix) for f in contrast_figures(images))
        parts = why.get(contrast["label"], ())
        reasons = attribution_figures(contrast["label"], contrast["name"], parts)
        dominant = read_dominant(files.folder, files.prefix, images)
        drawn = (*reasons, dominant) if dominant else reasons
        contrasts.append(
            ContrastReport(
                contrast["name"],
                contrast["label"],
                _definition(contrast),
                contrast["test"],
                tuple(contrast["runs"]),
                {b: tuple(dof) for b, dof in contrast["dof"].items()},
                tuple(row for row in rows if row["contrast"] == contrast["label"]),
                figures,
                clusters=files.clusters(contrast),
                weights=_weights(contrast),
                effect_sd=_effect_sd(images),
                breakdowns=parts,
                why_figures=tuple(_written(figure, figures_dir, files.prefix) for figure in drawn),
                volumes=packed_contrast(images, shared),
            )
        )
    return UnitReport(
        title=" ".join(part for part in files.prefix.split("_") if not part.startswith("sub-")),
        backends=tuple(summary["backends"]),
        runs=tuple(map(_run_input, summary["runs"])),
        settings=tuple(SettingRow(*row) for row in summary["settings"]),
        methods=tuple(summary["methods"]),
        designs=tuple(designs),
        contrasts=tuple(contrasts),
        data_figures=data_figures,
        mask_sizes={b: facts["n_voxels"] for b, facts in summary["estimates"].items()},
        estimates=_estimates(summary),
        warnings=tuple(summary["warnings"]),
        findings=findings(summary),
        diagnoses=tuple(_drawn(found, summary, figures_dir) for found in diagnoses(summary)),
        reach=reach(summary),
        scene=shared.packed() if shared else None,
    )


def _drawn(found: DiagnosisReport, summary: Summary, figures_dir: Path) -> DiagnosisReport:
    """A run's diagnosis, its figures written."""
    prefixes = {run["label"]: run["prefix"] for run in summary["runs"]}
    for figure in found.figures:
        _written(figure, figures_dir, prefixes[found.run])
    return found


def _weights(contrast: Summary) -> dict[str, float]:
    """Weights of a t contrast by regressor."""
    if contrast["test"] != "t":
        return {}
    return dict(zip(contrast["conditions"], contrast["weights"], strict=True))


def _effect_sd(images: ContrastImages) -> dict[str, float]:
    """How widely the effect of each backend spreads over the voxels of both masks."""
    maps = images.maps.get("effect", {})
    return {backend: float(np.nanstd(values[images.both])) for backend, values in maps.items()}


def _written(figure: Figure, folder: Path, prefix: str) -> Figure:
    write_bytes(folder / f"{prefix}_{figure.name}", figure.content)
    return figure


def write_participant_page(output_dir: Path, participant: str) -> None:
    """Write sub-<participant>.html and its figures from what stands in the output folder.

    Raises
    ------
    ReadWriteError
        When a result is missing or cannot be read, or the page cannot be written.
    """
    marker = failure_path(output_dir, participant)
    errors = list(read_json(marker).get("errors", [])) if marker.exists() else []
    figures_dir = output_dir / f"sub-{participant}" / "figures"
    units = []
    for summary in unit_summaries(output_dir, participant):
        errors += summary.get("errors", [])
        if "estimates" in summary:
            units.append(_unit_report(_UnitFiles(output_dir, summary), figures_dir))
    report = ParticipantReport(participant, about(), tuple(units), (), tuple(errors))
    write_text(output_dir / f"sub-{participant}.html", participant_page(report))


def write_group_page(
    output_dir: Path,
    dataset: str,
    tables: Mapping[str, tuple[Path, Sequence[Mapping[str, str | int | float]]]],
    problems: Mapping[str, str],
) -> Path:
    """Write group.html from the collected tables; returns its path.

    Raises
    ------
    ReadWriteError
        When the page cannot be written.
    """
    units = []
    for name, (path, rows) in tables.items():
        stats = [stat for stat in ("t", "F", "effect") if any(row["map"] == stat for row in rows)]
        figures = tuple(participants_figure(rows, stat) for stat in stats)
        for figure in figures:
            _written(figure, output_dir / "group" / "figures", name)
        units.append(
            GroupUnit(name.replace("_", " "), tuple(rows), figures, path.relative_to(output_dir).as_posix())
        )
    entries = tuple(
        ParticipantEntry(p, f"sub-{p}.html" if (output_dir / f"sub-{p}.html").exists() else "", problem)
        for p, problem in problems.items()
    )
    page = output_dir / "group.html"
    write_text(page, group_page(GroupReport(dataset, about(), entries, tuple(units))))
    return page
