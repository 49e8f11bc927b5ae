"""Events and confounds as a nilearn script reads them: from the data set where that gives the same numbers.

Where it does not (modulators, transformations, tables that pandas reads in another way) they are written
beside the script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bidsglm.backends.nilearn_events import drawn_events
from bidsglm.data import Condition, Paradigm
from bidsglm.export.literals import rows_text
from bidsglm.model import CONSTANT, TRIAL_TYPE, Floats
from bidsglm.spm.regressors import event_weights

TSV = {"sep": "\t", "na_values": ["n/a"], "keep_default_na": False}
"""How the script reads tables, as in its template."""
PLAIN_COLUMNS = ["onset", "duration", "trial_type"]
COLUMNS = [*PLAIN_COLUMNS, "modulation"]
READ_ERRORS = (OSError, ValueError, KeyError, pd.errors.ParserError)


class Naming(NamedTuple):
    """Names of the conditions in nilearn's design."""

    short: Mapping[str, str]
    """Weight column -> its name in nilearn"""

    def column(self, regressor: str) -> str:
        """Name of any regressor in nilearn's design."""
        stems = [weight for weight in self.short if regressor.startswith(weight)]
        if regressor in self.short or not stems:
            return self.short.get(regressor, regressor)
        stem = max(stems, key=len)
        return self.short[stem] + regressor.removeprefix(stem)


def naming(paradigms: Sequence[Paradigm], suffixes: Sequence[str]) -> Naming:
    """Names without ``trial_type.``, unless two columns would then share one.

    Examples
    --------
    >>> run = Paradigm(2.0, 1, None, (Condition("go", np.zeros(1), np.zeros(1)),), ("x",), np.zeros((1, 1)))
    >>> naming([run], [""]).column("trial_type.go")
    'go'
    """
    weights = dict.fromkeys(w for p in paradigms for c in p.conditions for w in c.weight_names)
    others = {CONSTANT, *(name for p in paradigms for name in p.confound_names)}
    short = {weight: weight.removeprefix(TRIAL_TYPE) for weight in weights}
    columns = [name + suffix for name in short.values() for suffix in suffixes]
    drifts = any(name.startswith("drift_") for name in columns)
    clash = len(set(columns)) < len(columns) or others & set(columns) or drifts
    return Naming({weight: weight for weight in weights} if clash else short)


def events_suffice(path: Path, conditions: Sequence[Condition], names: Naming, wanted: Sequence[str]) -> bool:
    """Whether the script finds in a run's events.tsv just what the model takes from it."""
    if not all(_is_plain(c) and names.short[c.weight_names[0]] == c.name for c in conditions):
        return False
    try:
        table = pd.read_csv(path, dtype={"trial_type": str}, **TSV)
        table = table.loc[table["trial_type"].isin(wanted), PLAIN_COLUMNS]
        found = {name: _numbers(rows) for name, rows in table.groupby("trial_type")}
    except READ_ERRORS:
        return False
    return found.keys() == {c.name for c in conditions} and all(
        np.array_equal(found[c.name], np.column_stack([c.onsets, c.durations])) for c in conditions
    )


def _is_plain(condition: Condition) -> bool:
    modulated = condition.modulators or condition.time_modulation
    return not modulated and condition.amplitudes is None and condition.prefix == TRIAL_TYPE


def _numbers(rows: pd.DataFrame) -> np.ndarray:
    ordered = rows.sort_values("onset", kind="stable")
    return np.asarray(ordered[["onset", "duration"]].to_numpy(dtype=np.float64))


def events_table(conditions: Sequence[Condition], names: Naming, frame_times: Floats) -> bytes:
    r"""Events of a run with their heights: every weight column of a condition is a condition to nilearn.

    A continuous variable is written as the events that nilearn draws of it, one for each step of its grid.

    Examples
    --------
    >>> go = Condition("go", np.zeros(1), np.ones(1), time_modulation=0)
    >>> events_table([go], Naming({"trial_type.go": "go"}), np.arange(9.0))
    b'onset\tduration\ttrial_type\tmodulation\n0.0\t1.0\tgo\t1.0\n'
    """
    lines = ["\t".join(COLUMNS)]
    for condition in (drawn_events(condition, frame_times) for condition in conditions):
        for weight, heights in zip(condition.weight_names, event_weights(condition).T, strict=True):
            rows = zip(condition.onsets.tolist(), condition.durations.tolist(), heights.tolist(), strict=True)
            lines += [f"{o!r}\t{d!r}\t{_quoted(names.short[weight])}\t{h!r}" for o, d, h in rows]
    return ("\n".join(lines) + "\n").encode()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if '"' in name else name


def confounds_suffice(path: Path | None, paradigm: Paradigm) -> bool:
    """Whether the script finds in a run's confounds what the model takes from them."""
    if path is None:
        return False
    try:
        values = pd.read_csv(path, **TSV)[list(paradigm.confound_names)].fillna(0)
        return np.array_equal(values.to_numpy(dtype=np.float64), paradigm.confounds)
    except READ_ERRORS:
        return False


def confounds_table(paradigm: Paradigm) -> bytes:
    """Confounds of a run as the model has them."""
    header = "\t".join(map(_quoted, paradigm.confound_names))
    return (header + "\n" + rows_text(paradigm.confounds, between="\t")).encode()
