"""product.json of results that were written without fitting: every item, word for word."""

import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bidsglm
from bidsglm.brainlife import config as config_module
from bidsglm.brainlife import run as run_module
from bidsglm.brainlife.config import config, read_config
from bidsglm.brainlife.product import _thumbnail, failures, with_room, write_errors, write_product
from bidsglm.errors import DataError, NoInputError, UsageError
from bidsglm.outputs.unit_tables import ATTRIBUTION
from tests import finished

WIDTH = 200


def png(size: tuple[int, int], colour: str = "red") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def drawing(path: Path, *pictures: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "<svg>" + "".join(f'<image href="data:image/png;base64,{each}"/>' for each in pictures) + "</svg>"
    )
    return path


def product_of(out: Path, *errors: str) -> dict[str, Any]:
    path = out.parent / "product.json"
    write_product(path, out, errors)
    text = path.read_text()
    assert text.endswith("}\n")
    assert text.startswith('{\n "')
    return json.loads(text)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two contrasts of one participant, one of another."""
    out = tmp_path / "out"
    finished.write_participant(out, "01", {"go": finished.effects(1), "stop": finished.effects(2)})
    finished.write_participant(out, "02", {"go": finished.effects(3)}, warnings=["Few scans."])
    return out


def of_kind(product: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in product["brainlife"] if item["type"] == kind]


def test_errors_come_first_each_once_and_are_counted(out: Path) -> None:
    product = product_of(out, "one", "two", "one")
    assert product["brainlife"][:2] == [{"type": "error", "msg": "one"}, {"type": "error", "msg": "two"}]
    assert len(of_kind(product, "error")) == 2
    assert product["meta"] == {"bidsglm_version": bidsglm.__version__, "finished": 2, "errors": 3}
    assert product["tags"] == ["bidsglm", "nilearn", "spm"]


def test_units_that_failed_are_not_counted_as_finished(out: Path) -> None:
    finished.change_summary(out, "02", status="failed", errors=["no scans"])
    product = product_of(out)
    assert product["meta"]["finished"] == 1
    assert [item["msg"].partition(":")[0] for item in of_kind(product, "info")] == [f"sub-01_{finished.NAME}"]
    assert failures(out) == ["no scans"]


def test_a_message_has_the_numbers_of_the_t_maps_of_each_contrast(out: Path) -> None:
    rows = finished.read_rows(out / f"sub-01/func/sub-01_{finished.NAME}_desc-agreement_metrics.tsv")
    t = {row["contrast_name"]: row for row in rows if row["map"] == "t"}
    said = "; ".join(
        f"{name}: t maps r {float(t[name]['pearson_r']):.3f}, slope {float(t[name]['slope']):.2f}, "
        f"Dice {float(t[name]['dice_p001']):.2f} (p < 0.001)"
        for name in ("go", "stop")
    )
    assert of_kind(product_of(out), "info")[0]["msg"] == f"sub-01_{finished.NAME}: {said}"


def test_a_unit_without_a_table_is_fitted_all_the_same(out: Path) -> None:
    for table in (out / "sub-01/func").glob("*.tsv"):
        table.unlink()
    product = product_of(out)
    assert of_kind(product, "success") == [
        {"type": "success", "msg": f"sub-01_{finished.NAME}: spm and nilearn fitted"}
    ]
    assert [item["name"][:6] for item in of_kind(product, "plotly")] == ["sub-02"]


def test_warnings_follow_the_messages(out: Path) -> None:
    product = product_of(out)
    assert of_kind(product, "warning") == [{"type": "warning", "msg": "Few scans."}]
    assert [item["type"] for item in product["brainlife"]] == ["info", "info", "warning", "plotly", "plotly"]


def test_bars_are_the_steps_of_the_first_contrast_without_parts_and_other_metrics(out: Path) -> None:
    path = out / f"sub-01/func/sub-01_{finished.NAME}_desc-attribution_metrics.tsv"
    rows = ATTRIBUTION.read(path)
    more = [
        {**rows[0], "step": "part", "part_of": "regressors"},
        {**rows[0], "step": "other metric", "metric": "1-r"},
        {**rows[0], "step": "other map", "map": "effect"},
        {**rows[0], "step": "tiny", "shapley": 0.123456789},
    ]
    ATTRIBUTION.write(path, [*rows, *more])
    chart = of_kind(product_of(out), "plotly")[0]
    assert chart["name"] == f"sub-01_{finished.NAME}: what makes the maps of go differ"
    assert chart["layout"] == {
        "title": chart["name"],
        "xaxis": {"title": "share of the root mean square difference"},
    }
    (bars,) = chart["data"]
    assert (bars["type"], bars["orientation"]) == ("bar", "h")
    assert bars["y"] == [*finished.STEPS, "tiny"]
    own = [row["shapley"] for row in rows if row["contrast"] == "go"]
    assert bars["x"] == [*np.round(own, 4), 0.1235]


def test_an_f_contrast_has_bars_of_its_f_map(out: Path) -> None:
    path = out / f"sub-02/func/sub-02_{finished.NAME}_desc-attribution_metrics.tsv"
    ATTRIBUTION.write(path, [{**row, "map": "F"} for row in ATTRIBUTION.read(path)])
    assert len(of_kind(product_of(out), "plotly")) == 2


def test_a_unit_without_contrasts_has_no_figures(out: Path) -> None:
    finished.change_summary(out, "01", contrasts=[])
    assert [item["name"][:6] for item in of_kind(product_of(out), "plotly")] == ["sub-02"]


def test_the_picture_is_of_the_first_contrast(out: Path) -> None:
    stem = f"sub-01_{finished.NAME}_contrast-%s_stat-t_desc-maps.svg"
    drawing(out / "sub-01/figures" / (stem % "stop"), png((WIDTH, 40)))
    assert not of_kind(product_of(out), "image/png")
    drawing(out / "sub-01/figures" / (stem % "go"), png((WIDTH, 40)))
    (shown,) = of_kind(product_of(out), "image/png")
    assert shown["name"] == f"sub-01_{finished.NAME}: t maps of go"


def test_summaries_that_cannot_be_read_are_passed_over(out: Path) -> None:
    (path,) = (out / "sub-02").rglob("*_summary.json")
    path.write_text("{")
    assert product_of(out)["meta"]["finished"] == 1


def test_failures_are_those_of_participants_then_of_units_in_the_order_of_names(out: Path) -> None:
    for label in ("02", "01"):
        finished.change_summary(out, label, status="failed", errors=[f"unit {label}"])
    for label in ("04", "03"):
        (out / f"sub-{label}").mkdir()
        marker = out / f"sub-{label}" / f"sub-{label}_desc-bidsglm_summary.json"
        marker.write_text(json.dumps({"status": "failed", "errors": [f"person {label}"]}))
    (out / "sub-05.html").write_text("")
    found = failures(out)
    assert [text for text in found if text.startswith("person")][:2] == ["person 03", "person 04"]
    assert [text for text in found if text.startswith("unit")] == ["unit 01", "unit 02"]


def test_why_there_is_nothing_to_show_is_written(tmp_path: Path) -> None:
    write_errors(tmp_path / "product.json", ["one", "one", "two"])
    text = (tmp_path / "product.json").read_text()
    assert text.startswith('{\n "')
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "tags": ["bidsglm"],
        "meta": {"bidsglm_version": bidsglm.__version__, "errors": 3},
        "brainlife": [{"type": "error", "msg": "one"}, {"type": "error", "msg": "two"}],
    }


def test_room_is_measured_with_the_item_in_its_place() -> None:
    content = {"tags": ["a"], "brainlife": []}
    items = [{"msg": "a" * 30}, {"msg": "b"}]
    full = len(json.dumps({"tags": ["a"], "brainlife": items}))
    assert with_room(content, items, full)["brainlife"] == items
    assert with_room(content, items, full - 1)["brainlife"] == items[:1]
    assert with_room(content, items, full)["tags"] == ["a"]


def image_of(item: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(item["base64"])))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((140, 40), (280, 80)),
        ((141, 40), (141, 40)),
        ((93, 20), (279, 60)),
        ((280, 30), (280, 30)),
        ((281, 100), (280, 100)),
        ((560, 101), (280, 50)),
    ],
)
def test_small_rows_grow_by_whole_pixels_and_wide_ones_shrink(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert image_of(_thumbnail(drawing(tmp_path / "a.svg", png(size)), "a")).size == expected


def test_rows_lie_below_each_other_without_a_gap_and_legends_are_left_out(tmp_path: Path) -> None:
    item = _thumbnail(
        drawing(tmp_path / "a.svg", png((100, 30)), png((30, 100)), png((40, 40)), png((100, 30), "blue")),
        "n",
    )
    assert (item["type"], item["name"]) == ("image/png", "n")
    image = image_of(item)
    assert image.size == (200, 120)
    colours = [image.convert("RGB").getpixel((10, y)) for y in range(image.height)]
    assert colours == [(255, 0, 0)] * 60 + [(0, 0, 255)] * 60


def shown_of(path: Path, image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    drawing(path, base64.b64encode(buffer.getvalue()).decode())
    return image_of(_thumbnail(path, "a")).convert("RGB")


@pytest.mark.parametrize("width", [100, 140])
def test_enlarged_pixels_stay_sharp(tmp_path: Path, width: int) -> None:
    dark = np.random.default_rng(1).random((20, width, 1)) < 0.5
    fine = np.where(dark, 0, 255).repeat(3, axis=2).astype(np.uint8)
    found = shown_of(tmp_path / "a.svg", Image.fromarray(fine))
    assert np.array_equal(np.asarray(found), fine.repeat(2, axis=0).repeat(2, axis=1))


def test_there_are_eight_colours(tmp_path: Path) -> None:
    many = np.random.default_rng(1).integers(0, 255, (20, 300, 3)).astype(np.uint8)
    assert len(shown_of(tmp_path / "a.svg", Image.fromarray(many)).getcolors() or ()) == 8


def test_words_before_the_first_option_stay() -> None:
    assert run_module._without(["a", "--hrf", "spm", "--space", "b", "c"], ["--space"]) == [
        "a",
        "--hrf",
        "spm",
    ]


# the configuration


@pytest.mark.parametrize("content", ["[]", "{", '"bids"'])
def test_a_configuration_that_is_no_object_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"config\.json"):
        read_config(path)


def test_a_configuration_that_is_not_there_is_said_to_be_written_by_brainlife(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match=r"there is no such file\); brainlife writes it"):
        read_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"bids": "b", "fmriprep": "f"}')
    assert read_config(tmp_path / "config.json") == ("b", ("--derivatives", "f"))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": 1}, False),
        ([{"a": 1}], False),
        ([["a"]], False),
        ("a\0", False),
        (["a", "b\0"], False),
        ([None, 1.5, "a", True], True),
        (None, True),
    ],
)
def test_values_are_words_or_lists_of_words(value: object, plain: bool) -> None:
    content = {"bids": "b", "task_label": value}
    if plain:
        config(content, "config.json")
    else:
        with pytest.raises(UsageError, match=r"config\.json: task_label must be text, a number, true"):
            config(content, "config.json")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("_anything", {"a": 1}, ()),
        ("fmriprep", "", ()),
        ("space", [], ()),
        ("space", 7, ("--space", "7")),
        ("space", "T1w  MNI", ("--space", "T1w", "MNI")),
        ("space", ["a b", 3], ("--space", "a b", "3")),
        ("smoothing_fwhm", 0.5, ("--smoothing-fwhm", "0.5")),
        ("high_pass", -1, ("--high-pass=-1",)),
        ("hrf", "a b", ("--hrf", "a b")),
    ],
)
def test_a_key_becomes_an_option_with_its_words(key: str, value: object, words: tuple[str, ...]) -> None:
    assert config({key: value, "bids": "in"}, "config.json") == ("in", words)


@pytest.mark.parametrize("name", config_module.ONLY_PRINT)
def test_what_only_prints_is_no_task(name: str) -> None:
    with pytest.raises(UsageError, match="unknown key"):
        config({"bids": "b", name.removeprefix("--").replace("-", "_"): True}, "config.json")


# a task, without fitting


class Started:
    """What the program was called with, in place of running it."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.words = list(codes), []

    def __call__(self, words: Sequence[str]) -> int:
        self.words.append(list(words))
        return self.codes.pop(0)


