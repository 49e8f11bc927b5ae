"""Every number in a sentence of the demo's pages is one of the table that it comes from; sentences are short.

The sentences are described here with the place of each number: {table.column} is the number of that column in
the contrast's row, in percent where a % follows. A sentence with a number that no description fits fails.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from bidsglm.agreement.rates import LEVEL
from bidsglm.cli import main
from bidsglm.demo.data_set import Recording, write_demo

SHORT = Recording(n_runs=2, n_scans=60)
PREFIX = "task-tapping_space-MNI152NLin2009cAsym"
NUMBER = re.compile(
    r"(?!(?<=above |below )0(?!\.?\d))(?<!AR\()(?<![\w.\-])[−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
)
"""Not what belongs to a name: sub-01, SPM12, run-1, AR(1), above 0."""
TOKEN = r"([−+]?\\d[\\d,]*(?:\\.\\d+)?(?:e[-+]?\\d+)?)"
READ = ("p", "dd", "li")
SILENT = ("script", "style", "pre", "svg", "table")
LEVELS = {"p": "p001", "FDR": "fdr05", "FWE": "fwe05"}
"""What a threshold's name begins with, and its columns."""
MOST = 2
"""Numbers of a sentence of the summary."""
FIXED = {"0.001", "0.05", "100", "2", "4"}
"""Thresholds of p and FDR, SPM's 100; lags in s are looked up where they are told."""
TITLES = {
    "least squares": "ols",
    "nilearn AR(1)": "nilearn-ar1",
    "SPM AR(1)": "spm-ar1",
    "SPM FAST": "spm-fast",
}


class Sentence(NamedTuple):
    section: str
    text: str


class Reader(HTMLParser):
    """Sentences of a page by the section they stand in."""

    def __init__(self, page: Path, ends: str = ".?!;") -> None:
        super().__init__()
        self.ends = re.compile(rf"(?<=[{ends}])\s+")
        self.sections: list[str] = []
        self.open: list[list[str]] = []
        self.silent = 0
        self.texts: list[Sentence] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.sections.append(dict(attrs).get("id") or "")
        self.silent += tag in SILENT
        if tag in READ:
            self.open.append([])

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.sections.pop()
        self.silent -= tag in SILENT
        if tag in READ and self.open:
            text = " ".join("".join(self.open.pop()).split())
            where = self.sections[-1] if self.sections else ""
            self.texts += [Sentence(where, each) for each in self.ends.split(text) if each]

    def handle_data(self, data: str) -> None:
        if self.open and not self.silent:
            self.open[-1].append(data)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's first two participants, in short runs and without pictures; one of them calibrated."""
    root = tmp_path_factory.mktemp("numbers")
    demo = write_demo(root / "demo", 2, SHORT)
    out = root / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        words = ["--model", str(demo.model), "--atlas", str(demo.atlas), "-qq"]
        own = ["--participant-label", "01", "--calibrate", "2"]
        assert main([str(demo.bids_dir), str(out), "participant", *words]) == 0
        assert main([str(demo.bids_dir), str(out), "participant", *words, *own]) == 0
        assert main([str(demo.bids_dir), str(out), "group", *words]) == 0
    return out


class Tables:
    """Numbers by table, contrast and column."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix

    def read(self, kind: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{self.prefix}_desc-{kind}_metrics.tsv", sep="\t")

    def values(self, place: str, contrast: str) -> list[float]:
        """Numbers of `table.column`, `table:filter=value:….column`, in the rows of a contrast if one is"
        " named."""
        head, column = place.rsplit(".", 1)
        kind, *filters = head.split(":")
        if kind == "summary":
            return [float(self.summary(column))]
        rows = self.read(kind)
        if contrast and "contrast_name" in rows:
            rows = rows[rows["contrast_name"] == contrast]
        for each in filters:
            name, wanted = each.split("=")
            rows = rows[rows[name].astype(str) == wanted]
        assert len(rows), place
        return [float(value) for value in rows[column]]

    def summary(self, name: str) -> float:
        found = json.loads((self.folder / f"{self.prefix}_desc-bidsglm_summary.json").read_text())
        facts = {
            "pooled": found["estimates"]["spm"]["noise"]["n_voxels_pooled"],
            "runs": len(found["runs"]),
            "contrasts": len(found["contrasts"]),
        }
        return float(facts[name])


