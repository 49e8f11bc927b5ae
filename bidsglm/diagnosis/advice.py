"""What there is to say about a design: the record of a finding, and how those of several runs become one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.diagnosis.collinearity import Diagnosis, diagnosis
from bidsglm.diagnosis.design_parts import Parts, parts
from bidsglm.model import TRIAL_TYPE, ContrastSpecification
from bidsglm.packages import title
from bidsglm.sentences import joined

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")
"""serious: some results should not be used; warning: look at it; note: good to know."""

NAMES_SHOWN = 6
"""More names than that make a sentence unreadable."""


@dataclass(frozen=True)
class Finding:
    """Something in a design that its user should know, and what to do about it."""

    severity: Severity
    code: str
    """Kind of finding, for programs."""
    title: str
    text: str
    """What is so, and what follows from it, with the numbers that carry it."""
    remedy: str
    columns: tuple[str, ...] = ()
    """Regressors or contrasts that it is about."""
    backends: tuple[str, ...] = ()
    """Those in whose design it was found; none where it does not depend on the backend."""
    runs: tuple[str, ...] = ()
    """Labels of the runs it was found in; none where it does not depend on the run."""
    size: float = 0.0
    """How bad it is, to choose the numbers of the worst run."""


@dataclass(frozen=True)
class RunReview:
    """A run as the checks see it."""

    label: str
    paradigm: Paradigm
    designs: Mapping[str, DesignMatrix]
    """Backend -> design"""
    contrasts: tuple[ContrastSpecification, ...] = ()

    @cached_property
    def parts(self) -> dict[str, Parts]:
        """Backend -> sorted columns."""
        return {name: parts(design, self.paradigm) for name, design in self.designs.items()}

    @cached_property
    def diagnoses(self) -> dict[str, Diagnosis]:
        """Backend -> diagnosis."""
        return {n: diagnosis(design, self.paradigm, self.contrasts) for n, design in self.designs.items()}

    def seen(self, finding: Finding, backend: str = "") -> Finding:
        """Note that a finding was made in this run, and in which design."""
        return replace(finding, runs=(self.label,), backends=(backend,) if backend else ())


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each kind and set of columns, in the words of its worst run; severe ones first.

    >>> light = Finding("note", "slow", "t", "10 %", "r", ("a",), ("spm",), ("run-1",), 0.1)
    >>> heavy = replace(light, text="20 %", runs=("run-2",), backends=("nilearn",), size=0.2)
    >>> [(f.text, f.backends, f.runs) for f in merged([light, heavy])]
    [('20 %', ('spm', 'nilearn'), ('run-1', 'run-2'))]
    """
    groups: dict[tuple[str, tuple[str, ...]], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.columns), []).append(finding)
    found = [_together(group) for group in groups.values()]
    # a stable sort: within a severity findings keep the order of the checks, cause before consequence
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _together(group: Sequence[Finding]) -> Finding:
    worst = max(group, key=lambda finding: (-SEVERITIES.index(finding.severity), finding.size))
    return replace(
        worst,
        backends=tuple(dict.fromkeys(backend for finding in group for backend in finding.backends)),
        runs=tuple(dict.fromkeys(run for finding in group for run in finding.runs)),
    )


def place(finding: Finding, n_runs: int, backends: Sequence[str]) -> str:
    """Where a finding was made, empty if everywhere.

    Parameters
    ----------
    finding
        Merged.
    n_runs
        Number of runs there are.
    backends
        That there are.

    >>> place(Finding("note", "slow", "", "", "", (), ("spm",), ("run-1",)), 2, ("spm", "nilearn"))
    'run-1, SPM only'
    """
    runs = listed(finding.runs) if 0 < len(finding.runs) < n_runs else ""
    some = 0 < len(finding.backends) < len(backends)
    only = f"{listed([title(b) for b in finding.backends])} only" if some else ""
    return ", ".join(part for part in (runs, only) if part)


def listed(names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
    """Join names for a sentence, without the prefix of conditions, and shorten a long list.

    >>> listed(["trial_type.a", "b", "c"]), listed(list("abcd"), 2)
    ('a, b and c', 'a, b and 2 more')
    """
    return joined([name.removeprefix(TRIAL_TYPE) for name in names], shown)


def percent(share: float) -> str:
    """Write a share in per cent, with more digits where it is nearly all.

    >>> percent(0.456), percent(0.99962), percent(1.0)
    ('46 %', '99.96 %', '100 %')
    """
    # 99.96 % is not all: a share that rounds to 100 % would say that nothing is left
    digits = 2 if 0.99 <= share < 0.99995 else 0
    return f"{100 * share:.{digits}f} %"


def times(factor: float) -> str:
    """Write a factor with two or three digits.

    >>> times(3.896), times(24.97), times(0.257)
    ('3.9', '25', '0.26')
    """
    return f"{factor:.3g}" if factor >= 100 else f"{factor:.2g}"


def verb(names: Sequence[str], singular: str, plural: str) -> str:
    """Choose the form that agrees with the number of names.

    >>> verb(["a"], "has", "have"), verb(["a", "b"], "has", "have")
    ('has', 'have')
    """
    return singular if len(names) == 1 else plural
