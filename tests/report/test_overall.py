"""One answer for several packages: the pair that agrees least decides, and is named where it is not all."""

import pytest

from bidsglm.packages import PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.group_verdict import Verdict
from bidsglm.report.judgements import Grade
from bidsglm.report.overall import overall, participant_headline

from ..test_further_package import MADE_UP

OTHER = Pair("third", "nilearn")


@pytest.fixture(autouse=True)
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "third", MADE_UP)


def verdict(grade: Grade | None, where: str = "") -> Verdict:
    return Verdict("h", grade, (), (), where)


def answer(found: dict[Pair, Verdict]) -> Verdict:
    return overall(found, participant_headline)


@pytest.mark.parametrize(
    ("grades", "start", "end"),
    [
        ((Grade.NONE, Grade.NONE), "No", "SPM and Third lead to the same conclusions as nilearn."),
        ((Grade.NONE, Grade.EXTENT), "A little", "on the package, between Third and nilearn."),
        ((Grade.CONCLUSIONS, Grade.EXTENT), "Yes", "on the package, between SPM and nilearn."),
        ((Grade.CONCLUSIONS, Grade.CONCLUSIONS), "Yes", "depend on the package."),
        ((None, Grade.NONE), "No", "participant, Third leads to the same conclusions as nilearn."),
        ((None, None), "Not to be said", "determines none."),
    ],
)
def test_the_pair_that_agrees_least_decides(grades, start, end):
    found = answer({DEFAULT_PAIR: verdict(grades[0]), OTHER: verdict(grades[1], ", in go")})
    assert found.headline.startswith(start)
    assert found.headline.endswith(end)
    assert found.grade == max((g for g in grades if g is not None), default=None)
    assert [name for name, _ in found.facts] == ["SPM and nilearn", "Third and nilearn"]


def test_a_line_says_in_which_contrasts():
    found = answer({DEFAULT_PAIR: verdict(Grade.NONE), OTHER: verdict(Grade.CONCLUSIONS, ", in go")})
    assert found.facts[1] == ("Third and nilearn", "other conclusions, in go.")


def test_two_packages_keep_their_own_verdict():
    alone = verdict(Grade.EXTENT)
    assert answer({DEFAULT_PAIR: alone}) is alone


def test_with_spm_as_reference_the_others_are_those_that_agree_with_it():
    found = answer({DEFAULT_PAIR: verdict(Grade.NONE), Pair("third", "spm"): verdict(Grade.NONE)})
    assert found.headline.endswith("nilearn and Third lead to the same conclusions as SPM.")
