"""The methods text says what was done, and nothing that was not."""

from bidsglm.report.group_methods import GroupFacts, group_paragraphs
from bidsglm.report.references import cited

ALL = GroupFacts(
    "task-x",
    tuple(f"sub-{i:02d}" for i in range(12)),
    ("Second levels by ordinary least squares.",),
    (("go", "Mean over 12 participants (one-sample t test)"),),
    "familywise p by 500 permutations",
    True,
    "atlas.nii.gz",
    corrected="two-sided",
    stable=True,
)


def test_everything_done_is_told_with_its_references():
    text = " ".join(group_paragraphs(ALL))
    for words in (
        "12 participants (task-x)",
        "Second levels by ordinary least squares. The group models were: go: mean over 12 participants",
        "familywise p by 500 permutations",
        "Shapley value",
        "corrected p < 0.05, two-sided",
        "leaving out each of them",
        "each region of atlas.nii.gz",
    ):
        assert words in text
    names = " ".join(cited([text]))
    for author in (
        "Shapley",
        "McGraw",
        "Iglewicz",
        "Rosenblatt",
        "Cook RD",
        "Efron",
        "Bowring",
        "Abraham",
        "Penny",
    ):
        assert author in names


def test_what_was_not_done_is_not_told():
    text = " ".join(group_paragraphs(GroupFacts("task-x", ("sub-01",))))
    assert "1 participant (sub-01; task-x)" in text
    for words in ("permutations", "Shapley", "region", "The group models were", "bootstrap"):
        assert words not in text
