"""Hostile atlases, filter files and words of the command line: refused before anything is fitted."""

import gzip
import json
import os
from collections.abc import Callable, Mapping

import numpy as np

from tests import tiny
from tests.hostile.row import Place, Row, checked, file_with, nested, words

Make = Callable[[Place], list[str]]


def atlas(values: np.ndarray, labels: str | bytes | None = None) -> Make:
    def make(place: Place) -> list[str]:
        path = place.study.parent / "atlas.nii.gz"
        tiny.write_image(path, values)
        given = ["--atlas", str(path)]
        return given if labels is None else given + file_with(labels, "--atlas-labels", "labels.tsv")(place)

    return make


def labels(content: str | bytes, *said: str) -> Row:
    return Row(atlas(tiny.brain(), content), 65, ("labels.tsv", *said))


def special(make_file: Callable[[str], object], option: str) -> Make:
    def make(place: Place) -> list[str]:
        path = place.study.parent / "special.nii.gz"
        make_file(str(path))
        given = [option, str(path)]
        return given if option != "--atlas-labels" else given + atlas(tiny.brain())(place)

    return make


def filters(content: object, *said: str, code: int = 65) -> Row:
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    return Row(file_with(text, "--bids-filter-file", "filters.json"), code, ("filters.json", *said))


def usage(*given: str, said: str) -> Row:
    return Row(words(*given), 64, (given[0], said))


