"""Contrasts of both analyses: the same weights or not."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bidsglm.check.columns import DIGITS, SAME, plain
from bidsglm.check.event_settings import shares_with_later
from bidsglm.check.map_weights import Attempt, Reproduction, is_tidy
from bidsglm.check.models import hrf_of
from bidsglm.check.run_weights import (
    partners_of,
    runs_in_words,
    same_direction,
    sessions_apart,
    weights_of_runs,
)
from bidsglm.check.runs import ComparedRun
from bidsglm.check.spm_records import SpmAnalysis, SpmContrast
from bidsglm.model import Floats
from bidsglm.report.check import SettingPair


def contrast_differences(
    spm: SpmAnalysis, made: Mapping[str, Reproduction], runs: Sequence[ComparedRun]
) -> tuple[SettingPair, ...]:
    """Compare each contrast of nilearn's with the one of SPM's that is most like it."""
    found: list[SettingPair] = []
    for label, reproduction in made.items():
        is_t = reproduction.is_found and reproduction.test != "F"
        nearest = _nearest(spm, label, reproduction, runs) if is_t else None
        if nearest is None:
            continue
        contrast, names, ours, theirs = nearest
        if sessions_apart(spm, contrast) or reproduction.by_run:
            found += _of_sessions(spm, contrast, (label, reproduction), runs)
            continue
        if not np.any(theirs[np.isin(names, list(runs[0].columns.partners.values()))]):
            continue  # over columns that SPM has not: the other set of functions is told already
        weighed = [name for name, weight in zip(names, theirs, strict=True) if weight]
        if any(shares_with_later(runs[0], name, hrf_of(spm)) for name in weighed):
            found.append(
                SettingPair(
                    f"modulators of {contrast.name}",
                    "orthogonalised one after the other: the first keeps what it shares with later ones",
                    f"not orthogonalised to each other: none has what they share ({label})",
                    "the columns explain the same, but the effect of the modulator answers another question",
                    "nilearn: later modulators less what they share with this one; SPM: this one last",
                )
            )
            continue
        if np.allclose(ours, theirs, rtol=DIGITS, atol=1e-4 * np.abs(theirs).max()):
            continue
        shown = [i for i in range(len(names)) if ours[i] or theirs[i]]
        columns = ", ".join(names[i] for i in shown)
        found.append(
            SettingPair(
                f"contrast: weights of {contrast.name}",
                f"{_weights(ours[shown])} over {columns}",
                f"{_weights(theirs[shown])} ({label})",
                _consequence(ours, theirs),
                "give both the same weights",
            )
        )
    return tuple(found)


def _of_sessions(
    spm: SpmAnalysis,
    contrast: SpmContrast,
    theirs: tuple[str, Reproduction],
    runs: Sequence[ComparedRun],
) -> Iterator[SettingPair]:
    """Tell weights that differ between sessions, in either program, where both do not weigh them alike."""
    label, reproduction = theirs
    both = weights_of_runs(spm, contrast, reproduction, runs)
    ratio = same_direction(both)
    if ratio is not None and any(abs(ratio - r) < DIGITS for r in (1.0, 1 / len(runs))):
        return  # nilearn takes the mean of what SPM adds up
    apart = sessions_apart(spm, contrast)
    yield SettingPair(
        f"contrast: sessions of {contrast.name}",
        apart or "all sessions alike",
        f"{runs_in_words(reproduction.by_run)} ({label})"
        if reproduction.by_run
        else f"the mean over all {len(runs)} runs ({label})",
        _consequence(both.spm.ravel(), both.nilearn.ravel())
        if ratio is not None
        else "the sessions have other weights in both programs: another question",
        "SPM: replicate the weights over sessions; nilearn: fit the runs of SPM's contrast, or give"
        " compute_contrast a list with the weights of each run",
    )


def candidate_contrasts(
    spm: SpmAnalysis, runs: Sequence[ComparedRun]
) -> tuple[tuple[Mapping[str, float], ...], ...]:
    """Contrasts that nilearn may have been asked for: SPM's with either sign, and single columns.

    Returns
    -------
    Weights of every run, of which nilearn takes the mean
    """
    partners = partners_of(runs[0])
    names = list(dict.fromkeys(partners.values()))
    tested = [c for c in spm.contrasts if c.test == "T"]
    rows = [_averaged(spm, c, names, partners) for c in tested]
    rows += [*np.eye(len(names))]
    found: list[tuple[Mapping[str, float], ...]] = [
        ({name: sign * float(w) for name, w in zip(names, row, strict=True) if w},) * len(runs)
        for row in rows
        for sign in (1, -1)
    ]
    nothing = Reproduction(Attempt(0.0, False, False, ""), {}, 0.0, False, 0.0)
    for contrast in tested:
        if sessions_apart(spm, contrast):
            both = weights_of_runs(spm, contrast, nothing, runs)
            found += [_each_run(sign * both.spm, both.names) for sign in (1, -1)]
    if len(runs) > 1:  # one run alone is what users ask for to see whether it is like the others
        for row in found[: 2 * len(tested)]:
            found += [tuple(each if i == at else {} for i, each in enumerate(row)) for at in range(len(runs))]
    return tuple(each for each in found if any(each))


def candidate_f_contrasts(
    spm: SpmAnalysis, runs: Sequence[ComparedRun]
) -> tuple[tuple[Mapping[str, float], ...], ...]:
    """F contrasts that nilearn may have been asked for: SPM's, all conditions, and t contrasts."""
    partners = partners_of(runs[0])
    found = [_rows_of(c, spm, partners) for c in spm.contrasts if c.test == "F"]
    names = [theirs for ours, theirs in partners.items() if "*bf(" in ours]
    found += [tuple({name: 1.0} for name in names)] if names else []
    found += [(each[0],) for each in candidate_contrasts(spm, runs) if all(e == each[0] for e in each)]
    return tuple(each for each in found if each and all(each))


