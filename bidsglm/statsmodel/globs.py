"""Names and patterns of regressors, as X, HRF.Variables and DummyContrasts write them."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def is_glob(name: str) -> bool:
    """Whether the name can stand for several.

    >>> is_glob("trans_*"), is_glob("trans_x")
    (True, False)
    """
    return "*" in name or "?" in name or "[" in name


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of some names and globs stands for a name.

    >>> matches("trans_x", ["rot_*", "trans_*"]), matches("trans_x", ["rot_x"])
    (True, False)
    """
    return any(matching(pattern, [name]) for pattern in patterns)


def matching(pattern: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names that a literal name or a glob stands for, in their own order.

    A name equal to the pattern wins over what the pattern matches: trial types may contain ``*`` or ``?``.

    >>> matching("trans_*", ["trans_x", "rot_x", "trans_y"])
    ('trans_x', 'trans_y')
    >>> matching("trial_type.why?", ["trial_type.why?", "trial_type.whyx"])
    ('trial_type.why?',)
    """
    known = tuple(names)
    if pattern in known:
        return (pattern,)
    if not is_glob(pattern):
        return ()
    return tuple(name for name in known if fnmatchcase(name, pattern))
