"""Data sets whose preprocessed series are not where or what they should be."""

import json
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.dataset.instead import elsewhere, found_instead, participant_folders
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.roots import dataset_links, find_participants
from bidsglm.errors import BidsglmError, NoInputError, UsageError
from tests.dataset import bids_tree as tree


def fmriprep(root: Path, name: str, participant: str = "01") -> Path:
    """Another output folder of fMRIPrep, with a run of its own."""
    first = root / "derivatives/fmriprep"
    kept = first.with_name("kept")
    if first.exists():
        first.rename(kept)
    tree.describe(first, GeneratedBy=[{"Name": "fMRIPrep"}])
    tree.add_run(root, f"sub-{participant}_task-t")
    made = first.rename(root / "derivatives" / name)
    if kept.exists():
        kept.rename(first)
    return made


def taken(root: Path, **more: object) -> list[Path]:
    """Folders of preprocessed data that are used."""
    return [path for name, path in dataset_links(tree.settings(root, **more)).items() if name != "raw"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree.describe(tmp_path)
    (tmp_path / "derivatives").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "names", [("fmriprep-20.2.7", "fmriprep-23.1.3"), ("fmriprep", "fmriprep_old"), ("a", "b")]
)
def test_two_versions_of_fmriprep_are_refused_with_both_names_or_the_given_one_is_taken(
    root: Path, names: tuple[str, str]
) -> None:
    first, second = (fmriprep(root, name) for name in names)
    with pytest.raises(
        UsageError, match=rf"{names[0]} and {names[1]} hold preprocessed data; .*--derivatives"
    ):
        taken(root)
    assert taken(root, derivatives=(second,)) == [second]
    with pytest.raises(UsageError, match="--derivatives"):
        taken(root, derivatives=(root / "derivatives",))
    assert taken(root, derivatives=(first,)) == [first]


def test_a_link_to_the_newest_version_is_no_second_version(root: Path) -> None:
    made = fmriprep(root, "fmriprep-23.1.3")
    link = root / "derivatives/fmriprep"
    link.symlink_to(made.name)
    assert taken(root) == [link]


def test_series_of_another_program_are_no_version_of_fmriprep(root: Path) -> None:
    own = fmriprep(root, "fmriprep")
    other = fmriprep(root, "smoothed")
    tree.describe(other, GeneratedBy=[{"Name": "mine"}])
    (root / "derivatives/fmriprep-logs").mkdir()
    assert taken(root) == [own]


@pytest.mark.parametrize(
    "given", [None, "derivatives", "derivatives/fmriprep", "derivatives/fmriprep/fmriprep"]
)
def test_legacy_layout_of_fmriprep_is_found(root: Path, given: str | None) -> None:
    made = fmriprep(root, "made")
    outer = root / "derivatives/fmriprep"
    (outer / "freesurfer/sub-01/surf").mkdir(parents=True)
    inner = made.rename(outer / "fmriprep")
    assert taken(root, **({} if given is None else {"derivatives": (root / given,)})) == [inner]
    assert find_participants(tree.settings(root)) == ("01",)


def test_preprocessed_data_right_below_derivatives_are_found(root: Path) -> None:
    fmriprep(root, "fmriprep")
    for path in (root / "derivatives/fmriprep").iterdir():
        path.rename(root / "derivatives" / path.name)
    (root / "derivatives/fmriprep").rmdir()
    assert taken(root) == [root / "derivatives"]