def _rows_of(
    contrast: SpmContrast, spm: SpmAnalysis, partners: Mapping[str, str]
) -> tuple[Mapping[str, float], ...]:
    """Rows of an F contrast over nilearn's columns, those of the first session; none where it lacks one."""
    columns = {i: spm.names[i].removeprefix("Sn(1) ") for i in spm.sessions[0].columns}
    rows = [{columns[i]: float(row[i]) for i in columns if row[i]} for row in contrast.weights]
    if any(name not in partners for row in rows for name in row):
        return ()
    return tuple({partners[name]: w for name, w in row.items()} for row in rows if row)


def _each_run(weights: Floats, names: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    return tuple({name: float(w) for name, w in zip(names, row, strict=True) if w} for row in weights)


def nearest_contrast(
    spm: SpmAnalysis, label: str, found: Reproduction | None, runs: Sequence[ComparedRun]
) -> SpmContrast | None:
    """Find SPM's contrast for one of nilearn's: by its weights where these are found, else by its name."""
    tested = [contrast for contrast in spm.contrasts if contrast.test == "T"]
    if found is not None and found.is_found and runs:
        nearest = _nearest(spm, label, found, runs)
        return nearest[0] if nearest else None
    return named_like(label, tested) or (tested[0] if len(tested) == 1 else None)


def nearest_f_contrast(spm: SpmAnalysis, label: str) -> SpmContrast | None:
    """Find SPM's F contrast for one of nilearn's, by its name or as the only one."""
    tested = [contrast for contrast in spm.contrasts if contrast.test == "F"]
    return named_like(label, tested) or (tested[0] if len(tested) == 1 else None)


def named_like(label: str, tested: Sequence[SpmContrast]) -> SpmContrast | None:
    """The contrast whose name stands in a label, the longest; None where none does."""
    named = [c for c in tested if plain(c.name) and plain(c.name) in plain(label)]
    return max(named, key=lambda c: len(c.name), default=None)


def _nearest(
    spm: SpmAnalysis, label: str, found: Reproduction, runs: Sequence[ComparedRun]
) -> tuple[SpmContrast, list[str], Floats, Floats] | None:
    """SPM's contrast of the same or the most similar direction, with columns of nilearn's and both weights.

    SPM's weights are summed over sessions and averaged as nilearn does.
    """
    if found.by_run:
        return _nearest_of_runs(spm, label, found, runs)
    partners = runs[0].columns.partners
    names = list(dict.fromkeys((*found.weights, *partners.values())))
    theirs = np.array([found.weights.get(name, 0.0) for name in names])
    best, score = None, 0.0
    for contrast in (each for each in spm.contrasts if each.test == "T"):
        ours = _averaged(spm, contrast, names, partners)
        size = np.linalg.norm(ours) * np.linalg.norm(theirs)
        cosine = float(abs(ours @ theirs) / size) if size else 0.0
        # of the same direction, then of the same name, then alike; those of all sessions before those of one
        is_named = plain(contrast.name) == plain(label)
        cosine += 2 * (cosine > SAME) + is_named + 1.5 * (cosine > SAME and not sessions_apart(spm, contrast))
        if cosine > score:
            best, score = (contrast, names, ours, theirs), cosine
    return best


def _nearest_of_runs(
    spm: SpmAnalysis, label: str, found: Reproduction, runs: Sequence[ComparedRun]
) -> tuple[SpmContrast, list[str], Floats, Floats] | None:
    """Find SPM's contrast of the most similar weights over all runs, as `_nearest` does over their mean."""
    best, score = None, 0.0
    for contrast in (each for each in spm.contrasts if each.test == "T"):
        both = weights_of_runs(spm, contrast, found, runs)
        size = np.linalg.norm(both.spm) * np.linalg.norm(both.nilearn)
        cosine = float(abs((both.spm * both.nilearn).sum()) / size) if size else 0.0
        cosine += 2 * (cosine > SAME) + (plain(contrast.name) == plain(label)) * bool(cosine)
        if cosine > score:
            best, score = (contrast, list(both.names), both.spm.sum(axis=0), both.nilearn.sum(axis=0)), cosine
    return best


def _averaged(
    spm: SpmAnalysis, contrast: SpmContrast, names: Sequence[str], partners: Mapping[str, str]
) -> Floats:
    """Weights over nilearn's columns; SPM's, written for one session and repeated, count once."""
    total = np.zeros(len(names))
    used = np.zeros(len(names))
    for number, session in enumerate(spm.sessions, start=1):
        for column in session.columns:
            name = spm.names[column].removeprefix(f"Sn({number}) ")
            partner = partners.get(name)
            if partner in names:
                total[names.index(partner)] += contrast.weights[0, column]
                used[names.index(partner)] += contrast.weights[0, column] != 0
    sessions = max(int(used.max(initial=1)), 1)
    return as_written(total / sessions, sessions)[0]


def as_written(of_session: Floats, n_sessions: int) -> tuple[Floats, float]:
    """Weights as the user wrote them for one session, and by how much SPM's effect is larger than their mean.

    SPM sums over sessions; "replicate and scale" has divided the weights by their number already.

    >>> as_written(np.array([1.0, -1.0]), 2)
    (array([ 1., -1.]), 2.0)
    """
    scaled = of_session * n_sessions
    replaced = is_tidy(scaled.ravel()) and not is_tidy(of_session.ravel())
    return (scaled, 1.0) if replaced else (of_session, float(n_sessions))


def _weights(values: Floats) -> str:
    return "[" + " ".join(f"{value:g}" for value in values) + "]"


def _consequence(ours: Floats, theirs: Floats) -> str:
    ratio = float(theirs @ ours / (ours @ ours))
    if np.allclose(theirs, ratio * ours, rtol=DIGITS, atol=1e-4 * np.abs(theirs).max()):
        if ratio < 0:
            return "the opposite sign: effects and t are mirrored" + (
                f", and {abs(ratio):g} times as large"
                if not np.isclose(ratio, -1, rtol=DIGITS, atol=0)
                else ""
            )
        return f"effects are {ratio:g} times SPM's; t is the same"
    return "another contrast: effects and t are of another question"
