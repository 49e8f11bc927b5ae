"""Units whose model AFNI has in one of its many ways."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from .units import (
    BOTH,
    CASES,
    LOOK,
    MOVE,
    Case,
    contrast,
    derived,
    f_contrast,
    give_reaction_times,
    lose_look_and_start_later,
    lose_masks,
    raw,
    tiny,
    with_contrasts,
)


def vary_durations(study: Path) -> None:
    """Events of 4 to 9 s."""
    for run in ("run-1", "run-2"):
        header, *rows = raw(study, run).read_text().splitlines()
        cells = [row.split("\t") for row in rows]
        lines = ["\t".join([onset, str(4 + i % 6), *rest]) for i, (onset, _, *rest) in enumerate(cells)]
        raw(study, run).write_text("\n".join([header, *lines]) + "\n")


def add_outliers(study: Path) -> None:
    """A column of scans that are to be left out."""
    for path in sorted(derived(study).glob("*_desc-confounds_timeseries.tsv")):
        header, *rows = path.read_text().splitlines()
        lines = [f"{row}\t{int(i in (3, 4, 17))}" for i, row in enumerate(rows)]
        path.write_text("\n".join([f"{header}\tnon_steady_state_outlier00", *lines]) + "\n")


def double_motion(study: Path) -> None:
    """A confound that is twice another."""
    for path in sorted(derived(study).glob("*_desc-confounds_timeseries.tsv")):
        header, *rows = path.read_text().splitlines()
        place = header.split("\t").index("trans_x")
        lines = [f"{row}\t{2 * float(row.split(chr(9))[place])!r}" for row in rows]
        path.write_text("\n".join([f"{header}\tdouble", *lines]) + "\n")


def afni(document: dict, **settings: object) -> dict:
    """A model document with settings of AFNI."""
    model = document["Nodes"][0].setdefault("Model", {"X": [1]})
    model["Software"] = {**model.get("Software", {}), "AFNI": settings}
    return document


MODULATED = {
    "SPM": {
        "ParametricModulations": [{"Name": "rt", "Conditions": [MOVE], "Values": "rt"}],
    }
}

_CASES: Mapping[str, Case] = {
    "plain": CASES["plain"],
    "runs that differ": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", "trans_x", 1],
                HRF={"Variables": ["trial_type.*"], "Model": "spm + derivative"},
            ),
            contrast("move", {MOVE: 1}),
            f_contrast("shape", [MOVE, MOVE + "_derivative"], [[1, 0], [0, 1]]),
            contrast("motion", {"trans_x": 2}),
        ),
        change=CASES["runs that differ"].change,
    ),
    "durations": Case(
        afni(
            with_contrasts(tiny.model(X=["trial_type.*", "trans_*", 1]), contrast("move", {MOVE: 1}), BOTH),
            ResponseModel="dmUBLOCK(-1)",
            MotionPerRun=False,
            Polort=2,
        ),
        change=vary_durations,
    ),
    "modulated": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", 1], Software=MODULATED),
            contrast("move", {MOVE: 1}),
            contrast("faster", {f"{MOVE}_x_rt^1": 1}),
        ),
        change=give_reaction_times,
    ),
    "modulated sets": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", 1],
                HRF={"Variables": ["trial_type.*"], "Model": "spm + derivative"},
                Software=MODULATED,
            ),
            contrast("faster", {f"{MOVE}_x_rt^1": 1, f"{MOVE}_x_rt^1_derivative": -0.5}),
        ),
        change=give_reaction_times,
    ),
    "transformed": CASES["transformed"],
    "not orthogonalised": CASES["modulators"],
    "tents": Case(
        afni(
            with_contrasts(
                tiny.model(X=["trial_type.*", 1]),
                contrast("second tent", {f"{MOVE}_delay_1": 1}),
                f_contrast("any", [f"{MOVE}_delay_{i}" for i in range(1, 7)], np.eye(6).tolist()),
            ),
            ResponseModel={MOVE: "TENT(0,12,7)", LOOK: "SPMG1(10)"},
        ),
        change=lose_look_and_start_later,
    ),
    "smoothed": Case(tiny.model(), runs=("",), options={"smoothing_fwhm": 5.0}),
    "censored": Case(
        afni(
            with_contrasts(
                tiny.model(X=["trial_type.*", "trans_x", 1]), contrast("m-l", {MOVE: 1, LOOK: -1})
            ),
            ResponseModel={MOVE: "BLOCK(10,1)", LOOK: "GAM"},
            Censor=["non_steady_state_outlier*"],
        ),
        change=add_outliers,
    ),
    "least squares": Case(
        afni(
            with_contrasts(tiny.model(X=["trial_type.*", 1]), contrast("move", {MOVE: 1}), BOTH),
            ResponseModel="BLOCK5(10,1)",
            NoiseModel="none",
            Scale=False,
        )
    ),
    "columns that depend on others": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", "trans_x", "double", 1]), contrast("move", {MOVE: 1}), BOTH
        ),
        change=double_motion,
    ),
    "names": CASES["names"],
    "native": replace(CASES["names"], options={"matching": "native"}),
    "no mask files": Case(tiny.model(), runs=("",), change=lose_masks),
    "mask on another grid": CASES["mask on another grid"],
}
AFNI_CASES = {name: replace(case, backends=("afni",)) for name, case in _CASES.items()}
