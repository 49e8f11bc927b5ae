"""All settings and columns of both analyses side by side, as rows of tables."""

from collections.abc import Iterator, Mapping

import numpy as np

from bidsglm.check.columns import DIGITS, SAME, Match
from bidsglm.check.comparison import Checked
from bidsglm.check.models import sampled_at
from bidsglm.check.runs import frame_offset
from bidsglm.check.step_words import scaling_words, smoothing_words
from bidsglm.report.check import CheckedColumn
from bidsglm.report.methods import SettingRow
from bidsglm.report.wording import digits
from bidsglm.sentences import joined


def setting_rows(found: Checked) -> Iterator[SettingRow]:
    """All settings side by side, as far as each side tells them."""
    spm, nilearn = found.spm, found.nilearn
    given = nilearn.given
    made = found.way.attempt if found.way else None
    design = nilearn.designs[0] if nilearn.designs else None
    offset = frame_offset(design) if design is not None else None
    times = design.frame_times if design is not None else None
    step = float(times[1] - times[0]) if times is not None else nilearn.repetition_time
    for name, ours, theirs in (
        ("repetition time", f"{spm.repetition_time:g} s", f"{step:g} s" if step else "not stated"),
        (
            "scans",
            " + ".join(str(s.n_scans) for s in spm.sessions),
            " + ".join(str(len(d.matrix)) for d in nilearn.designs) or "no design matrix",
        ),
        ("units of the design", spm.units, "secs"),
        (
            "conditions",
            joined([c.name for c in spm.sessions[0].conditions]) if spm.sessions[0].conditions else "none",
            joined([m.nilearn for m in found.runs[0].columns.matches if "*bf(" in m.spm] or ["not known"])
            if found.runs
            else "not known",
        ),
        ("response", spm.basis, str(given.get("hrf_model", "as the columns show"))),
        (
            "sampled at",
            f"{sampled_at(spm):g} TR (bin {spm.microtime_onset} of {spm.microtime_resolution})",
            f"{offset:g} TR" if offset is not None else _told(given, "slice_time_ref", " TR"),
        ),
        (
            "high-pass filter",
            f"{spm.sessions[0].high_pass:g} s",
            f"{found.runs[0].columns.n_drifts} drift columns" if found.runs else "not known",
        ),
        (
            "scaling",
            f"grand mean 100 ({spm.scaling})",
            scaling_words(made) if made else _told(given, "signal_scaling", ""),
        ),
        ("serial correlations", spm.noise, made.noise if made else _told(given, "noise_model", "")),
        (
            "mask",
            (f"explicit {spm.explicit_mask}, " if spm.explicit_mask else "")
            + f"threshold {spm.mask_threshold:g}",
            str(given.get("mask_img", "not stated")),
        ),
        (
            "smoothing",
            f"{spm.smoothed[0]:g} mm before the model" if spm.smoothed else "not stated",
            smoothing_words(made) if made else _told(given, "smoothing_fwhm", " mm"),
        ),
        (
            "confounds",
            joined(list(spm.sessions[0].regressors)) if spm.sessions[0].regressors else "none",
            _confound_words(found),
        ),
    ):
        yield SettingRow(name, {"spm": ours, "nilearn": theirs})


def _told(given: Mapping[str, object], name: str, unit: str) -> str:
    return f"{given[name]}{unit} (stated)" if name in given else "not stated"


def _confound_words(found: Checked) -> str:
    if not found.runs:
        return "not known"
    own = set(found.spm.sessions[0].regressors)
    names = [m.nilearn for m in found.runs[0].columns.matches if m.spm in own]
    return joined(names) if names else "none"


NEAR = 0.999
"""Correlation of a canonical response between equal models, and more"""
NEAR_DERIVATIVE = 0.94


def column_rows(found: Checked) -> Iterator[CheckedColumn]:
    """Make a row of every column of both designs, run by run."""
    undefined = float("nan")
    for number, run in enumerate(found.runs, start=1):
        for match in run.columns.matches:
            numbers = match.r, match.r_filtered, match.ratio
            yield CheckedColumn(number, match.spm, match.nilearn, *numbers, _verdict(match))
        for name in run.columns.only_spm:
            yield CheckedColumn(number, name, "", undefined, undefined, undefined, "missing in nilearn")
        for name in run.columns.only_nilearn:
            yield CheckedColumn(number, "", name, undefined, undefined, undefined, "missing in SPM")


def _verdict(match: Match) -> str:
    """Put the numbers of a column into a word."""
    if not np.isfinite(match.r):
        return "constant"
    size, mirrored = abs(match.r), ", mirrored" if match.r < 0 else ""
    if size > SAME:
        scaled = (
            ""
            if np.isclose(match.ratio, 1, rtol=DIGITS, atol=DIGITS)
            else f", scaled by {digits(match.ratio)}"
        )
        return f"identical{scaled}{mirrored}"
    derivative = match.spm.endswith(("*bf(2)", "*bf(3)"))
    if size > (NEAR_DERIVATIVE if derivative else NEAR):
        return f"the same, on another time grid{mirrored}"
    return f"another column{mirrored}"


def drift_sentences(found: Checked) -> Iterator[str]:
    """Say of every run whether both filters take the same out."""
    for number, run in enumerate(found.runs, start=1):
        columns = run.columns
        same = "they span the same" if columns.filters_agree else "they do not span the same"
        yield (
            f"Run {number}: SPM projects {columns.n_cosines} high-pass functions out, nilearn has "
            f"{columns.n_drifts} drift columns; {same}."
        )
