"""What a page shows of a unit, from its files on disk; its figures are written on the way."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bidsglm.outputs.summaries import warnings_of
from bidsglm.outputs.summary_form import RunForm, SummaryForm
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.pages.calibration import read_calibration
from bidsglm.pages.contrasts import Drawn, written
from bidsglm.pages.reasons import diagnoses, findings
from bidsglm.pages.regions import participant_regions, scene_with_regions
from bidsglm.pages.scales import read_noise, read_units
from bidsglm.pages.unit_contrasts import Shared, contrast_report
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.process.cores import aside, each
from bidsglm.report.calibration import CalibrationReport
from bidsglm.report.contrast_images import EFFECT_UNITS, ContrastImages
from bidsglm.report.designs import design_figure
from bidsglm.report.diagnosis_tables import DiagnosisReport
from bidsglm.report.drawing import Figure
from bidsglm.report.maps import masks_figure
from bidsglm.report.methods import ESTIMATES, IN_FULL, NOISE_MODELS, RunInput, SettingRow
from bidsglm.report.participant_report import ContrastReport, UnitReport
from bidsglm.report.slices import box_around
from bidsglm.report.thinning import stride, thinned
from bidsglm.report.volumes import scene
from bidsglm.report.wording import MINUS


def _run_input(run: RunForm, folder: str) -> RunInput:
    return RunInput(
        run["label"],
        run["files"],
        run["n_scans"],
        run["repetition_time"],
        run["start_time"],
        run["events"],
        tuple(run["confounds"]),
        tables=f"{folder}/{run['prefix']}",
    )


def _estimates(summary: SummaryForm) -> tuple[SettingRow, ...]:
    """Voxels, degrees of freedom and noise that each backend found."""
    found = summary["estimates"]
    cells = {
        backend: {
            "voxels in the mask": f"{facts['n_voxels']:,}",
            "residual degrees of freedom": f"{facts['dof']:.4g}",
            **{
                ESTIMATES.get(key, key.replace("_", " ")): _words(value)
                for key, value in facts["noise"].items()
                if key not in IN_FULL
            },
        }
        for backend, facts in found.items()
    }
    names = dict.fromkeys(name for backend in cells.values() for name in backend)
    return tuple(
        SettingRow(name, {backend: each[name] for backend, each in cells.items() if name in each})
        for name in names
    )


def _setting(row: Sequence[str], backends: Sequence[str]) -> SettingRow:
    """A setting as the summary has it; summaries before version 1.3 had two packages' words in each row."""
    name, *words = row
    named = backends if len(words) == len(backends) else DEFAULT_PACKAGES
    return SettingRow(name, dict(zip(named, words, strict=True)))


