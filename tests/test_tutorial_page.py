"""The tutorial on the demo's page quotes what the page says, with the numbers that the tables have."""

import re
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.demo.data_set import write_demo
from bidsglm.demo.small_calibration import small_calibration
from tests.docs_commands import DOCS
from tests.test_page_numbers import NUMBER, PREFIX, RULES, Checker, Reader, Tables, has_number

TEXT = (DOCS / "tutorials" / "page.md").read_text(encoding="utf-8")
QUOTES = [line.removeprefix("> ") for line in TEXT.splitlines() if line.startswith("> ")]
PROSE = re.sub(r"```.*?```|\]\([^)]*\)|`[^`]*`", "", TEXT, flags=re.DOTALL)
"""Without code and addresses"""
TOLD = {"20", "0", "1", "0.8"}
"""Of the data and of SPM's threshold, which the summary does not say."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's first participant as everybody gets it, without the pictures."""
    root = tmp_path_factory.mktemp("tutorial")
    demo, out = write_demo(root / "demo", participants=1), root / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        words = ["--model", str(demo.model), "--atlas", str(demo.atlas), "-qq", *small_calibration(())]
        assert main([str(demo.bids_dir), str(out), "participant", *words]) == 0
    return out


def sentences(text: str) -> list[str]:
    """Sentences, cut as those of the page are."""
    return [each for each in re.split(r"(?<=[.?!;])\s+", text) if each]


def test_what_is_quoted_stands_on_the_page(results: Path) -> None:
    page = {sentence.text for sentence in Reader(results / "sub-01.html").texts}
    said = [sentence for quote in QUOTES for sentence in sentences(quote)]
    assert len(said) > 20
    assert [sentence for sentence in said if sentence not in page] == []


def test_numbers_of_the_quotes_are_those_of_the_tables(results: Path) -> None:
    tables = Tables(results / "sub-01/func", f"sub-01_{PREFIX}")
    checker = Checker(tables, list(dict.fromkeys(tables.read("agreement")["contrast_name"])))
    page = [s.text for s in Reader(results / "sub-01.html").texts if s.section in ("summary", "questions")]
    quoted = {sentence for quote in QUOTES for sentence in sentences(quote)}
    wrong = [text for text in page if has_number(text) and not RULES.match(text) and not checker.check(text)]
    assert [text for text in wrong if text in quoted] == []


def test_other_numbers_of_the_tutorial_are_quoted_too() -> None:
    own = "\n".join(line for line in PROSE.splitlines() if not line.startswith((">", "1.", "2.", "3.", "4.")))
    quoted = set(NUMBER.findall(" ".join(QUOTES)))
    assert set(NUMBER.findall(own)) - quoted - TOLD == {"0.794"}


def test_slope_of_the_t_maps_is_that_of_the_table(results: Path) -> None:
    rows = Tables(results / "sub-01/func", f"sub-01_{PREFIX}").read("agreement")
    row = rows[(rows["contrast_name"] == "movement") & (rows["map"] == "t")].iloc[0]
    assert (f"{row['slope']:.3f}", f"{row['pearson_r']:.3f}") == ("0.794", "0.987")
    regions = Tables(results / "sub-01/func", f"sub-01_{PREFIX}").read("rois")
    means = regions[(regions["contrast"] == "movement")].pivot(index="label", columns="backend", values="t")
    assert list(means.sort_values("spm").index) == list(means.sort_values("nilearn").index)
