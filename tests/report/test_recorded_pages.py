"""Pages and drawings change only on purpose: word by word, and each line where it was drawn.

After a change on purpose look at the pages, then write the outlines anew: `BIDSGLM_RECORD=renew pytest
tests/report/test_recorded_pages.py`, and commit what git shows as changed.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.maps.agreement import MapChoice, MapSide, compared_maps
from bidsglm.maps.kinds import MapKind
from bidsglm.maps.page import PAGE, PageWords, write_maps
from bidsglm.maps.reading import map_of
from bidsglm.report.calibration import CalibrationReport
from bidsglm.report.calibration_figures import calibration_figures
from bidsglm.report.group_html import group_page
from bidsglm.report.group_stability import GroupStability
from bidsglm.report.html import participant_page
from bidsglm.report.noise import noise_figure
from bidsglm.report.participant_report import UnitReport
from bidsglm.report.story import story_page
from bidsglm.simulation.outcomes import EFFECT_SIZES, GRID

from . import test_answers as answers
from . import test_calibration as calibration
from . import test_group_stability as stability
from .group_records import group_report, group_unit
from .outlines import outline
from .records import contrast_report, participant_report, unit_report
from .region_records import group_regions, participant_regions
from .story_records import story_report


def analysed() -> UnitReport:
    """A unit of which everything is known: units, noise, regions and a calibration."""
    calibrated = calibration.contrast(power={"spm-ar1": 0.6, "spm-fast": 0.4})
    curves = [
        {"analysis": name, "noise": noise, "effect_size": size, "p": float(p), "rate": float(p) ** 0.5}
        for name in calibration.NAMES
        for noise in calibrated.noises
        for size in (0.0, *EFFECT_SIZES)
        for p in GRID
    ]
    drawn = replace(calibrated, figures=calibration_figures(calibrated, curves))
    return replace(
        unit_report((contrast_report(), contrast_report(test="F"))),
        units=answers.UNITS,
        noise=answers.NOISE,
        noise_figure=noise_figure(answers.NOISE, answers.COUNTS),
        regions=participant_regions(),
        calibration=CalibrationReport(20, 100, 1000, 5, (drawn,), "c.tsv", ("motion (not estimable)",)),
        native=True,
    )


def two_maps() -> str:
    """Pages of two pairs of maps: of statistics, and of kinds that differ."""
    rng = np.random.default_rng(5)
    values = 3 * rng.normal(size=(3, 9, 8, 7))
    values[1] = 1.2 * values[0] + 0.3 * values[1] + 0.1
    values[2][2:] = np.nan

    def side(i: int, label: str, kind: str, *dof: float) -> MapSide:
        image = map_of(nib.Nifti1Image(values[i], np.diag([3.0, 3.0, 3.0, 1.0])), f"{label}.nii")
        return MapSide(label, image, MapKind(kind, dof, "its name"))

    pairs = [
        compared_maps(side(0, "old", "t", 20.0), side(1, "new", "t", 18.0), MapChoice("go")),
        compared_maps(side(0, "old", "t", 20.0), side(2, "new", "map"), MapChoice("stop")),
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_maps(Path(folder), PageWords("old and new", ("Two maps.",), ("old", "new")), pairs)
        text = (Path(folder) / PAGE).read_text(encoding="utf-8")
    return text.partition('<section id="about"')[0]


FOLDER = Path(__file__).parent / "recorded"
RENEW = "BIDSGLM_RECORD"
PAGES: dict[str, Callable[[], str]] = {
    "participant": lambda: participant_page(
        participant_report(contrast_report(), replace(contrast_report(test="F"), label="f"))
    ),
    "group": lambda: group_page(
        group_report(group_unit(12, ("go", "stop"), regions=group_regions(("go", "stop"))), n=12)
    ),
    "small_group": lambda: group_page(group_report(group_unit(3), n=3)),
    "analysed": lambda: participant_page(replace(participant_report(), units=(analysed(),))),
    "resampled": lambda: group_page(
        group_report(
            group_unit(
                12,
                ("go",),
                stability=GroupStability(tuple(stability.found("go", 0.85)), "t.tsv"),
                native=True,
                notes=(),
            ),
            n=12,
        )
    ),
    "two_maps": two_maps,
    "story": lambda: story_page(story_report()),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_changes_only_on_purpose(name: str) -> None:
    file, lines = FOLDER / f"{name}.txt", outline(PAGES[name]())
    if os.environ.get(RENEW) == "renew":
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == file.read_text(encoding="utf-8").splitlines()
