"""The story is told by numbers of the results that it links to, and its sentences are true of them."""

import io
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main
from bidsglm.demo import story as telling
from bidsglm.demo import story_evidence
from bidsglm.demo.data_set import Recording, renew_demo, write_demo
from bidsglm.demo.story_evidence import TITLES, results_folder, story
from bidsglm.report.story import StoryReport
from bidsglm.report.wording import number

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHORT = Recording(n_runs=1, n_scans=70)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StoryReport]:
    """A story of a short run, and what its page was made of; the fits' own pages have few pictures."""
    made: list[StoryReport] = []
    folder = tmp_path_factory.mktemp("story") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        patch.setattr("bidsglm.pages.unit_contrasts.attribution_figures", lambda *_: ())
        patch.setattr(telling, "story", lambda *where: made.append(story(*where)) or made[0])
        assert telling.tell_story(folder, main, ["-q"], SHORT) == 0
    return folder, made[0]


@pytest.fixture(scope="module")
def root(both: tuple[Path, StoryReport]) -> Path:
    return both[0]


@pytest.fixture(scope="module")
def told(both: tuple[Path, StoryReport]) -> StoryReport:
    return both[1]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "story.html").read_text(encoding="utf-8")


class Addresses(HTMLParser):
    """Where a page's links and pictures lead, and its own places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.sources: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a":
            self.links.add(found.get("href") or "")
        if "src" in found:
            self.sources.add(found["src"] or "")


def test_every_link_leads_to_its_place_on_a_full_page(root, page):
    addresses = Addresses(page)
    elsewhere = {link for link in addresses.links if "sub-01.html" in link}
    assert len(elsewhere) >= 8
    places = {file: Addresses((root / file).read_text()).ids for file in {x.split("#")[0] for x in elsewhere}}
    assert len(places) == len(TITLES)
    assert [x for x in elsewhere if "#" in x and x.split("#")[1] not in places[x.split("#")[0]]] == []
    assert {x[1:] for x in addresses.links if x.startswith("#")} <= addresses.ids


def test_every_table_that_is_linked_is_there(root, page):
    linked = {link for link in Addresses(page).links if link.endswith(".tsv")}
    kinds = sorted(link.split("_desc-")[1].split("_")[0] for link in linked)
    assert kinds == [*["agreement"] * 4, *["attribution"] * 2, "calibration"]
    assert [link for link in linked if not (root / link).is_file()] == []


def test_page_is_one_file(page):
    addresses = Addresses(page)
    assert all(source.startswith("data:") for source in addresses.sources)
    outside = {link for link in addresses.links if link.startswith("http")}
    assert outside == {"https://neurostars.org/t/27231"}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_page_opens_on_a_telephone_without_errors_or_requests(root):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    address, seen = (root / "story.html").as_uri(), []
    with sync_api.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.on("console", lambda message: seen.append(message.text))
        page.on("request", lambda request: seen.append(request.url))
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Copy code").first.click()
        browser.close()
    assert [text for text in seen if text != address and not text.startswith("data:")] == []


def test_numbers_are_those_of_the_tables(root, told, page):
    for name, model in told.models.items():
        (path,) = (root / results_folder(name)).rglob("*_desc-agreement_metrics.tsv")
        table = pd.read_csv(path, sep="\t").set_index(["contrast_name", "map"])
        for contrast in model.contrasts.values():
            row = table.loc[(contrast.name, "effect")]
            assert contrast.effect_r == pytest.approx(row.pearson_r)
            assert contrast.effect_rmsd == pytest.approx(row.rmsd)
            assert contrast.t_r == pytest.approx(table.loc[(contrast.name, "t")].pearson_r)
            if contrast.name != "rest":
                assert number(contrast.effect_r) in page
                assert number(contrast.sd["spm"]) in page


def maps_of(root: Path, name: str, label: str, stat: str, backend: str) -> np.ndarray:
    (path,) = (root / results_folder(name)).rglob(
        f"*contrast-{label}_stat-{stat}_desc-{backend}_statmap.nii.gz"
    )
    return nib.load(path).get_fdata()


def mask_of(root: Path, name: str) -> np.ndarray:
    """Voxels of both packages."""
    (one,), (other,) = (
        (root / results_folder(name)).rglob(f"*_desc-{b}_mask.nii.gz") for b in ("spm", "nilearn")
    )
    return (nib.load(one).get_fdata() > 0) & (nib.load(other).get_fdata() > 0)


def truth_of(root: Path) -> np.ndarray:
    return nib.load(root / "truth" / "sub-01_desc-movement_truth.nii.gz").get_fdata()


def correlation(a: np.ndarray, b: np.ndarray, inside: np.ndarray) -> float:
    known = inside & np.isfinite(a) & np.isfinite(b)
    return float(pd.Series(a[known]).corr(pd.Series(b[known])))


@pytest.mark.parametrize("name", TITLES)
def test_all_numbers_of_a_model_are_those_of_its_tables_and_maps(root, told, name):
    folder, model, inside = root / results_folder(name), told.models[name], mask_of(root, name)
    (path,) = folder.rglob("*_desc-agreement_metrics.tsv")
    table = pd.read_csv(path, sep="\t").set_index(["contrast_name", "map"])
    (summary,) = (json.loads(each.read_text()) for each in folder.rglob("*_desc-bidsglm_summary.json"))
    labels = {each["name"]: each["label"] for each in summary["contrasts"]}
    assert list(model.contrasts) == list(labels)
    for contrast in model.contrasts.values():
        effect, t = (table.loc[(contrast.name, stat)] for stat in ("effect", "t"))
        got = (contrast.effect_r, contrast.effect_rmsd, contrast.effect_slope)
        assert got == pytest.approx((effect.pearson_r, effect.rmsd, effect.slope))
        got = (contrast.t_r, contrast.t_rmsd, contrast.dice)
        assert got == pytest.approx((t.pearson_r, t.rmsd, t.dice_p001))
        for backend in ("spm", "nilearn"):
            values = maps_of(root, name, labels[contrast.name], "effect", backend)
            assert contrast.sd[backend] == pytest.approx(values[inside].std(), rel=1e-5)
            expected = correlation(values, truth_of(root), inside)
            assert contrast.truth_r[backend] == pytest.approx(expected, rel=1e-5)
        assert {part.map for part in contrast.breakdowns} >= {"effect", "t"}
    (rows,) = (part["regressors"] for part in summary["diagnosis"] if part["backend"] == "spm")
    (row,) = (each for each in rows if each["regressor"] == "trial_type.movement")
    assert model.inflation == row["vif_with_constant_and_drifts"]
    (row,) = (each for each in summary["settings"] if each[0] == "High-pass filter")
    assert model.filters == {"spm": row[1], "nilearn": row[2]}
    columns = json.loads((root / model.model_file).read_text())["Nodes"][0]["Model"]["X"]
    assert list(model.regressors) == [str(each).split(".")[-1] for each in columns if each != 1]
    assert model.title == TITLES[name]
    assert sorted(model.figures) == ["effect", "ladder", "shapley"]
    assert (root / model.page).is_file()
    assert (root / model.links.agreement).is_file()
    steps = list(folder.rglob("*_desc-attribution_metrics.tsv"))
    assert [root / link for link in (model.links.attribution,) if link] == steps


def test_numbers_of_the_run_and_of_the_truth_are_theirs(root, told):
    inside = mask_of(root, "movementonly")
    assert (told.participant, told.cutoff, told.repetition_time, told.n_scans) == ("01", 128.0, 2.0, 70)
    assert told.truth_sd == pytest.approx(truth_of(root)[inside].std(), rel=1e-5)


def test_what_the_filter_moves_is_nilearns_effects_between_two_models(root, told):
    inside = mask_of(root, "movementonly")
    pairs = {
        "movement": ("asposted", "overparameterised", "movement"),
        "movement - rest": ("asposted", "overparameterised", "movementRest"),
        "movement alone": ("unfiltered", "movementonly", "movement"),
    }
    assert list(told.moved_by_filter) == list(pairs)
    for name, (one, other, label) in pairs.items():
        labels = {
            each["name"]: each["label"]
            for path in (root / results_folder(one)).rglob("*_summary.json")
            for each in json.loads(path.read_text())["contrasts"]
        }
        label = labels["movement" if name == "movement alone" else name]
        maps = (maps_of(root, model, label, "effect", "nilearn") for model in (one, other))
        assert told.moved_by_filter[name] == pytest.approx(correlation(*maps, inside), rel=1e-5)


def test_voxels_without_a_value_have_no_part_in_a_correlation():
    a, b = np.array([1.0, 2, 3, np.nan, 5, 9]), np.array([2.0, 3, 5, 7, np.inf, -9])
    inside = np.array([True] * 5 + [False])
    assert story_evidence._correlation(a, b, inside) == pytest.approx(np.corrcoef([1, 2, 3], [2, 3, 5])[0, 1])


def test_answers_lead_to_the_last_models_page_and_calibration_to_its_table(root, told):
    assert told.calibration is not None
    assert (root / told.calibration.table).is_file()
    page = f"{results_folder('movementonly')}/sub-01.html#summary"
    assert any(page in str(answer) for answer in told.answers)


def test_each_model_is_fitted_to_one_run_of_the_participant_and_the_last_is_calibrated(
    tmp_path, monkeypatch, capsys
):
    lines: list[list[str]] = []
    renewed: list[tuple[object, ...]] = []
    monkeypatch.setattr(telling, "renew_demo", lambda *given: renewed.append(given))
    codes = iter([0, 0, 65])
    assert telling.tell_story(tmp_path, lambda words: lines.append(words) or next(codes), ["-q"], SHORT) == 65
    assert renewed == [(tmp_path, "01", SHORT)]
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [f"Model {i} of 4: {title}" for i, title in enumerate(list(TITLES.values())[:3], 1)]
    own = ["--participant-label", "01", "--run-label", "1"]
    assert lines == [
        [
            str(tmp_path),
            str(tmp_path / results_folder(name)),
            "participant",
            *["--model", str(tmp_path / f"models/model-{name}_smdl.json"), *own, "-q"],
        ]
        for name in list(TITLES)[:3]
    ]
    assert telling._command_line(tmp_path, "movementonly", ["-q"])[-3:] == ["--calibrate", "5", "-q"]


def test_what_the_page_claims_is_so(told):
    before, pair = (told.models["asposted"].contrasts[c] for c in ("movement", "movement - rest"))
    filtered = told.models["overparameterised"].contrasts["movement"]
    filtered_pair = told.models["overparameterised"].contrasts["movement - rest"]
    after = told.models["movementonly"].contrasts["movement"]
    loose = told.models["unfiltered"].contrasts["movement"]
    assert before.effect_r < min(pair.effect_r, filtered.effect_r, loose.effect_r, after.effect_r)
    assert before.t_r < after.t_r
    assert min(before.sd.values()) > 3 * told.truth_sd, "nearly all of it is not activation"
    assert filtered.sd["spm"] > 2 * filtered_pair.sd["spm"]
    assert filtered.effect_rmsd > 2 * filtered_pair.effect_rmsd
    assert filtered.t_rmsd < 1.5 * filtered_pair.t_rmsd
    assert all(filtered.truth_r[b] < filtered_pair.truth_r[b] for b in ("spm", "nilearn"))
    assert all(after.truth_r[b] > before.truth_r[b] for b in ("spm", "nilearn"))
    moved = told.moved_by_filter
    assert moved["movement"] < min(moved["movement - rest"], moved["movement alone"])
    assert told.models["asposted"].inflation > 5 * told.models["movementonly"].inflation


def test_report_finds_what_the_story_is_about(told):
    codes = {name: [finding.code for finding in model.findings] for name, model in told.models.items()}
    assert codes["asposted"] == ["filled-run", "option-without-effect"]
    assert codes["overparameterised"] == ["filled-run"]
    assert codes["unfiltered"] == ["option-without-effect"]
    assert "filled-run" not in codes["movementonly"]


def test_what_remains_is_named_by_the_attribution(told, page):
    after = told.models["movementonly"].contrasts["movement"]
    assert after.part("effect").ranked[0].step == "scaling"
    assert after.causes[0] == "the intensity scaling (effect)"
    assert all(cause in page for cause in after.causes)


@pytest.mark.parametrize("words", [["--story", "{}"], ["{}", "--story"], ["{}", "-q", "--story"]])
def test_option_stands_before_or_behind_the_folder(words, tmp_path, monkeypatch):
    seen: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(telling, "tell_story", lambda folder, _, others: seen.append((folder, others)) or 0)
    assert main(["demo", *(word.format(tmp_path / "new") for word in words)]) == 0
    assert seen == [(tmp_path / "new", [word for word in words if word == "-q"])]


def test_unknown_option_writes_nothing(tmp_path, capsys):
    assert main(["demo", "--story", str(tmp_path / "new"), "--nonsense"]) == 64
    assert "--nonsense" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_other_peoples_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["demo", "--story", str(tmp_path)]) == 73
    assert re.search(r"not empty", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_earlier_demo_keeps_its_participants(tmp_path):
    write_demo(tmp_path / "demo", 2, Recording(n_runs=1, n_scans=20))
    data = [path for path in (tmp_path / "demo").rglob("sub-0*") if path.is_file()]
    stamps = [path.stat().st_mtime_ns for path in data]
    renew_demo(tmp_path / "demo", "01", SHORT)
    assert [path.stat().st_mtime_ns for path in data] == stamps
    assert "sub-02" in (tmp_path / "demo" / "participants.tsv").read_text()


def test_each_step_is_told_before_it_begins_even_through_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe keeps lines back until thousands of characters are there; the steps take minutes."""
    arrived = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(arrived))
    seen: list[str] = []

    def note(*_: object) -> int:
        seen.append(arrived.getvalue().decode().rstrip().rpartition("\n")[2])
        return 0

    monkeypatch.setattr(telling, "renew_demo", note)
    monkeypatch.setattr(telling, "story", lambda *_: None)
    monkeypatch.setattr(telling, "story_page", lambda _: "")
    assert telling.tell_story(tmp_path, note) == 0
    models = [f"Model {i} of {len(TITLES)}: {title}" for i, title in enumerate(TITLES.values(), 1)]
    assert seen == [f"Writing one participant of the demo to {tmp_path}", *models]