PARTICIPANT = (
    "{summary.runs} runs of .*, {summary.contrasts} contrasts, .*",
    "{contrast} \\((?:the same|of another extent|other conclusions)\\): the two z maps"
    " correlate at r = {agreement:map=z.pearson_r}.",
    "At .*, they overlap with a Dice of {agreement:map=<stat>.dice_<level>}.",
    "SPM finds {agreement:map=<stat>.n_spm_<level>} voxels?, and nilearn"
    " {agreement:map=<stat>.n_nilearn_<level>}.",
    "At .*, SPM finds {agreement:map=<stat>.n_spm_<level>} voxels?, and nilearn none.",
    "At .*, nilearn finds {agreement:map=<stat>.n_nilearn_<level>} voxels?, and SPM none.",
    "Make equal: .* \\({shapley:t} % of the t difference and {shapley:F} % of the F difference\\)",
    "Make equal: .* \\({shapley:t} % of the t difference and {shapley:effect} % of the effect difference\\)",
    "Make equal: .* \\({shapley:t} % of the t difference\\)",
    "Make equal: .* \\({shapley:effect} % of the effect difference\\)",
    "Make equal: .* \\({shapley:F} % of the F difference\\)",
    "Make equal: .* \\({agreement:map=t.n_nilearn_only} voxels? analysed by one package alone\\)",
    "At .*, no voxel passes in either.",
    "SPM's effects are {agreement:map=effect.slope} times nilearn's .*",
    "The .* makes? {shapley} % of the difference between the (t|effect|F) maps, the .* {shapley} %\\.",
    "The [^,]* makes? {shapley} % of the difference between the (t|effect|F) maps[^,]*",
    "Of the difference between the (t|effect|F) maps, {shapley} % comes from the .*, which .*",
    "Both packages analyse {agreement:map=t.n_both} voxels.",
    "SPM alone analyses .*, nilearn alone {agreement:map=t.n_nilearn_only}.",
    "Over the voxels of both masks, the effects of {contrast} have a standard deviation of"
    " {scale.sd_spm} % of spm_global in SPM and"
    " of {scale.sd_nilearn} % of voxel mean in nilearn: SPM's vary {scale.sd_ratio} times as much.",
    "SPM multiplies each run so that spm_global becomes 100: .*, {mean:intensity.n_global_voxels} here,"
    " where the"
    " brain mask has {intensity.n_mask_voxels};",
    "The mean inside the brain mask is then {mean:intensity.scaled_mask_mean}, not 100: SPM's effects times"
    " {mean:intensity.to_brain_percent} are .*",
    "SPM's effect times 100 over .* between {mean:intensity.to_voxel_percent_lower_quartile} and"
    " {mean:intensity.to_voxel_percent_upper_quartile} in the middle half of the voxels.",
    "So the ratio of {scale.sd_ratio} is a product: {scale.by_level} for the level .* ×"
    " {scale.by_brightness} for"
    " voxels .* × {scale.by_rest} for all other steps.",
    "Once SPM's effects are in nilearn's unit, their standard deviation is {scale.sd_spm_converted} beside"
    " nilearn's"
    " {scale.sd_nilearn} % of voxel mean.",
    "Then the two maps correlate at r = {scale.pearson_r_converted} with a slope of {scale.slope_converted}.",
    "SPM takes the noise of every voxel .*: {autocorrelation:lag=1.spm} after 2 s and"
    " {autocorrelation:lag=2.spm}"
    " after 4 s .*",
    "nilearn has a coefficient .* lie between {autocorrelation:lag=1.nilearn_lower_quartile} and"
    " {autocorrelation:lag=1.nilearn_upper_quartile}, the median is {autocorrelation:lag=1.nilearn_median},"
    " and"
    " {autocorrelation:lag=1.share_below_spm%} % of them are below SPM's {autocorrelation:lag=1.spm}.",
    "SPM's comes from the {summary.pooled} voxels that pass an F test .*",
    "SPM's noise model .* t of {contrast} .*: it (lowers|raises) the slope on nilearn's by {slope:noise} .*,"
    " and with all steps the slope is {slope:all};",
    "it makes {shapley} % of the RMSD.",
    "Here the mean effect of {contrast} over .* is {scale.mean_spm} % of spm_global in SPM and"
    " {scale.mean_nilearn} % of voxel mean in nilearn.",
    "One scale for all voxels .* leaves a factor of {scale.by_level} between .*",
    "nilearn's F over {summary.runs} runs is approximate, .*",
    "Where nothing happens F is {scale:map=F.null_mean} on average.",
    "Here its map has a mean of {scale:map=F.mean_nilearn}, and SPM's one of {scale:map=F.mean_spm}.",
    "Of the difference between the (t|effect|F) maps \\(RMSD {rmsd}\\), {shapley} % comes from .*",
)
"""Sentences of a participant's page."""


