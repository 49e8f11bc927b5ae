"""Query of a Filter instruction: a grammar of its own, so that a model can compare values and nothing else.

    condition   = alternative {("or" | "|") alternative}
    alternative = negation {("and" | "&") negation}
    negation    = ("not" | "~") negation | "(" condition ")" | comparison
    comparison  = operand {("==" | "!=" | "<" | "<=" | ">" | ">=") operand} | name ["not"] "in" list
    operand     = name | number | text | True | False | list

pybids hands the text to `pandas.DataFrame.query`, whose names reach Python's modules.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

LONGEST_QUERY = 4_000
"""Characters: a hundred trial types, listed; what is longer was not written by hand."""
DEEPEST_QUERY = 50
"""Brackets within brackets: far more than people can follow, far fewer than Python's stack holds."""
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
WORDS = frozenset({"and", "or", "not", "in", "True", "False", "true", "false"})
TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?(?![\w.]))"
    r"|(?P<text>'[^'\\]*'|\"[^\"\\]*\")"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?P<word>[^\W\d][\w.]*)"
    r"|(?P<sign>==|!=|<=|>=|[<>()\[\],&|~]))"
)
SIGNS = {"&": "and", "|": "or", "~": "not"}
"""pandas' other spellings."""


class Name(NamedTuple):
    """A variable of the data."""

    name: str


Value = float | str | bool
Operand = Name | Value | tuple[Value, ...]


class QueryComparison(NamedTuple):
    """Two operands and how they must relate; `in` and `not in` have a list on the right."""

    left: Operand
    relation: str
    right: Operand


class Combination(NamedTuple):
    """Conditions under and, or, not."""

    word: str
    parts: tuple["Condition", ...]


Condition = QueryComparison | Combination


class Token(NamedTuple):
    """A word of a query and where it begins."""

    kind: str
    text: str
    start: int


def parsed_query(query: str, names: Sequence[str] = ()) -> Condition:
    """Condition that a query states; the names are of variables that may hold signs or spaces.

    Raises
    ------
    ValueError
        What the grammar does not know; the end of a sentence that begins with the place of the query.

    Examples
    --------
    >>> parsed_query("rt > 0.5 and side in ['left', 'right']").word
    'and'
    >>> parsed_query("@pd.io.common.os.system('ls') == 0")
    Traceback (most recent call last):
    ...
    ValueError: '@' at character 1 is not understood: write comparisons of names, numbers and texts ...
    """
    if len(query) > LONGEST_QUERY:
        raise ValueError(f"has {len(query)} characters, more than {LONGEST_QUERY}: filter in several steps")
    return _Reader(_tokens(query, names)).whole()


def names_in(condition: Condition) -> Iterator[str]:
    """Variables that a condition needs.

    >>> list(names_in(parsed_query("a == b or not a < 2")))
    ['a', 'b', 'a']
    """
    if isinstance(condition, Combination):
        for part in condition.parts:
            yield from names_in(part)
    else:
        yield from (side.name for side in (condition.left, condition.right) if isinstance(side, Name))


def _tokens(query: str, names: Sequence[str]) -> list[Token]:
    """Words of a query; a name that is in the data goes before what its signs would mean."""
    odd = sorted((n for n in names if not re.fullmatch(r"[^\W\d][\w.]*", n)), key=len, reverse=True)
    found: list[Token] = []
    at = 0
    while query[at:].strip():
        at += len(query[at:]) - len(query[at:].lstrip())
        given = next((name for name in odd if name and query.startswith(name, at)), None)
        match = TOKEN.match(query, at)
        if given is not None:
            found.append(Token("name", given, at))
            at += len(given)
        elif match is None or match.lastgroup is None:
            raise ValueError(
                f"{query[at]!r} at character {at + 1} is not understood: write comparisons of names, numbers "
                "and texts in quotes, joined by and, or, not, in and brackets"
            )
        else:
            found.append(_token(match.lastgroup, match[match.lastgroup], at))
            at = match.end()
    return found


