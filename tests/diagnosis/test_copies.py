"""What columns that add nothing do to nilearn's t is said as a factor that is nilearn's own."""

from dataclasses import replace

import numpy as np
import pytest
from nilearn.glm.contrasts import compute_contrast
from nilearn.glm.first_level import run_glm

from bidsglm.backends import BACKENDS
from bidsglm.data import Condition, Paradigm
from bidsglm.diagnosis.advice import RunReview
from bidsglm.diagnosis.findings import findings
from bidsglm.diagnosis.rank_checks import surplus
from bidsglm.model import ModelSpecification
from bidsglm.packages import DEFAULT_PACKAGES

N_SCANS, TR = 70, 2.2
MODEL = ModelSpecification("m", ("trial_type.go",), high_pass=float("inf"))


def with_confounds(columns: np.ndarray) -> RunReview:
    onsets = np.arange(6.0, 140, 22)
    go = Condition("go", onsets, np.full(onsets.shape, 8.0))
    names = tuple(f"c{i}" for i in range(columns.shape[1]))
    paradigm = Paradigm(TR, N_SCANS, None, (go,), names, columns)
    designs = {name: BACKENDS[name].designs([paradigm], MODEL)[0] for name in DEFAULT_PACKAGES}
    return RunReview("run-1", paradigm, designs)


def nilearn_t(review: RunReview) -> float:
    Y = np.random.default_rng(2).standard_normal((N_SCANS, 1))
    X = review.designs["nilearn"].matrix
    labels, results = run_glm(Y, X, "ols")
    return float(compute_contrast(labels, results, np.eye(X.shape[1])[0], "t").stat()[0])


@pytest.mark.parametrize("extra", ["copies", "constant", "zero"])
def test_factor_is_that_of_nilearns_own_t(extra: str) -> None:
    spikes = np.eye(N_SCANS)[:, :7]
    more = {"copies": spikes, "constant": np.full((N_SCANS, 1), 3.0), "zero": np.zeros((N_SCANS, 2))}[extra]
    plain, full = with_confounds(spikes), with_confounds(np.hstack([spikes, more]))
    assert surplus(plain).factor == 1
    np.testing.assert_allclose(nilearn_t(full) / nilearn_t(plain), surplus(full).factor, rtol=1e-9)


def test_finding_on_a_copy_says_what_it_costs_and_where() -> None:
    spikes = np.eye(N_SCANS)[:, :7]
    found = findings([with_confounds(np.hstack([spikes, spikes]))], MODEL)
    texts = [finding.text for finding in found if finding.code == "dependent-columns"]
    assert len(texts) == 7
    # 16 columns of rank 9: sqrt(54 / 61)
    assert all(
        "all its t values are 0.941 times" in text and "SPM's t do not change" in text for text in texts
    )


def test_spm_alone_is_not_told_of_nilearn() -> None:
    spikes = np.eye(N_SCANS)[:, :2]
    review = with_confounds(np.hstack([spikes, spikes]))
    review = replace(review, designs={"spm": review.designs["spm"]})
    (first, *_) = [f for f in findings([review], MODEL) if f.code == "dependent-columns"]
    assert "nilearn" not in first.text