class Checker:
    """Looks up the numbers of a sentence, remembering which contrast and map are spoken of."""

    def __init__(self, tables: Tables, contrasts: list[str]) -> None:
        self.tables, self.contrasts = tables, contrasts
        self.contrast, self.map, self.level = contrasts[0], "t", "p001"

    @property
    def stat(self) -> str:
        """Statistic of the contrast that is spoken of."""
        rows = self.tables.read("agreement")
        maps = set(rows[rows["contrast_name"] == self.contrast]["map"])
        return "t" if "t" in maps else "F"

    def expected(self, place: str) -> list[float]:
        if place in ("shapley", "rmsd"):
            return list(self._of_steps(place))
        if place.startswith("slope:"):
            rows = self._attribution("t", "slope-1")
            if place == "slope:all":
                return [1 + float(rows["total"].iloc[0])]
            return [abs(float(rows[rows["step"] == "noise"]["shapley"].iloc[0]))]
        if place.startswith("mean:"):
            return [float(np.mean(self.tables.values(place.removeprefix("mean:"), "")))]
        if place.startswith("shapley:"):
            rows = self._attribution(place.removeprefix("shapley:"), "rmsd")
            return list(100 * rows["shapley"] / rows["total"])
        name = place.removesuffix("%").replace("<stat>", self.stat).replace("<level>", self.level)
        contrast = self.contrast if name.split(".")[0].split(":")[0] in ("agreement", "scale") else ""
        if "map=F" in name or re.match(r"agreement:map=(t|effect)\.", place):
            contrast = ""
        found = self.tables.values(name, contrast)
        return [100 * value for value in found] if place.endswith("%") else found

    def _attribution(self, map_name: str, metric: str) -> pd.DataFrame:
        rows = self.tables.read("attribution")
        rows = rows[(rows["map"] == map_name) & (rows["metric"] == metric)]
        own = rows[rows["contrast_name"] == self.contrast]
        # a recipe names no contrast: its share is that of those that have such a map
        return own if len(own) else rows

    def _of_steps(self, place: str) -> Iterator[float]:
        if place == "rmsd":
            rows = self.tables.read("agreement")
            yield from rows[rows["map"] == self.map]["rmsd"]
        else:
            rows = self._attribution(self.map, "rmsd")
            yield from 100 * rows["shapley"] / rows["total"]

    def check(self, text: str) -> bool:
        """Whether a description fits, and every number is that of its table."""
        for description in PARTICIPANT:
            places = re.findall(r"{([^}]*)}", description)
            pattern = re.sub(r"{contrast}", "(" + "|".join(map(re.escape, self.contrasts)) + ")", description)
            pattern = re.sub(r"{[^}]*}", TOKEN, pattern)
            match = re.fullmatch(pattern, text)
            if match:
                self._compare(places, match, text)
                return True
        return False

    def _compare(self, places: list[str], match: re.Match[str], text: str) -> None:
        groups = [group for group in match.groups() if group is not None]
        for group in groups:
            self.contrast = group if group in self.contrasts else self.contrast
            self.map = group if group in ("t", "effect", "F") else self.map
        said = re.match(r"At (p|FDR|FWE)", text)
        if said:
            self.level = "lower_" * ("below 0" in text) + LEVELS[said[1]]
        if "RMSD." in text:
            self.map = "t"
        numbers = [group for group in groups if NUMBER.fullmatch(group)]
        looked_up = [place for place in places if place != "contrast"]
        assert len(numbers) == len(looked_up), text
        for token, place in zip(numbers, looked_up, strict=True):
            assert is_rounding(token, self.expected(place)), f"{text}: {token} is not {place}"


def is_rounding(token: str, values: list[float]) -> bool:
    """Whether a number is one of the values with as many digits as it shows."""
    plain = token.replace(",", "").replace("−", "-")
    decimals = len(plain.partition(".")[2])
    return any(abs(float(plain) - value) <= 0.5 * 10**-decimals * (1 + 1e-9) for value in values)