def _token(kind: str, text: str, at: int) -> Token:
    """A token; words of the grammar are distinguished from names."""
    if kind == "sign" and text in SIGNS:
        return Token("word", SIGNS[text], at)
    if kind == "quoted" or (kind == "word" and text not in WORDS):
        return Token("name", text, at)
    return Token(kind, text, at)


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = 0

    def whole(self) -> Condition:
        condition = self.joined("or", lambda: self.joined("and", self.negation))
        if self.place < len(self.tokens):
            raise self.fault("is not expected there")
        return condition

    def fault(self, what: str) -> ValueError:
        if self.place >= len(self.tokens):
            return ValueError("ends too early: a comparison such as reaction_time > 0.5 is needed")
        token = self.tokens[self.place]
        return ValueError(f"{token.text!r} at character {token.start + 1} {what}")

    def next_is(self, *texts: str) -> bool:
        here = self.tokens[self.place : self.place + 1]
        return any(token.kind in ("word", "sign") and token.text in texts for token in here)

    def took(self, *texts: str) -> bool:
        found = self.next_is(*texts)
        self.place += found
        return found

    def joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Combination(word, tuple(parts))

    def negation(self) -> Condition:
        if not self.next_is("not", "("):
            return self.comparison()
        self.depth += 1
        if self.depth > DEEPEST_QUERY:
            raise self.fault("is nested too deeply")
        if self.took("not"):
            condition: Condition = Combination("not", (self.negation(),))
        else:
            self.place += 1
            condition = self.joined("or", lambda: self.joined("and", self.negation))
            if not self.took(")"):
                raise self.fault("stands where ) is needed")
        self.depth -= 1
        return condition

    def comparison(self) -> Condition:
        left = self.operand()
        refused = self.took("not")
        if self.took("in"):
            return self.membership(left, "not in" if refused else "in")
        if refused or not self.next_is(*COMPARISONS):
            raise self.fault("stands where a comparison (==, !=, <, <=, >, >=, in) is needed")
        parts = []
        while self.next_is(*COMPARISONS):
            relation = self.tokens[self.place].text
            self.place += 1
            right = self.operand()
            parts.append(self.related(left, relation, right))
            left = right
        return parts[0] if len(parts) == 1 else Combination("and", tuple(parts))

    def membership(self, left: Operand, relation: str) -> QueryComparison:
        right = self.operand()
        if not isinstance(left, Name) or isinstance(right, Name) or not isinstance(right, tuple):
            raise ValueError("'in' needs a name on its left and a list such as ['a', 'b'] on its right")
        return QueryComparison(left, relation, right)

    def related(self, left: Operand, relation: str, right: Operand) -> QueryComparison:
        """A comparison; with a list, == means in, as it does for pandas."""
        if isinstance(right, tuple) and not isinstance(right, Name):
            if relation not in ("==", "!="):
                raise ValueError(f"a list cannot be compared by {relation}: use in")
            return QueryComparison(left, "in" if relation == "==" else "not in", right)
        if not isinstance(left, Name) and not isinstance(right, Name):
            raise ValueError("a comparison needs the name of a variable")
        return QueryComparison(left, relation, right)

    def operand(self) -> Operand:
        if self.took("[") or self.took("("):
            return self.items()
        if self.place < len(self.tokens) and self.tokens[self.place].kind == "name":
            self.place += 1
            return Name(self.tokens[self.place - 1].text)
        return self.value()

    def items(self) -> tuple[Value, ...]:
        found = [self.value()]
        while self.took(","):
            if self.next_is("]", ")"):
                break
            found.append(self.value())
        if not self.took("]", ")"):
            raise self.fault("stands where the list must end or go on")
        return tuple(found)

    def value(self) -> Value:
        if self.place >= len(self.tokens):
            raise self.fault("")
        kind, text, _ = self.tokens[self.place]
        if kind not in ("number", "text") and text.lower() not in ("true", "false"):
            raise self.fault("stands where a name, a number or a text in quotes is needed")
        self.place += 1
        if kind == "number":
            return float(text)
        return text[1:-1] if kind == "text" else text.lower() == "true"
