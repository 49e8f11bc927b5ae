import json
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm.data import Unit
from bidsglm.dataset.layout import find_units
from bidsglm.errors import (
    BidsglmError,
    DataError,
    NoInputError,
    NothingMatchedError,
    ReadWriteError,
    UsageError,
)
from tests.dataset import bids_tree as tree


def units(
    root: Path, by_session: bool = True, inputs: dict[str, tuple[str, ...]] | None = None, **more: object
):
    mask = more.pop("mask_entities", {})
    return find_units(tree.settings(root, **more), inputs or {}, mask, "01", by_session)  # type: ignore[arg-type]


def prefixes(found: tuple[Unit, ...]) -> list[str]:
    return [unit.prefix for unit in found]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tree.new_data_set(tmp_path)


def test_run_knows_its_files_and_where_they_come_from(root: Path) -> None:
    bold = tree.add_run(
        root, "sub-01_ses-a_task-t_run-01", bold_json={"RepetitionTime": 2.0, "StartTime": 0.9}
    )
    tree.add_run(root, "sub-01_ses-a_task-t_run-02")
    tree.add_run(root, "sub-011_ses-a_task-t_run-01")
    (unit,) = units(root)
    run = unit.runs[0]
    place = "sub-01/ses-a/func/sub-01_ses-a_task-t_run-01"
    assert (unit.prefix, unit.folder) == (f"sub-01_ses-a_task-t_{tree.MNI}", "sub-01/ses-a/func")
    assert unit.run_prefixes == tuple(f"sub-01_ses-a_task-t_run-0{i}_{tree.MNI}" for i in (1, 2))
    assert (run.bold, run.n_scans, run.repetition_time, run.start_time) == (bold, 6, 2.0, 0.9)
    assert run.entities["run"] == "01"
    assert run.sources == {
        "bold": f"bids:fmriprep:{place}_{tree.MNI}_desc-preproc_bold.nii.gz",
        "mask": f"bids:fmriprep:{place}_{tree.MNI}_desc-brain_mask.nii.gz",
        "confounds": f"bids:fmriprep:{place}_desc-confounds_timeseries.tsv",
        "events": f"bids:raw:{place}_events.tsv",
    }


def test_sessions_are_fitted_apart_or_together_as_asked(root: Path) -> None:
    for session in ("a", "b"):
        tree.add_run(root, f"sub-01_ses-{session}_task-t")
    assert prefixes(units(root)) == [f"sub-01_ses-{s}_task-t_{tree.MNI}" for s in ("a", "b")]
    (together,) = units(root, by_session=False)
    assert (together.prefix, together.folder) == (f"sub-01_task-t_{tree.MNI}", "sub-01/func")
    assert together.run_prefixes == tuple(f"sub-01_ses-{s}_task-t_{tree.MNI}" for s in ("a", "b"))


def test_units_differ_in_all_entities_but_run_and_direction(root: Path) -> None:
    for name in ("acq-x_dir-AP_run-1", "acq-x_dir-PA_run-2", "acq-y", "echo-2"):
        tree.add_run(root, f"sub-01_task-t_{name}")
    found = units(root)
    assert prefixes(found) == [f"sub-01_task-t_{part}_{tree.MNI}" for part in ("acq-x", "acq-y", "echo-2")]
    assert found[0].run_prefixes[1] == f"sub-01_task-t_acq-x_dir-PA_run-2_{tree.MNI}"


def test_folders_above_the_data_set_do_not_lend_their_entities(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path / "job_sub-09_ses-zz" / "run-7")
    for run in ("1", "2"):
        tree.add_run(root, f"sub-01_task-t_run-{run}", events=tree.EVENTS + f"{run}\t0\textra\n")
    (unit,) = units(root)
    assert unit.prefix == f"sub-01_task-t_{tree.MNI}"
    assert [run.events.name for run in unit.runs if run.events] == [
        f"sub-01_task-t_run-{run}_events.tsv" for run in ("1", "2")
    ]


