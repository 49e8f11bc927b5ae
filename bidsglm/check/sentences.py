"""How things were found, in sentences."""

from collections.abc import Iterator, Sequence

from bidsglm.check.comparison import Checked
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.run_weights import runs_in_words
from bidsglm.report.second_level_check import RefittedMap
from bidsglm.sentences import joined


def findings_of(found: Checked, refits: Sequence[RefittedMap]) -> Iterator[str]:
    """Say how settings were found, and whether SPM's maps came out again."""
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
            if each.taken_from:
                yield (
                    f"Run {number}: nilearn's column of {name} comes out exactly of other events: "
                    f"{each.taken_from}."
                )
            elif each.changed is None:
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
    if each.rows:
        weights = " and ".join(" ".join(f"{w:+g} {name}" for name, w in row.items()) for row in each.rows)
    if each.by_run:
        weights = f"{runs_in_words(each.by_run)}, run by run"
    attempt, kind = each.attempt, each.test or "effect"
    scans = "the scans before SPM smoothed them" if attempt.unsmoothed else "SPM's scans"
    told = (
        f"signal_scaling={attempt.scaling}, noise_model={attempt.noise!r}, "
        f"smoothing_fwhm={attempt.smoothed_by:g}, {scans}"
    )
    if each.is_found:
        return (
            f"nilearn's {kind} map of {label} was computed again to {each.difference:.0e} of its range, on a "
            f"sample of voxels, with {told} and the weights {weights}."
        )
    return (
        f"No combination that was tried gives nilearn's {kind} map of {label}; the best has r = {each.r:.3f} "
        "with it, so scaling, noise model and smoothing stay unknown."
    )


def _of_refits(refits: Sequence[RefittedMap]) -> str:
    worst = max(refits, key=lambda each: each.difference)
    if all(each.is_reproduced for each in refits):
        size = (
            f"{worst.difference:.0e} of a map's range" if worst.difference else "0: every digit is the same"
        )
        return (
            f"SPM's {len(refits)} maps were computed again from the scans: "
            f"r = {min(r.r for r in refits):.6f}, largest difference {size}."
        )
    names = joined(list(dict.fromkeys(f"{r.contrast} ({r.what})" for r in refits if not r.is_reproduced)))
    return (
        f"SPM's maps do not come out of these scans: {names}; r = {worst.r:.4f} and a difference of "
        f"{worst.difference:.2g} of the range at worst. The scans are not those that SPM had, or were "
        "changed."
    )
