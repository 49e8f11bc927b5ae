import gc
import gzip
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm import participant
from bidsglm.cli import main
from bidsglm.unit.fit import Fitted
from tests import tiny

NO_INPUT = 66
P = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("study"), runs=("run-1", "run-2"))


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    out = study.parent / "out"
    assert main([str(study), str(out), "participant", "-q"]) == 0
    assert main([str(study), str(out), "group", "-q"]) == 0
    return out


def func(out: Path, name: str) -> Path:
    return out / "sub-01" / "func" / name


def values(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_all_files_of_the_contract_are_there(results: Path) -> None:
    names = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    expected = {
        "dataset_description.json",
        ".bidsignore",
        "README.md",
        "bidsglm.toml",
        f"model-{tiny.TASK}_smdl.json",
    }
    expected |= {"sub-01.html", "sub-02.html", "group.html"}
    for backend in ("spm", "nilearn"):
        expected.add(f"sub-01/func/{P}_desc-{backend}_mask.nii.gz")
        expected.add(f"sub-01/func/{P}_stat-resms_desc-{backend}_statmap.nii.gz")
        for run in ("run-1", "run-2"):
            r = P.replace("_space", f"_{run}_space")
            expected.add(f"sub-01/func/{r}_desc-{backend}_design.tsv")
            expected.add(f"sub-01/func/{r}_stat-beta_desc-{backend}_statmap.nii.gz")
        for stat in ("effect", "variance", "t", "z", "p"):
            expected.add(f"sub-01/func/{P}_contrast-move_stat-{stat}_desc-{backend}_statmap.nii.gz")
            expected.add(f"sub-01/func/{P}_contrast-lookMinusMove_stat-{stat}_desc-{backend}_statmap.json")
    expected |= {
        f"sub-01/func/{P}_contrast-look_stat-{stat}_desc-difference_statmap.nii.gz"
        for stat in ("effect", "t")
    }
    expected |= {
        f"sub-01/func/{P}_desc-agreement_metrics.tsv",
        f"sub-01/func/{P}_desc-agreement_metrics.json",
    }
    expected.add(f"group/task-{tiny.TASK}_space-{tiny.SPACE}_desc-agreement_metrics.tsv")
    assert expected <= names


def test_maps_follow_the_conventions_outside_the_mask(results: Path) -> None:
    mask = values(func(results, f"{P}_desc-spm_mask.nii.gz")) > 0
    for stat, outside in (("effect", np.nan), ("variance", np.nan), ("t", 0), ("z", 0), ("p", 1)):
        path = func(results, f"{P}_contrast-move_stat-{stat}_desc-spm_statmap.nii.gz")
        image = values(path)
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image[~mask], outside)
        assert np.isfinite(image[mask]).all()
        assert path.read_bytes()[4:8] == bytes(4), "gzip carries a time"


def test_difference_is_spm_minus_nilearn(results: Path) -> None:
    t = {
        d: values(func(results, f"{P}_contrast-move_stat-t_desc-{d}_statmap.nii.gz"))
        for d in ("spm", "nilearn", "difference")
    }
    both = values(func(results, f"{P}_desc-spm_mask.nii.gz")) > 0
    np.testing.assert_allclose(t["difference"][both], (t["spm"] - t["nilearn"])[both], atol=1e-5)


def test_response_is_found_where_it_is(results: Path) -> None:
    for backend in ("spm", "nilearn"):
        t = values(func(results, f"{P}_contrast-move_stat-t_desc-{backend}_statmap.nii.gz"))
        peak = np.unravel_index(np.argmax(t), t.shape)
        assert all(2 <= i < 5 for i in peak)


@pytest.mark.parametrize("backend", ["spm", "nilearn"])
def test_cluster_table_lists_the_peak_of_the_map(results: Path, backend: str) -> None:
    table = func(results, f"{P}_contrast-move_desc-{backend}_clusters.tsv").read_text().splitlines()
    cells = dict(zip(table[0].split("\t"), table[1].split("\t"), strict=True))
    t = values(func(results, f"{P}_contrast-move_stat-t_desc-{backend}_statmap.nii.gz"))
    np.testing.assert_allclose(float(cells["stat"]), t.max(), rtol=1e-6)
    place = [float(cells[f"{axis}_mm"]) for axis in "xyz"]
    peak = np.unravel_index(np.argmax(t), t.shape)
    np.testing.assert_allclose(place, tiny.AFFINE[:3] @ (*peak, 1))
    described = json.loads(func(results, f"{P}_contrast-move_desc-{backend}_clusters.json").read_text())
    assert set(cells) <= set(described)
    summary = json.loads(func(results, f"{P}_desc-bidsglm_summary.json").read_text())
    thresholds = {c["label"]: c["thresholds"] for c in summary["contrasts"]}["move"][backend]
    assert thresholds == described["Thresholds"]
    assert (cells["survives_fwe05"] == "true") == (t.max() > thresholds["fwe05"])
    assert f"contrast-move_desc-{backend}_clusters.tsv" in (results / "sub-01.html").read_text()


