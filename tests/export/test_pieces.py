"""Pieces of the code that is written, at their limits."""

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.afni.baseline import demeaned
from bidsglm.backends.afni_joint import ColumnPlace
from bidsglm.data import Condition, Paradigm
from bidsglm.export import literals
from bidsglm.export.afni_files import symbolic
from bidsglm.export.afni_script import LETTERS, _listed, _mask_steps, _ortvec, _places, _suffix
from bidsglm.export.labels import LONGEST, labels
from bidsglm.export.literals import number, rows_text
from bidsglm.export.locations import DataRoot, data_root
from bidsglm.export.nilearn_tables import (
    Naming,
    confounds_suffice,
    confounds_table,
    events_suffice,
    events_table,
    naming,
)
from bidsglm.export.record import Averaged
from bidsglm.export.spm_batch import _bases, _with_encoding
from bidsglm.export.spm_inputs import placed_weights
from bidsglm.model import ContrastSpecification, Hrf

GO = Condition("go", np.array([1.0, 3.0]), np.array([2.0, 1.0]))


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, ""),
        (1, "c0"),
        (6, "c0, c1, c2, c3, c4, c5"),
        (7, "c0, c1, c2, c3, c4, c5 and 1 more"),
        (9, "c0, c1, c2, c3, c4, c5 and 3 more"),
    ],
)
def test_columns_are_listed_up_to_six(n: int, words: str) -> None:
    columns = tuple(ColumnPlace(f"c{i}", None) for i in range(n))
    found: Any = SimpleNamespace(joint=SimpleNamespace(columns=(*columns, ColumnPlace("other", None))))
    assert _listed(found, set(columns)) == words


@pytest.mark.parametrize("n", [0, 1, 2, 26, 27, 51, 52, 80])
def test_steps_of_3dcalc_take_every_mask_once_and_no_more_inputs_than_letters(n: int) -> None:
    links = [f"m{i}.nii" for i in range(n)]
    inside = {name: i != 1 for i, name in enumerate(links)}
    steps: Any = list(_mask_steps(links))
    taken: list[str] = []
    for step in steps:
        names = dict(step["inputs"])
        assert len(names) <= len(LETTERS) == 26
        assert list(names) == list(LETTERS[: len(names)])
        assert step["expression"] == "*".join(f"step({letter})" for letter in names)
        taken += [name for name in names.values() if name in links]
        assert step["prefix"] not in inside
        inside[step["prefix"]] = all(inside[name] for name in names.values())
    assert taken == links
    if n:
        assert steps[-1]["prefix"] == "afni/mask.nii"
        assert inside["afni/mask.nii"] is (n < 2)


def test_volumes_of_tests_stand_behind_those_of_the_columns() -> None:
    def stimulus(columns: int) -> Any:
        return SimpleNamespace(file=SimpleNamespace(columns=columns))

    found: Any = SimpleNamespace(stimuli=[stimulus(1), stimulus(3)])
    tests: Any = [SimpleNamespace(n_rows=n) for n in (1, 2, 1)]
    # Full_Fstat; 1 coefficient, t and F; 3 of each and F; then each test's
    assert _places(found, tests) == [1 + 3 + 7, 1 + 3 + 7 + 3, 1 + 3 + 7 + 3 + 5]


def test_files_of_confounds_are_numbered_where_there_are_several() -> None:
    assert _ortvec(0, 1) == {"file": "afni_confounds.1D", "label": "confounds"}
    assert _ortvec(1, 2) == {"file": "afni_confounds_r02.1D", "label": "confounds_r02"}
    assert [_suffix(name) for name in ("a.nii", "a.nii.gz", "gz.nii")] == [".nii", ".nii.gz", ".nii"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ([1, -1, 0], "+a -b"),
        ([0.5, 0, -2], "+0.5*a -2*c"),
        ([0, 0, 0], ""),
        ([-1e-5, 0, 1 / 3], "-0.00001*a +0.3333333333333333*c"),
    ],
)
def test_symbolic_rows_have_signs_and_sizes(row: list[float], text: str) -> None:
    assert symbolic(np.array(row), ["a", "b", "c"]) == text
    assert rows_text(np.array([row]), number) == " ".join(number(value) for value in row) + "\n"


def test_labels_are_short_and_differ_without_capitals() -> None:
    long = "x" * (LONGEST + 5)
    found = labels([long, long.upper(), long + "y", "1", "__", "a--b", "go", "go"])
    assert [len(found[name]) for name in (long, long.upper(), long + "y")] == [32, 31, 31]
    assert found[long.upper()] == "X" * 29 + "_2"
    assert found[long + "y"] == "x" * 29 + "_3"
    assert [found[name] for name in ("1", "__", "a--b", "go")] == ["c_1", "c", "a_b", "go"]
    assert len({label.lower() for label in found.values()}) == len(found) == 7
    assert len(labels(["x" * LONGEST])["x" * LONGEST]) == LONGEST


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (-0.5, "-0.5"),
        (1e15, "1000000000000000.0"),
        (1e15 - 1, "999999999999999"),
        (-1e15, "-1000000000000000.0"),
        (float("inf"), "Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
        (0.1, "0.1"),
        (1e20, "1e+20"),
    ],
)
def test_numbers_of_matlab(value: float, text: str) -> None:
    assert literals.matlab_number(value) == text


