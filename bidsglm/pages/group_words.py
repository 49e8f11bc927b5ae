"""What was fitted over participants, in words, from the summary of a group's maps."""

from bidsglm.dataset.group_faults import listed
from bidsglm.dataset.group_variances import NO_GROUPS
from bidsglm.outputs.group_form import GroupContrastForm
from bidsglm.outputs.summary_form import weight_rows
from bidsglm.packages import title
from bidsglm.statsmodel.group_contrasts import PARTICIPANTS


def definition(entry: GroupContrastForm) -> str:
    """Say what was fitted over participants.

    >>> design = {"columns": ["mean"], "weights": [1.0]}
    >>> definition({"n": 4, "design": design})
    'Mean over 4 participants (one-sample t test)'
    >>> definition({"n": 4, "design": {"columns": ["mean", "age"], "weights": [0.0, 1.0]}})
    '1 × age, in a model of mean and age over 4 participants'
    """
    columns, rows = entry["design"]["columns"], weight_rows(entry["design"]["weights"])
    who = f"over {entry['n']} participants{_of(entry)}"
    if len(columns) == 1 and rows == [[1.0]]:
        return f"Mean {who} (one-sample t test)"
    terms = [
        " + ".join(f"{weight:.3g} × {name}" for name, weight in zip(columns, row, strict=True) if weight)
        for row in rows
    ]
    what = terms[0] if entry.get("test", "t") == "t" else f"Whether {' or '.join(terms)} is not 0 (F test)"
    model = listed(columns)
    return f"{what}, in a model of {model} {who}"


def _of(entry: GroupContrastForm) -> str:
    """Which participants, and how many maps where they have several each."""
    group = f" of {entry['group']}" if entry.get("group") else ""
    n_maps = entry.get("n_maps", entry["n"])
    within = any(name.startswith(PARTICIPANTS) for name in entry["design"]["columns"])
    kind = "each less its participant's mean" if within else "taken as independent"
    return group + (f" ({n_maps} maps, {kind})" if n_maps != entry["n"] else "")


def variances(entry: GroupContrastForm) -> tuple[str, ...]:
    """Say what each package takes the errors' variances to be, where participants are of groups.

    >>> spm = {"VarianceModel": "unequal", "GroupVariances": {"sex.F": 0.5, "sex.M": 1.5}, "PooledVoxels": 9}
    >>> print(*variances({"variance": {"spm": spm, "nilearn": {"VarianceModel": "equal"}}}))
    SPM: a variance for each group, its default (sex.F 0.5, sex.M 1.5 of their mean, one for all voxels, \
    from 9 of them). nilearn: one variance.
    >>> variances({"variance": {"spm": {"VarianceModel": "equal", "VarianceReason": "there are no groups"}}})
    ()
    """
    found = entry.get("variance", {}).get("spm", {"VarianceModel": "equal"})
    others = [title(name) for name in entry.get("variance", {}) if name != "spm"]
    rest = f" {', '.join(others)}: one variance." if others else ""
    if found["VarianceModel"] == "unequal":
        parts = ", ".join(f"{name} {value:.3g}" for name, value in found["GroupVariances"].items())
        return (
            f"SPM: a variance for each group, its default ({parts} of their mean, one for all voxels, from "
            f"{found['PooledVoxels']} of them).{rest}",
        )
    reason = found.get("VarianceReason", "")
    return (f"SPM: one variance, as {reason}.{rest}",) if reason not in ("", NO_GROUPS) else ()