def test_voxels_above_each_packages_familywise_threshold_are_compared(results: Path) -> None:
    lines = func(results, f"{P}_desc-agreement_metrics.tsv").read_text().splitlines()
    header, *rows = [line.split("\t") for line in lines]
    row = next(dict(zip(header, row, strict=True)) for row in rows if row[:2] == ["move", "t"])
    for backend in ("spm", "nilearn"):
        sidecar = json.loads(func(results, f"{P}_contrast-move_desc-{backend}_clusters.json").read_text())
        t = values(func(results, f"{P}_contrast-move_stat-t_desc-{backend}_statmap.nii.gz"))
        above = np.count_nonzero(t > sidecar["Thresholds"]["fwe05"])
        assert 0 < above == int(row[f"n_{backend}_fwe05"])
    assert 0 < float(row["dice_fwe05"]) <= 1


def test_sidecar_tells_where_a_map_comes_from(results: Path) -> None:
    sidecar = json.loads(
        func(results, f"{P}_contrast-lookMinusMove_stat-t_desc-spm_statmap.json").read_text()
    )
    assert sidecar["ContrastName"] == "look - move"
    assert sidecar["ContrastWeights"] == [1.0, -1.0]
    assert sidecar["SpatialReference"] == tiny.SPACE
    assert sidecar["DegreesOfFreedom"] > 50
    assert all(source.startswith("bids:") for source in sidecar["Sources"])


def test_effect_and_variance_make_t(results: Path) -> None:
    effect, variance, t = (
        values(func(results, f"{P}_contrast-move_stat-{s}_desc-nilearn_statmap.nii.gz")).astype(float)
        for s in ("effect", "variance", "t")
    )
    inside = np.isfinite(effect)
    np.testing.assert_allclose(t[inside], (effect / np.sqrt(variance))[inside], rtol=1e-5)


def test_design_columns_are_the_betas_volumes(results: Path) -> None:
    for backend in ("spm", "nilearn"):
        r = P.replace("_space", "_run-2_space")
        header = func(results, f"{r}_desc-{backend}_design.tsv").read_text().splitlines()[0].split("\t")
        assert header[:2] == ["trial_type.look", "trial_type.move"]
        assert header[-1] == "constant"
        assert values(func(results, f"{r}_stat-beta_desc-{backend}_statmap.nii.gz")).shape[3] == len(header)


