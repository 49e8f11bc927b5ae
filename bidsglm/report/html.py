"""Self-contained HTML page of a participant, from records and figures."""

from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report.calibration import NOISE_TITLES
from bidsglm.report.participant_report import ParticipantReport
from bidsglm.report.references import cited
from bidsglm.report.rendering import environment
from bidsglm.report.trust import TITLES as ANALYSIS_TITLES


def participant_page(report: ParticipantReport) -> str:
    """Render a participant's report as one HTML document that needs nothing else.

    Parameters
    ----------
    report
        What stands on it; without units only what went wrong.
    """
    sections = ["Summary"]
    if report.units:
        if any(unit.findings or unit.explained for unit in report.units):
            sections.append("Why they differ")
        if any(unit.calibration for unit in report.units):
            sections.append("Which to trust")
        if any(DEFAULT_PAIR in unit.pairs for unit in report.units):
            sections.append("Questions")
        sections += ["Contrasts", "Design", "Data and masks", "Methods"]
        if any(unit.regions for unit in report.units):
            sections.insert(sections.index("Contrasts") + 1, "Regions")
        if any(unit.code for unit in report.units):
            sections.append("Code")
    return (
        environment()
        .get_template("participant.html")
        .render(
            report=report,
            sections=[*sections, "Errors", "About"],
            analysis_titles=ANALYSIS_TITLES,
            noise_titles=NOISE_TITLES,
            references=cited([text for unit in report.units for text in unit.paragraphs]),
        )
    )
