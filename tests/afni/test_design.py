import numpy as np
import pytest
from numpy.polynomial import legendre
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.afni.baseline import automatic_degree, demeaned, legendre_columns, run_blocks
from bidsglm.afni.design import Baseline, JointColumn, Stimulus, joint_design
from bidsglm.afni.regressors import EventTrain
from bidsglm.afni.responses import response
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.afni.timeline import RUN_GAP, Timeline
from bidsglm.data import RunConfounds

RUNS = Timeline(2.0, (40, 30))
GO = Stimulus("go", response("SPMG2"), (EventTrain(np.array([4.0, 30.0])), EventTrain(np.array([9.0]))))
STOP = Stimulus("stop", response("GAM"), (EventTrain(np.array([14.0])), EventTrain(np.empty(0))))


def motion(*names):
    rng = np.random.default_rng(5)
    return tuple(RunConfounds(names, 3 + rng.standard_normal((n, len(names)))) for n in RUNS.n_scans)


# the baseline


@pytest.mark.parametrize(
    ("TR", "n_scans", "degree"),
    [
        (2.0, (74,), 1),
        (2.0, (75,), 2),
        (2.0, (30, 150, 75), 3),
        (0.1, (1500,), 2),
        (0.72, (1250,), 7),
        (1.0, (2,), 1),
    ],
)
def test_automatic_degree_goes_by_the_longest_run(TR, n_scans, degree):
    assert automatic_degree(Timeline(TR, n_scans)) == degree


def test_polynomials_are_legendre_s_without_their_mean():
    X = legendre_columns(120, 4)
    x = np.linspace(-1, 1, 120)
    assert_allclose(X[:, 1:].sum(axis=0), 0, atol=1e-11)
    assert_array_equal(X[:, 0], 1)
    for degree in range(1, 5):
        column = legendre.legval(x, np.eye(5)[degree])
        assert_allclose(X[:, degree], column - column.mean(), atol=1e-12)


def test_no_polynomials_are_no_columns():
    assert legendre_columns(9, -1).shape == (9, 0)


def test_polynomials_need_more_scans_than_their_degree():
    legendre_columns(4, 3)
    with pytest.raises(ValueError, match="degree 4 need more than 4 scans"):
        legendre_columns(4, 4)


def test_blocks_keep_to_their_run():
    X = run_blocks([np.ones((3, 2)), np.empty((2, 0)), np.full((4, 1), 2.0)])
    assert X.shape == (9, 3)
    assert X[:3, :2].all()
    assert X[5:, 2].all()
    assert np.count_nonzero(X) == 10


def test_motion_is_centred_run_by_run():
    values = [run.values for run in motion("x", "y")]
    apart, one = demeaned(values), demeaned(values, per_run=False)
    assert apart.shape == (70, 4)
    assert one.shape == (70, 2)
    for rows in RUNS.slices:
        assert_allclose(apart[rows].mean(axis=0), 0, atol=1e-12)
        assert_allclose(one[rows].mean(axis=0), 0, atol=1e-12)
    assert_array_equal(apart[:, :2] + apart[:, 2:], one)


# the timeline


def test_times_keep_gaps_and_set_runs_apart():
    kept = (np.array([True, False, False, True]), np.array([False, True]))
    assert Timeline(1.0, (4, 2), kept).times.tolist() == [0, 3, RUN_GAP + 5]


@pytest.mark.parametrize(
    ("TR", "n_scans", "kept"),
    [
        (0.0, (9,), None),
        (float("nan"), (9,), None),
        (2.0, (), None),
        (2.0, (9, 1), None),
        (2.0, (9,), (np.ones(8, dtype=bool),)),
    ],
)
def test_runs_that_are_none_are_refused(TR, n_scans, kept):
    with pytest.raises(ValueError, match=r"repetition time|two or more scans|one value for each scan"):
        Timeline(TR, n_scans, kept)


# the whole design


def test_columns_are_baseline_then_stimuli_then_confounds():
    found = joint_design([GO, STOP], Baseline(1, motion("x", "y")), RUNS)
    assert [column.label for column in found.columns] == [
        "Run#1Pol#0", "Run#1Pol#1", "Run#2Pol#0", "Run#2Pol#1",
        "go#0", "go#1", "stop#0", "x_01#0", "y_01#0", "x_02#0", "y_02#0",
    ]  # fmt: skip
    assert found.matrix.shape == (70, 11)
    assert found.places("go") == (4, 5)
    assert found.places("x") == ()
    assert {column.run for column in found.columns[4:7]} == {None}


def test_one_set_of_confounds_goes_through_all_runs():
    found = joint_design([GO], Baseline(0, motion("x", "y"), confounds_per_run=False), RUNS)
    assert [column.label for column in found.columns[-2:]] == ["x#0", "y#0"]
    assert found.matrix[:40, -1].any()
    assert found.matrix[40:, -1].any()


def test_one_set_of_confounds_may_be_that_of_one_run():
    alone = Timeline(2.0, (40,))
    stop = STOP._replace(trains=STOP.trains[:1])
    found = joint_design([stop], Baseline(0, motion("x")[:1], confounds_per_run=False), alone)
    assert [column.label for column in found.columns] == ["Run#1Pol#0", "stop#0", "x#0"]


