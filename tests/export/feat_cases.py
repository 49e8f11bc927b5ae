"""Units whose model FEAT has in one of its ways."""

from collections.abc import Mapping
from dataclasses import replace

from .units import (
    CASES,
    HOSTILE,
    LOOK,
    MOVE,
    Case,
    contrast,
    f_contrast,
    give_reaction_times,
    lose_masks,
    tiny,
    with_contrasts,
)

MODULATED = {"SPM": {"ParametricModulations": [{"Name": "rt", "Conditions": [MOVE], "Values": "rt"}]}}
TWO_ROWS = f_contrast("either", [MOVE, LOOK], [[1, 0], [0, 1], [1, -1]])


def derivative(**changes: object) -> dict:
    """A model whose regressors have their temporal derivative."""
    return tiny.model(HRF={"Variables": ["trial_type.*"], "Model": "spm + derivative"}, **changes)


_CASES: Mapping[str, Case] = {
    "plain": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", "trans_*", 1]),
            contrast("move - look", {MOVE: 1, LOOK: -1}),
            contrast("a third", {MOVE: 1 / 3}),
            TWO_ROWS,
        ),
        runs=("",),
    ),
    "two runs": Case(
        with_contrasts(derivative(X=["trial_type.*", "trans_x", 1]), contrast("move", {MOVE: 1, LOOK: -1}))
    ),
    "runs that differ": CASES["runs that differ"],
    "derivatives in contrasts": Case(
        with_contrasts(
            derivative(X=["trial_type.*", "trans_x", 1]),
            contrast("move", {MOVE: 1}),
            contrast("later", {f"{MOVE}_derivative": 1}),
            f_contrast("shape", [MOVE, f"{MOVE}_derivative"], [[1, 0], [0, 1]]),
            contrast("motion", {"trans_x": 1}),
        ),
        runs=("",),
    ),
    "gamma, no filter, least squares": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", 1],
                Options={"HighPassFilterCutoffHz": 0},
                Software={"FSL": {"HRF": "gamma", "Prewhitening": False, "TemporalDerivative": True}},
            ),
            contrast("move", {MOVE: 1}),
        ),
    ),
    "gaussian": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", 1], Software={"FSL": {"HRF": "gaussian"}}),
            contrast("move", {MOVE: 1}),
        ),
        runs=("",),
    ),
    "modulated": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", 1], Software=MODULATED),
            contrast("move", {MOVE: 1}),
            contrast("faster", {f"{MOVE}_x_rt^1": 1}),
        ),
        change=give_reaction_times,
    ),
    "transformed": CASES["transformed"],
    "not orthogonalised": CASES["modulators"],
    "variable over time": replace(CASES["variable over time"], runs=("",)),
    "names": replace(
        CASES["names"],
        model=with_contrasts(
            tiny.model(X=["trial_type.*", 1]), contrast("first", {f"trial_type.{HOSTILE}": 1})
        ),
    ),
    "no mask files": Case(tiny.model(), change=lose_masks),
    "mask on another grid": CASES["mask on another grid"],
}
FEAT_CASES = {name: replace(case, backends=("fsl",)) for name, case in _CASES.items()}