def test_folder_whose_name_is_no_label_is_no_participant(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = fmriprep(root, "fmriprep")
    for name in ("sub-01_old", "sub-02-bad"):
        (made / name / "func").mkdir(parents=True)
        (root / name / "func").mkdir(parents=True)
    assert [path.name for path in participant_folders(made)] == ["sub-01"]
    assert find_participants(tree.settings(root)) == ("01",)
    assert "sub-01_old, sub-02-bad: no participant" in caplog.text


FUNC = "sub-01_task-t_space-X"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["sub-01_task-t_space-fsLR_den-91k_bold.dtseries.nii"],
            r"CIFTI .*--output-spaces MNI152NLin2009cAsym",
        ),
        (["sub-01_task-t_hemi-L_space-fsaverage5_bold.func.gii"], r"surfaces .*--output-spaces"),
        (["sub-01_task-t_desc-coreg_boldref.nii.gz"], "run fMRIPrep with --level full"),
        (["sub-01_task-t_from-boldref_to-T1w_mode-image_desc-coreg_xfm.txt"], "--level full"),
        (
            [f"{FUNC}_desc-denoised_bold.nii.gz"],
            r'--bids-filter-file with \{"bold": \{"desc": "denoised"\}\}',
        ),
        ([f"{FUNC}_desc-optcom_bold.nii.gz", f"{FUNC}_desc-optcomDenoised_bold.nii.gz"], '"optcomDenoised"'),
        ([f"{FUNC}_bold.nii.gz"], '"desc": null'),
        (["sub-01_task-t_bold_space-MNI152NLin2009cAsym_preproc.nii.gz"], "before 1.2"),
        (["sub-01_task-t_bold.nii.gz"], "raw series"),
        ([], "run fMRIPrep on it"),
    ],
)
def test_what_stands_in_place_of_preprocessed_series_is_named_with_its_option(
    root: Path, files: list[str], said: str
) -> None:
    made = fmriprep(root, "fmriprep")
    for path in (made / "sub-01/func").glob("*"):
        path.unlink()
    for name in files:
        (made / "sub-01/func" / name).write_text("")
    with pytest.raises(NoInputError, match=rf"no \*_desc-preproc_bold.*{said}") as caught:
        find_units(tree.settings(root), {}, {}, "01", True)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("label", ["denoised", "optcom", "smoothed"])
def test_the_option_that_is_named_takes_the_series(root: Path, label: str) -> None:
    made = fmriprep(root, "fmriprep")
    (bold,) = made.rglob("*_desc-preproc_bold.nii.gz")
    other = bold.rename(bold.with_name(bold.name.replace("preproc", label)))
    said = found_instead([made / "sub-01"])
    filters = json.loads(said[said.index("{") :])
    (unit,) = find_units(tree.settings(root, bids_filters=filters), {}, {}, "01", True)
    assert unit.runs[0].bold == other


def test_folder_of_another_program_alone_is_named_with_both_options(root: Path) -> None:
    made = fmriprep(root, "xcp_d")
    tree.describe(made, GeneratedBy=[{"Name": "xcp_d"}])
    (bold,) = made.rglob("*_desc-preproc_bold.nii.gz")
    bold.rename(bold.with_name(bold.name.replace("preproc", "denoised")))
    with pytest.raises(NoInputError, match=r'desc-denoised: .*"denoised".* and --derivatives .*/xcp_d$'):
        taken(root)


@pytest.mark.parametrize("given", ["x", "x/fmriprep/sub-01", "x/fmriprep/sub-01/func", "x/freesurfer"])
def test_folder_above_below_or_beside_the_right_one_leads_to_it(root: Path, given: str) -> None:
    fmriprep(root, "made").rename(root / "x")
    for path in (root / "x").iterdir():
        (root / "x/fmriprep").mkdir(exist_ok=True)
        path.rename(root / "x/fmriprep" / path.name)
    (root / "x/freesurfer").mkdir()
    assert f"{root / 'x/fmriprep'}" in elsewhere(root / given)


@pytest.mark.parametrize("given", [".", "derivatives/fmriprep/sub-01", "derivatives/empty"])
def test_wrong_folder_given_as_derivatives_is_answered_by_the_right_one(root: Path, given: str) -> None:
    made = fmriprep(root, "fmriprep")
    (root / "derivatives/empty").mkdir()
    settings = tree.settings(root, derivatives=(root / given,))
    with pytest.raises(BidsglmError, match=f"{made}.* --derivatives"):
        find_units(settings, {}, {}, find_participants(settings)[0], True)


def test_single_echoes_beside_their_combination_are_fitted_only_when_asked_for(root: Path) -> None:
    fmriprep(root, "fmriprep")
    for echo in ("1", "2"):
        tree.add_run(root, f"sub-01_task-t_echo-{echo}", events=None)
    (unit,) = find_units(tree.settings(root), {}, {}, "01", True)
    assert unit.prefix == f"sub-01_task-t_{tree.MNI}"
    for asked in ({"bids_filters": {"bold": {"echo": "2"}}}, {"inputs": {"echo": ("2",)}}):
        inputs = asked.pop("inputs", {})
        (single,) = find_units(tree.settings(root, **asked), inputs, {}, "01", True)
        assert single.prefix == f"sub-01_task-t_echo-2_{tree.MNI}"
        assert single.runs[0].events


