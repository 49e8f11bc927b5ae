"""Real data from the command line: a run of a visual localizer, whole and cut in two."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from tests import tiny

CONDITIONS = ("body", "face", "house", "object", "scene", "scramble")
EXPLAINED = (
    "names no noise model",
    "NoiseModel is not given: ar1, after SPM's FAST",
    "The noise models differ: FAST in SPM, ar1 in nilearn",
    "InclusiveMaskingThreshold is not given: SPM's default",
    "n/a before the first value was set to 0",
)
"""Notes that say what was done and why."""
SINGLE, TWO = "studyforrest-small", "studyforrest-small-2runs"
OCCIPITAL_SHARE = 1 / 3
"""Of the brain's length, from behind: occipital and posterior temporal cortex."""


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())


def model(hrf: object, spm: object = None) -> dict:
    """All stimuli against baseline; in a FIR set by the sum over all delays."""
    functions = [f"_delay_{i}" for i in range(6)] if hrf["Model"] == "fir" else [""]
    names = [f"trial_type.{name}" for name in CONDITIONS]
    node = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Model": {
            "Type": "glm",
            "X": [*names, "trans_*", "rot_*", 1],
            "HRF": {"Variables": names, **hrf},
            "Options": {"HighPassFilterCutoffHz": 1 / 128},
            "Software": {"SPM": spm or {}},
        },
        "Contrasts": [
            {
                "Name": "all",
                "ConditionList": [name + function for name in names for function in functions],
                "Weights": [1 / 6] * 6 * len(functions),
                "Test": "t",
            }
        ],
    }
    return {"Name": "localizer", "BIDSModelVersion": "1.0.0", "Nodes": [node]}


def peak(out: Path, backend: str) -> tuple[float, float]:
    """Highest t of all stimuli against baseline, and how far forward it lies: 0 is behind, 1 in front."""
    image = nib.load(next(out.rglob(f"*contrast-all_stat-t_desc-{backend}_statmap.nii.gz")))
    values = image.get_fdata()
    y = nib.affines.apply_affine(image.affine, np.argwhere(values))[:, 1]
    highest = values[values != 0].argmax()
    return float(values.max()), float((y[highest] - y.min()) / np.ptp(y))


@pytest.mark.parametrize("data", [SINGLE, TWO])
def test_automatic_model_fits_and_the_packages_agree(shared_dir: Path, tmp_path: Path, data: str) -> None:
    source = shared_dir / "real-data" / data
    assert main([str(source), str(tmp_path), "participant", "-q"]) == 0
    table = next(tmp_path.rglob("*desc-agreement_metrics.tsv")).read_text().splitlines()
    columns = table[0].split("\t")
    t = [dict(zip(columns, line.split("\t"), strict=True)) for line in table[1:]]
    r = {row["contrast"]: float(row["pearson_r"]) for row in t if row["map"] == "t"}
    assert set(CONDITIONS) <= set(r)
    assert min(r.values()) > 0.9


@pytest.mark.parametrize("data", [SINGLE, TWO])
@pytest.mark.parametrize(
    ("hrf", "spm"),
    [
        ({"Model": "spm"}, {}),
        ({"Model": "spm + derivative"}, {"SerialCorrelation": "FAST"}),
        ({"Model": "fir", "Parameters": {"Length": 12, "Order": 6}}, {}),
    ],
    ids=["canonical", "derivative and FAST", "FIR"],
)
def test_visual_cortex_answers_without_an_unexplained_warning(
    shared_dir: Path, tmp_path: Path, data: str, hrf: dict, spm: dict
) -> None:
    path, out = tmp_path / "smdl.json", tmp_path / "out"
    tiny.write_json(path, model(hrf, spm))
    assert main([str(shared_dir / "real-data" / data), str(out), "participant", "-m", str(path), "-q"]) == 0
    for backend in ("spm", "nilearn"):
        height, forward = peak(out, backend)
        assert height > 5
        assert forward < OCCIPITAL_SHARE
    summary = json.loads(next(out.rglob("*desc-bidsglm_summary.json")).read_text())
    assert [text for text in summary["warnings"] if not any(part in text for part in EXPLAINED)] == []
    assert summary["attribution"]["closes"]