def test_censored_scans_are_cut_from_the_columns_of_the_whole_run():
    kept = (np.arange(40) % 7 != 0, np.arange(30) != 29)
    whole = joint_design([GO, STOP], Baseline(None, motion("x")), RUNS)
    cut = joint_design([GO, STOP], Baseline(None, motion("x")), Timeline(2.0, (40, 30), kept))
    assert_array_equal(cut.matrix, whole.matrix[np.concatenate(kept)])
    assert_array_equal(cut.times, whole.times[np.concatenate(kept)])
    assert cut.columns == whole.columns


def test_confounds_that_do_not_fit_are_refused():
    short = (RunConfounds(("x",), np.ones((39, 1))), RunConfounds(("x",), np.ones((30, 1))))
    with pytest.raises(ValueError, match="one row for each scan"):
        joint_design([GO], Baseline(0, short), RUNS)
    first, second = motion("x")
    with pytest.raises(ValueError, match="same names in every run"):
        joint_design([GO], Baseline(0, (first, second._replace(names=("y",))), confounds_per_run=False), RUNS)


# scaling


def test_mean_of_every_scaled_voxel_is_a_hundred():
    x = np.random.default_rng(6).uniform(900, 1100, (50, 30))
    scaled = percent_of_mean(x)
    assert scaled.dtype == np.float32
    assert_allclose(scaled.mean(axis=0, dtype=np.float64), 100, rtol=1e-6)


def test_limit_is_twice_the_mean_and_nothing_is_negative():
    x = np.ones((50, 3))
    x[0] = [5.0, -1.0, np.nan]
    scaled = percent_of_mean(x)
    assert scaled[:, 0].max() == 200
    assert scaled[0, 1] == 0
    assert not scaled[:, 2].any()


def test_voxel_of_negative_mean_is_zero():
    assert not percent_of_mean(np.array([[-5.0], [1.0], [1.0]])).any()


def test_whole_numbers_are_scaled_as_their_values():
    x = np.random.default_rng(7).integers(1, 30_000, (20, 5)).astype(np.int16)
    assert_array_equal(percent_of_mean(x), percent_of_mean(x.astype(np.float64)))


@pytest.mark.parametrize(
    ("column", "label"),
    [
        (JointColumn("baseline", "", 3, 1), "Run#2Pol#3"),
        (JointColumn("baseline", ""), "Run#1Pol#0"),
        (JointColumn("stimulus", "go", 2), "go#2"),
        (JointColumn("confound", "x", 0, 0), "x_01#0"),
        (JointColumn("confound", "x", 0, 11), "x_12#0"),
        (JointColumn("confound", "x"), "x#0"),
    ],
)
def test_labels_count_runs_from_one_and_functions_from_zero(column, label):
    assert column.label == label


def test_confounds_have_columns_of_every_run_unless_it_is_said():
    per_run = joint_design([GO], Baseline(0, motion("x")), RUNS)
    assert [column.label for column in per_run.columns[-2:]] == ["x_01#0", "x_02#0"]
    values = [run.values for run in motion("x")]
    assert_array_equal(demeaned(values), demeaned(values, True))


def test_a_design_without_stimuli_or_polynomials_is_what_is_left():
    assert joint_design([], Baseline(-1, motion("x")), RUNS).matrix.shape == (70, 2)
    assert [c.label for c in joint_design([], Baseline(0), RUNS).columns] == ["Run#1Pol#0", "Run#2Pol#0"]
    found = joint_design([GO], Baseline(1), RUNS)
    assert [c.number for c in found.columns if c.kind == "baseline"] == [0, 1, 0, 1]


def test_slices_and_starts_are_those_of_the_runs():
    runs = Timeline(1.5, (4, 2, 3))
    assert runs.n_rows == 9
    assert runs.starts == (0, 4, 6)
    assert [list(range(9))[rows] for rows in runs.slices] == [[0, 1, 2, 3], [4, 5], [6, 7, 8]]
    assert runs.kept_rows.tolist() == [True] * 9
    assert runs.times.tolist() == [0, 1, 2, 3, 10_004, 10_005, 20_006, 20_007, 20_008]


def test_runs_of_two_scans_are_runs():
    assert Timeline(0.001, (2, 2)).n_rows == 4
    with pytest.raises(ValueError, match="a repetition time of -1 s is not positive"):
        Timeline(-1.0, (9,))
    with pytest.raises(ValueError, match="a repetition time of inf s is not positive"):
        Timeline(np.inf, (9,))


def test_columns_of_one_run_of_polynomials_need_a_run_of_two_scans():
    assert_allclose(legendre_columns(2, 1), [[1, -1], [1, 1]])
    assert legendre_columns(1, -1).shape == (1, 0)


def test_a_hundred_per_cent_is_the_mean_of_all_scans_in_single_precision():
    x = np.array([[1.0, 2.0, 0.0, 3.0], [2.0, 2.0, 1.0, -3.0], [9.0, 2.0, 0.5, 0.0]])
    # 9 is 225 % of its mean of 4, 1 is 200 % of 0.5
    assert_allclose(percent_of_mean(x), [[25, 100, 0, 0], [50, 100, 200, 0], [200, 100, 100, 0]], rtol=1e-6)
