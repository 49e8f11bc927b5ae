"""The demo data set is valid, repeatable, and holds the activation that it says it holds."""

import filecmp
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main
from bidsglm.dataset.atlas import read_atlas
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.tables import paradigms
from bidsglm.demo import command as demo_module
from bidsglm.demo import phantom
from bidsglm.demo.command import run_demo
from bidsglm.demo.data_set import BLOCK, Demo, Recording, write_demo
from bidsglm.errors import CannotCreateError, UsageError
from bidsglm.model import MOTION_PARAMETERS, Floats
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import read_model

SHORT = Recording(n_runs=1, n_scans=40)
STEM = "sub-01/func/sub-01_task-tapping_run-1"
SPACE = "_space-MNI152NLin2009cAsym"
EFFECT_TOLERANCE = 0.35
"""Per cent; about three standard errors of the mean over some 10 voxels in one run of 220 s."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One participant as everybody gets it."""
    return write_demo(tmp_path_factory.mktemp("full") / "demo", participants=1)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One participant of one short run."""
    return write_demo(tmp_path_factory.mktemp("short") / "demo", 1, SHORT)


def series(demo: Demo, run: int = 1) -> Floats:
    path = demo.derivatives / f"sub-01/func/sub-01_task-tapping_run-{run}{SPACE}_desc-preproc_bold.nii.gz"
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def confounds(demo: Demo) -> pd.DataFrame:
    return pd.read_csv(demo.derivatives / f"{STEM}_desc-confounds_timeseries.tsv", sep="\t")


def percent_effect(demo: Demo) -> Floats:
    """Ordinary least squares by hand, in per cent of the voxel's mean: (x, y, z)."""
    data = series(demo)
    events = pd.read_csv(demo.bids_dir / f"{STEM}_events.tsv", sep="\t")
    onsets = events.onset[events.trial_type == "movement"].to_numpy(dtype=float)
    n_scans = data.shape[-1]
    task = phantom.response(onsets, BLOCK, 2.0 * np.arange(n_scans) + 1)
    table = confounds(demo)
    nuisance = table[[c for c in table if c in MOTION_PARAMETERS or c.startswith("cosine")]].to_numpy()
    X = np.column_stack([task, nuisance, np.ones(n_scans)])
    estimates = np.linalg.lstsq(X, data.reshape(-1, n_scans).T, rcond=None)[0]
    return (100 * estimates[0] / np.maximum(data.reshape(-1, n_scans).mean(axis=1), 1)).reshape(phantom.SHAPE)


def test_same_seed_gives_same_bytes(short: Demo, tmp_path: Path) -> None:
    again = write_demo(tmp_path, 1, SHORT)
    files = sorted(p.relative_to(short.bids_dir) for p in short.bids_dir.rglob("*") if p.is_file())
    same, different, missing = filecmp.cmpfiles(
        short.bids_dir, again.bids_dir, map(str, files), shallow=False
    )
    assert len(same) == len(files) >= 20
    assert (different, missing) == ([], [])


def test_participant_does_not_depend_on_the_others(short: Demo, tmp_path: Path) -> None:
    together = write_demo(tmp_path, 2, SHORT, n_procs=2)
    np.testing.assert_array_equal(series(short), series(together))
    assert (together.derivatives / "sub-02").is_dir()


def test_other_seed_gives_other_data(short: Demo, tmp_path: Path) -> None:
    other = write_demo(tmp_path, 1, SHORT._replace(seed=1))
    assert np.mean(series(short) == series(other)) < 0.5


@pytest.mark.parametrize("site", phantom.SITES[:3], ids=lambda site: site.name)
def test_least_squares_recovers_the_activation(full: Demo, site: phantom.Site) -> None:
    truth = nib.load(full.truth / "sub-01_desc-movement_truth.nii.gz").get_fdata()
    near = np.linalg.norm(np.moveaxis(phantom.positions(), 0, -1) - site.centre, axis=-1) < 6
    assert near.sum() >= 8
    assert np.sign(truth[near].mean()) == np.sign(site.size)
    np.testing.assert_allclose(percent_effect(full)[near].mean(), truth[near].mean(), atol=EFFECT_TOLERANCE)


