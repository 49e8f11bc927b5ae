"""Text and numbers as the languages of the scripts write them, whatever is in a name."""

import json
import re
import shlex
from collections.abc import Callable, Sequence

import numpy as np

from bidsglm.model import Floats

CONTROL = re.compile(r"([\x00-\x1f\x7f\x85\u2028\u2029])")
"""What ends a line, or cannot be seen: never inside a quoted string."""


def matlab_text(text: str) -> str:
    """A character vector of MATLAB.

    >>> print(matlab_text("50% don't"), matlab_text("two" + chr(10) + "lines"))
    '50% don''t' ['two' char(10) 'lines']
    """
    parts = [
        f"char({ord(part)})" if CONTROL.match(part) else "'" + part.replace("'", "''") + "'"
        for part in CONTROL.split(text)
        if part
    ]
    return parts[0] if len(parts) == 1 else f"[{' '.join(parts)}]" if parts else "''"


def matlab_number(value: float) -> str:
    """A number of MATLAB that loses no digit.

    >>> matlab_number(1 / 3), matlab_number(2.0), matlab_number(float("-inf"))
    ('0.3333333333333333', '2', '-Inf')
    """
    number = float(value)
    if number != number or abs(number) == float("inf"):
        return repr(number).replace("inf", "Inf").replace("nan", "NaN")
    return repr(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def matlab_row(values: Sequence[float]) -> str:
    """A row vector of MATLAB.

    >>> matlab_row([1.0, 0.5])
    '[1 0.5]'
    """
    return f"[{' '.join(map(matlab_number, values))}]"


def python_text(text: str) -> str:
    r"""A string of Python, in double quotes where that is readable.

    >>> print(python_text('say "go"'), python_text("two" + chr(10) + "lines"))
    "say \"go\"" 'two\nlines'
    """
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def python_texts(texts: Sequence[str], indent: int) -> str:
    """A list of strings, broken into lines of at most 100 characters.

    >>> print(python_texts(["a", "b"], 4))
    ["a", "b"]
    """
    items = [python_text(text) for text in texts]
    line = f"[{', '.join(items)}]"
    if indent + len(line) <= 92:
        return line
    return "[\n" + "".join(f"{' ' * (indent + 4)}{item},\n" for item in items) + " " * indent + "]"


def number(value: float) -> str:
    """Write a number without an exponent, no digit lost.

    >>> number(2.0), number(1e-05), number(-1 / 3)
    ('2', '0.00001', '-0.3333333333333333')
    """
    return np.format_float_positional(float(value), trim="-")


def rows_text(values: Floats, write: Callable[[float], str] = repr, between: str = " ") -> str:
    r"""Rows of numbers, a line each, no digit lost.

    >>> rows_text(np.array([[0.1, 2.0], [-1.0, 0.0]]))
    '0.1 2.0\n-1.0 0.0\n'
    """
    return "".join(between.join(map(write, row)) + "\n" for row in values.tolist())


def sh_text(text: str) -> str:
    """A word of sh.

    >>> print(sh_text("a"), sh_text("don't; $HOME"))
    a 'don'"'"'t; $HOME'
    """
    return shlex.quote(text)


def tcsh_text(text: str) -> str:
    r"""A word of tcsh, where ! recalls commands even between quotes, and a line may not end there.

    >>> print(tcsh_text("don't!"))
    'don'\''t'\!''
    """
    quoted = text.replace("'", r"'\''").replace("!", r"'\!'").replace("\n", "\\\n")
    return f"'{quoted}'"


def tcl_text(text: str) -> str:
    r"""Text between double quotes of Tcl.

    >>> print(tcl_text("a[b] $c"))
    a\[b\] \$c
    """
    return re.sub(r'([\\"$\[\]{}])', r"\\\1", text).replace("\n", r"\n")


def comment(text: str) -> str:
    """Text that stays on its line of comment.

    >>> comment("two" + chr(10) + "lines")
    'two lines'
    """
    return " ".join(CONTROL.sub(" ", text).split())