@pytest.mark.parametrize(
    ("text", "matlab"),
    [
        ("", "''"),
        ("a'b", "'a''b'"),
        ("\n", "char(10)"),
        ("a\tb", "['a' char(9) 'b']"),
        ("\x7fx", "[char(127) 'x']"),
        ("a\n\nb", "['a' char(10) char(10) 'b']"),
    ],
)
def test_texts_of_matlab(text: str, matlab: str) -> None:
    assert literals.matlab_text(text) == matlab


@pytest.mark.parametrize(("indent", "broken"), [(4, False), (5, True)])
def test_lists_of_python_are_broken_where_they_are_too_long(indent: int, broken: bool) -> None:
    texts = ["x" * 40, "y" * 40]
    found = literals.python_texts(texts, indent)
    line = f'["{texts[0]}", "{texts[1]}"]'
    assert len(line) == 88
    pad = " " * (indent + 4)
    expected = f'[\n{pad}"{texts[0]}",\n{pad}"{texts[1]}",\n{" " * indent}]' if broken else line
    assert found == expected
    assert eval(found) == texts


@pytest.mark.parametrize("text", ["a", "don't; $HOME", "two\nlines", 'say "go" \\ !x', "é[1]*?", ""])
def test_words_of_shells_and_python_come_out_as_they_are(text: str) -> None:
    assert shlex.split(literals.sh_text(text)) == [text]
    done = subprocess.run(["sh", "-c", f"printf %s {literals.sh_text(text)}"], capture_output=True, text=True)
    assert done.stdout == text
    assert eval(literals.python_text(text)) == text


def test_tcl_and_comments_hold_no_commands() -> None:
    assert literals.tcl_text('a"b$c[d]{e}\\\n') == r"a\"b\$c\[d\]\{e\}\\" + r"\n"
    assert literals.comment("a\n b\x00\tc ") == "a b c"
    assert literals.tcsh_text("a'b!\n") == "'a'\\''b'\\!'\\\n'"


@pytest.mark.parametrize(
    ("code", "raw", "bold", "folder", "way"),
    [
        ("/s/out/sub-1/code/x", "/s", "/s/prep/sub-1/func/b.nii.gz", "/s", "../../../.."),
        ("/s/out/sub-1/code/x", "/s/bids", "/s/prep/sub-1/ses-a/func/b.nii.gz", "/s", "../../../.."),
        ("/out/code", "/data", "/prep/sub-1/func/b.nii.gz", "/prep", "/prep"),
        ("/prep/out/code", "/data", "/prep/sub-1/func/b.nii.gz", "/prep", "../.."),
        ("/out/code", "/data", "/prep/other/b.nii.gz", "/prep/other", "/prep/other"),
    ],
)
def test_the_root_of_the_data_is_what_raw_and_preprocessed_share(
    code: str, raw: str, bold: str, folder: str, way: str
) -> None:
    found = data_root(Path(code), Path(raw), Path(bold), "1")
    assert (str(found.folder), found.from_code) == (folder, way)
    assert found.is_relative is not way.startswith("/")


def test_files_are_named_from_the_root(tmp_path: Path) -> None:
    root = DataRoot(tmp_path / "data", "../data")
    assert root.below(tmp_path / "data" / "a" / "b.nii") == "a/b.nii"
    assert root.holds(tmp_path / "data" / "a")
    assert not root.holds(tmp_path / "elsewhere" / "a")


def run(*names: str, conditions: tuple[Condition, ...] = (GO,)) -> Paradigm:
    return Paradigm(2.0, 4, None, conditions, names, np.arange(4.0 * len(names)).reshape(4, -1))


def test_names_lose_their_prefix_unless_two_would_share_one() -> None:
    plain = naming([run("x")], ["", "_derivative"])
    assert [
        plain.column(name) for name in ("trial_type.go", "trial_type.go_derivative", "x", "constant")
    ] == [
        "go",
        "go_derivative",
        "x",
        "constant",
    ]
    for clash in (
        naming([run("go_derivative")], ["", "_derivative"]),
        naming([run("x", conditions=(Condition("constant", *(np.zeros(1),) * 2),))], [""]),
        naming([run(conditions=(Condition("drift_1", *(np.zeros(1),) * 2),))], [""]),
        naming([run(conditions=(GO, Condition("go_derivative", *(np.zeros(1),) * 2)))], ["", "_derivative"]),
    ):
        assert all(short == name for name, short in clash.short.items())
    assert naming([run("go_derivative")], [""]).column("trial_type.go") == "go"
    two = Naming({"trial_type.a": "a", "trial_type.a_b": "a_b"})
    assert two.column("trial_type.a_b_derivative") == "a_b_derivative"