def test_atlas_names_the_places_that_answer_and_one_that_does_not(full: Demo) -> None:
    atlas = read_atlas(full.atlas)
    assert atlas.names[:-1] == tuple(site.name for site in phantom.SITES)
    assert atlas.space == "MNI152NLin2009cAsym"
    truth = nib.load(full.truth / "sub-01_desc-movement_truth.nii.gz").get_fdata()
    means = [truth[atlas.places == place].mean() for place in range(1, len(atlas.names) + 1)]
    assert [np.sign(mean) for mean in means[:-1]] == [np.sign(site.size) for site in phantom.SITES]
    assert abs(means[-1]) < 0.05
    assert all(abs(mean) > 0.2 for mean in means[:-1])


def test_largest_effect_stands_in_right_motor_cortex(full: Demo) -> None:
    reliable = phantom.head().brain & (phantom.head().csf < 0.2)
    effect = np.where(reliable, percent_effect(full), -np.inf)
    peak = phantom.positions()[(slice(None), *np.unravel_index(effect.argmax(), effect.shape))]
    assert np.linalg.norm(peak - phantom.SITES[0].centre) < 2 * phantom.SITES[0].width


def test_differences_are_missing_in_the_first_row_only(full: Demo) -> None:
    text = (full.derivatives / f"{STEM}_desc-confounds_timeseries.tsv").read_text().splitlines()
    header, first, rest = text[0].split("\t"), text[1].split("\t"), "\n".join(text[2:])
    missing = {name for name, value in zip(header, first, strict=True) if value == "n/a"}
    changes = {name for name in header if "derivative1" in name}
    assert missing == changes | {"dvars", "framewise_displacement"}
    assert "n/a" not in rest
    assert set(MOTION_PARAMETERS) <= set(header)
    assert [name for name in header if name.startswith("cosine")] == ["cosine00", "cosine01", "cosine02"]


def test_confounds_are_measured_on_the_stored_scans(full: Demo) -> None:
    expected = series(full)[phantom.head().brain].mean(axis=0)
    np.testing.assert_allclose(confounds(full)["global_signal"], expected, rtol=1e-6)  # float32 scans


def test_motion_shows_in_the_voxels(full: Demo) -> None:
    nods = confounds(full)["trans_z"].to_numpy()
    data = series(full)[phantom.head().brain]
    data = data - data.mean(axis=1, keepdims=True)
    r = data @ (nods - nods.mean()) / (np.linalg.norm(data, axis=1) * np.linalg.norm(nods - nods.mean()))
    assert np.mean(np.abs(r) > 0.4) > 0.02


def test_autocorrelation_differs_between_tissues(full: Demo) -> None:
    data = np.diff(series(full), axis=-1)
    lag = (data[..., 1:] * data[..., :-1]).sum(axis=-1) / (data**2).sum(axis=-1)
    head = phantom.head()
    assert lag[head.grey > 0.9].mean() > lag[head.white > 0.9].mean() + 0.05


def test_events_fill_the_run(full: Demo) -> None:
    events = pd.read_csv(full.bids_dir / f"{STEM}_events.tsv", sep="\t")
    assert set(events.trial_type) == {"movement", "rest"}
    assert events.duration.sum() == 2.0 * series(full).shape[-1]


def test_sidecar_has_the_slice_time_reference(full: Demo) -> None:
    sidecar = json.loads((full.derivatives / f"{STEM}{SPACE}_desc-preproc_bold.json").read_text())
    assert (sidecar["RepetitionTime"], sidecar["StartTime"]) == (2.0, 1.0)


