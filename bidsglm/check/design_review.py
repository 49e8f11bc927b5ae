"""What is to be said of SPM's design, whoever fits it."""

from dataclasses import replace

from bidsglm.backends import backend
from bidsglm.check.models import contrasts_of, paradigm_of, specification_of
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.findings import findings
from bidsglm.errors import BidsglmError


def design_findings(spm: SpmAnalysis) -> tuple[Finding, ...]:
    """What is to be said of the design, whoever fits it: conditions that fill the run, among others."""
    model = specification_of(spm)
    reviews = []
    for number, session in enumerate(spm.sessions, start=1):
        paradigm = paradigm_of(spm, session)
        try:
            (design,) = backend("spm").designs([paradigm], replace(model, high_pass=session.high_pass))
        except BidsglmError:
            return ()
        label = f"session {number}" if len(spm.sessions) > 1 else "the run"
        contrasts = contrasts_of(spm, number - 1, design.names)
        reviews.append(RunReview(label, paradigm, {"spm": design}, contrasts))
    return tuple(each for each in findings(reviews, model) if each.severity != "note")