SHAPE = tiny.SHAPE
ATLASES: Mapping[str, Row] = {
    "atlas of fractions": Row(atlas(np.full(SHAPE, 0.5, np.float32)), 65, ("atlas.nii.gz", "whole numbers")),
    "atlas of negative numbers": Row(atlas(np.full(SHAPE, -1, np.int16)), 65, ("atlas.nii.gz", "from 1")),
    "atlas of huge numbers": Row(atlas(np.full(SHAPE, 1e300)), 65, ("atlas.nii.gz", "number no region")),
    "atlas of infinity": Row(
        atlas(np.full(SHAPE, np.inf, np.float32)), 65, ("atlas.nii.gz", "number no region")
    ),
    "atlas of nothing": Row(atlas(np.zeros(SHAPE, np.int16)), 65, ("atlas.nii.gz", "no region")),
    "atlas of several volumes": Row(atlas(np.ones((*SHAPE, 3), np.int16)), 65, ("atlas.nii.gz", "3 volumes")),
    "atlas of 30,000 regions": Row(
        atlas(np.arange(30_000, dtype=np.int32).reshape(30, 10, 100)),
        65,
        ("atlas.nii.gz", "20,000 different"),
    ),
    "atlas is text": Row(file_with("hello", "--atlas", "atlas.nii.gz"), 74, ("atlas.nii.gz", "gzip")),
    "atlas is noise": Row(
        file_with(gzip.compress(bytes(2000)), "--atlas", "atlas.nii.gz"), 74, ("atlas.nii.gz", "damaged")
    ),
    "atlas is a pipe": Row(special(os.mkfifo, "--atlas"), 65, ("special.nii.gz", "is a pipe")),
    "atlas is a device": Row(
        special(lambda path: os.symlink("/dev/zero", path), "--atlas"), 65, ("special.nii.gz", "is a device")
    ),
    "atlas is a folder": Row(special(os.mkdir, "--atlas"), 66, ("special.nii.gz", "is a folder")),
    "labels are a pipe": Row(special(os.mkfifo, "--atlas-labels"), 65, ("special.nii.gz", "is a pipe")),
    "labels are binary": labels(bytes(range(256)), "UTF-8", "save"),
    "labels are empty": labels("", "empty", "needs a line"),
    "labels without index": labels("a\tb\n1\tx\n", "no column index", "tab-separated"),
    "labels of 1e300": labels("index\tname\n1e300\tx\n", "line 2", "whole number"),
    "labels in Python's digits": labels("index\tname\n1_0\tx\n", "line 2", "whole number"),
    "labels of other digits": labels("\u00b2\tx\n", "whole number", "line 1"),
    "labels twice": labels("index\tname\n1\tx\n1\ty\n", "line 3", "keep one"),
    "label of a megabyte": labels("index\tname\n1\t" + "x" * 10**6 + "\n", "line 2", "longer than 1000"),
}
FILTERS: Mapping[str, Row] = {
    **{
        f"filter by {name}": filters({"bold": {name: "1"}}, repr(name), "no BIDS entity")
        for name in (
            "self",
            "return_type",
            "scope",
            "target",
            "invalid_filters",
            "filters",
            "__class__",
            "../a",
        )
    },
    **{
        f"pattern {pattern[:12]}": filters(
            {"bold": {"task": pattern, "regex_search": True}}, "bold.task", said
        )
        for pattern, said in (
            ("[", "no regular expression"),
            ("(a+)+$", "repeats a group"),
            ("(a|aa)*b", "repeats a group"),
            ("a*a*a*a*b", "more than 2 times"),
            ("(?=a)b", "looks around"),
            (r"(a)\1", "looks around"),
            ("a{1,99999999999}", "no regular expression"),
            ("x" * 300, "longer than 200"),
        )
    },
    "filter file is nested deeply": filters(nested(100_000), "nested too deeply", "correct"),
    "filter file is a list": filters([], "no JSON object", "correct"),
    "filter file is binary": filters(bytes(range(256)), "UTF-8", "save"),
    "filter file is cut off": filters("{", "line 1", "not valid JSON"),
    "filter of an object": filters({"bold": {"task": {"a": 1}}}, "bold.task", "a label, null"),
    "filter of true": filters({"bold": {"task": True}}, "bold.task", "a label, null"),
    "filter of control characters": filters({"bold": {"task": "a\x1b[2J"}}, "bold.task", "a label, null"),
    "filter of 100,000 labels": filters({"bold": {"task": ["a"] * 100_000}}, "bold.task", "a label, null"),
    "filter under another key": filters({"eval": {}}, "unknown key 'eval'", "the keys are"),
    "filter that is text": filters({"bold": "task"}, "bold must be an object", "session"),
    "search that is text": filters({"bold": {"regex_search": "yes"}}, "regex_search", "true or false"),
    "filter with half a character": filters('{"bold": {"task": "\\ud800"}}', "half a character", "correct"),
}
COMMAND_LINE: Mapping[str, Row] = {
    "smoothing of 1e308": usage("--smoothing-fwhm", "1e308", said="must not exceed 100"),
    "smoothing infinite": usage("--smoothing-fwhm", "inf", said="must not exceed"),
    "smoothing not a number": usage("--smoothing-fwhm", "nan", said="negative"),
    "smoothing in Python's digits": usage("--smoothing-fwhm", "1_0", said="not a number"),
    "cut-off of 1e308": usage("--high-pass", "1e308", said="must not exceed"),
    "calibration of 1e9": usage("--calibrate", "1000000000", said="must not exceed"),
    "calibration in floating point": usage("--calibrate", "1e9", said="whole number"),
    "calibration of 5,000 digits": usage("--calibrate", "9" * 5000, said="whole number"),
    "calibration in other digits": usage("--calibrate", "\u0661", said="whole number"),
    "permutations of 1e12": Row(
        words("group", "--permutations", "1" + "0" * 12), 64, ("--permutations", "exceed")
    ),
    "processes of 1e9": usage("--n-procs", "1000000000", said="must not exceed"),
    "threads of 1e9": usage("--omp-nthreads", "1000000000", said="must not exceed"),
    "memory of 400 digits": usage("--mem", "9" * 400 + "T", said="not a size"),
    "memory of 1e19 terabytes": usage("--mem", "9" * 19 + "T", said="not a size"),
    "seed of 5,000 digits": usage("--random-seed", "9" * 5000, said="whole number"),
    "threshold infinite": usage("--mask-threshold", "inf", said="neither a share"),
    "threshold of 1e308": usage("--mask-threshold", "1e308", said="neither a share"),
    "ar1000 for the automatic model": usage("--noise-model", "ar1000", said="ar30"),
    "response with a command": usage("--hrf", "__import__('os')", said="unknown"),
    "a name that is no UTF-8": Row(
        words("--model", os.fsdecode(b"/tmp/\xff.json")), 64, (r"\udcff", "is not UTF-8 text")
    ),
}
ROWS = checked({**ATLASES, **FILTERS, **COMMAND_LINE})
