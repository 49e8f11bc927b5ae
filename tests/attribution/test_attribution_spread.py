"""Aggregated attribution against counts by hand."""

import numpy as np

from bidsglm.attribution.spread import attribution_summary
from bidsglm.outputs.group_tables import ATTRIBUTION_SUMMARY
from bidsglm.pairs import Pair


def rows(participant: str, shapley: dict[str, float], closure: float = 0.0) -> list[dict[str, str | float]]:
    total = sum(value for step, value in shapley.items() if step != "response")
    return [
        {
            "participant_id": participant,
            "contrast": "go",
            "map": "t",
            "metric": "rmsd",
            "step": step,
            "shapley": value,
            "total": total,
            "closure_nilearn": closure,
            "closure_spm": 0.0,
            "part_of": "regressors" if step == "response" else "",
            "contrast_name": "go!",
        }
        for step, value in shapley.items()
    ]


def test_largest_step_is_counted_once_for_each_participant_and_parts_are_not():
    found = attribution_summary(
        [
            *rows("a", {"noise": 1.0, "regressors": 3.0, "response": 9.0}),
            *rows("b", {"noise": -5.0, "regressors": 3.0, "response": 3.0}),
            *rows("c", {"noise": 0.0, "regressors": 0.0, "response": 0.0}, closure=1e-3),
        ]
    )
    largest = {row["step"]: row["n_largest"] for row in found}
    assert largest == {"noise": 1, "regressors": 1, "response": 0}
    assert {row["step"]: row["n_closing"] for row in found} == dict.fromkeys(largest, 2)
    assert {row["n"] for row in found} == {3}
    assert all(set(row) == set(ATTRIBUTION_SUMMARY.names) for row in found)


def test_shares_are_of_each_participants_own_total_and_undefined_without_one():
    found = attribution_summary(
        [
            *rows("a", {"noise": 1.0, "filter": 3.0}),
            *rows("b", {"noise": 2.0, "filter": 2.0}),
            *rows("c", {"noise": 0.0}),
        ]
    )
    noise = found[0]
    np.testing.assert_allclose(noise["share_median"], np.median([0.25, 0.5]))
    np.testing.assert_allclose(noise["shapley_median"], 1.0)
    np.testing.assert_allclose(noise["share_lower_quartile"], np.quantile([0.25, 0.5], 0.25))


def test_closing_goes_by_the_tolerances_of_the_pair() -> None:
    row = {"contrast": "go", "map": "t", "metric": "rmsd", "part_of": "", "total": 1.0, "step": "noise"}
    given = row | {"shapley": 1.0, "participant_id": "a", "closure_nilearn": 0.0, "closure_fsl": 4e-6}
    (found,) = attribution_summary([given], Pair("fsl", "nilearn"))
    assert found["n_closing"] == 1
    (missed,) = attribution_summary([given | {"closure_fsl": 6e-6}], Pair("fsl", "nilearn"))
    assert missed["n_closing"] == 0