@pytest.fixture
def task(out: Path) -> Path:
    (out.parent / "task").mkdir()
    out.rename(out.parent / "task" / "output")
    content = {"bids": "in", "hrf": "glover", "permutations": 99, "export_code": True}
    (out.parent / "task" / "config.json").write_text(json.dumps(content))
    return out.parent / "task"


def test_several_participants_have_both_levels_each_with_its_own_options(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Started(0, 0)
    monkeypatch.setattr(run_module, "main", started)
    assert run_module.run(task) == 0
    first, second = started.words
    assert first == ["in", str(task / "output"), "participant", "--hrf", "glover", "--export-code"]
    assert second[:3] == ["in", str(task / "output"), "group"]
    assert second[second.index("--permutations") + 1] == "99"
    assert "--export-code" not in second
    assert json.loads((task / "product.json").read_text())["meta"]["finished"] == 2


def test_one_participant_makes_no_group(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (summary,) = (task / "output/sub-02").rglob("*_summary.json")
    summary.unlink()
    started = Started(0, 0)
    monkeypatch.setattr(run_module, "main", started)
    assert run_module.run(task) == 0
    assert len(started.words) == 1


@pytest.mark.parametrize(("codes", "code"), [((65, 0), 65), ((0, 18), 18)])
def test_a_level_that_fails_ends_the_task(
    task: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, int], code: int
) -> None:
    started = Started(*codes)
    monkeypatch.setattr(run_module, "main", started)
    assert run_module.run(task) == code
    assert len(started.words) == (1 if codes[0] else 2)


def test_last_words_and_failures_are_shown_and_still_said(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(words: Sequence[str]) -> int:
        print("progress", file=sys.stderr, flush=True)
        print("bidsglm: it is over\nbidsglm: really", file=sys.stderr)
        return 65

    finished.change_summary(task / "output", "02", status="failed", errors=["no scans"])
    monkeypatch.setattr(run_module, "main", ended)
    monkeypatch.chdir(task)
    assert run_module.run() == 65
    shown = json.loads((task / "product.json").read_text())["brainlife"]
    assert [item["msg"] for item in shown if item["type"] == "error"] == ["it is over", "really", "no scans"]
    assert capsys.readouterr().err == "progress\nbidsglm: it is over\nbidsglm: really\n"


def test_a_task_without_configuration_ends_with_the_code_of_a_missing_file(tmp_path: Path) -> None:
    assert run_module.run(tmp_path) == NoInputError.exit_code
    (shown,) = json.loads((tmp_path / "product.json").read_text())["brainlife"]
    assert shown["type"] == "error"
    assert not shown["msg"].startswith("bidsglm")
