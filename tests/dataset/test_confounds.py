from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Run
from bidsglm.dataset.confounds import censored_scans, read_confounds
from bidsglm.errors import DataError
from bidsglm.model import MOTION_PARAMETERS

TABLE = (
    "trans_y\ttrans_x\ttrans_x_derivative1\tcosine00\tcsf\tzero\tnon_steady_state_outlier00\n"
    "1\t-1e-3\tn/a\t1\tn/a\t0\t1\n"
    "2\t0.5\t0.7\t0\t3\t0\t0\n"
    "3\t0.25\t-1\t-1\tinf\t0\t0\n"
)
REAL = (
    ("v20.1.0", "sub-104_task-trust_run-1_desc-confounds_regressors"),
    ("v20.1.0", "sub-105_task-trust_run-1_desc-confounds_regressors"),
    ("v23.1.2", "sub-wlsubj044_ses-nyu3t01_task-prf_acq-PA_run-01_desc-confounds_timeseries"),
    ("v23.2.0", "sub-uu_ses-2_task-agency_run-4_desc-confounds_timeseries"),
    ("v23.2.0", "sub-01_ses-1_task-motor_run-1_desc-confounds_timeseries"),
)


def run_with(path: Path | None, n_scans: int = 3) -> Run:
    return Run({}, Path("sub-01_bold.nii.gz"), None, path, None, n_scans, 2.0, None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = tmp_path / "confounds.tsv"
    path.write_text(TABLE)
    return run_with(path)


def test_columns_come_in_the_order_of_the_model_with_outliers_added(run: Run) -> None:
    found = read_confounds(run, ("trans_y", "trans_*", "trans_x"))
    assert found.names == ("trans_y", "trans_x", "trans_x_derivative1", "non_steady_state_outlier00")
    expected = [[1, -1e-3, 0, 1], [2, 0.5, 0.7, 0], [3, 0.25, -1, 0]]
    np.testing.assert_array_equal(found.values, expected)


def test_replaced_and_constant_values_are_reported(run: Run) -> None:
    notes = read_confounds(run, ("trans_x_derivative1", "zero")).notes
    assert notes == (
        "confounds.tsv: n/a before the first value was set to 0 in trans_x_derivative1",
        "confounds.tsv: the same value in all scans in zero",
    )


@pytest.mark.parametrize(
    ("patterns", "complaint"),
    [
        (("trans_z",), r"confounds\.tsv: no confound trans_z; did you mean 'trans_"),
        (("csf",), r"confounds\.tsv: line 2: csf is n/a"),
        (("cosine*",), r"confounds\.tsv: cosine00 together with the model's high-pass filter of 128 s"),
    ],
)
def test_unusable_request_names_file_and_column(run: Run, patterns: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_confounds(run, patterns, high_pass=128.0)


def test_cosines_are_welcome_without_a_filter(run: Run) -> None:
    assert read_confounds(run, ("cosine*",)).names[0] == "cosine00"


def test_infinite_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.tsv"
    path.write_text("csf\n1\n2\ninf\n")
    with pytest.raises(DataError, match="line 4: csf is inf"):
        read_confounds(run_with(path), ("csf",))


def test_number_of_rows_must_be_that_of_scans(run: Run) -> None:
    with pytest.raises(DataError, match=r"confounds\.tsv: 3 rows for the 5 scans of sub-01_bold\.nii\.gz"):
        read_confounds(run_with(run.confounds, 5), ("trans_x",))


def test_wrong_name_may_have_meant_a_condition(run: Run) -> None:
    with pytest.raises(DataError, match=r"did you mean 'trial_type\.go'"):
        read_confounds(run, ("go",), conditions=("trial_type.go",))


def test_run_without_table_has_what_a_glob_takes(tmp_path: Path) -> None:
    assert read_confounds(run_with(None), ("trans_*",)).values.shape == (3, 0)
    with pytest.raises(DataError, match=r"sub-01_bold\.nii\.gz: no desc-confounds_timeseries\.tsv"):
        read_confounds(run_with(None), ("trans_x",))


@pytest.mark.parametrize(("version", "name"), REAL)
def test_tables_of_many_fmriprep_versions_are_read(shared_dir: Path, version: str, name: str) -> None:
    path = shared_dir / f"real-data/confounds/{version}/{name}.tsv"
    n_scans = len(path.read_text().splitlines()) - 1
    patterns = (*MOTION_PARAMETERS, "*_derivative1", "framewise_displacement", "std_dvars", "a_comp_cor_0*")
    found = read_confounds(run_with(path, n_scans), patterns, high_pass=128.0)
    assert found.values.shape == (n_scans, len(found.names))
    assert np.isfinite(found.values).all()
    assert any("set to 0" in note for note in found.notes)
    outliers = [n for n in path.read_text().splitlines()[0].split("\t") if n.startswith("non_steady_state")]
    assert set(outliers) <= set(found.names)


def test_automatic_column_that_repeats_one_of_the_model_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    columns = ("motion_outlier07", "non_steady_state_outlier00", "non_steady_state_outlier01")
    path.write_text("\t".join(columns) + "\n1\t1\t0\n0\t0\t1\n0\t0\t0\n0\t0\t0\n")
    found = read_confounds(run_with(path, 4), ("motion_outlier*",))
    assert found.names == ("motion_outlier07", "non_steady_state_outlier01")
    assert found.notes == (
        "confounds.tsv: non_steady_state_outlier00 repeats a column of the model and was not added again",
    )


def test_column_that_the_model_asks_for_stays_even_if_it_is_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text("motion_outlier07\tnon_steady_state_outlier00\n1\t1\n0\t0\n0\t0\n")
    assert len(read_confounds(run_with(path), ("*outlier*",)).names) == 2


def test_automatic_column_whose_volumes_were_cut_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text("trans_x\tnon_steady_state_outlier00\n1\t0\n2\t0\n3\t0\n")
    assert read_confounds(run_with(path), ("trans_x",)).names == ("trans_x",)


def test_scans_are_censored_by_columns_and_globs(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text("fd\tout00\tout01\n" + "n/a\t0\t0\n" + "0.5\t1\t0\n" + "0\t0\t0\n" + "0.1\t0\t1\n")
    run = run_with(path, 4)
    assert censored_scans(run, ()) == ()
    assert censored_scans(run, ("out*",)) == (1, 3)
    assert censored_scans(run, ("out00", "none*")) == (1,)
    assert censored_scans(run, ("fd",)) == (1, 3)
    with pytest.raises(
        DataError, match=r"no confound out02 to censor by; did you mean 'out01'\?; there are fd, out"
    ):
        censored_scans(run, ("out02",))
    with pytest.raises(DataError, match=r"no confound out02 to censor by; there are none; correct the model"):
        censored_scans(run_with(None), ("out02",))
