"""What the files of the demo say of the scans, and what is done where something else is there."""

import errno
import gzip
import json
import os
import shutil
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.demo import command, data_set, phantom
from bidsglm.demo.data_set import (
    FILES,
    Demo,
    Recording,
    layout_of,
    renew_demo,
    write_demo,
)
from bidsglm.demo.story_evidence import TITLES, model_file, results_folder
from bidsglm.errors import CannotCreateError

TINY = Recording(n_runs=2, n_scans=24)
SPACE = "space-MNI152NLin2009cAsym"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return write_demo(tmp_path_factory.mktemp("data") / "new" / "demo", 2, TINY)


def files_of(demo: Demo) -> set[str]:
    return {str(p.relative_to(demo.bids_dir)) for p in demo.bids_dir.rglob("*") if p.is_file()}


def test_a_recording_is_two_runs_of_110_scans_of_the_published_seed() -> None:
    assert Recording() == (2, 110, 27231)
    assert Recording() == data_set.DEFAULT_RECORDING


def test_every_file_of_a_participant_is_there(demo: Demo) -> None:
    found = files_of(demo)
    for person in ("sub-01", "sub-02"):
        for run in (1, 2):
            stem = f"{person}/func/{person}_task-tapping_run-{run}"
            below = f"derivatives/fmriprep/{stem}"
            expected = {f"{stem}_bold.nii.gz", f"{stem}_events.tsv"}
            expected |= {
                f"{below}_{SPACE}_desc-{name}"
                for name in (
                    "preproc_bold.nii.gz",
                    "preproc_bold.json",
                    "brain_mask.nii.gz",
                    "brain_mask.json",
                )
            }
            expected |= {f"{below}_desc-confounds_timeseries.{end}" for end in ("tsv", "json")}
            assert expected <= found
            assert len([name for name in found if f"{person}_task-tapping_run-{run}" in name]) == 8
    shipped = {str(p.relative_to(FILES)) for p in FILES.rglob("*") if p.is_file()}
    assert shipped <= found
    assert all((demo.bids_dir / name).read_bytes() == (FILES / name).read_bytes() for name in shipped)


def test_participants_are_listed(demo: Demo) -> None:
    assert (demo.bids_dir / "participants.tsv").read_text() == "participant_id\nsub-01\nsub-02\n"


def test_four_participants_are_what_there_is_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []
    monkeypatch.setattr(data_set, "_write_participants", lambda *given: written.append(given[1:]))
    write_demo(tmp_path / "a")
    write_demo(tmp_path / "b", 1, n_procs=3)
    write_demo(tmp_path / "c", 12, TINY, n_procs=3)
    labels = [f"sub-{i:02d}" for i in range(1, 13)]
    assert written == [
        (labels[:4], Recording(), 1),
        (labels[:1], Recording(), 1),
        (labels, TINY, 3),
    ]


def test_sidecars_say_what_the_scans_are(demo: Demo) -> None:
    stem = demo.derivatives / "sub-02/func/sub-02_task-tapping_run-2"
    bold = json.loads(Path(f"{stem}_{SPACE}_desc-preproc_bold.json").read_text())
    common = {
        "Sources": ["bids:raw:sub-02/func/sub-02_task-tapping_run-2_bold.nii.gz"],
        "SpatialReference": "MNI152NLin2009cAsym, 4 mm",
    }
    shipped = json.loads((FILES / "task-tapping_bold.json").read_text())
    assert bold == {
        **shipped,
        **common,
        "StartTime": 1.0,
        "SliceTimingCorrected": True,
        "SkullStripped": False,
    }
    mask = json.loads(Path(f"{stem}_{SPACE}_desc-brain_mask.json").read_text())
    assert mask == {**common, "Type": "Brain", "Description": "Where the simulated brain is"}
    confounds = pd.read_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t")
    said = Path(f"{stem}_desc-confounds_timeseries.json").read_text()
    assert list(json.loads(said)) == list(confounds)
    assert said.startswith('{\n  "csf": {\n    "Description"')
    assert said.endswith("}\n")