def has_number(text: str) -> bool:
    return any(number.strip("−+") not in FIXED for number in NUMBER.findall(text))


PLACES = ("summary", "questions")
RULES = re.compile(
    r"the same when|other conclusions when|The same holds|fewer voxels|Sets of fewer|The bounds|Whole|"
    r"Both are from|[Aa]bout|So what all voxels share|--run-label|SignalScaling|SPM's 100|Not decided with|"
    r"A single simulated|--calibrate|.* tests confounds|Both tails of a t"
)
"""Rules of the verdict, options, and what another test looks up."""


def test_every_number_of_a_sentence_is_that_of_its_table(results: Path) -> None:
    tables = Tables(results / "sub-01/func", f"sub-01_{PREFIX}")
    contrasts = list(dict.fromkeys(tables.read("agreement")["contrast_name"]))
    checker = Checker(tables, contrasts)
    sentences = [s for s in Reader(results / "sub-01.html").texts if s.section in PLACES]
    told = [s.text for s in sentences if has_number(s.text) and not RULES.match(s.text)]
    assert len(told) > 20
    assert [text for text in told if not checker.check(text)] == []


def test_numbers_at_a_contrast_are_those_of_its_tables(results: Path) -> None:
    tables = Tables(results / "sub-01/func", f"sub-01_{PREFIX}")
    checker = Checker(tables, list(dict.fromkeys(tables.read("agreement")["contrast_name"])))
    sentences = [s.text for s in Reader(results / "sub-01.html").texts]
    chosen = [
        s
        for s in sentences
        if re.match(r"Of the difference between the .* \(RMSD|nilearn's F over|Where noth", s)
    ]
    assert len(chosen) >= 4
    assert [text for text in chosen if not checker.check(text)] == []


def test_changed_number_is_noticed(results: Path) -> None:
    tables = Tables(results / "sub-01/func", f"sub-01_{PREFIX}")
    checker = Checker(tables, list(dict.fromkeys(tables.read("agreement")["contrast_name"])))
    with pytest.raises(AssertionError, match="is not"):
        checker.check("SPM's effects are 77.7 times nilearn's (slope over voxels).")


def test_undecided_analyses_are_those_of_the_calibration(results: Path) -> None:
    rows = Tables(results / "sub-01/func", f"sub-01_{PREFIX}").read("calibration")
    texts = [s.text for s in Reader(results / "sub-01.html").texts if s.section == "questions"]
    undecided = [text for text in texts if "Not decided with" in text]
    assert {NUMBER.findall(text.split("with")[1])[0] for text in undecided} == {
        f"{rows['n_datasets'].max():g}"
    }
    judged = rows[(rows["noise"] == "surrogate") & (rows["effect_size"] == 0) & (rows["p_threshold"] != 0.01)]
    for title, name in TITLES.items():
        own = judged[judged["analysis"] == name]
        inside = (own["ci_lower"] <= 1.5 * own["p_threshold"]) & (own["ci_upper"] >= own["p_threshold"] / 1.5)
        is_reported = any(title.lower() in text.lower() or "any of the" in text for text in undecided)
        assert is_reported <= bool(inside.any()), title
    assert LEVEL == 0.95


@pytest.mark.parametrize("page", ["sub-01.html", "sub-02.html", "group.html"])
def test_sentences_of_the_summary_have_two_numbers_at_most(results: Path, page: str) -> None:
    sentences = [s.text for s in Reader(results / page, ".?!").texts if s.section == "summary"]
    assert len(sentences) > 10
    assert [text for text in sentences if len(NUMBER.findall(text)) > MOST] == []


def test_group_summary_is_that_of_the_group_tables(results: Path) -> None:
    tables = Tables(results / "group", PREFIX)
    texts = {s.text for s in Reader(results / "group.html").texts if s.section == "summary"}
    group = tables.read("groupAgreement")
    slope = float(group[group["map"] == "effect"]["slope"].iloc[0])
    people = tables.read("agreement")
    r = float(people[people["map"] == "F"]["pearson_r"].median())
    level = float(tables.read("scale")["by_level"].median())
    for pattern, value in (
        (r"SPM's effects are ([\d.]+) times nilearn's", slope),
        (r"The F maps of head motion of single participants correlate at r = ([\d.]+)", r),
        (r"A factor of ([\d.]+) remains then", level),
    ):
        (found,) = [match for text in texts if (match := re.match(pattern, text))]
        assert is_rounding(found[1], [value]), found[0]
