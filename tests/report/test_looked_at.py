"""Pages and drawings are those that were looked at: word by word, and each line where it was drawn.

After a change on purpose look at the pages, then write the outlines anew: `BIDSGLM_LOOKED_AT=renew pytest
tests/report/test_looked_at.py`, and commit what git shows as changed.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

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


FOLDER = Path(__file__).parent / "looked_at"
RENEW = "BIDSGLM_LOOKED_AT"
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
    "story": lambda: story_page(story_report()),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_one_that_was_looked_at(name: str) -> None:
    file, lines = FOLDER / f"{name}.txt", outline(PAGES[name]())
    if os.environ.get(RENEW) == "renew":
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == file.read_text(encoding="utf-8").splitlines()
