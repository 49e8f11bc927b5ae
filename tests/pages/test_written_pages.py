"""Pages as they stand on disk: who is named, where links lead, what numbers and files belong to them."""

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

from bidsglm.cli import main
from bidsglm.outputs.names import write_json
from bidsglm.packages import PACKAGES, title
from bidsglm.pages import about, calibration, group
from bidsglm.pages.participant import write_participant_page
from bidsglm.pages.sources import page_is_current
from tests.finished import (
    NAME,
    Maps,
    change_summary,
    effects,
    read_rows,
    write_dataset,
    write_participant,
)
from tests.report.parsed import Page

LABELS = ("01", "02", "03", "04", "05")
FINISHED = LABELS[:4]


def three(seed: int) -> Maps:
    """Effects of three packages."""
    maps = effects(seed)
    return {**maps, "afni": 1.3 * maps["spm"]}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, plain_figures: None) -> Path:
    """Four participants with three packages, and a fifth that failed."""
    root = tmp_path_factory.mktemp("group")
    bids, out = write_dataset(root, LABELS), root / "out"
    for seed, label in enumerate(FINISHED):
        write_participant(out, label, {"go": three(seed), "stop": three(50 + seed)}, estimates={})
        (out / f"sub-{label}.html").write_text("a page of its own")
    write_json(
        out / "sub-05" / "sub-05_desc-bidsglm_summary.json",
        {"status": "failed", "errors": ["sub-05: events.tsv: no onset"], "exit_code": 65},
    )
    assert main([str(bids), str(out), "group", "-q"]) in (0, 65)
    return out


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page((out / "group.html").read_text(encoding="utf-8"))


def test_links_of_the_page_lead_to_files_and_to_places_that_are_there(out: Path, page: Page) -> None:
    assert len(set(page.ids)) == len(page.ids)
    links = {link for link in page.values("a", "href") if "://" not in link}
    assert len(links) > 10
    for link in links:
        name, _, anchor = link.partition("#")
        assert not name or (out / unquote(name)).exists(), link
        if not name:
            assert anchor in page.ids, link


def test_links_of_the_plots_lead_to_the_participants_from_their_folder(out: Path) -> None:
    plots = sorted((out / "group" / "figures").glob("*.svg"))
    named = [path for path in plots if "sub-01.html" in path.read_text()]
    assert named
    for path in named:
        for link in re.findall(r'href="([^"#]+)', path.read_text()):
            assert (path.parent / link).resolve().exists(), link


def test_everybody_is_named_with_what_became_of_them(page: Page) -> None:
    said = " ".join(text for texts in page.texts.values() for text in texts)
    assert "events.tsv: no onset" in said
    for label in LABELS:
        assert f"sub-{label}" in said


def test_the_page_is_about_the_data_set_and_the_command(out: Path) -> None:
    text = (out / "group.html").read_text(encoding="utf-8")
    assert "made" in text


@pytest.mark.parametrize(
    ("description", "name"),
    [('{"Name": "A study"}', "A study"), ('{"Name": ""}', "raw"), ("{", "raw"), (None, "raw")],
)
def test_a_data_set_without_a_name_has_that_of_its_folder(
    tmp_path: Path, description: str | None, name: str
) -> None:
    bids = tmp_path / "raw"
    bids.mkdir()
    if description is not None:
        (bids / "dataset_description.json").write_text(description)
    assert group._dataset_name(bids) == name


def test_the_command_of_a_page_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["/usr/bin/bidsglm", "my data", "out", "group", "-q"]
    monkeypatch.setattr("sys.argv", words)
    assert shlex.split(about.about().command) == ["bidsglm", *words[1:]]


def test_who_comes_second_in_a_participants_page_is_its_second_unit(tmp_path: Path) -> None:
    write_participant(tmp_path, "01", {}, "a", estimates={})
    write_participant(tmp_path, "01", {}, "b")
    write_participant(tmp_path, "01", {}, "c", estimates={})

    class Members:
        output_dir = tmp_path

    places = group._places(Members(), {"01": "sub-01.html", "02": "sub-02.html"})  # type: ignore[arg-type]
    assert [(place.who, place.number, place.page) for place in places] == [
        ("sub-01 ses-a", 1, "sub-01.html"),
        ("sub-01 ses-c", 2, "sub-01.html"),
    ]


