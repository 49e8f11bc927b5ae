"""Results of a check as tables and as a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bidsglm.backends import backend
from bidsglm.check.columns import SAME, Match
from bidsglm.check.comparison import Checked, CheckedPair, answer, as_json, support
from bidsglm.check.data import values_of
from bidsglm.check.models import contrasts_of, paradigm_of, sampled_at, specification_of
from bidsglm.check.refit import RefittedMap
from bidsglm.check.reproduction import Attempt, Reproduction
from bidsglm.check.runs import frame_offset
from bidsglm.check.setting_pair import SettingPair
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.diagnosis.advice import Finding, RunReview, joined
from bidsglm.diagnosis.findings import findings
from bidsglm.errors import BidsglmError
from bidsglm.model import Floats
from bidsglm.outputs.check_tables import COLUMNS, MAPS, SETTINGS
from bidsglm.outputs.names import write_json, write_text
from bidsglm.pages.participant import about
from bidsglm.report.check import CheckedColumn, CheckedMap, CheckedSetting, CheckReport, check_page
from bidsglm.report.densities import scatter_figure
from bidsglm.report.drawing import Figure
from bidsglm.report.maps import ContrastImages, maps_figure
from bidsglm.report.methods import SettingRow
from bidsglm.report.wording import digits

NEAR = 0.999
"""Correlation of a canonical response between equal models, and more"""
NEAR_DERIVATIVE = 0.94
MOST_FIGURES = 12
"""Contrasts with pictures on a page"""


def write_check(output: Path, found: Checked, refits: Sequence[RefittedMap]) -> None:
    """Write check.json, the tables and the page.

    Parameters
    ----------
    output
        The folder, which exists.
    found
        What the check found.
    refits
        SPM's maps that were computed again.
    """
    write_json(output / "check.json", {**as_json(found), "spm_reproduced": [_refit(each) for each in refits]})
    columns = list(_columns(found))
    SETTINGS.write(output / "settings.tsv", [_setting_row(each) for each in found.settings])
    COLUMNS.write(output / "columns.tsv", [_column_row(each) for each in columns])
    MAPS.write(output / "maps.tsv", [_map_row(each) for each in found.maps])
    report = CheckReport(
        about=about(),
        spm=str(found.spm.path),
        nilearn=str(found.nilearn.folder),
        same_model=found.same_model,
        answer=answer(found),
        settings=tuple(
            CheckedSetting(s.setting, s.spm, s.nilearn, s.consequence, s.remedy) for s in found.settings
        ),
        rows=tuple(_rows(found)),
        columns=tuple(columns),
        drifts=tuple(_drifts(found)),
        maps=tuple(shown_pair(each) for each in found.maps),
        figures=_figures(found),
        findings=tuple(_findings(found, refits)),
        design_findings=_design_findings(found.spm),
        notes=found.notes,
        tables={"settings": "settings.tsv", "columns": "columns.tsv", "maps": "maps.tsv"},
    )
    write_text(output / "check.html", check_page(report))


def _refit(each: RefittedMap) -> dict[str, object]:
    return {
        "contrast": each.contrast,
        "what": each.what,
        "spm": str(each.path),
        "r": each.r,
        "largest_difference": each.difference,
        "is_reproduced": each.is_reproduced,
    }


def _setting_row(each: SettingPair) -> dict[str, object]:
    return {name: getattr(each, name) for name in ("setting", "spm", "nilearn", "consequence", "remedy")}


def _column_row(each: CheckedColumn) -> dict[str, object]:
    return {
        "run": each.run,
        "spm": each.spm or None,
        "nilearn": each.nilearn or None,
        "r": each.r,
        "r_after_high_pass": each.r_filtered,
        "nilearn_per_spm_unit": each.ratio,
        "verdict": each.verdict,
    }


def _map_row(each: CheckedPair) -> dict[str, object]:
    return {
        "contrast": each.contrast,
        "map": each.what,
        "pearson_r": each.r,
        "nilearn_per_spm_unit": each.ratio,
        "dice": each.dice,
        "n_spm": each.n_spm,
        "n_nilearn": each.n_nilearn,
        "n_both": each.n_both,
    }


def shown_pair(each: CheckedPair) -> CheckedMap:
    """The pair as a row of the page."""
    counts = each.n_spm, each.n_nilearn, each.n_both
    return CheckedMap(each.contrast, each.what, each.r, each.ratio, each.dice, *counts)


def _columns(found: Checked) -> Iterator[CheckedColumn]:
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
        scaled = "" if np.isclose(match.ratio, 1, atol=1e-5) else f", scaled by {digits(match.ratio)}"
        return f"identical{scaled}{mirrored}"
    derivative = match.spm.endswith(("*bf(2)", "*bf(3)"))
    if size > (NEAR_DERIVATIVE if derivative else NEAR):
        return f"the same, on another time grid{mirrored}"
    return f"another column{mirrored}"


def _drifts(found: Checked) -> Iterator[str]:
    for number, run in enumerate(found.runs, start=1):
        columns = run.columns
        same = "they span the same" if columns.filters_agree else "they do not span the same"
        yield (
            f"Run {number}: SPM projects {columns.n_cosines} high-pass functions out, nilearn has "
            f"{columns.n_drifts} drift columns; {same}."
        )


def _rows(found: Checked) -> Iterator[SettingRow]:
    """All settings side by side, as far as each side tells them."""
    spm, nilearn = found.spm, found.nilearn
    given = {**nilearn.stated, **nilearn.hints}
    made = next((each.attempt for each in found.reproductions.values() if each.is_found), None)
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
        ("scaling", f"grand mean 100 ({spm.scaling})", _scaling_words(made, given)),
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
            _smoothing_words(made, given),
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


def _scaling_words(made: Attempt | None, given: Mapping[str, object]) -> str:
    if made is None:
        return _told(given, "signal_scaling", "")
    return f"signal_scaling={made.scaling}" if made.scaling != "grand mean" else "grand mean of all voxels"


def _smoothing_words(made: Attempt | None, given: Mapping[str, object]) -> str:
    if made is None:
        return _told(given, "smoothing_fwhm", " mm")
    of = "scans before SPM's smoothing" if made.unsmoothed else "SPM's scans"
    return f"{made.smoothed_by:g} mm on {of}" if made.smoothed_by else f"none, of {of}"


def _confound_words(found: Checked) -> str:
    if not found.runs:
        return "not known"
    own = set(found.spm.sessions[0].regressors)
    names = [m.nilearn for m in found.runs[0].columns.matches if m.spm in own]
    return joined(names) if names else "none"


def _findings(found: Checked, refits: Sequence[RefittedMap]) -> Iterator[str]:
    yield from _of_columns(found)
    for label, each in found.reproductions.items():
        yield _of_map(label, each)
    if refits:
        yield _of_refits(refits)
    if found.nilearn.script is not None:
        yield (
            f"{found.nilearn.script.name} lies beside the maps. It was read as text for hints and not run; "
            "columns and maps decided."
        )


def _of_columns(found: Checked) -> Iterator[str]:
    for number, run in enumerate(found.runs, start=1):
        same = [
            name
            for name, each in run.explanations.items()
            if each.changed is not None and not each.changed.what
        ]
        if same:
            yield (
                f"Run {number}: nilearn's columns of {joined(same)} come out exactly when nilearn makes them "
                "of SPM's onsets, durations, response and sampling."
            )
        for name, each in run.explanations.items():
            if each.changed is None:
                yield (
                    f"Run {number}: no change of sampling, response, duration or onset that was tried gives "
                    f"nilearn's column of {name} (best r = {each.r:.4f})."
                )
            elif each.changed.what:
                yield (
                    f"Run {number}: nilearn's column of {name} comes out exactly with other "
                    f"{joined(list(each.changed.what))} than SPM's."
                )


def _of_map(label: str, each: Reproduction) -> str:
    weights = " ".join(f"{weight:+g} {name}" for name, weight in each.weights.items())
    attempt = each.attempt
    scans = "the scans before SPM smoothed them" if attempt.unsmoothed else "SPM's scans"
    told = (
        f"signal_scaling={attempt.scaling}, noise_model={attempt.noise!r}, "
        f"smoothing_fwhm={attempt.smoothed_by:g}, {scans}"
    )
    if each.is_found:
        return (
            f"nilearn's effect map of {label} was computed again to {each.difference:.0e} of its range, on a "
            f"sample of voxels, with {told} and the weights {weights}."
        )
    return (
        f"No combination that was tried gives nilearn's effect map of {label}; the best has r = {each.r:.3f} "
        "with it, so what stands nowhere stays unknown."
    )


def _of_refits(refits: Sequence[RefittedMap]) -> str:
    worst = max(refits, key=lambda each: each.difference)
    if all(each.is_reproduced for each in refits):
        return (
            f"SPM's {len(refits)} maps were computed again from the scans: "
            f"r = {min(r.r for r in refits):.6f}, largest difference {worst.difference:.0e} of a map's range."
        )
    names = joined(list(dict.fromkeys(f"{r.contrast} ({r.what})" for r in refits if not r.is_reproduced)))
    return (
        f"SPM's maps do not come out of these scans: {names}; r = {worst.r:.4f} and a difference of "
        f"{worst.difference:.2g} of the range at worst. The scans are not those that SPM had, or were "
        "changed."
    )


def _design_findings(spm: SpmAnalysis) -> tuple[Finding, ...]:
    """What is to be said of the design, whoever fits it: conditions that fill the run, among others."""
    model = specification_of(spm)
    reviews = []
    for number, session in enumerate(spm.sessions, start=1):
        paradigm = paradigm_of(spm, session)
        try:
            (design,) = backend("spm").designs([paradigm], replace(model, high_pass=session.high_pass))
        except BidsglmError:
            return ()
        label = f"session {number}" if len(spm.sessions) > 1 else "the run"
        contrasts = contrasts_of(spm, number - 1, design.names)
        reviews.append(RunReview(label, paradigm, {"spm": design}, contrasts))
    return tuple(each for each in findings(reviews, model) if each.severity != "note")


def _figures(found: Checked) -> dict[str, tuple[Figure, ...]]:
    by_contrast: dict[str, dict[str, CheckedPair]] = {}
    for pair in found.maps:
        if pair.n_both:
            by_contrast.setdefault(pair.contrast, {})[pair.what] = pair
    shown = {}
    for contrast, pairs in list(by_contrast.items())[:MOST_FIGURES]:
        if "t" in pairs:
            shown[contrast] = _of_contrast(contrast, pairs)
    return shown


def _of_contrast(contrast: str, pairs: Mapping[str, CheckedPair]) -> tuple[Figure, ...]:
    loaded = {what: (values_of(p.spm), values_of(p.nilearn)) for what, p in pairs.items()}
    affine = loaded["t"][0][1].affine
    maps: dict[str, dict[str, Floats]] = {
        what: {"spm": np.nan_to_num(ours[0]), "nilearn": np.nan_to_num(theirs[0])}
        for what, (ours, theirs) in loaded.items()
    }
    masks = {"spm": support(loaded["t"][0][0]), "nilearn": support(loaded["t"][1][0])}
    label = "".join(c for c in contrast if c.isalnum()) or "contrast"
    images = ContrastImages(
        contrast,
        label,
        maps,
        masks,
        (masks["spm"] | masks["nilearn"]).astype(np.float64),
        affine,
        {"spm": "% of spm_global", "nilearn": "nilearn's unit"},
        underlay="mask",
    )
    return maps_figure(images), scatter_figure(images)