def test_echoes_without_their_combination_must_be_chosen_from(root: Path) -> None:
    tree.describe(root / "derivatives/fmriprep", GeneratedBy=[{"Name": "fMRIPrep"}])
    for echo in ("1", "2", "3"):
        tree.add_run(root, f"sub-01_task-t_echo-{echo}")
    with pytest.raises(NoInputError, match=r'echo-1, echo-2, echo-3.*"echo": "1"'):
        find_units(tree.settings(root), {}, {}, "01", True)


POINTER = "/annex/objects/MD5E-s21--0123456789abcdef.nii.gz\n"


@pytest.mark.parametrize("how", ["link", "pointer"])
@pytest.mark.parametrize(
    "name",
    [
        f"{tree.MNI}_desc-preproc_bold.nii.gz",
        f"{tree.MNI}_desc-brain_mask.nii.gz",
        f"{tree.MNI}_desc-preproc_bold.json",
        "desc-confounds_timeseries.tsv",
        "events.tsv",
    ],
)
def test_content_that_was_not_fetched_is_said_of_every_kind_of_file(root: Path, name: str, how: str) -> None:
    fmriprep(root, "fmriprep")
    (path,) = (p for p in root.rglob(f"*_{name}") if not p.is_dir())
    path.unlink()
    if how == "link":
        path.symlink_to(root / ".git/annex/objects/aa/bb")
    else:
        path.write_text(POINTER)
    with pytest.raises(BidsglmError, match=rf"{path}: its content is not here.*datalad get") as caught:
        find_units(tree.settings(root), {}, {}, "01", True)
    assert caught.value.exit_code == 74


@pytest.mark.parametrize(
    ("spaces", "asked", "said"),
    [
        (["space-T1w"], "MNI152NLin6Asym", "there are space-T1w; omit --space"),
        ([""], "func", "files without space.*omit --space"),
        (["", "space-T1w"], "func", r'"space": null'),
        (["space-T1w", tree.MNI], "MNI152NLin6Asym", "omit --space for MNI152NLin2009cAsym"),
        ([f"{tree.MNI}_res-2"], "MNI152NLin2009cAsym:res-1", "space-MNI152NLin2009cAsym:res-2; omit"),
    ],
)
def test_space_that_is_not_there_says_when_to_omit_it(
    root: Path, spaces: list[str], asked: str, said: str
) -> None:
    tree.describe(root / "derivatives/fmriprep", GeneratedBy=[{"Name": "fMRIPrep"}])
    for space in spaces:
        tree.add_run(root, "sub-01_task-t", space=space)
    with pytest.raises(BidsglmError, match=said):
        find_units(tree.settings(root, space=(asked,)), {}, {}, "01", True)


def test_dry_run_says_which_folders_it_took_and_what_was_not_fetched(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = fmriprep(root, "prep-23")
    command = [str(root), str(root / "out"), "participant", "--dry-run", "--skip-bids-validation", "-q"]
    command += ["--confounds", "trans_x"]
    main(command)
    assert f"preprocessed data: {made}\n" in capsys.readouterr().out
    (mask,) = made.rglob("*_mask.nii.gz")
    mask.unlink()
    mask.symlink_to(root / ".git/annex/objects/aa")
    assert main(command) == 74
    assert f"{mask}: its content is not here" in capsys.readouterr().err
    assert not (root / "out").exists()


def test_phase_images_beside_magnitudes_are_fitted_only_when_asked_for(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree.describe(root / "derivatives/fmriprep", GeneratedBy=[{"Name": "fMRIPrep"}])
    for part in ("mag", "phase"):
        tree.add_run(root, f"sub-01_task-t_part-{part}")
    (unit,) = find_units(tree.settings(root), {}, {}, "01", True)
    assert [run.bold.name for run in unit.runs] == [
        f"sub-01_task-t_part-mag_{tree.MNI}_desc-preproc_bold.nii.gz"
    ]
    assert "not magnitudes and left out: sub-01_task-t_part-phase" in caplog.text
    asked = tree.settings(root, bids_filters={"bold": {"part": "phase"}})
    assert "part-phase" in find_units(asked, {}, {}, "01", True)[0].prefix


def test_phase_images_alone_are_no_series_to_fit(root: Path) -> None:
    tree.describe(root / "derivatives/fmriprep", GeneratedBy=[{"Name": "fMRIPrep"}])
    tree.add_run(root, "sub-01_task-t_part-phase")
    with pytest.raises(NoInputError, match=r"sub-01_task-t_part-phase.*preprocess that"):
        find_units(tree.settings(root), {}, {}, "01", True)
