"""What the BIDS validator says about the raw data, where it is installed (PyPI: bids-validator-deno)."""

import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.errors import InvalidBidsError

LOG = logging.getLogger(__name__)

PROGRAM = "bids-validator-deno"
OPTIONS = ("--format", "json", "--ignoreWarnings", "--ignoreNiftiHeaders")
"""Raw images are never opened: the preprocessed ones are fitted. Not --prune, which makes stimuli missing."""

TIME_LIMIT = 120.0
"""Seconds; a thousand participants take 15 s from a local disk, and nobody should wait for more than this."""

CONTENT_CODES = frozenset(
    {"EMPTY_FILE", "SYMLINK_BROKEN", "SIDECAR_WITHOUT_DATAFILE", "SCANS_FILENAME_NOT_MATCH_DATASET"}
)
"""Images whose content was never fetched, as DataLad leaves them, or that are not here do no harm."""

OTHER_DATA = frozenset(
    {
        "anat",
        "beh",
        "dwi",
        "eeg",
        "emg",
        "fmap",
        "ieeg",
        "meg",
        "micr",
        "motion",
        "mrs",
        "nirs",
        "perf",
        "pet",
    }
)
"""Folders that bidsglm reads nothing from: fMRIPrep did, and says what it could not use."""

OWN_FILES = re.compile(r"_(events\.(tsv|json)|bold\.json)$")
"""Files that bidsglm reads itself, and whose faults it names with their line."""


class Issue(NamedTuple):
    """One error of the validator."""

    code: str
    location: str
    """Path below the data set's root, with a slash in front"""
    detail: str


def check_valid(bids_dir: Path, participants: Collection[str], time_limit: float = TIME_LIMIT) -> None:
    """Refuse raw data that break BIDS; say so and go on where that cannot be found out.

    The files of participants who are not going to be fitted may be as they are.

    Raises
    ------
    InvalidBidsError
        For the first error; the message counts the others.
    """
    program = find_validator()
    if program is None:
        LOG.debug("%s is not installed: %s is not validated", PROGRAM, bids_dir)
        return
    report = _run(program, bids_dir, time_limit)
    issues = [] if report is None else relevant_issues(read_issues(report), participants)
    for issue in issues:
        LOG.debug("BIDS validator: %s%s: %s", bids_dir, issue.location, issue.code)
    grave = [issue for issue in issues if not OWN_FILES.search(issue.location)]
    if grave:
        raise InvalidBidsError(_message(bids_dir, grave))


def find_validator() -> Path | None:
    """The validator of this Python environment, else that on the PATH."""
    own = shutil.which(PROGRAM, path=str(Path(sys.executable).parent))
    found = own or shutil.which(PROGRAM)
    return Path(found) if found else None


def _run(program: Path, bids_dir: Path, time_limit: float) -> Mapping[str, Any] | None:
    """The validator's report, read; None, and a line about it, when there is none."""
    command = [str(program), *OPTIONS, str(bids_dir.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit, check=False)
    except subprocess.TimeoutExpired:
        LOG.warning("%s: not validated, it takes more than %g s", bids_dir, time_limit)
    except OSError as error:
        LOG.warning("%s: not validated, %s does not run (%s)", bids_dir, program, error.strerror)
    else:
        try:
            return dict(json.loads(done.stdout))
        except ValueError:
            LOG.warning("%s: not validated, %s ended with code %d", bids_dir, program, done.returncode)
    return None


def read_issues(report: Mapping[str, Any]) -> list[Issue]:
    """The errors in the validator's report: what `--format json` prints, read.

    >>> issue = {"code": "NOT_INCLUDED", "severity": "error", "location": "/a"}
    >>> read_issues({"issues": {"issues": [issue]}})
    [Issue(code='NOT_INCLUDED', location='/a', detail='')]
    """
    return [
        Issue(item["code"], item.get("location", "/"), item.get("subCode", ""))
        for item in report["issues"]["issues"]
        if item.get("severity") == "error"
    ]


def relevant_issues(issues: Iterable[Issue], participants: Collection[str]) -> list[Issue]:
    """Errors that matter for fitting some participants, in the order of their files.

    >>> found = [Issue("NOT_INCLUDED", "/sub-02/x", ""), Issue("EMPTY_FILE", "/sub-01/a_bold.nii.gz", "")]
    >>> relevant_issues(found, ["01"]), len(relevant_issues(found, ["02"]))
    ([], 1)
    """
    return sorted(
        (
            issue
            for issue in issues
            if issue.code not in CONTENT_CODES
            and not _is_of_other_data(issue.location)
            and not issue.code.startswith("NIFTI_")
            and _participant(issue.location) in (None, *participants)
        ),
        key=lambda issue: issue.location,
    )


def _is_of_other_data(location: str) -> bool:
    """Whether a file is of another kind of recording, which plays no part in a fit.

    >>> _is_of_other_data("/sub-01/ses-a/meg/x.json"), _is_of_other_data("/sub-01/func/x.json")
    (True, False)
    """
    match = re.match(r"/sub-[^/]+/(?:ses-[^/]+/)?([^/]+)/", location)
    return match is not None and match[1] in OTHER_DATA


def _participant(location: str) -> str | None:
    """Whose file it is; None for the data set's own.

    >>> _participant("/sub-01/func/a.json"), _participant("/participants.tsv")
    ('01', None)
    """
    match = re.match(r"/sub-([^/]+)/", location)
    return match[1] if match else None


def _message(bids_dir: Path, issues: Sequence[Issue]) -> str:
    first = issues[0]
    detail = f" ({first.detail})" if first.detail else ""
    n_others = len({issue.location for issue in issues}) - 1
    others = f", and {n_others} more file{'s' * (n_others > 1)} with errors" if n_others else ""
    return (
        f"{bids_dir}{first.location}: not valid BIDS: {first.code}{detail}{others}; "
        f"correct it ({PROGRAM} {bids_dir} says more), or give --skip-bids-validation"
    )
