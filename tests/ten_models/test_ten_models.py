"""Ten models of the kinds that people write, fitted to the end and checked with numpy and scipy alone.

Effects of the participants are computed again from the designs and the images, the designs' columns from the
events, and the groups' maps from the participants' maps.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bidsglm.cli import main
from tests.ten_models import documents
from tests.ten_models.documents import FACE, HOUSE, Document
from tests.ten_models.numbers import (
    BACKENDS,
    assert_close,
    convolved,
    correlation,
    designs,
    expected_effect,
    group_map,
    maps,
    regression,
    series_convolved,
    summaries,
)
from tests.ten_models.study import N_OUTLIERS, PARTICIPANTS, confounds, events, write_study

pytestmark = pytest.mark.usefixtures("plain_figures")

DESIGN = 1e-5
"""Share of the largest value to which SPM's columns are met."""
ALIKE = 0.99
"""Correlation with nilearn's, whose events, grid and kernel are not SPM's."""
FEW, ALL = ("01", "02", "03"), tuple(PARTICIPANTS)
DIFFERENCE = {FACE: 1.0, HOUSE: -1.0}
Fit = Callable[[Document, Sequence[str]], Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"), ALL, [("", "run-1"), ("", "run-2")])


def fitted(study: Path, root: Path, document: Document, participants: Sequence[str]) -> Path:
    """Both levels of a model; returns the folder of the results."""
    path, out = root / "model.json", root / "out"
    path.write_text(json.dumps(document))
    words = [str(study), str(out), "-q", "--participant-label", *participants]
    at_level = lambda level: [*words[:2], level, *words[2:], "--model", str(path)]  # noqa: E731
    assert main([*at_level("participant"), "--no-attribution"]) == 0
    assert main(at_level("group")) == 0
    return out


@pytest.fixture
def fit(study: Path, tmp_path: Path) -> Fit:
    return lambda document, participants: fitted(study, tmp_path, document, participants)


def check_effects(
    study: Path, out: Path, contrasts: Mapping[str, Mapping[str, float]], participants: Sequence[str]
) -> None:
    """Compare each participant's effects with least squares on the design."""
    for backend in BACKENDS:
        for label, weights in contrasts.items():
            found = maps(out, label, "effect", backend)
            assert sorted(found) == sorted(participants)
            for participant in participants:
                of_runs = designs(out, participant, backend)
                assert_close(found[participant], expected_effect(study, of_runs, backend, weights))


def check_mean(
    out: Path, label: str, entities: str = "", participants: Sequence[str] = FEW, node: str = ""
) -> None:
    """Compare the group's t with that of scipy on the participants' effects.

    One of several Dataset nodes is an entity behind the contrast's.
    """
    session = entities if entities.startswith("ses-") else ""
    for backend in BACKENDS:
        effects = maps(out, label, "effect", backend, session)
        stack = np.array([effects[participant] for participant in participants])
        expected = stats.ttest_1samp(stack, 0.0).statistic
        assert_close(group_map(out, label + node, "t", backend, entities), expected)


def check_column(out: Path, name: str, expected: Callable[[int], np.ndarray]) -> None:
    """Compare a column of the first participant's designs with one made of the events."""
    for backend in BACKENDS:
        for index, design in enumerate(designs(out, "01", backend).values()):
            if backend == "spm":
                assert_close(design[name], expected(10 + index), DESIGN)
            else:
                assert correlation(design[name], expected(10 + index)) > ALIKE


def heights(seed: int, **wanted: object) -> list[float]:
    """1 for events whose fields have these values."""
    return [float(all(getattr(e, k) == v for k, v in wanted.items())) for e in events(seed)]


def test_cosines_in_x_are_the_only_filter(fit: Fit, study: Path) -> None:
    out = fit(documents.cosines_in_x(), FEW)
    for backend in BACKENDS:
        (first, _) = designs(out, "01", backend).values()
        assert [name for name in first if "cosine" in name or "drift" in name] == ["cosine00", "cosine01"]
    assert any("cosine" in note for note in summaries(out)[0]["warnings"])
    check_column(out, FACE, lambda seed: convolved(events(seed), heights(seed, trial_type="face")))
    check_effects(study, out, {"faceMinusHouse": DIFFERENCE}, FEW)
    check_mean(out, "faceMinusHouse")


def test_each_session_has_a_group_of_its_own(tmp_path: Path) -> None:
    study = write_study(tmp_path, FEW, [("ses-1", ""), ("ses-2", "")])
    out = fitted(study, tmp_path, documents.two_sessions(), FEW)
    for backend in BACKENDS:
        for session in ("ses-1", "ses-2"):
            found = maps(out, "faceMinusHouse", "effect", backend, session)
            for participant in FEW:
                of_runs = designs(out, participant, backend)
                own = {run: design for run, design in of_runs.items() if session in run}
                assert len(own) == 1
                assert_close(found[participant], expected_effect(study, own, backend, DIFFERENCE))
    for session in ("ses-1", "ses-2"):
        check_mean(out, "faceMinusHouse", session)


def test_each_site_has_a_group_of_its_own_and_age_one_of_all(fit: Fit, study: Path) -> None:
    out = fit(documents.participants_column(), ALL)
    check_effects(study, out, {"faceMinusHouse": DIFFERENCE}, ALL)
    for site in ("north", "south"):
        there = [label for label, (_, where, _) in PARTICIPANTS.items() if where == site]
        check_mean(out, "faceMinusHouse", f"site-{site}", there, "_node-sites")
    ages = np.array([age for _, _, age in PARTICIPANTS.values()], dtype=float)
    for backend in BACKENDS:
        effects = maps(out, "faceMinusHouse", "effect", backend)
        stack = np.array([effects[label] for label in ALL])
        slopes = [stats.linregress(ages, voxel) for voxel in stack.T]
        expected = np.array([found.slope / found.stderr for found in slopes])
        assert_close(group_map(out, "faceMinusHouse_node-ages_groupcontrast-age", "t", backend), expected)


def test_weights_over_contrasts_are_exact(fit: Fit, study: Path) -> None:
    out = fit(documents.contrast_of_contrasts(), FEW)
    check_effects(study, out, {"preference": {FACE: 2.0, HOUSE: -0.5}}, FEW)
    check_mean(out, "preference")


def test_f_of_three_cohorts_is_that_of_least_squares(fit: Fit, study: Path) -> None:
    out = fit(documents.f_at_group(), ALL)
    check_effects(study, out, {"faceMinusHouse": DIFFERENCE}, ALL)
    cohorts = [cohort for cohort, _, _ in PARTICIPANTS.values()]
    design = np.array([[cohort == name for name in ("young", "middle", "old")] for cohort in cohorts], float)
    rows = np.array([[1.0, -1, 0], [0, 1, -1]])
    for backend in BACKENDS:
        effects = maps(out, "faceMinusHouse", "effect", backend)
        f, p = regression(np.array([effects[label] for label in ALL]), design, rows)
        assert_close(group_map(out, "faceMinusHouse_groupcontrast-cohorts", "F", backend), f)
        assert_close(group_map(out, "faceMinusHouse_groupcontrast-cohorts", "p", backend), p)
    of_scipy = stats.f_oneway(
        *(np.array([effects[label] for label in ALL])[design[:, i] > 0] for i in range(3))
    )
    assert_close(f, of_scipy.statistic)


def test_series_is_convolved_like_events(fit: Fit, study: Path) -> None:
    out = fit(documents.dense_convolution(), FEW)
    for backend in BACKENDS:
        for index, design in enumerate(designs(out, "01", backend).values()):
            raw = confounds(10 + index, 0)["csf"]
            expected = series_convolved(raw - raw.mean())
            # what was before the first scan is anybody's guess: the kernel has passed it after 32 s
            assert correlation(expected[16:], design["csf"][16:]) > ALIKE
            assert abs(correlation(raw[16:], design["csf"][16:])) < ALIKE - 0.1, "it went in as it is"
    check_effects(study, out, {"faceMinusHouse": DIFFERENCE, "fluid": {"csf": 1.0}}, FEW)
    check_mean(out, "fluid")


def test_integers_are_levels_by_their_names(fit: Fit, study: Path) -> None:
    out = fit(documents.factor_of_integers(), FEW)
    for level in (0, 1):
        check_column(
            out,
            f"correct.{level}",
            lambda seed, level=level: convolved(events(seed), heights(seed, correct=level)),
        )
    check_effects(study, out, {"rightMinusWrong": {"correct.1": 1.0, "correct.0": -1.0}}, FEW)
    check_mean(out, "rightMinusWrong")


def test_modulator_is_the_centred_value_of_each_event(fit: Fit, study: Path) -> None:
    out = fit(documents.modulation(), FEW)

    def expected(seed: int) -> np.ndarray:
        faces = [e for e in events(seed) if e.trial_type == "face"]
        times = np.array([e.rt for e in faces])
        return convolved(faces, list(times - times.mean()))

    name = f"{FACE}_x_slower^1"
    for index, design in enumerate(designs(out, "01", "spm").values()):
        main_effect, column = design[FACE], expected(10 + index)
        # SPM makes the modulator orthogonal to the main effect, a little more than centring does
        column -= main_effect * (main_effect @ column) / (main_effect @ main_effect)
        assert_close(design[name], column, DESIGN)
    check_effects(study, out, {"slower": {name: 1.0}, "faceMinusHouse": DIFFERENCE}, FEW)
    check_mean(out, "slower")


def test_bidspms_dialect_is_understood(fit: Fit, study: Path) -> None:
    out = fit(documents.bidspm_dialect(), FEW)
    effects = {"faceGtHouse": DIFFERENCE, "face": {FACE: 1.0}, "house": {HOUSE: 1.0}}
    check_effects(study, out, effects, FEW)
    assert any("bidspm" in note for note in summaries(out)[0]["warnings"])
    for label in effects:
        check_mean(out, label)


def test_scans_that_moved_have_a_column_each_and_no_say(fit: Fit, study: Path) -> None:
    out = fit(documents.scrubbing(), FEW)
    numbers = {
        run: sum(name.startswith("motion_outlier") for name in design)
        for participant in FEW
        for run, design in designs(out, participant, "spm").items()
    }
    seeds = [10 * int(participant) + run for participant in FEW for run in (0, 1)]
    assert list(numbers.values()) == [N_OUTLIERS[seed % len(N_OUTLIERS)] for seed in seeds]
    assert {0, 2} <= set(numbers.values())
    check_effects(study, out, {"faceMinusHouse": DIFFERENCE}, FEW)
    check_mean(out, "faceMinusHouse")
