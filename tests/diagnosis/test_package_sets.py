"""What is said of a design speaks of the packages that are fitted, and of no other."""

import ast
import re
from dataclasses import replace
from functools import cache

import pytest

from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.findings import findings
from bidsglm.errors import UnsupportedModelError
from bidsglm.packages import titles
from tests.conftest import PROJECT
from tests.package_words import SETS, others

from .approved import Case, cases
from .designs import review

COMPARED = re.compile(r"\bboth\b|\bthe packages\b|\bcompare the agreement\b", re.IGNORECASE)
"""What there is of two packages only"""


@cache
def odd_units() -> tuple[tuple[str, Case], ...]:
    return tuple(cases())


def fitted(run: RunReview, case: Case, packages: tuple[str, ...]) -> RunReview:
    return review(run.paradigm, *run.contrasts, model=case[1], label=run.label, backends=packages)


@cache
def said(packages: tuple[str, ...]) -> list[tuple[str, Finding]]:
    """All findings on odd units, were they fitted by some packages alone."""
    said = []
    for name, case in odd_units():
        runs, model, data = case
        # data that were pooled are SPM's
        pooled = data.n_not_pooled if data is not None and "spm" in packages else 0
        explained = dict.fromkeys(packages, 8)
        whole = data and replace(data, backends=packages, n_explained=explained, n_not_pooled=pooled)
        try:
            found = findings([fitted(run, case, packages) for run in runs], model, whole)
        except UnsupportedModelError:
            continue
        said += [(name, finding) for finding in found]
    return said


@pytest.mark.parametrize("packages", SETS, ids=titles)
def test_no_finding_speaks_of_a_package_that_is_not_fitted(packages):
    named = others(packages)
    for name, finding in said(packages):
        words = f"{finding.title}. {finding.text} {finding.remedy}"
        assert named.search(words) is None, f"{name}: {words}"
        assert set(finding.backends) <= set(packages)
        if len(packages) == 1:
            assert COMPARED.search(words) is None, f"{name}: {words}"


def codes_in_source() -> set[str]:
    """Kinds of findings that the checks can make."""
    found = set()
    for path in (PROJECT / "bidsglm" / "diagnosis").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                found.add(ast.literal_eval(node.args[1]))
    return found


def test_units_that_are_looked_at_have_every_finding_there_is():
    every = {finding.code for packages in SETS for _, finding in said(packages)}
    assert every == codes_in_source()


def test_afni_alone_is_not_advised_another_cut_off():
    advised = [(name, f.remedy) for name, f in said(("afni",)) if "longer high-pass cut-off" in f.remedy]
    assert advised == []
    few = [f.remedy for _, f in said(("afni",)) if f.code == "few-degrees-of-freedom"]
    assert few
    assert all("Polort" in remedy for remedy in few)
