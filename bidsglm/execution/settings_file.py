"""Settings as TOML: those of the results at the root, all of a run beside its log."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bidsglm.dataset.roots import derivative_roots
from bidsglm.settings import Settings

OF_THE_JOB = (
    "level",
    "reference_asked",
    "participant_labels",
    "session_labels",
    "work_dir",
    "n_procs",
    "omp_nthreads",
    "mem",
    "scheduler",
    "scheduler_tls",
    "bids_database_dir",
    "reports_only",
    "boilerplate_only",
    "dry_run",
    "stop_on_first_crash",
    "overwrite",
    "verbosity",
)
"""Settings in which the jobs of one analysis differ; no result depends on them."""


def _plain(value: Any) -> Any:
    if value is None:
        return "null"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def settings_toml(settings: Settings, left_out: Collection[str] = ()) -> str:
    """Every setting, resolved, as TOML; what has no value stands as a comment.

    Parameters
    ----------
    settings
        The command line.
    left_out
        Settings of which only the name is given, so that all jobs of an analysis make the same text.
    """
    import tomli_w

    values = asdict(settings) | {"derivatives": list(derivative_roots(settings).values())}
    told = {key: value for key, value in values.items() if key not in left_out}
    comments = [f"# {key}: not set\n" for key, value in told.items() if value is None]
    if left_out:
        names = ", ".join(key for key in values if key in left_out)
        comments.append(f"# Of each job, see logs/*/bidsglm.toml: {names}\n")
    return "".join(comments) + tomli_w.dumps({k: _plain(v) for k, v in told.items() if v is not None})