def _words(value: object) -> str:
    """A fact of a summary, for people to read.

    >>> _words([[-0.38215, 0.6702]]), _words("ar1"), _words(1803)
    ('(−0.382, 0.67)', 'AR(1)', '1,803')
    """
    if isinstance(value, float):
        return f"{value:.3g}".replace("-", MINUS)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, str):
        return NOISE_MODELS.get(value, value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(
            f"({', '.join(map(_words, v))})" if isinstance(v, list) else _words(v) for v in value
        )
    return str(value)


def unit_report(files: UnitFiles, figures_dir: Path) -> UnitReport:
    """All that a page shows of a unit.

    Parameters
    ----------
    files
        Of a finished unit.
    figures_dir
        Where its figures are written.

    Raises
    ------
    ReadWriteError
        When a result is missing or cannot be read, or a figure cannot be written.
    """
    summary, masks = files.summary, files.masks()
    anywhere = np.logical_or.reduce(list(masks.values()))
    # the viewer's blocks of voxels begin at the volume's first voxel, cropped or not
    by = stride(int(anywhere.sum()), len(summary["contrasts"]), len(masks))
    box = box_around(anywhere, by)
    files, masks = files.within(box), {name: mask[box] for name, mask in masks.items()}
    units, (noise, noise_figure) = read_units(files.folder, summary), read_noise(files.folder, summary)
    shared = Shared(files, files.agreement(), files.breakdowns(), files.every_pair(), units)
    first, reaches = next(iter(files.pairs), DEFAULT_PAIR), files.reaches()
    drawn: Drawn | None = None
    contrasts: list[ContrastReport] = []
    data_figures: tuple[Figure, ...] = ()
    # beside the first contrast, whose maps are read before others can be drawn
    with aside(lambda: tuple(_design(run, files, figures_dir) for run in summary["runs"])) as designs:
        if summary["contrasts"]:
            images = files.contrast_images(summary["contrasts"][0], masks)
            drawn = Drawn(figures_dir, files.prefix, scene(thinned(images, by)), by, files.pairs)
            data_figures = drawn.written(masks_figure(masks, images.background, images.affine))
            read: list[Callable[[], ContrastImages]] = [lambda: images]
            read += [partial(files.contrast_images, contrast, masks) for contrast in summary["contrasts"][1:]]
            draw = partial(contrast_report, drawn=drawn, shared=shared)
            contrasts = each(lambda one: draw(*one), zip(summary["contrasts"], read, strict=True))
    return UnitReport(
        title=" ".join(part for part in files.prefix.split("_") if not part.startswith("sub-")),
        backends=tuple(summary["backends"]),
        effect_units=summary.get("effect_units", EFFECT_UNITS),
        runs=tuple(_run_input(run, summary["folder"]) for run in summary["runs"]),
        settings=tuple(_setting(row, summary["backends"]) for row in summary["settings"]),
        methods=tuple(summary["methods"]),
        designs=designs(),
        contrasts=tuple(contrasts),
        data_figures=data_figures,
        mask_sizes={b: facts["n_voxels"] for b, facts in summary["estimates"].items()},
        estimates=_estimates(summary),
        warnings=warnings_of(summary),
        findings=findings(summary.get("findings", ())),
        diagnoses=tuple(_drawn(found, summary, figures_dir) for found in diagnoses(summary)),
        reach=reaches.get(first),
        scene=scene_with_regions(drawn.behind, files.folder / f"{files.prefix}_desc-rois_metrics.tsv")
        if drawn
        else None,
        regions=participant_regions(files.folder, files.prefix, files.output_dir),
        code=files.code(),
        calibration=_calibration(files, figures_dir),
        native=is_native(summary),
        units=units,
        noise=noise,
        links=files.links(),
        noise_figure=written(noise_figure, figures_dir, files.prefix) if noise_figure else None,
        pair=first,
        pairs=files.pairs,
        pair_rows=shared.every_pair,
        reaches=reaches,
    )


def is_native(summary: SummaryForm) -> bool:
    """Whether each package had its own defaults.

    >>> is_native({"configuration": {"settings": "native"}}), is_native({})
    (True, False)
    """
    return bool((summary.get("configuration") or {}).get("settings") == "native")


def _design(run: RunForm, files: UnitFiles, figures_dir: Path) -> Figure:
    """Designs of a run, drawn."""
    figure = design_figure({b: files.design(run, b) for b in files.summary["backends"]}, run["label"])
    return written(figure, figures_dir, run["prefix"])


def _calibration(files: UnitFiles, figures_dir: Path) -> CalibrationReport | None:
    """What the calibration of a unit says, its figures written."""
    found = read_calibration(files.output_dir, files.summary)
    for contrast in found.contrasts if found else ():
        for figure in contrast.figures:
            written(figure, figures_dir, files.prefix)
    return found


def _drawn(found: DiagnosisReport, summary: SummaryForm, figures_dir: Path) -> DiagnosisReport:
    """A run's diagnosis, its figures written."""
    prefixes = {run["label"]: run["prefix"] for run in summary["runs"]}
    for figure in found.figures:
        written(figure, figures_dir, prefixes[found.run])
    return found
