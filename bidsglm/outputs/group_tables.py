"""The tables of a group of participants, each with its columns."""

from dataclasses import replace

from bidsglm.outputs import scale_tables
from bidsglm.outputs import unit_tables as unit
from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema
from bidsglm.pairs import DEFAULT_PAIR, Pair

AGAIN = "run the group level again"
OUTLIER_RULE = (
    "further than 3.5 robust standard deviations (1.4826 times the median absolute deviation) from the "
    "median; nobody is flagged among fewer than 8 values, or where this deviation is below 1e-06 of the "
    "largest value"
)
"""Its numbers, and those of the interval below, are those of `agreement/spread.py`; a test compares them."""

IDENTITIES = (
    Column("participant_id", "label", "Participant"),
    Column("session_id", "label", "Session", missing="where sessions are not fitted apart", optional=True),
)
"""In front of the participants' tables that stand one below the other."""


def group_table(kind: str, *columns: Column) -> Schema:
    """A table of a group, named by what stands behind desc-."""
    return Schema(f"group/<g>_desc-{kind}_metrics", columns, remedy=AGAIN)


def of_participants(name: str, schema: Schema) -> Schema:
    """All participants' tables of a kind."""
    return group_table(name, *IDENTITIES, *schema.columns)


def agreement_schema(*pairs: Pair) -> Schema:
    """Return the table on how well the maps of every participant agree."""
    return of_participants("agreement", unit.agreement_schema(*pairs))


AGREEMENT = agreement_schema(DEFAULT_PAIR)
PAIRS = of_participants("pairs", unit.PAIRS)
ATTRIBUTION = of_participants("attribution", unit.ATTRIBUTION)


def attribution_schema(pair: Pair) -> Schema:
    """Return the table of every participant's steps."""
    schema = unit.attribution_schema(pair)
    return of_participants(_kind(schema), schema)


def _kind(schema: Schema) -> str:
    """What a unit's table is called behind desc-."""
    return schema.file.partition("desc-")[2].removesuffix("_metrics")


SCALE = of_participants("scale", scale_tables.SCALE)

_LABEL = replace(unit.CONTRAST, description="Label of the contrast")
_METRIC = (_LABEL, unit.AGREEMENT["map"], Column("metric", "label", "Column of the agreement table"))

AGREEMENT_SUMMARY = group_table(
    "agreementSummary",
    *_METRIC,
    Column(
        "n",
        "integer",
        "Participants (sessions fitted apart count each) for whom the metric is defined",
    ),
    Column("median", "number", "Median"),
    Column("minimum", "number", "Smallest value"),
    Column("lower_quartile", "number", "Lower quartile"),
    Column("upper_quartile", "number", "Upper quartile"),
    Column("maximum", "number", "Largest value"),
    Column(
        "ci_lower",
        "number",
        "Lower end of the 95% bootstrap interval of the median (10000 resamples of the n values; 2000 of "
        "the participants, each with all of their sessions, where these count each; percentiles)",
        missing="for a single participant",
    ),
    Column(
        "ci_upper",
        "number",
        "Upper end of the 95% bootstrap interval of the median",
        missing="for a single participant",
    ),
    Column("n_outlying", "integer", f"Participants who lie apart: {OUTLIER_RULE}"),
)
AGREEMENT_OUTLIERS = group_table(
    "agreementOutliers",
    *IDENTITIES,
    *_METRIC,
    Column("value", "number", "The participant's value"),
    Column("median", "number", "Median over participants"),
    Column(
        "deviation",
        "number",
        f"Robust standard deviations from the median. Listed is who lies {OUTLIER_RULE}",
    ),
)


def _quartile(name: str, text: str) -> Column:
    return Column(name, "number", text, missing="where it is defined for nobody")


def attribution_summary_schema(pair: Pair) -> Schema:
    """Return the table on which step matters in how many participants."""
    return group_table(
        f"{_kind(unit.attribution_schema(pair))}Summary",
        _LABEL,
        *unit.STEP_COLUMNS[1:],
        unit.PART_OF,
        Column(
            "n",
            "integer",
            "Participants (sessions fitted apart count each) whose difference is attributed",
        ),
        _quartile("shapley_median", "Median of the step's Shapley value, in the unit of the metric"),
        _quartile("shapley_lower_quartile", "Its lower quartile"),
        _quartile("shapley_upper_quartile", "Its upper quartile"),
        _quartile(
            "share_median",
            "Median of the Shapley value over the whole difference; the steps of one participant add up "
            "to 1, and a step that makes the packages more alike is negative",
        ),
        _quartile("share_lower_quartile", "Its lower quartile"),
        _quartile("share_upper_quartile", "Its upper quartile"),
        Column(
            "n_largest",
            "integer",
            "Participants in whom the step has the largest Shapley value in size; parts are not ranked",
        ),
        Column(
            "n_closing",
            "integer",
            "Participants in whom one package's settings in every step give its own map (within 1e-06 of "
            "nilearn's range and 5e-07 of SPM's)",
        ),
        unit.CONTRAST_NAME,
    )


ATTRIBUTION_SUMMARY = attribution_summary_schema(DEFAULT_PAIR)
