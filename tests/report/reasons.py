"""A small attribution and findings that the tests of this folder share."""

from bidsglm.diagnosis.advice import Finding
from bidsglm.report.breakdowns import Breakdown, breakdowns

SETTINGS = {
    "smoother": ("none", "none"),
    "scaling": ("100 / mean of the voxel", "100 / the run's mean of spm_global"),
    "regressors": ("nilearn's design", "SPM's design"),
    "response": ("nilearn's spm", "SPM's spm"),
    "events": ("height 1", "height 1/bin"),
    "sampling": ("interpolated", "bin 8 of 16"),
    "filter": ("2 cosines in the design", "2 cosines projected off"),
    "noise": ("AR(1) of each voxel", "AR(1) of all voxels"),
    "runs": ("one run", "one run"),
}
SHARES = {
    "effect": {"scaling": 0.08, "regressors": 0.012, "events": 0.015, "response": -0.003, "noise": 0.008},
    "t": {"filter": 0.02, "noise": 0.4, "regressors": 0.05, "sampling": 0.05},
    "F": {"filter": 0.02, "noise": 0.4},
}
METRICS = {"rmsd": 1.0, "slope-1": -0.4, "1-r": 0.1, "1-dice": 0.5}


def rows(map_name: str, metric: str) -> list[dict[str, str | float]]:
    """As the table on disk has them."""
    shares = {step: METRICS[metric] * share for step, share in SHARES[map_name].items()}
    parts = ("response", "events", "sampling")
    total = sum(share for step, share in shares.items() if step not in parts)
    height, found = 0.0, []
    for step, (nilearn, spm) in SETTINGS.items():
        height += 0.0 if step in parts else shares.get(step, 0.0)
        row = {"contrast": "go", "map": map_name, "metric": metric, "step": step, "nilearn": nilearn}
        row |= {"spm": spm, "ladder": height, "shapley": shares.get(step, 0.0), "total": total}
        found.append({**row, "closure_nilearn": 2e-9, "closure_spm": 3e-8})
    return found


def broken_down(test: str = "t") -> tuple[Breakdown, ...]:
    """What was attributed of a contrast."""
    maps = ("effect", test) if test == "t" else (test,)
    keys = [(m, metric) for m in maps for metric in METRICS if (m, metric) != ("effect", "1-dice")]
    return breakdowns([row for key in keys for row in rows(*key)])


FILLED = Finding(
    "serious",
    "filled-run",
    "go and <rest> fill the run",
    "Their betas trade off.",
    "Drop one of them.",
    ("trial_type.go", "trial_type.rest"),
    ("spm",),
    ("run-1",),
)
NOTE = Finding("note", "slow", "A slow regressor", "It is slow.", "Make it faster.", ("trial_type.go",))