def test_confounds_suffice_where_the_script_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "c.tsv"
    paradigm = run("x", "y")
    path.write_text("y\tz\tx\n1\t9\t0\n3\t9\t2\n5\t9\t4\n7\t9\t6\n")
    assert confounds_suffice(path, paradigm)
    path.write_text(path.read_text().replace("1\t9\t0", "1\t9\tn/a"))
    assert confounds_suffice(path, paradigm), "what is missing is 0"
    path.write_text(path.read_text().replace("7\t9\t6", "7\t9\t6.5"))
    assert not confounds_suffice(path, paradigm)
    assert not confounds_suffice(path, run("absent"))
    assert not confounds_suffice(tmp_path / "none.tsv", paradigm)
    assert not confounds_suffice(None, paradigm)
    assert confounds_table(paradigm) == b"x\ty\n0.0\t1.0\n2.0\t3.0\n4.0\t5.0\n6.0\t7.0\n"
    assert confounds_table(run('say "x"')).startswith(b'"say ""x"""\n')


@pytest.mark.parametrize(
    ("text", "conditions", "enough"),
    [
        ("onset\tduration\ttrial_type\n3\t1\tgo\n1\t2\tgo\n", (GO,), True),
        ("onset\tduration\ttrial_type\n3\t1\tgo\n1\t2\tgo\n9\t9\tstop\n", (GO,), True),
        (
            "onset\tduration\ttrial_type\n3\t1\tgo\n1\t2\tgo\n",
            (GO, Condition("stop", *(np.zeros(1),) * 2)),
            False,
        ),
        ("onset\tduration\ttrial_type\n3\t1\tgo\n1\t2.5\tgo\n", (GO,), False),
        ("onset\ttrial_type\n3\tgo\n", (GO,), False),
        (
            "onset\tduration\ttrial_type\n3\t1\tgo\n1\t2\tgo\n",
            (Condition("go", GO.onsets, GO.durations, amplitudes=np.ones(2)),),
            False,
        ),
        (
            "onset\tduration\ttrial_type\n3\t1\tgo\n1\t2\tgo\n",
            (Condition("go", GO.onsets, GO.durations, prefix=""),),
            False,
        ),
    ],
)
def test_events_suffice_where_the_script_reads_the_same(
    tmp_path: Path, text: str, conditions: tuple[Condition, ...], enough: bool
) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(text)
    names = naming([run(conditions=conditions)], [""])
    assert events_suffice(path, conditions, names, [c.name for c in conditions]) is enough
    assert not events_suffice(tmp_path / "none.tsv", (GO,), naming([run()], [""]), ["go"])


def test_events_are_written_with_heights_and_quoted_names() -> None:
    odd = Condition('a "b"', np.array([1.0]), np.array([0.5]), amplitudes=np.array([-2.0]))
    names = naming([run(conditions=(odd,))], [""])
    assert events_table([odd], names, np.arange(9.0)).decode() == (
        'onset\tduration\ttrial_type\tmodulation\n1.0\t0.5\t"a ""b"""\t-2.0\n'
    )


def test_basis_functions_of_the_batch() -> None:
    assert _bases(Hrf("spm", True, True), 2.0) == [("hrf.derivs", "[1 1]")]
    assert _bases(Hrf("fourier hanning", length=20.0, order=3), 2.0) == [
        ("fourier_han.length", "20"),
        ("fourier_han.order", "3"),
    ]
    assert _bases(Hrf("fir", fir_delays=(0, 1)), 1.5) == [("fir.length", "3"), ("fir.order", "2")]
    assert _with_encoding(b"a = 1;\n") == b"a = 1;\n"
    assert _with_encoding("é".encode()) == "% This file is UTF-8.\né".encode()


def test_weights_are_placed_by_row_session_and_constant() -> None:
    weights = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, -4.0, 0.0]])
    contrast = ContrastSpecification("a", "a", ("go", "x", "constant"), weights, "F")
    found = placed_weights(Averaged(contrast, (0, 2)), [["go", "x"], ["go"], ["x", "y", "go"]])
    # columns 1 2 | 3 | 4 5 6, constants 7 8 9; rows of nothing are left out
    assert [(w.row, w.column, w.value, w.run, w.regressor) for w in found] == [
        (1, 1, 0.5, 0, "go"),
        (1, 7, 1.0, 0, "constant"),
        (1, 6, 0.5, 2, "go"),
        (1, 9, 1.0, 2, "constant"),
        (2, 2, -2.0, 0, "x"),
        (2, 4, -2.0, 2, "x"),
    ]


def test_demeaned_confounds_are_of_each_run() -> None:
    parts = [np.array([[1.0], [3.0]]), np.array([[5.0], [9.0]])]
    assert demeaned(parts, False).ravel().tolist() == [-1.0, 1.0, -2.0, 2.0]