def test_a_page_of_failures_alone_names_them(tmp_path: Path) -> None:
    write_participant(tmp_path, "01", {}, errors=["no scans in run 2"])
    marker = tmp_path / "sub-01" / "sub-01_desc-bidsglm_summary.json"
    write_json(marker, {"status": "failed", "errors": ["sub-01: no events"], "exit_code": 65})
    write_participant_page(tmp_path, "01")
    text = (tmp_path / "sub-01.html").read_text()
    assert "no scans in run 2" in text
    assert "sub-01: no events" in text


def test_a_page_is_current_until_what_it_tells_of_changes(tmp_path: Path) -> None:
    write_participant(tmp_path, "01", {}, errors=["no scans"])
    assert not page_is_current(tmp_path, "01")
    write_participant_page(tmp_path, "01")
    assert page_is_current(tmp_path, "01")
    (summary,) = (tmp_path / "sub-01").rglob("*_summary.json")
    page = tmp_path / "sub-01.html"
    for later in (0, 1):
        os.utime(summary, ns=(0, page.stat().st_mtime_ns + later))
        assert page_is_current(tmp_path, "01") is not bool(later)
    change_summary(tmp_path, "01", errors=[])
    os.utime(summary, ns=(0, page.stat().st_mtime_ns - 1))
    marker = tmp_path / "sub-01" / "sub-01_desc-bidsglm_summary.json"
    write_json(marker, {"status": "failed", "errors": ["later"], "exit_code": 65})
    os.utime(marker, ns=(0, page.stat().st_mtime_ns + 1))
    assert not page_is_current(tmp_path, "01")


def test_why_a_contrast_is_not_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MOST_CONTRASTS", 2)
    summary = {
        "contrasts": [
            {"label": label, "name": label.upper(), "conditions": [f"trial_type.{label}"]} for label in "abcd"
        ]
        + [{"label": "m", "name": "motion", "conditions": ["rot_x"]}]
        + [{"label": "k", "name": "mean", "conditions": ["constant"]}],
        "runs": [{"confounds": ["rot_x"]}],
    }
    left_out = ["a", "d", "m", "k"]

    def said(label: str, *without: str) -> str:
        return calibration._left_out(summary, label, without or left_out)

    assert said("a") == "A (not estimable)"
    assert said("d") == "D (beyond the first 2)"
    assert said("d", "b", "d") == "D (beyond the first 2)"
    assert said("d", "b", "c", "d") == "D (not estimable)"
    why = "a contrast of confounds, whose effects are in every simulated data set"
    assert (said("m"), said("k")) == (f"motion ({why})", f"mean ({why})")
    assert said("gone") == "gone"


def test_medians_on_the_page_are_those_of_the_table(out: Path, page: Page) -> None:
    rows = read_rows(out / "group" / f"{NAME}_desc-agreement_metrics.tsv")
    of_go = sorted(float(r["pearson_r"]) for r in rows if r["contrast"] == "go" and r["map"] == "t")
    assert len(of_go) == len(FINISHED)
    median = sum(of_go[1:3]) / 2
    cells = " ".join(text for texts in page.texts.values() for text in texts)
    assert f"{median:.3f}" in cells or f"{median:.2f}" in cells


def test_effects_in_other_units_are_said_to_be_so(page: Page) -> None:
    said = " ".join(text for texts in page.texts.values() for text in texts)
    units = {name: PACKAGES[name].unit for name in ("spm", "nilearn", "afni")}
    for first in ("spm", "afni"):
        differ = units[first] != units["nilearn"]
        words = f"{title(first)}'s in {units[first]} and nilearn's in {units['nilearn']}"
        assert (words in said) is differ
    assert len(set(units.values())) > 1
