"""The tables on a unit's fits: designs, what is known of them, clusters, steps of the dominant-step map."""

from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema
from bidsglm.outputs.unit_tables import CONTRAST

REGRESSOR = Column(".+", "number", "Regressor, by its name in the model")

DESIGN = Schema("<r>_desc-<b>_design", (), open=REGRESSOR)
"""One row for each scan."""

REGRESSORS = Schema(
    "<r>_desc-<b>Regressors_metrics",
    (
        Column("regressor", "text", "Name of the column of the design"),
        Column(
            "kind",
            "text",
            "condition or confound",
            levels={"condition": "regressor of a condition", "confound": "any other but constant and drifts"},
        ),
        Column(
            "vif",
            "number",
            "Variance inflation factor among conditions and confounds (confounds mean-centred), without "
            "constant and drifts: how many times larger the variance of the beta is than without the others",
            missing="for a column of zeros",
            infinite="for a sum of others",
        ),
        Column(
            "vif_with_constant_and_drifts",
            "number",
            "Variance inflation factor with the constant and the drifts of the high-pass filter among the "
            "other columns",
            missing="for a column of zeros",
            infinite="for a sum of others",
        ),
        Column(
            "removed_by_filter",
            "number",
            "Share of the regressor's variance that the drifts (the high-pass filter) account for",
            missing="for a column that does not vary",
        ),
    ),
)

CONTRASTS = Schema(
    "<r>_desc-<b>Contrasts_metrics",
    (
        CONTRAST,
        Column("contrast_name", "text", "Name of the contrast in the model"),
        Column("estimable", "integer", "1 if the run can give it, else 0"),
        Column(
            "efficiency",
            "number",
            "1 / trace(c inv(X'X) c') after high-pass filtering (Dale 1999); 0 if not estimable",
        ),
    ),
)

DOMINANT_STEPS = Schema(
    "<p>_contrast-<c>_desc-dominantstep_dseg",
    (
        Column("index", "integer", "Value in the map"),
        Column("name", "text", "Modelling step"),
        Column("color", "text", "On the page"),
    ),
)
"""Without a sidecar of its own: that of the map beside it has the same name."""


TAIL = Column(
    "tail",
    "label",
    "which tail of the statistic the cluster is in; each is tested by itself",
    levels={"upper": "effects above 0", "lower": "effects below 0, as with the weights turned round"},
    optional=True,
)


def clusters(backend: str, *columns: Column) -> Schema:
    """Clusters and peaks of a map as a package lists them.

    Parameters
    ----------
    backend
        Label of the package in file names.
    columns
        Behind the place of the peak.
    """
    number = "number of the cluster, by height of its highest peak; further peaks carry a letter"
    places = (Column(f"{axis}_mm", "number", "coordinate of the peak (mm)", "mm") for axis in "xyz")
    return Schema(
        f"<p>_contrast-<c>_desc-{backend}_clusters",
        (Column("cluster_id", "label", number), *places, *columns, TAIL),
    )
