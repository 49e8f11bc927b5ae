"""The agreement table in words: what the page shows of it, under which titles."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import permutations
from types import MappingProxyType
from typing import NamedTuple

from bidsglm.outputs.unit_tables import MAP, agreement_columns, count_texts, overlap_texts
from bidsglm.packages import title
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.sentences import joined

UNDEFINED = "n/a"
"""What a table shows where a number is not defined."""
MINUS = "\N{MINUS SIGN}"
NAMED = 5
"""Regions or contrasts that a sentence names at most."""

Row = Mapping[str, str | int | float]
"""A row of an agreement table, as `agreement.maps` makes it or as read from its TSV."""


class ShownColumn(NamedTuple):
    """A column of a table on the page."""

    key: str
    title: str


MAP_COLUMNS = (
    ShownColumn("map", "map"),
    ShownColumn("pearson_r", "Pearson r"),
    ShownColumn("spearman_rho", "Spearman \N{GREEK SMALL LETTER RHO}"),
    ShownColumn("concordance", "concordance"),
    ShownColumn("slope", "slope"),
    ShownColumn("intercept", "intercept"),
    ShownColumn("rmsd", "RMSD"),
    ShownColumn("mean_difference", "mean difference"),
    ShownColumn("loa_lower", "lower limit"),
    ShownColumn("loa_upper", "upper limit"),
    ShownColumn("sign_agreement", "same sign"),
)


def overlap_columns(pair: Pair = DEFAULT_PAIR) -> tuple[ShownColumn, ...]:
    """Columns on the overlap of a pair's thresholded maps.

    >>> [column.title for column in overlap_columns()][2]
    'SPM voxels'
    """
    return (
        ShownColumn("dice", "Dice"),
        ShownColumn("jaccard", "Jaccard"),
        *(ShownColumn(f"n_{name}", f"{title(name)} voxels") for name in pair),
        *(
            ShownColumn(f"dark_dice_{one}", f"{title(one)} outside {title(other)}'s mask")
            for one, other in permutations(pair)
        ),
    )


THRESHOLDS = {"p001": "p < 0.001", "fdr05": "FDR 0.05", "fwe05": "FWE 0.05"}
OVERVIEW_COLUMNS = (
    ShownColumn("pearson_r", "Pearson r"),
    ShownColumn("slope", "slope"),
    ShownColumn("rmsd", "RMSD"),
    ShownColumn("dice_p001", "Dice p < 0.001"),
    ShownColumn("dice_fdr05", "Dice FDR 0.05"),
    ShownColumn("peak_distance_mm", "peaks apart (mm)"),
)


@cache
def column_texts(pair: Pair) -> Mapping[str, str]:
    """What each column on a pair's agreement holds, for those who point at its title.

    >>> column_texts(Pair("x", "y"))["slope"].partition(";")[0]
    'Slope of the total least squares line, x (y) against y (x)'
    """
    shares = {key: f"{text}; n/a where no voxel passes" for key, text in overlap_texts(pair).items()}
    columns = {column.name: column.text for column in (MAP, *agreement_columns(pair))}
    return MappingProxyType({**columns, **shares, **count_texts(pair)})


def number(value: object, key: str = "") -> str:
    """Round a number for people to read, by its column: counts (n_...) are integers, mm have one decimal.

    >>> number(0.96789), number(12345.0, "n_both"), number(1e-5), number(float("nan"))
    ('0.968', '12,345', '1e-05', 'n/a')
    >>> number(3.4641, "peak_distance_mm")
    '3.5'
    """
    if not isinstance(value, int | float):
        return UNDEFINED if value is None else str(value)
    if not math.isfinite(value):
        return UNDEFINED
    if isinstance(value, int) or key.startswith("n_"):
        text = f"{value:,.0f}"
    elif key.endswith("_mm"):
        text = f"{value:.1f}"
    else:
        text = f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def digits(value: float) -> str:
    """Write a number of a sentence with three digits that count.

    >>> [digits(x) for x in (0.31494, 1.0, 147.29, 41623.2, -0.0467, 0.0, float("nan"))]
    ['0.315', '1.00', '147', '41,623', '−0.0467', '0', 'n/a']
    """
    if not math.isfinite(value):
        return UNDEFINED
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    return (f"{value:#.3g}".removesuffix(".") if value else "0").replace("-", MINUS, 1)


def overlap(dice: float) -> str:
    """Write a Dice with two digits, and more where it is nearly nothing.

    >>> overlap(0.8047), overlap(0.005), overlap(0.0)
    ('0.80', '0.005', '0.00')
    """
    return f"{dice:.2f}" if dice >= 0.01 or not dice else number(dice)


def count(value: float) -> str:
    """Write a number of things.

    >>> count(41623.2)
    '41,623'
    """
    return f"{value:,.0f}"


def degrees(dof: Sequence[float]) -> str:
    """Write degrees of freedom with at most one decimal.

    >>> degrees((3.0, 206.97))
    '3, 207'
    """
    return ", ".join(f"{value:.1f}".removesuffix(".0") for value in dof)


def listed(names: Sequence[str]) -> str:
    """Join names, the first few of many; a single further one is named too.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdefg"))
    ('a', 'a, b and c', 'a, b, c, d, e and 2 more')
    >>> listed(list("abcdef"))
    'a, b, c, d, e and f'
    """
    return joined(names, NAMED if len(names) > NAMED + 1 else None)


def lower_first(text: str) -> str:
    """Begin a text in small letters, as behind a colon; an abbreviation stays.

    >>> lower_first("The maps"), lower_first("SPM finds")
    ('the maps', 'SPM finds')
    """
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    """Begin a text in capitals.

    >>> upper_first("noise model")
    'Noise model'
    """
    return text[:1].upper() + text[1:]


def cut_off(name: str, longest: int) -> str:
    """Cut a name that is too long at its end.

    >>> cut_off("movement", 8), cut_off("movement", 5)
    ('movement', 'move…')
    """
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def voxels(n: int) -> str:
    """Count voxels in words.

    >>> voxels(1), voxels(1200)
    ('1 voxel', '1,200 voxels')
    """
    return f"{n:,} voxel{'s' * (n != 1)}"


def value_of(row: Mapping[str, object] | None, key: str) -> float:
    """Return the number of a row in a column; NaN where there is none.

    >>> value_of({"t": 2.5, "same": True}, "t"), value_of({"t": 2.5, "same": True}, "same")
    (2.5, nan)
    """
    value = (row or {}).get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def contrast_name(row: Row) -> str:
    """As the model has it, else as in file names.

    >>> contrast_name({"contrast": "aMinusB", "contrast_name": "a - b"}), contrast_name({"contrast": "a"})
    ('a - b', 'a')
    """
    return str(row.get("contrast_name") or row["contrast"])


def stat_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows of the statistic maps, t or F.

    >>> stat_rows([{"map": "effect"}, {"map": "t"}])
    ({'map': 't'},)
    """
    return tuple(row for row in rows if row["map"] in ("t", "F"))