def test_derivatives_inside_the_root_are_listed_once(root: Path) -> None:
    tree.add_run(root, "sub-01_task-t")
    (unit,) = units(root, derivatives=(root / "derivatives/fmriprep", root / "derivatives/fmriprep"))
    assert len(unit.runs) == 1


def test_events_are_inherited_but_not_from_more_specific_names(root: Path) -> None:
    tree.add_run(root, "sub-01_task-t", events=None)
    (root / "sub-01/func").mkdir(parents=True)
    (root / "sub-01/func/sub-01_task-t_acq-x_events.tsv").write_text(tree.EVENTS)
    (root / "task-t_events.tsv").write_text(tree.EVENTS)
    assert units(root)[0].runs[0].events == root / "task-t_events.tsv"


def test_run_without_events_is_an_error_that_names_the_file_to_add(root: Path) -> None:
    tree.add_run(root, "sub-01_task-t_run-1")
    tree.add_run(root, "sub-01_task-t_run-2", events=None)
    with pytest.raises(
        DataError, match=r"run-2_.*bold\.nii\.gz: no events.*sub-01_task-t_run-2_events\.tsv is missing"
    ):
        units(root)
    assert len(units(root, run_labels=("1",))[0].runs) == 1


def test_task_without_any_events_is_left_out_unless_asked_for(root: Path) -> None:
    tree.add_run(root, "sub-01_task-faces")
    tree.add_run(root, "sub-01_task-rest", events=None)
    assert prefixes(units(root)) == [f"sub-01_task-faces_{tree.MNI}"]
    with pytest.raises(DataError, match="task-rest_events"):
        units(root, task_labels=("faces", "rest"))


@pytest.mark.parametrize(
    ("spaces", "asked", "chosen"),
    [
        (["space-T1w"], (), ["space-T1w"]),
        (["space-T1w", tree.MNI], (), [tree.MNI]),
        ([""], (), [""]),
        (["", tree.MNI], (), [tree.MNI]),
        (["space-T1w", tree.MNI], ("T1w", "MNI152NLin2009cAsym"), [tree.MNI, "space-T1w"]),
        ([f"{tree.MNI}_res-2", f"{tree.MNI}_res-3"], (), [f"{tree.MNI}_res-2", f"{tree.MNI}_res-3"]),
        ([f"{tree.MNI}_res-2", f"{tree.MNI}_res-3"], ("MNI152NLin2009cAsym:res-3",), [f"{tree.MNI}_res-3"]),
        (
            ["space-MNIInfant_cohort-1", "space-MNIInfant_cohort-2"],
            (),
            [f"space-MNIInfant_cohort-{i}" for i in (1, 2)],
        ),
    ],
)
def test_space_is_the_one_asked_for_else_the_only_one_else_the_standard(
    root: Path, spaces: list[str], asked: tuple[str, ...], chosen: list[str]
) -> None:
    for space in spaces:
        tree.add_run(root, "sub-01_task-t", space=space)
    found = units(root, space=asked)
    assert prefixes(found) == ["_".join(filter(None, ("sub-01_task-t", space))) for space in chosen]
    for unit, space in zip(found, chosen, strict=True):
        mask = unit.runs[0].mask
        assert mask is not None
        assert mask.name == "_".join(filter(None, ("sub-01_task-t", space, "desc-brain_mask.nii.gz")))


def test_several_spaces_without_the_standard_must_be_chosen_from(root: Path) -> None:
    for space in ("space-T1w", ""):
        tree.add_run(root, "sub-01_task-t", space=space)
    with pytest.raises(UsageError, match="files without space, space-T1w; choose with --space"):
        units(root)
    (native,) = units(root, bids_filters={"bold": {"space": None}})
    assert native.prefix == "sub-01_task-t"