def test_finished_participants_are_skipped_and_fitted_again_when_asked(
    study: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = func(results, f"{P}_contrast-move_stat-t_desc-spm_statmap.nii.gz")
    before = path.stat().st_mtime_ns
    assert main([str(study), str(results), "participant", "--participant-label", "sub-01"]) == 0
    assert "already there" in capsys.readouterr().err
    assert path.stat().st_mtime_ns == before
    assert (
        main([str(study), str(results), "participant", "--participant-label", "01", "--overwrite", "-q"]) == 0
    )
    assert path.stat().st_mtime_ns > before


def test_changed_input_is_fitted_again_to_the_same_bytes(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [str(study), str(out), "participant", "--participant-label", "02", "-q"]
    name = f"{P.replace('sub-01', 'sub-02')}_contrast-move_stat-t_desc-spm_statmap.nii.gz"
    path = out / "sub-02" / "func" / name
    assert main(command) == 0
    first, stamp = path.read_bytes(), path.stat().st_mtime_ns
    events = study / "sub-02" / "func" / f"sub-02_task-{tiny.TASK}_run-1_events.tsv"
    events.write_text(events.read_text())
    assert main(command[:-1]) == 0
    assert "input are not those of its results, which are replaced" in capsys.readouterr().err
    assert path.stat().st_mtime_ns > stamp
    assert path.read_bytes() == first


def test_changed_timing_in_the_metadata_is_fitted_again(tmp_path: Path) -> None:
    study, out = tiny.write_study(tmp_path, participants=("01",)), tmp_path / "out"
    command = [str(study), str(out), "participant", "--no-attribution", "--backends", "nilearn", "-q"]
    path = func(out, f"{P}_contrast-move_stat-t_desc-nilearn_statmap.nii.gz")
    assert main(command) == 0
    first = values(path)
    (sidecar,) = (study / "derivatives").rglob("*_desc-preproc_bold.json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "StartTime": 0.0}))
    assert main(command) == 0
    assert np.abs(values(path) - first).max() > 0.01


def test_contrasts_of_an_earlier_model_do_not_linger(study: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out", tmp_path / "smdl.json"
    assert main([str(study), str(out), "participant", "--participant-label", "01", "-q"]) == 0
    model.write_text(json.dumps(tiny.model()))
    assert (
        main([str(study), str(out), "participant", "--participant-label", "01", "-q", "-m", str(model)]) == 0
    )
    contrasts = {
        p.name.split("_contrast-")[1].split("_")[0] for p in (out / "sub-01").rglob("*contrast-*statmap*")
    }
    assert contrasts == {"moveMinusLook"}


def test_processes_give_the_same_maps_as_one(study: Path, results: Path, tmp_path: Path) -> None:
    assert main([str(study), str(tmp_path / "out"), "participant", "--n-procs", "2", "-q"]) == 0
    for path in sorted(results.glob("sub-02/func/*statmap.nii.gz")):
        other = tmp_path / "out" / path.relative_to(results)
        assert gzip.decompress(other.read_bytes()) == gzip.decompress(path.read_bytes()), path.name


def test_reports_are_written_again_from_results_alone(study: Path, results: Path) -> None:
    page = results / "sub-01.html"
    page.unlink()
    settings = (results / "bidsglm.toml").read_bytes()
    command = [str(study), str(results), "participant", "--reports-only", "-q", "--smoothing-fwhm", "8"]
    assert main(command) == 0
    assert "Pearson" in page.read_text()
    assert (results / "bidsglm.toml").read_bytes() == settings, "they are those of the fit"


def test_dry_run_tells_all_and_writes_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(study), str(tmp_path / "out"), "participant", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for part in ("sub-02", "run-2", "trial_type.move", "contrast look - move (t)", "70 scans"):
        assert part in said
    assert not (tmp_path / "out").exists()


def test_group_has_every_participant_and_their_medians(results: Path) -> None:
    name = f"task-{tiny.TASK}_space-{tiny.SPACE}_desc-agreement"
    rows = [line.split("\t") for line in (results / "group" / f"{name}_metrics.tsv").read_text().splitlines()]
    assert rows[0][:3] == ["participant_id", "contrast", "map"]
    assert {row[0] for row in rows[1:]} == {"sub-01", "sub-02"}
    own = func(results, f"{P}_desc-agreement_metrics.tsv").read_text().splitlines()
    assert ["\t".join(row[1:]) for row in rows if row[0] in ("participant_id", "sub-01")] == own
    r = [float(row[rows[0].index("pearson_r")]) for row in rows[1:] if row[1:3] == ["move", "t"]]
    spread = [
        line.split("\t")
        for line in (results / "group" / f"{name}Summary_metrics.tsv").read_text().splitlines()
    ]
    median = next(float(row[4]) for row in spread if row[:3] == ["move", "t", "pearson_r"])
    np.testing.assert_allclose(median, np.median(r))


def test_links_of_the_group_page_lead_to_pages_and_places_that_are_there(results: Path) -> None:
    found = set(re.findall(r'href="([^"#][^"]*)"', (results / "group.html").read_text()))
    links = {link for link in found if not link.startswith("data:")}  # pixels within figures are none
    assert len([link for link in links if link.startswith("sub-02.html#")]) > 1
    for link in links:
        file, _, anchor = link.partition("#")
        assert (results / file).is_file(), link
        assert not anchor or f'id="{anchor}"' in (results / file).read_text(), link


def test_group_page_is_written_again_from_results_alone(study: Path, results: Path) -> None:
    page, before = results / "group.html", (results / "group.html").read_text()
    maps = {path: path.stat().st_mtime_ns for path in (results / "group").glob("*_statmap.nii.gz")}
    page.unlink()
    assert main([str(study), str(results), "group", "--reports-only", "-q"]) == 0
    assert re.findall("<h2[^>]*>([^<]+)", page.read_text()) == re.findall("<h2[^>]*>([^<]+)", before)
    assert "Group maps" in page.read_text()
    assert maps
    assert {path: path.stat().st_mtime_ns for path in maps} == maps


def test_a_missing_group_map_is_an_error_on_the_page_and_in_the_exit_code(
    study: Path, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(results, out)
    gone = next((out / "group").glob("*_stat-t_desc-spm_statmap.nii.gz"))
    gone.unlink()
    assert main([str(study), str(out), "group", "--reports-only", "-q"]) == NO_INPUT
    text = (out / "group.html").read_text()
    assert gone.name in text[text.index('id="errors"') :]
    assert 'id="participants"' in text


def test_one_backend_alone_has_no_comparison(study: Path, tmp_path: Path) -> None:
    command = [
        str(study),
        str(tmp_path),
        "participant",
        "--participant-label",
        "01",
        "--backends",
        "nilearn",
        "-q",
    ]
    assert main(command) == 0
    names = [path.name for path in (tmp_path / "sub-01" / "func").iterdir()]
    assert not [name for name in names if "desc-spm" in name or "difference" in name or "agreement" in name]
    assert "desc-nilearn" in " ".join(names)


def test_the_page_is_written_when_the_maps_have_left_memory(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[bool] = []

    gc.collect()
    # fits that other tests of this process keep are not this one's
    kept = [held for held in gc.get_objects() if isinstance(held, Fitted)]

    def write(*given: object) -> None:
        fits = [held for held in gc.get_objects() if isinstance(held, Fitted)]
        alive.append(any(not any(fit is old for old in kept) for fit in fits))

    monkeypatch.setattr(participant, "write_participant_page", write)
    # nothing is collected by chance
    gc.disable()
    try:
        words = [
            str(study),
            str(tmp_path / "out"),
            "participant",
            "--participant-label",
            "01",
            "--n-procs",
            "1",
        ]
        assert main([*words, "-q"]) == 0
    finally:
        gc.enable()
    assert alive == [False]