def headline_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that the summary speaks of: t, or F where there is no t; their metrics do not mix.

    >>> [row["map"] for row in headline_rows([{"map": "F"}, {"map": "t"}, {"map": "z"}])]
    ['t']
    """
    found = stat_rows(rows)
    return tuple(row for row in found if row["map"] == "t") or found


def least_correlation(rows: Iterable[Row]) -> float:
    """Lowest correlation of the statistic; 1 where there is none.

    >>> least_correlation([{"map": "t", "pearson_r": 0.9}, {"map": "effect", "pearson_r": 0.1}])
    0.9
    """
    known = (float(row["pearson_r"]) for row in headline_rows(rows))
    return min((r for r in known if math.isfinite(r)), default=1.0)


def main_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows of effect and statistic; z says the same as the statistic.

    >>> [row["map"] for row in main_rows([{"map": "effect"}, {"map": "t"}, {"map": "z"}])]
    ['effect', 't']
    """
    return tuple(row for row in rows if row["map"] in ("effect", "t", "F"))


def median(rows: Sequence[Row], column: str) -> float:
    """Median of a column over the rows where it is defined, NaN where it nowhere is.

    >>> median([{"slope": 1.0}, {"slope": 2.0}, {"slope": float("nan")}], "slope")
    1.5
    """
    values = [v for row in rows if math.isfinite(v := float(row.get(column, math.nan)))]
    return statistics.median(values) if values else math.nan


def threshold_keys(row: Row) -> dict[str, str]:
    """Thresholds that a row of the agreement table has overlap for, with their titles.

    >>> threshold_keys({"dice_p001": 0.5})
    {'p001': 'p < 0.001'}
    """
    return {key: title for key, title in THRESHOLDS.items() if f"dice_{key}" in row}


def spreads(rows: Iterable[Row]) -> tuple[dict[str, object], ...]:
    """Lines of the data set's table, one for each contrast and map (not z): metric -> its spread.

    >>> spreads([{"contrast": "go", "map": "t", "metric": "slope", "median": 0.9}])[0]["slope"]["median"]
    0.9
    """
    lines: dict[tuple[object, object], dict[str, object]] = {}
    for spread in main_rows(rows):
        key = spread["contrast"], spread["map"]
        line = lines.setdefault(key, {"contrast": key[0], "map": key[1]})
        line[str(spread["metric"])] = spread
    return tuple(lines.values())
