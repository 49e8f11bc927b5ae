"""Names in messages: the known name closest to one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

FAR = 0.5
"""Below this similarity a suggestion would only confuse."""
LONGEST = 100
"""Characters of a name that is compared: the time grows with their square."""
MOST = 1_000
"""Names that one is compared with."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Closest of the known names, or nothing when none is close.

    Letter case does not count, and a name that lacks only a prefix (``go`` for ``trial_type.go``) is close.

    The first of equally close names wins.

    >>> nearest("SerialCorelation", ["SerialCorrelation", "MicrotimeOnset"])
    'SerialCorrelation'
    >>> nearest("go", ["constant", "trial_type.go"])
    'trial_type.go'
    >>> nearest("Nodes", ["elephant"])
    ''
    """
    candidates: dict[str, str] = {}
    for candidate in islice((name for name in known if len(name) <= LONGEST), MOST):
        candidates.setdefault(candidate.lower(), candidate)
    if len(name) > LONGEST:
        return ""
    close = get_close_matches(name.lower(), candidates, cutoff=FAR)
    if close:
        return candidates[close[0]]
    endings = [c for c in candidates if c.endswith("." + name.lower())]
    return candidates[endings[0]] if endings else ""


def hint(name: str, known: Iterable[str]) -> str:
    """Nearest known name as the end of an error message.

    >>> hint("Order ", ["Length", "Order"])
    "; did you mean 'Order'?"
    >>> hint("Order", [])
    ''
    """
    candidate = nearest(name, known)
    return f"; did you mean {candidate!r}?" if candidate else ""
