"""A task as brainlife runs it: `main` in a folder with nothing but config.json.

A stand-in for singularity runs the program of this checkout instead of the image's.
"""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bidsglm.brainlife import run as run_module
from bidsglm.brainlife.config import config
from bidsglm.brainlife.product import MAX_BYTES, _thumbnail, failures, with_room
from bidsglm.errors import EXIT_FAILED, UsageError
from tests import tiny
from tests.conftest import PROJECT

STAND_IN = f"""#!/bin/sh
echo "$@" >> ../singularity.log
shift 5
[ "$1 $2" = "python -I" ] || exit 99
shift 2
exec env -i PATH=/usr/bin:/bin PYTHONPATH={PROJECT} {sys.executable} "$@"
"""


def start(folder: Path, **config: object) -> subprocess.CompletedProcess[str]:
    """Run `main` in a folder, made if need be."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    program = folder.parent / "bin" / "singularity"
    program.parent.mkdir(exist_ok=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    return subprocess.run([PROJECT / "main"], cwd=folder, env=environment, capture_output=True, text=True)


def product(folder: Path) -> dict[str, list[dict[str, str]]]:
    return json.loads((folder / "product.json").read_text())


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished task."""
    root = tmp_path_factory.mktemp("brainlife")
    study = tiny.write_study(root, participants=("01",))
    (study / "derivatives" / "fmriprep").rename(root / "prep")
    done = start(root / "task", bids="../bids", fmriprep="../prep", skip_bids_validation=True, _tid=1)
    assert done.returncode == 0, done.stderr
    return root / "task"


def test_results_stand_in_output_and_nowhere_else(task: Path) -> None:
    assert {path.name for path in task.iterdir()} == {"config.json", "output", "product.json"}
    assert (task / "output" / "sub-01.html").exists()


def test_image_is_pinned_and_the_environment_clean(task: Path) -> None:
    (line,) = (task.parent / "singularity.log").read_text().splitlines()[:1]
    assert line.startswith(f"exec -e -B {task.parent} docker://bidsglm/bidsglm:")
    assert not line.split()[4].endswith(":latest")


def test_product_is_small_and_says_how_well_the_packages_agree(task: Path) -> None:
    assert (task / "product.json").stat().st_size < 1.1 * MAX_BYTES
    shown = {item["type"]: item for item in product(task)["brainlife"]}
    assert set(shown) == {"info", "plotly", "image/png", "warning"}
    assert "Contrasts of the automatic model" in shown["warning"]["msg"]
    assert "look: t maps r 0.9" in shown["info"]["msg"]
    assert product(task)["tags"] == ["bidsglm", "nilearn", "spm"]


def test_figures_can_be_drawn(task: Path) -> None:
    shown = {item["type"]: item for item in product(task)["brainlife"]}
    (bars,) = shown["plotly"]["data"]
    assert {"noise", "scaling"} <= set(bars["y"])
    assert len(bars["x"]) == len(bars["y"])
    with Image.open(io.BytesIO(base64.b64decode(shown["image/png"]["base64"]))) as picture:
        assert picture.width > 200


def test_started_again_a_task_goes_on_where_it_was(task: Path) -> None:
    maps = sorted((task / "output").rglob("*.nii.gz"))
    before = [path.stat().st_mtime_ns for path in maps]
    (task / "product.json").unlink()
    done = start(task, bids="../bids", fmriprep="../prep", skip_bids_validation=True)
    assert done.returncode == 0
    assert "already there" in done.stderr
    assert [path.stat().st_mtime_ns for path in maps] == before
    assert product(task)["brainlife"]


def test_failure_is_a_message_and_an_exit_code(tmp_path: Path) -> None:
    done = start(tmp_path / "task", bids="../none")
    assert done.returncode == 66
    (shown,) = product(tmp_path / "task")["brainlife"]
    assert shown["type"] == "error"
    assert "none" in shown["msg"]


def test_failed_participant_is_a_message(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    (study / "sub-01/func/sub-01_task-tap_events.tsv").unlink()
    done = start(tmp_path / "task", bids="../bids", skip_bids_validation=True)
    assert done.returncode == 65
    assert "events.tsv is missing" in product(tmp_path / "task")["brainlife"][0]["msg"]
    assert len(failures(tmp_path / "task" / "output")) == 1


def test_key_that_is_no_option_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown key 'smoothing'"):
        config({"bids": "b", "smoothing": 6}, "config.json")
    with pytest.raises(UsageError, match="unknown key 'version'"):
        config({"bids": "b", "version": True}, "config.json")
    with pytest.raises(UsageError, match="lacks bids"):
        config({"bids": ""}, "config.json")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("participant_label", "01 02", ["--participant-label", "01", "02"]),
        ("participant_label", ["01"], ["--participant-label", "01"]),
        ("no_attribution", True, ["--no-attribution"]),
        ("no_attribution", False, []),
        ("mask_threshold", "-Inf", ["--mask-threshold=-Inf"]),
        ("model", None, []),
        ("hrf", "spm + derivative", ["--hrf", "spm + derivative"]),
    ],
)
def test_value_of_the_form_becomes_words(key: str, value: object, words: list[str]) -> None:
    assert list(config({"bids": "b", key: value}, "config.json")[1]) == words


def test_sample_is_a_configuration() -> None:
    content = json.loads((PROJECT / "config.json.sample").read_text())
    assert config(content, "config.json.sample")[0] == content["bids"]


def test_picture_gives_way_to_messages() -> None:
    picture, message = {"base64": "x" * 100}, {"msg": "y"}
    assert with_room({}, [message, picture], 60)["brainlife"] == [message]


@pytest.mark.parametrize(("ended", "code"), [(0, EXIT_FAILED), (65, 65)])
def test_results_that_cannot_be_shown_are_a_message_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int, code: int
) -> None:
    def broken(*given: object) -> None:
        raise ValueError("no such figure")

    monkeypatch.setattr(run_module, "_analyse", lambda *given: ended)
    monkeypatch.setattr(run_module, "write_product", broken)
    assert run_module.run(tmp_path) == code
    (shown,) = product(tmp_path)["brainlife"]
    assert shown["type"] == "error"
    assert "no such figure" in shown["msg"]


def test_picture_has_the_rows_of_a_drawing_one_below_the_other(tmp_path: Path) -> None:
    drawing = "<svg>"
    for colour in ("red", "blue", "lime"):
        buffer = io.BytesIO()
        Image.new("RGB", (200, 40), colour).save(buffer, "PNG")
        drawing += f'<image href="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"/>'
    (tmp_path / "a.svg").write_text(drawing)
    item = _thumbnail(tmp_path / "a.svg", "a")
    image = Image.open(io.BytesIO(base64.b64decode(item["base64"]))).convert("RGB")
    height = image.height // 3
    found = [image.getpixel((0, place * height + 2)) for place in range(3)]
    assert found == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
