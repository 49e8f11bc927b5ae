"""The tutorials and tasks: commands run, or the parser reads them where that is long; models are fitted."""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.authoring.command import build_model_parser
from bidsglm.check.command import build_check_parser
from bidsglm.cli import main
from bidsglm.maps.command import build_maps_parser
from bidsglm.options import build_parser
from bidsglm.parser import hyphenated
from tests import stop_signal, tiny
from tests.docs_commands import DOCS, blocks, plain_commands, steps
from tests.test_model_page import contained

TUTORIALS = DOCS / "tutorials"
PAPER = TUTORIALS / "paper_to_model.md"
TASKS = DOCS / "howto" / "tasks.md"
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "model": build_model_parser,
    "check": build_check_parser,
    "maps": build_maps_parser,
}
READ_ONLY = [page for page in sorted(DOCS.rglob("*.md")) if plain_commands(page) or steps(page)]


def run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a page's commands, in its order, and look for the lines that it shows of each."""
    for step in steps(page):
        capsys.readouterr()
        assert main(step.words) == 0, step.words
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        assert [line for line in step.printed if line.strip() not in lines] == [], step.words


def respond(path: Path, study: Path) -> None:
    """Let a corner of the brain answer to stop trials, 5 s later."""
    name = re.sub(r"_space.*", "_events.tsv", path.name)
    (events,) = study.glob(f"sub-*/ses-*/func/{name}")
    table = pd.read_csv(events, sep="\t")
    time = np.arange(tiny.N_SCANS) * tiny.REPETITION_TIME
    onsets = table[table["trial_type"] == "stop"]["onset"].to_numpy()
    image = nib.load(path)
    values = image.get_fdata()
    values[2:5, 2:5, 2:5] += 30 * np.exp(-(((time[:, None] - onsets - 5) / 3) ** 2)).sum(axis=1)
    tiny.write_image(path, values.astype(np.float32), image.affine)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands are run in, with a study of two participants."""
    stop_signal.write_study(tmp_path, ("01", "02")).rename(tmp_path / "study")
    for path in (tmp_path / "study" / "derivatives").rglob("*_bold.nii.gz"):
        respond(path, tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("plain_figures")
def test_commands_of_the_first_own_participant_run_and_print_what_it_says(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(TUTORIALS / "own_participant.md", capsys)
    assert sorted(path.name for path in (study / "results").glob("*.html")) == [
        "group.html",
        "sub-01.html",
        "sub-02.html",
    ]


@pytest.mark.usefixtures("plain_figures")
def test_model_of_the_paper_is_checked_and_fitted_to_the_group(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [text for text in blocks(PAPER, "json") if '"Nodes"' in text]
    (study / "paper_smdl.json").write_text(whole[-1], encoding="utf-8")
    run(PAPER, capsys)
    assert len(list((study / "results" / "group").glob("*stopMinusGo_stat-t_desc-spm_statmap.nii.gz"))) == 1


def test_pieces_of_the_paper_are_those_of_its_whole_model() -> None:
    pieces = blocks(PAPER, "json")
    whole = json.loads(pieces[-1])
    assert len(pieces) > 6
    assert [text for text in pieces if not contained(json.loads(text), whole)] == []


@pytest.mark.parametrize("page", READ_ONLY, ids=lambda page: page.stem)
def test_every_command_is_one_that_the_program_takes(page: Path) -> None:
    for words in [*plain_commands(page), *(step.words for step in steps(page))]:
        if words[0] == "demo":
            assert set(words[1:]) <= {"OUTPUT_DIR", "--story"}
        elif re.match(r"[{[]", " ".join(words[-2:])) is None:
            build = PARSERS.get(words[0], build_parser)
            build().parse_args(hyphenated(words[words[0] in PARSERS :]))


@pytest.mark.usefixtures("plain_figures")
def test_first_tasks_run_on_finished_participants(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = [step.words for step in steps(TASKS)][:5]
    assert [words[3:] and words[2] for words in few] == ["participant"] * 5
    assert main(["study", "results", "participant", "--no-attribution", "-q"]) == 0
    for words in few:
        assert main(words) == 0, words
    scripts = {path.name for path in (study / "results" / "sub-01").glob("**/code/*/*")}
    assert {"spm_batch.m", "nilearn_script.py"} <= scripts
    assert (study / "results-derivative" / "sub-01.html").exists()
    assert "SPM" in (study / "results" / "logs" / "CITATION.md").read_text()


def test_names_of_the_cluster_tutorial_are_those_of_the_settings() -> None:
    (shown,) = blocks(TUTORIALS / "cluster.md", "sh")
    example = (DOCS.parent / "hpc" / "slurm" / "settings.example.sh").read_text().splitlines()
    assert [line for line in shown.splitlines() if line not in example] == []
