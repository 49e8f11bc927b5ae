"""Instructions of pybids that are carried out in our own way.

Filter and Split go without `DataFrame.query` and model formulas: both evaluate Python, of a model's text in a
query, of the names of columns in a formula. The others know what a missing value (n/a) is: pybids multiplies
and adds without it, takes it for true, for a level, or for a number below every threshold.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from bids.modeling.transformations import compute, munge
from bids.utils import listify

from bidsglm.dataset.collection import BINARY, UNKNOWN_TIME
from bidsglm.dataset.tsv import MISSING, number
from bidsglm.statsmodel.limits import MOST_VARIABLES
from bidsglm.statsmodel.queries import Condition, Name, Operand, QueryComparison, parsed_query

ENTITIES = ("task", "run", "session", "subject")
"""What Split may be by, beside variables."""


class Filter(munge.Filter):  # type: ignore[misc]
    """Keep the rows of a variable for which a query is true."""

    # every Input has all of By: pybids takes one for each
    _sync_kwargs = False

    def _expand_variable_names(self) -> None:
        """Expand names, but no query: its brackets and stars are no patterns."""
        query = self.kwargs.pop("query")
        super()._expand_variable_names()
        self.kwargs["query"] = query

    def _transform(self, var: Any, query: str | list[str], by: Sequence[str] | str | None = None) -> Any:
        if isinstance(query, list):
            if len(query) != len(self.variables):
                raise ValueError(
                    f"{len(query)} queries for {len(self.variables)} inputs: give one, or one each"
                )
            query = str(query[self.variables.index(var.name)])
        names = [var.name, *(listify(by) or [])]
        columns = {name: rows_of(var, self.collection[name]) for name in names}
        if len({len(values) for values in columns.values()}) > 1:
            raise ValueError(f"{' and '.join(names)} do not have the same rows")
        var.select_rows(np.flatnonzero(kept_rows(parsed_query(query, names), columns)))
        return var


def rows_of(variable: Any, other: Any, as_text: bool = False) -> Any:
    """Values of a variable at the events of another: missing where it has none, because its cell was n/a."""
    values = other.values.to_numpy().ravel()
    if as_text:
        values = np.where(pd.isna(values), None, values.astype(str).astype(object))
    if len(values) == len(variable.values) or not (hasattr(variable, "onset") and hasattr(other, "onset")):
        return values
    at = dict(zip(other.onset.tolist(), values.tolist(), strict=True))
    if len(at) < len(values):
        return values
    missing = np.nan if np.issubdtype(values.dtype, np.number) else None
    return np.array([at.get(onset, missing) for onset in variable.onset.tolist()])


class Split(munge.Split):  # type: ignore[misc]
    """Split a variable by the levels of others."""

    def _transform(self, var: Any, by: Sequence[str] | str) -> Any:
        names = listify(by)
        if isinstance(var, munge.DenseRunVariable):
            self._densify_variables()
        levels = [self._levels(var, name) for name in names]
        if any(len(column) != len(var.values) for column in levels):
            raise ValueError(f"{' and '.join([var.name, *names])} do not have the same rows")
        return var.split(indicators(names, np.column_stack(levels)))

    def _levels(self, var: Any, name: str) -> Any:
        if name in self._variables:
            return rows_of(var, self._variables[name], as_text=True)
        if name not in ENTITIES or name not in var.index:
            raise ValueError(f"there is no variable {name!r} to split by")
        return var.index[name].to_numpy().astype(str).astype(object)


class Factor(munge.Factor):  # type: ignore[misc]
    """Mark the levels of a variable; a row without one is in none."""

    def _transform(self, var: Any, constraint: str = "none", ref_level: Any = None, sep: str = ".") -> Any:
        values, binary = var.values, getattr(var, BINARY, False)
        # a Replace of some values may leave numbers beside text
        levels = sorted(values.dropna().unique(), key=lambda level: (isinstance(level, str), level))
        if ref_level is not None and ref_level not in levels:
            raise ValueError(f"RefLevel {ref_level!r} is no level of {var.name}")
        if constraint != "none" and ref_level is None and len(levels) > 1:
            ref_level = levels[0]
        made = []
        for level in levels:
            if ref_level is not None and level == ref_level:
                continue
            marks = (values == level).astype(float)
            if constraint == "mean_zero":
                marks[values == ref_level] = -1.0 / (len(levels) - 1)
            name = f"{var.name}{sep}{int(level) if binary else level}"
            column = var.clone()
            column.name, column.values = name, marks.rename(name)
            made.append(column)
        self.collection.variables.pop(var.name)
        return made


class Product(compute.Product):  # type: ignore[misc]
    """Multiply; what is 0 times something missing is 0, everything else missing."""

    def _transform(self, data: Sequence[Any]) -> Any:
        table = pd.concat(data, axis=1)
        known = table.product(axis=1)
        return known.mask(table.isna().any(axis=1) & (known != 0))


class Sum(compute.Sum):  # type: ignore[misc]
    """Add; a sum with something missing is missing."""

    def _transform(self, data: Sequence[Any], weights: Any = None) -> Any:
        total = super()._transform(data, weights)
        return total.mask(pd.concat(data, axis=1).isna().any(axis=1))


class And(compute.And_):  # type: ignore[misc]
    """Conjunction, in which what is missing is not true."""

    def _transform(self, data: Sequence[Any]) -> Any:
        return super()._transform([column.fillna(0) for column in data])


class Or(compute.Or_):  # type: ignore[misc]
    """Disjunction, in which what is missing is not true."""

    _sync_kwargs = False

    def _transform(self, data: Sequence[Any]) -> Any:
        return super()._transform([column.fillna(0) for column in data])


class Not(compute.Not):  # type: ignore[misc]
    """Negation; of what is missing it is missing."""

    def _transform(self, var: Any) -> Any:
        return (var.fillna(1) == 0).astype(float).mask(var.isna())


class Threshold(compute.Threshold):  # type: ignore[misc]
    """Threshold; what is missing stays so."""

    def _transform(self, data: Any, *arguments: Any, **named: Any) -> Any:
        missing = data.isna()
        return super()._transform(data, *arguments, **named).mask(missing)


class Orthogonalize(compute.Orthogonalize):  # type: ignore[misc]
    """Take out of a variable what others explain, over the rows in which all have a value."""

    def _transform(self, data: Any, other: Any) -> Any:
        names = listify(other)
        others = np.column_stack(
            [np.asarray(self._variables[name].values, dtype=float).ravel() for name in names]
        )
        values = np.array(data, dtype=float).ravel()
        if len(others) != len(values):
            raise ValueError(f"{data.name} and {', '.join(names)} do not have the same rows")
        rows = np.isfinite(values) & np.isfinite(others).all(axis=1)
        design = np.column_stack([np.ones(rows.sum()), others[rows]])
        slopes = np.linalg.lstsq(design, values[rows], rcond=None)[0][1:]
        values[rows] -= others[rows] @ slopes
        return pd.DataFrame(np.where(rows, values, np.nan), index=data.index)


class Lag(compute.Lag):  # type: ignore[misc]
    """Shift; the interpolation would spread a missing value over all others."""

    def _transform(self, var: Any, **arguments: Any) -> Any:
        if np.isnan(np.asarray(var, dtype=float)).any():
            raise ValueError(
                "it has missing values (n/a): leave them out by DropNA, or give them one by Replace"
            )
        return super()._transform(var, **arguments)


class Rename(munge.Rename):  # type: ignore[misc]
    """Rename; a name that an earlier Input has just got is not taken away again."""

    def _transform(self, var: Any) -> Any:
        given = listify(self.output or [])[: self.variables.index(var.name)]
        if var.name not in given:
            self.collection.variables.pop(var.name)
        return var.values


class Replace(munge.Replace):  # type: ignore[misc]
    """Replace values; a key n/a stands for those that are missing.

    Keys of JSON are text, so pybids never finds an onset or a duration; here it does.
    """

    # the mapping is of every Input
    _sync_kwargs = False

    def _transform(self, var: Any, replace: Mapping[str, Any], attribute: str = "value") -> Any:
        if attribute != "value":
            old = pd.Series(getattr(var, attribute), dtype=float)
            times = {number(key): value for key, value in replace.items() if key not in MISSING}
            new = old.replace(times)
            for key in MISSING & replace.keys():
                new = new.mask((new == UNKNOWN_TIME) | new.isna(), replace[key])
            setattr(var, attribute, new.to_numpy(dtype=float))
            return var
        found = {key: value for key, value in replace.items() if key not in MISSING}
        values = var.values.replace(found)
        for key in MISSING & replace.keys():
            values = values.where(values.notna(), replace[key])
        var.values = values.infer_objects()
        return var


class Assign(munge.Assign):  # type: ignore[misc]
    """Assign an attribute; an onset or duration that is unknown is a missing value."""

    def _transform(self, input: Any, target: Any, **attributes: Any) -> Any:
        made = super()._transform(input, target, **attributes)
        if made.values.dtype.kind == "f":
            made.values = made.values.mask(made.values == UNKNOWN_TIME)
        return made


OWN: Mapping[str, Any] = {
    one.__name__: one
    for one in (
        Assign,
        Lag,
        Rename,
        Filter,
        Split,
        Factor,
        Product,
        Sum,
        And,
        Or,
        Not,
        Threshold,
        Orthogonalize,
        Replace,
    )
}


def indicators(names: Sequence[str], levels: Any) -> Any:
    """One column of ones and zeros for each combination of levels, named as pybids names them.

    Parameters
    ----------
    names
        Variables.
    levels
        (n_rows, n_variables) of text; None where a row has no level, so that it is in no column.

    Examples
    --------
    >>> print(indicators(["side"], np.array([["left"], ["right"]])).to_string(index=False))
     side[left]  side[right]
            1.0          0.0
            0.0          1.0
    """
    found = [sorted(set(column) - {None}) for column in levels.T]
    if np.prod([len(column) for column in found], dtype=float) > MOST_VARIABLES:
        raise ValueError(f"{' and '.join(names)} have more than {MOST_VARIABLES} combinations of levels")
    columns = {
        ".".join(f"{name}[{level}]" for name, level in zip(names, chosen, strict=True)): (
            (levels == np.array(chosen)).all(axis=1).astype(float)
        )
        for chosen in product(*found)
    }
    return pd.DataFrame(columns)


def kept_rows(condition: Condition, columns: Mapping[str, Any]) -> Any:
    """Rows for which a condition is true (n_rows,); n/a is neither more, less nor equal.

    Raises
    ------
    ValueError
        A name that is no column, or an order of text and numbers.

    Examples
    --------
    >>> columns = {"rt": np.array([0.4, 0.7, np.nan]), "side": np.array(["left", "right", "left"], object)}
    >>> kept_rows(parsed_query("rt > 0.5 or side in ['left']"), columns).tolist()
    [True, True, True]
    """
    if isinstance(condition, QueryComparison):
        return _compared(condition, columns)
    parts = [kept_rows(part, columns) for part in condition.parts]
    if condition.word == "not":
        return ~parts[0]
    return (np.logical_and if condition.word == "and" else np.logical_or).reduce(parts)


def _compared(comparison: QueryComparison, columns: Mapping[str, Any]) -> Any:
    left, right = (_values(side, columns) for side in (comparison.left, comparison.right))
    relation = comparison.relation
    if relation in ("in", "not in"):
        found = pd.Series(left).isin(list(comparison.right)).to_numpy()  # type: ignore[arg-type]
        return found if relation == "in" else ~found
    rows = next(iter(columns.values())).shape
    try:
        return np.broadcast_to(_RELATIONS[relation](left, right), rows).astype(bool)
    except TypeError:
        raise ValueError(f"text and numbers have no order: {relation} cannot compare them") from None


_RELATIONS: Mapping[str, Any] = {
    "==": lambda a, b: pd.Series(a) == b if isinstance(a, np.ndarray) else pd.Series(b) == a,
    "!=": lambda a, b: pd.Series(a) != b if isinstance(a, np.ndarray) else pd.Series(b) != a,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _values(side: Operand, columns: Mapping[str, Any]) -> Any:
    if not isinstance(side, Name):
        return side
    if side.name not in columns:
        raise ValueError(f"{side.name!r} is in neither Input nor By")
    return columns[side.name]