def test_filters_of_command_line_file_and_model_all_apply(root: Path) -> None:
    for session in ("a", "b"):
        for run in ("01", "02"):
            tree.add_run(root, f"sub-01_ses-{session}_task-t_run-{run}")
    (unit,) = units(
        root, run_labels=("1",), bids_filters={"bold": {"session": "ses-a"}}, inputs={"task": ("t",)}
    )
    assert unit.run_prefixes == (f"sub-01_ses-a_task-t_run-01_{tree.MNI}",)


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ({"task_labels": ("x",)}, "--task-label x: .* there are task-t"),
        ({"run_labels": ("2",)}, "--run-label 2: .* there are files without run"),
        ({"space": ("T1w",)}, "--space T1w: .* there are space-MNI152NLin2009cAsym"),
        ({"inputs": {"acq": ("x",)}}, r"the model's Input\.acq x: .* there are files without acq"),
        ({"bids_filters": {"bold": {"task": "x"}}}, "--bids-filter-file: .* there are sub-01_task-t"),
    ],
)
def test_filter_that_matches_nothing_says_what_there_is(root: Path, filters: dict, complaint: str) -> None:
    tree.add_run(root, "sub-01_task-t")
    with pytest.raises(NothingMatchedError, match=complaint):
        units(root, **filters)