def test_numbers_of_tables_have_ten_digits(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv"
    data_set._write_table(pd.DataFrame({"a": [1 / 3, np.nan], "b": [2.0, 1e-7 / 3]}), path)
    assert path.read_bytes() == b"a\tb\n0.3333333333\t2\nn/a\t3.333333333e-08\n"


def test_atlas_numbers_its_regions_from_one(demo: Demo) -> None:
    labels, names = phantom.regions()
    np.testing.assert_array_equal(nib.load(demo.atlas).get_fdata(), labels)
    table = demo.atlas.with_name("tpl-MNI152NLin2009cAsym_atlas-demo_dseg.tsv").read_text()
    assert table == "index\tname\n" + "".join(f"{i}\t{name}\n" for i, name in enumerate(names, 1))


@pytest.mark.parametrize(
    ("shape", "dtype", "slope"), [((3, 4, 5), np.int16, 1.0), ((3, 4, 5, 6), np.float32, 3.875)]
)
def test_an_image_holds_its_values_its_grid_and_its_units(
    tmp_path: Path, shape: tuple[int, ...], dtype: type[np.generic], slope: float
) -> None:
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / "new" / "image.nii.gz"
    data_set._write_image(data, path, slope)
    content = path.read_bytes()
    assert content[4:8] == bytes(4), "no time in the header of gzip"
    image = nib.load(path)
    np.testing.assert_allclose(image.get_fdata(), data * slope)
    assert image.get_data_dtype() == dtype
    assert image.header.get_zooms() == (4.0, 4.0, 4.0, 2.0)[: len(shape)]
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert [int(image.header[code]) for code in ("sform_code", "qform_code")] == [4, 4]
    for affine in (image.get_sform(), image.get_qform()):
        np.testing.assert_allclose(affine, phantom.AFFINE)
    assert image.dataobj.inter == 0
    assert len(gzip.decompress(content)) == 352 + data.nbytes
    offset, code = (
        struct.unpack_from("<f", gzip.decompress(content), 108)[0],
        gzip.decompress(content)[344:348],
    )
    assert (offset, code) == (352, b"n+1\0")


def test_gain_stands_in_the_slope_and_half_a_unit_is_all_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[np.ndarray] = []
    real = phantom.scans

    def scans(*given):
        made.append(real(*given))
        return made[-1]

    monkeypatch.setattr(phantom, "scans", scans)
    demo = layout_of(tmp_path)
    effect, rng = phantom.activation([1.0] * 4), np.random.default_rng(3)
    data_set._write_run(demo, "sub-07_task-tapping_run-1", effect, 1.2345, 20, rng)
    func = demo.derivatives / "sub-07" / "func"
    image = nib.load(func / f"sub-07_task-tapping_run-1_{SPACE}_desc-preproc_bold.nii.gz")
    assert float(image.dataobj.slope) == pytest.approx(4.938)
    steps = np.moveaxis(np.asarray(image.dataobj.get_unscaled()), -1, 0)
    assert np.abs(steps * 4.0 - made[0]).max() <= 2 + 1e-3
    raw = tmp_path / "sub-07/func/sub-07_task-tapping_run-1_bold.nii.gz"
    assert raw.read_bytes() == Path(image.get_filename()).read_bytes()
    mask = nib.load(func / f"sub-07_task-tapping_run-1_{SPACE}_desc-brain_mask.nii.gz")
    np.testing.assert_array_equal(mask.get_fdata(), phantom.head().brain)


def test_scans_are_taken_in_the_middle_of_each_repetition_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    real = phantom.scans

    def scans(task, effect, motion, times, rng):
        seen.extend((task, times))
        return real(task, effect, motion, times, rng)

    monkeypatch.setattr(phantom, "scans", scans)
    data_set._write_run(
        layout_of(tmp_path), "sub-07_x", phantom.activation([0.0] * 4), 1.0, 45, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(seen[1], 1 + 2.0 * np.arange(45))
    # 20 s of rest, 20 s of movement, and again
    np.testing.assert_allclose(seen[0], phantom.response(np.array([20.0, 60.0]), 20.0, seen[1]))


@pytest.mark.parametrize(("end", "last"), [(80.0, 20.0), (90.0, 10.0), (61.0, 1.0)])
def test_blocks_of_rest_and_movement_alternate_to_the_end(end: float, last: float) -> None:
    found = data_set._events(end)
    assert list(found.columns) == ["onset", "duration", "trial_type"]
    assert found.onset.tolist() == [20.0 * i for i in range(len(found))]
    assert found.trial_type.tolist() == (["rest", "movement"] * 3)[: len(found)]
    assert found.duration.tolist() == [20.0] * (len(found) - 1) + [last]
    assert found.onset.iloc[-1] + found.duration.iloc[-1] == end


def test_participants_answer_in_their_own_measure_and_runs_have_their_own_gain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects: list[np.ndarray] = []
    gains: list[list[float]] = []
    names: list[str] = []

    def run(demo, name, effect, gain, n_scans, rng):
        if name.endswith("_run-1"):
            effects.append(effect)
            gains.append([])
        gains[-1].append(gain)
        names.append(name)
        assert n_scans == 9

    monkeypatch.setattr(data_set, "_write_run", run)
    monkeypatch.setattr(data_set, "_write_image", lambda *_: None)
    sizes: list[list[float]] = []
    real = phantom.activation
    monkeypatch.setattr(phantom, "activation", lambda s: sizes.append(list(s)) or real(s))
    n = 60
    for number in range(1, n + 1):
        data_set._write_participant(layout_of(tmp_path), f"sub-{number:02d}", Recording(3, 9))
    assert names[:4] == [f"sub-0{i}_task-tapping_run-{r}" for i, r in ((1, 1), (1, 2), (1, 3), (2, 1))]
    relative = np.array(sizes) / [site.size for site in phantom.SITES]
    np.testing.assert_allclose(relative.mean(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(relative.std(axis=0), 0.15, atol=0.04)
    table = np.array(gains)
    ratio = table / table.mean(axis=1, keepdims=True)
    assert 0.94 < ratio.min() < 0.98
    assert 1.02 < ratio.max() < 1.06
    assert 0.77 < table.min() < 0.87
    assert 1.24 < table.max() < 1.35


def test_truth_is_the_activation_that_the_runs_have(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [nib.load(demo.truth / f"sub-0{i}_desc-movement_truth.nii.gz") for i in (1, 2)]
    assert {image.get_data_dtype() for image in images} == {np.dtype(np.float32)}
    assert not np.array_equal(*(image.get_fdata() for image in images))


def test_a_link_that_cannot_be_made_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = tmp_path / "a", tmp_path / "new" / "b"
    source.write_text("content")
    data_set._link(source, path)
    data_set._link(source, path)
    assert path.stat().st_ino == source.stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    data_set._link(source, path)
    assert path.stat().st_ino != source.stat().st_ino
    assert path.read_text() == "content"


def failing(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("renewed", [False, True])
def test_a_full_disk_is_one_clear_line(
    tmp_path: Path, demo: Demo, monkeypatch: pytest.MonkeyPatch, renewed: bool
) -> None:
    monkeypatch.setattr(data_set, "_copy_files", failing)
    expected = "cannot write the demo (No space left on device); name another folder"
    folder = demo.bids_dir if renewed else tmp_path
    write = (lambda: renew_demo(folder, "01")) if renewed else (lambda: write_demo(folder, 1, TINY))
    with pytest.raises(CannotCreateError) as caught:
        write()
    assert str(caught.value) == f"{folder}: {expected}"


def test_an_earlier_demo_keeps_its_data_and_gets_the_models_of_now(demo: Demo, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(demo.bids_dir, root)
    before = files_of(layout_of(root))
    model = layout_of(root).model
    content = model.read_bytes()
    model.write_text("{}")
    bold = root / "sub-01/func/sub-01_task-tapping_run-1_bold.nii.gz"
    bold.write_bytes(b"mine")
    assert renew_demo(root, "02") == layout_of(root)
    assert model.read_bytes() == content
    assert bold.read_bytes() == b"mine"
    assert files_of(layout_of(root)) == before


def test_a_participant_who_is_not_there_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(data_set, "write_demo", lambda *given: calls.append(given))
    renew_demo(tmp_path, "01", TINY)
    renew_demo(tmp_path, "01")
    assert calls == [(tmp_path, 1, TINY), (tmp_path, 1, Recording())]


def test_another_data_set_is_not_taken_for_a_demo(demo: Demo, tmp_path: Path) -> None:
    name = "dataset_description.json"
    (tmp_path / name).write_text('{"Name": "somebody\'s own"}')
    for write in (lambda: write_demo(tmp_path, 1, TINY), lambda: data_set._claim(tmp_path)):
        with pytest.raises(CannotCreateError) as caught:
            write()
        said = f"{tmp_path}: the folder is not empty and holds no demo; name a new or empty folder"
        assert str(caught.value) == said
    data_set._claim(demo.bids_dir)
    data_set._claim(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()
    data_set._claim(tmp_path / "new" / "folder")


@pytest.mark.parametrize(("cpus", "procs"), [(None, 1), (2, 2), (4, 4), (9, 4)])
def test_the_demo_takes_no_more_than_four_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpus: int | None, procs: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cpus)
    written: list[dict[str, object]] = []
    monkeypatch.setattr(command, "write_demo", lambda root, **options: written.append(options))
    lines: list[list[str]] = []
    assert command.run_demo(tmp_path, lambda words: lines.append(words) or 0, ["-v", "--calibrate", "7"]) == 0
    assert written == [{"n_procs": procs}]
    place, out = layout_of(tmp_path), tmp_path / "derivatives" / "bidsglm"
    options = ["--n-procs", str(procs), "-v", "--calibrate", "7"]
    good = ["--model", str(place.model), "--atlas", str(place.atlas), *options]
    bad = ["--model", str(place.overparameterised_model), "--participant-label", "01", *options]
    assert lines == [
        [str(tmp_path), str(out), "participant", *good],
        [str(tmp_path), str(out), "participant", *good, "--participant-label", "01"],
        [str(tmp_path), str(out), "group", *good],
        [str(tmp_path), f"{out}-overparameterised", "participant", *bad],
    ]


def test_each_model_of_the_story_has_a_file_and_a_folder_of_its_own(demo: Demo) -> None:
    assert all((demo.bids_dir / model_file(name)).is_file() for name in TITLES)
    assert len({results_folder(name) for name in TITLES}) == len(TITLES) == 4
