"""What is as large as a limit says is taken, and what is larger is refused by name."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.data import Condition, Modulator, Paradigm, Run
from bidsglm.dataset import atlas, atlas_labels, design_size, masks, nifti, runs, tsv
from bidsglm.dataset.group_design import DesignRow
from bidsglm.dataset.group_variances import variance_model
from bidsglm.dataset.tsv import numbers, read_tsv
from bidsglm.errors import DataError
from bidsglm.model import Hrf, ModelSpecification

SHAPE = (4, 3, 2)
MODEL = ModelSpecification("m", ("trial_type.*",))


def write(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


@pytest.mark.parametrize(("name", "limit"), [("LARGEST_GRID", 24), ("LONGEST_SERIES", 5)])
def test_images_have_as_many_voxels_and_volumes_as_a_head_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    path = write(tmp_path / "a.nii", np.zeros((*SHAPE, 5), np.int16))
    monkeypatch.setattr(nifti, name, limit)
    assert nifti.read_header(path).n_volumes == 5
    monkeypatch.setattr(nifti, name, limit - 1)
    with pytest.raises(DataError, match="its header says 4 x 3 x 2 x 5, more voxels or volumes than"):
        nifti.read_header(path)


def test_masks_of_another_grid_are_of_moderate_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bold = write(tmp_path / "bold.nii", np.zeros((*SHAPE, 2), np.int16))
    grid = masks.grid_of(nifti.read_header(bold))
    same = write(tmp_path / "same.nii", np.ones(SHAPE, np.uint8))
    fine = write(tmp_path / "fine.nii", np.ones((8, 3, 2), np.uint8), np.diag([0.5, 1, 1, 1]))
    monkeypatch.setattr(masks, "LARGEST_OTHER", 48)
    for path in (same, fine):
        masks._mask_header(path, grid)
    monkeypatch.setattr(masks, "LARGEST_OTHER", 47)
    with pytest.raises(
        DataError, match="its header says 8 x 3 x 2 voxels, another grid than the images' 4 x"
    ):
        masks._mask_header(fine, grid)
    monkeypatch.setattr(masks, "LARGEST_OTHER", 0)
    masks._mask_header(same, grid)


def test_an_atlas_has_up_to_so_many_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.nii", np.arange(24, dtype=np.int16).reshape(SHAPE))
    monkeypatch.setattr(atlas, "MOST_REGIONS", 24)
    assert atlas.read_atlas(path).indices == tuple(range(1, 24))
    monkeypatch.setattr(atlas, "MOST_REGIONS", 23)
    again = write(tmp_path / "b.nii", np.arange(24, dtype=np.int16).reshape(SHAPE))
    with pytest.raises(DataError, match="holds more than 23 different numbers"):
        atlas.read_atlas(again)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (atlas.LARGEST_INDEX, ""),
        (2.0 * atlas.LARGEST_INDEX, "holds values beyond"),
        (2.5, "holds 2.5, which numbers no region"),
        (-1.0, "holds -1; regions are numbered from 1"),
    ],
)
def test_regions_are_numbered_by_whole_numbers(tmp_path: Path, value: float, fault: str) -> None:
    path = write(tmp_path / "a.nii", np.full(SHAPE, value, np.float64))
    if fault:
        with pytest.raises(DataError, match=fault):
            atlas.read_atlas(path)
    else:
        assert atlas.read_atlas(path).indices == (int(value),)


@pytest.mark.parametrize(
    ("text", "names", "fault"),
    [
        ("1 left\n2 right side\n", {1: "left", 2: "right"}, ""),
        ("# two\n\n1\tleft side\n0\tnone\n", {1: "left side"}, ""),
        ("index\tname\n5\tn/a\n", {5: "5"}, ""),
        (f"1 {'x' * atlas_labels.LONGEST_NAME}\n", {1: "x" * atlas_labels.LONGEST_NAME}, ""),
        (f"1 {'x' * (atlas_labels.LONGEST_NAME + 1)}\n", {}, "line 1: the name of region 1 is longer than"),
        ("1 a\n2\n", {}, "line 2: a number and a name are needed"),
        ("1 a\n2 b\n1 c\n", {}, "line 3: index 1 stands in line 1 already"),
        ("index\tname\n1.5\ta\n", {}, "line 2: index is 1.5; give the region's whole number"),
        ("index\tname\n\ta\n", {}, "line 2: index is nothing"),
    ],
)
def test_names_of_regions(tmp_path: Path, text: str, names: dict[int, str], fault: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text)
    if fault:
        with pytest.raises(DataError, match=fault):
            atlas_labels.read_labels(path)
    else:
        assert atlas_labels.read_labels(path) == names


def test_a_table_has_up_to_so_many_cells_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n1\t2\n3\t4\n")
    for name, limit, fault in (
        ("MOST_CELLS", 6, "has more than 5 cells"),
        ("MOST_COLUMNS", 2, "has 2 columns"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(tsv, name, limit)
            assert read_tsv(path).columns == {"a": ("1", "3"), "b": ("2", "4")}
            patch.setattr(tsv, name, limit - 1)
            with pytest.raises(DataError, match=fault):
                read_tsv(path)


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("a\tb\n1\n\n3\t4\t\n", {"a": ("1", "3"), "b": ("", "4")}, (2, 4)),
        ("a\ta\t\t\n1\t1\t2\t3\n", {"a": ("1",)}, (2,)),
        ('"a"\t b \n"1"\t""\n', {"a": ("1",), "b": ("",)}, (2,)),
    ],
)
def test_cells_stand_under_their_names(
    tmp_path: Path, text: str, columns: dict[str, tuple[str, ...]], lines: tuple[int, ...]
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text)
    assert (read_tsv(path).columns, read_tsv(path).lines) == (columns, lines)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\n \n", "empty; it needs a line with the names"),
        ("a\tb\n1\t2\t3\n", "line 2: 3 cells under 2 column names"),
        ('a\tb\n1\t"2\n', "line 2: a quotation mark opens before '2' and does not close"),
        ("\na\tb\ta\n1\t2\t3\n", "line 2: two columns are called a; rename or remove one"),
        ('a\n"\n', "line 2: a quotation mark opens before '' and does not close"),
    ],
)
def test_a_table_that_is_none_says_where(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=fault):
        read_tsv(path)


def test_numbers_of_some_rows_are_finite(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"x\n1e-3\n\n\tq\nn/a\n{tsv.LARGEST_NUMBER}\n-2\n".replace("\tq", "1_0"))
    table = read_tsv(path)
    assert numbers(table, "x", [0, 4], "mend it").tolist() == [0.001, -2.0]
    for row, line, cell in ((1, 4, "1_0"), (2, 5, "n/a"), (3, 6, str(tsv.LARGEST_NUMBER))):
        with pytest.raises(DataError) as error:
            numbers(table, "x", [0, row], "mend it")
        assert str(error.value) == f"{path}: line {line}: x is {cell}; mend it"


def listed(n_events: int, *conditions: str, n_scans: int = 10) -> Any:
    run = Run({}, Path("bold.nii"), Path("events.tsv"), None, None, n_scans, 2.0, None)
    events = SimpleNamespace(lines=range(n_events), path=Path("events.tsv"))
    return SimpleNamespace(run=run, events=events, conditions=dict.fromkeys(conditions))


def test_events_times_conditions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_size, "MOST_EVENTS", 10)
    monkeypatch.setattr(design_size, "MOST_COMPARISONS", 12)
    check = design_size.check_conditions
    for n_events, names in ((10, ["a"]), (6, ["a", "b"]), (4, ["a", "b", "c", "unknown"])):
        check([listed(2, "a"), listed(n_events, "a", "b", "c")], names, MODEL)
    for n_events, names in ((11, ["a"]), (7, ["a", "b"])):
        with pytest.raises(DataError, match=rf"events\.tsv: {n_events} events of {len(names)} conditions"):
            check([listed(2, "a"), listed(n_events, "a", "b", "c")], names, MODEL)


@pytest.mark.parametrize(("n_scans", "most"), [(10, 500), (50, 500), (51, 510), (400, 4000), (600, 5000)])
def test_a_run_has_up_to_so_many_regressors_of_conditions(n_scans: int, most: int) -> None:
    names = [f"c{i}" for i in range(most + 1)]
    design_size.check_conditions([listed(1, *names[:most], n_scans=n_scans)], names, MODEL)
    with pytest.raises(
        DataError, match=f"makes {most + 1} regressors .* more than the {most} that {n_scans}"
    ):
        design_size.check_conditions([listed(1, *names, n_scans=n_scans)], names, MODEL)


def test_modulators_make_as_many_regressors_as_their_orders_and_functions() -> None:
    def paradigm(order: int) -> Paradigm:
        level = Modulator("rt", np.ones(1), order)
        go = Condition("go", np.zeros(1), np.ones(1), (level,), time_modulation=1)
        return Paradigm(2.0, 10, None, (go,), (), np.zeros((10, 0)))

    twice = ModelSpecification("m", ("trial_type.go",), hrf=Hrf("spm", derivative=True))
    run = listed(1).run
    design_size.check_modulated(run, paradigm(248), twice)
    with pytest.raises(DataError, match="makes 502 regressors of its conditions, more than the 500 that 10"):
        design_size.check_modulated(run, paradigm(249), twice)


@pytest.mark.parametrize(
    ("step", "unit", "seconds"),
    [
        (runs.LONGEST_REPETITION_TIME, "sec", runs.LONGEST_REPETITION_TIME),
        (runs.LONGEST_REPETITION_TIME + 1, "sec", None),
        (runs.SHORTEST_REPETITION_TIME, "sec", runs.SHORTEST_REPETITION_TIME),
        (runs.SHORTEST_REPETITION_TIME / 2, "sec", None),
        (2e6, "usec", 2.0),
        (runs.LONGEST_REPETITION_TIME, "unknown", runs.LONGEST_REPETITION_TIME),
        (2500.0, "unknown", 2.5),
    ],
)
def test_repetition_times_of_headers_are_plausible(step: float, unit: str, seconds: float | None) -> None:
    assert runs.header_repetition_time(step, unit) == seconds


@pytest.mark.parametrize(
    ("asked", "marks", "labels", "because"),
    [
        ("equal", {"a": [1, 1, 0, 0], "b": [0, 0, 1, 1]}, "1234", "the model says so"),
        (None, {"a": [1, 1, 0, 0], "b": [0, 0, 1, 1]}, "1234", ""),
        ("unequal", {"a": [1, 1, 0, 0], "b": [0, 0, 1, 1]}, "1134", "several maps are of one participant"),
        (None, {}, "1234", "there are no groups"),
        (None, {"a": [1, 1, 1, 0], "b": [0, 0, 0, 1]}, "1234", "b is one participant"),
        (None, {"a": [1, 1, 1, 0]}, "1234", "others is one participant"),
    ],
)
def test_why_variances_are_equal(
    asked: str | None, marks: dict[str, list[int]], labels: str, because: str
) -> None:
    found = variance_model(
        asked,
        {name: np.array(mark, dtype=float) for name, mark in marks.items()},
        [DesignRow(one) for one in labels],
    )
    if because == "there are no groups":
        assert found.equal_because
        assert len(found.groups) == 1
    else:
        assert found.equal_because.startswith(because)
        assert bool(found.equal_because) == bool(because)
    assert found.is_asked is (asked is not None)