def test_series_of_another_kind_are_those_that_the_model_names(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    denoised = bold.with_name(bold.name.replace("preproc", "denoised"))
    tree.write_image(denoised)
    for given in ({"inputs": {"desc": ("denoised",)}}, {"bids_filters": {"bold": {"desc": "denoised"}}}):
        (unit,) = units(root, **given)  # type: ignore[arg-type]
        assert unit.runs[0].bold == denoised
    assert units(root)[0].runs[0].bold == bold
    with pytest.raises(
        NoInputError, match=r"no \*_desc-clean_bold.nii.gz of sub-01; there are series with desc-"
    ):
        units(root, inputs={"desc": ("clean",)})


def test_filter_that_names_no_entity_is_a_data_error(root: Path) -> None:
    tree.add_run(root, "sub-01_task-t")
    with pytest.raises(DataError, match="--bids-filter-file: 'sesion' is not a recognized entity"):
        units(root, bids_filters={"bold": {"sesion": "a"}})


def test_mask_of_the_model_is_taken_and_its_absence_an_error(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    grey = bold.with_name(f"sub-01_task-t_{tree.MNI}_desc-grey_mask.nii.gz")
    tree.write_image(grey, n_scans=0)
    assert units(root, mask_entities={"desc": "grey", "suffix": "mask"})[0].runs[0].mask == grey
    with pytest.raises(DataError, match="no mask with desc=white"):
        units(root, mask_entities={"desc": "white"})
    bold.with_name(f"sub-01_task-t_{tree.MNI}_desc-brain_mask.nii.gz").unlink()
    assert units(root)[0].runs[0].mask is None


@pytest.mark.parametrize(("of_bold", "of_mask"), [("_res-2", ""), ("", "_res-2"), ("_res-2", "_res-02")])
def test_mask_whose_name_says_another_resolution_is_taken_on_the_same_grid(
    root: Path, of_bold: str, of_mask: str
) -> None:
    bold = tree.add_run(root, "sub-01_task-t", f"{tree.MNI}{of_bold}")
    made = bold.with_name(f"sub-01_task-t_{tree.MNI}{of_bold}_desc-brain_mask.nii.gz")
    mask = made.rename(bold.with_name(f"sub-01_task-t_{tree.MNI}{of_mask}_desc-brain_mask.nii.gz"))
    entities = {"desc": "brain", "suffix": "mask"}
    assert units(root)[0].runs[0].mask == units(root, mask_entities=entities)[0].runs[0].mask == mask
    tree.write_image(mask, n_scans=0, zoom=2.0)
    (unit,) = units(root)
    assert unit.runs[0].mask is None
    assert f"not taken as its mask: {mask.name}, which lies on another grid" in unit.runs[0].notes[0]
    with pytest.raises(DataError, match=rf"no mask with .* \(but {mask.name}, which lies on another grid\)"):
        units(root, mask_entities=entities)


def test_mask_of_the_same_name_wins_over_one_of_another_resolution(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    tree.write_image(bold.with_name(f"sub-01_task-t_{tree.MNI}_res-2_desc-brain_mask.nii.gz"), n_scans=0)
    assert units(root)[0].runs[0].mask == bold.with_name(f"sub-01_task-t_{tree.MNI}_desc-brain_mask.nii.gz")


@pytest.mark.parametrize(
    ("space", "name", "entities"),
    [
        (tree.MNI, f"{tree.MNI}_label-GM_probseg", {"label": "GM", "suffix": "probseg"}),
        (tree.MNI, f"{tree.MNI}_label-GM_mask", {"label": "GM"}),
        (tree.MNI, f"{tree.MNI}_desc-brain_mask", {"desc": "brain", "suffix": "mask"}),
        ("space-T1w", "label-GM_probseg", {"label": "GM", "suffix": "probseg"}),
    ],
)
def test_mask_that_the_model_names_may_be_one_of_the_anatomy(
    root: Path, space: str, name: str, entities: dict[str, str]
) -> None:
    bold = tree.add_run(root, "sub-01_task-t", space)
    bold.with_name(f"sub-01_task-t_{space}_desc-brain_mask.nii.gz").unlink()
    mask = bold.parent.with_name("anat") / f"sub-01_{name}.nii.gz"
    other = mask.with_name(
        f"sub-01_space-other_{name.rpartition('space-')[2].partition('_')[2] or name}.nii.gz"
    )
    for path in (mask, other):
        tree.write_image(path, n_scans=0)
    assert units(root, mask_entities=entities)[0].runs[0].mask == mask
    assert units(root)[0].runs[0].mask is None
    mask.unlink()
    with pytest.raises(DataError, match=r"no mask with .* in the same space"):
        units(root, mask_entities=entities)


def test_confounds_of_old_fmriprep_are_found(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    old = bold.with_name("sub-01_task-t_desc-confounds_regressors.tsv")
    bold.with_name("sub-01_task-t_desc-confounds_timeseries.tsv").rename(old)
    assert units(root)[0].runs[0].confounds == old


@pytest.mark.parametrize(
    ("derivative", "raw", "header", "expected", "n_notes"),
    [
        ({"RepetitionTime": 2.0}, {"RepetitionTime": 3.0}, 2.0, 2.0, 1),
        ({}, {"RepetitionTime": 1.5}, 1.5, 1.5, 0),
        ({}, {}, 0.8, 0.8, 1),
        ({"RepetitionTime": 2.0}, {}, 1.0, 2.0, 1),
    ],
)
def test_repetition_time_comes_from_derivative_then_raw_json_then_header(
    root: Path, derivative: dict, raw: dict, header: float, expected: float, n_notes: int
) -> None:
    tree.add_run(root, "sub-01_task-t", bold_json=derivative, step=header)
    (root / "task-t_bold.json").write_text(json.dumps(raw))
    run = units(root, allow_trimmed=True)[0].runs[0]
    assert (run.repetition_time, len(run.notes)) == (expected, n_notes)


@pytest.mark.parametrize(
    ("kind", "metadata", "image", "complaint"),
    [
        (DataError, {"RepetitionTime": 2000}, {}, "RepetitionTime 2000 .* no time in s"),
        (DataError, {"RepetitionTime": "2"}, {}, "RepetitionTime '2'"),
        (DataError, {"RepetitionTime": 2.0, "StartTime": 5}, {}, "StartTime 5"),
        (DataError, {}, {"step": 0.0}, "no RepetitionTime"),
        (DataError, {"RepetitionTime": 2.0}, {"n_scans": 0}, "not that of a series"),
        (DataError, {"RepetitionTime": 2.0}, {"n_scans": 1}, "not that of a series"),
    ],
)
def test_impossible_run_is_named(
    root: Path, kind: type[BidsglmError], metadata: dict, image: dict, complaint: str
) -> None:
    bold = tree.add_run(root, "sub-01_task-t", bold_json=metadata, **image)
    with pytest.raises(kind, match=f"{bold.name}: .*{complaint}"):
        units(root)


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ({"size": 4}, "different grids"),
        ({"shift": 0.01}, "affines differ"),
        ({"zoom": 3.0009}, "affines differ"),
        ({"bold_json": {"RepetitionTime": 2.1}, "step": 2.1}, "repetition times"),
    ],
)
def test_runs_that_do_not_fit_together_are_both_named(root: Path, second: dict, complaint: str) -> None:
    tree.add_run(root, "sub-01_task-t_run-1")
    tree.add_run(root, "sub-01_task-t_run-2", **second)
    with pytest.raises(DataError, match=rf"run-1_.*bold\.nii\.gz and .*run-2_.*bold\.nii\.gz: .*{complaint}"):
        units(root)


@pytest.mark.parametrize("content", [b"", b"no image", "first bytes"])
def test_bold_without_a_readable_header_is_named(root: Path, content: bytes | str) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    bold.write_bytes(bold.read_bytes()[:40] if isinstance(content, str) else content)
    with pytest.raises(ReadWriteError, match=bold.name):
        units(root)


def test_unfetched_bold_is_named(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    bold.unlink()
    bold.symlink_to(root / ".git/annex/objects/none")
    with pytest.raises(ReadWriteError, match="datalad get"):
        units(root)


def test_broken_sidecar_is_named_with_its_line(root: Path) -> None:
    bold = tree.add_run(root, "sub-01_task-t")
    sidecar = bold.with_name(bold.name.replace(".nii.gz", ".json"))
    sidecar.write_text('{\n"RepetitionTime": 2,\n}')
    with pytest.raises(DataError, match=f"{sidecar.name}: line 3"):
        units(root)


def test_participant_with_anatomy_only_has_no_input(root: Path) -> None:
    (root / "derivatives/fmriprep/sub-01/anat").mkdir(parents=True)
    with pytest.raises(NoInputError, match="desc-preproc_bold"):
        units(root)


def test_database_follows_the_files(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("database")
    tree.add_run(root, "sub-01_task-t_run-1")
    first = units(root, bids_database_dir=folder)
    stored = {path: path.stat().st_mtime_ns for path in folder.rglob("*.sqlite")}
    assert len(stored) == 2
    assert units(root, bids_database_dir=folder) == first == units(root)
    tree.add_run(root, "sub-01_task-t_run-2")
    assert len(units(root, bids_database_dir=folder)[0].runs) == 2


def test_import_does_not_load_pybids() -> None:
    code = "import sys, bidsglm.dataset.layout; sys.exit('bids' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("name", "n_runs"), [("studyforrest-small", 1), ("studyforrest-small-2runs", 2)])
def test_real_data_without_space_entity_are_found(shared_dir: Path, name: str, n_runs: int) -> None:
    (unit,) = find_units(tree.settings(shared_dir / "real-data" / name), {}, {}, "02", True)
    assert unit.prefix == "sub-02_task-oneback"
    assert len(unit.runs) == n_runs
    assert all(run.mask and run.confounds and run.repetition_time == 2.0 for run in unit.runs)


def test_kind_of_a_file_in_the_models_input_is_no_label(root: Path) -> None:
    tree.add_run(root, "sub-01_task-t")
    kinds = {"suffix": ("bold",), "datatype": ("func",), "extension": (".nii.gz",)}
    assert len(units(root, inputs=kinds)) == 1
    with pytest.raises(
        NothingMatchedError, match=r"Input.suffix T1w: matches no preprocessed run .* suffix-bold"
    ):
        units(root, inputs={"suffix": ("T1w",)})