def test_scans_have_a_header_slope_and_fit_in_16_bits(full: Demo) -> None:
    image = nib.load(full.derivatives / f"{STEM}{SPACE}_desc-preproc_bold.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert image.dataobj.slope not in (0, 1)
    assert image.header["pixdim"][4] == 2.0
    np.testing.assert_array_equal(image.affine, phantom.AFFINE)


def validator_errors(folder: Path) -> list[dict[str, object]]:
    program = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    assert program is not None, "bids-validator-deno is missing; install the extra: pip install -e .[test]"
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"bids-validator-deno does not run on this platform: {error}")
    result = subprocess.run(
        [program, "--format", "json", str(folder)], capture_output=True, text=True, check=False
    )
    issues = json.loads(result.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"]


def test_both_trees_are_valid_bids(full: Demo) -> None:
    assert validator_errors(full.bids_dir) == []
    assert validator_errors(full.derivatives) == []


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(CannotCreateError, match="not empty"):
        write_demo(tmp_path, 1, SHORT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotCreateError) as caught:
        write_demo(tmp_path / "file" / "demo", 1, SHORT)
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_earlier_demo_is_written_over(tmp_path: Path) -> None:
    write_demo(tmp_path, 1, SHORT)
    demo = write_demo(tmp_path, 1, SHORT._replace(n_scans=30))
    assert series(demo).shape[-1] == 30


def test_demo_without_a_folder_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        demo_module.main([], main)


def run_with_codes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, codes: Sequence[int]
) -> tuple[int, list[list[str]]]:
    """Run the demo on a data set in miniature, with analyses that only return these exit codes."""
    calls: list[list[str]] = []

    def analyse(words: Sequence[str]) -> int:
        calls.append(list(words))
        results = Path(words[1])
        results.mkdir(parents=True, exist_ok=True)
        (results / "sub-01.html").touch()
        return codes[len(calls) - 1]

    monkeypatch.setattr(demo_module, "write_demo", lambda root, **options: write_demo(root, 1, SHORT))
    return run_demo(folder, analyse, ["--overwrite"]), calls


def test_demo_runs_both_levels_and_prints_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, calls = run_with_codes(tmp_path, monkeypatch, (0, 0, 0, 0))
    assert code == 0
    assert [words[2] for words in calls] == ["participant", "participant", "group", "participant"]
    assert all("--overwrite" in words for words in calls)
    assert calls[1][-4:] == ["--participant-label", "01", "--calibrate", "5"]
    assert str(tmp_path / "derivatives" / "bidsglm" / "sub-01.html") in capsys.readouterr().out


def test_demo_stops_at_the_first_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, calls = run_with_codes(tmp_path, monkeypatch, (0, 0, 65))
    assert (code, len(calls)) == (65, 3)


def test_what_is_written_is_told_before_it_is_even_through_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(arrived))
    seen: list[str] = []
    monkeypatch.setattr(demo_module, "write_demo", lambda *_, **__: seen.append(arrived.getvalue().decode()))
    assert run_demo(tmp_path, lambda _: 65) == 65
    assert seen == [f"Writing the demo data set to {tmp_path}\n"]


def test_unknown_option_is_found_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run_demo(tmp_path / "demo", main, ["--nonsense"])
    assert not (tmp_path / "demo").exists()


def test_command_line_hands_the_demo_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "run_demo", lambda folder, analyse, rest: 0 if rest == ["-v"] else 1)
    assert main(["demo", str(tmp_path), "-v"]) == 0


@pytest.mark.parametrize(
    ("model", "contrasts"),
    [
        ("movement", ["movement", "head motion"]),
        ("overparameterised", ["movement", "rest", "movement - rest"]),
    ],
)
def test_both_models_fit_the_data_set(full: Demo, model: str, contrasts: list[str]) -> None:
    settings = Settings(full.bids_dir, full.bids_dir / "derivatives" / "bidsglm", "participant")
    path = {"movement": full.model, "overparameterised": full.overparameterised_model}[model]
    specification = read_model(path, settings)
    assert [contrast.name for contrast in specification.contrasts] == contrasts
    (unit,) = find_units(
        settings, specification.inputs, specification.mask_entities, "01", specification.by_session
    )
    assert (len(unit.runs), unit.runs[0].start_time) == (2, 1.0)
    assert [run.n_scans for run in paradigms(unit, specification).paradigms] == [110, 110]
