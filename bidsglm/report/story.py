"""The page that tells why the maps of one run differ, one change of the model at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bidsglm.attribution.differences import RMSD
from bidsglm.diagnosis.advice import Finding
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report import attribution
from bidsglm.report.answers import Answer
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.calibration import NOISE_TITLES, CalibrationReport
from bidsglm.report.drawing import Figure
from bidsglm.report.rendering import About, Links, environment
from bidsglm.report.steps import STEP_TEXTS, title
from bidsglm.report.trust import TITLES

SECTIONS = (
    "Summary",
    "As done",
    "The report",
    "Whose part",
    "Filter on",
    "Rest out",
    "What remains",
    "Numbers",
    "Questions",
    "Your data",
    "About",
)


@dataclass(frozen=True)
class StoryContrast:
    """What both packages make of one contrast of one model."""

    name: str
    effect_r: float
    effect_rmsd: float
    effect_slope: float
    """SPM on nilearn"""
    t_r: float
    t_rmsd: float
    dice: float
    """Dice of the voxels of p < 0.001"""
    sd: Mapping[str, float]
    """Backend -> standard deviation of its effect over the voxels of both masks"""
    truth_r: Mapping[str, float]
    """Backend -> correlation of its effect with the change of signal that was simulated"""
    breakdowns: tuple[Breakdown, ...] = ()

    def part(self, map_name: str) -> Breakdown | None:
        """How the root mean square difference of a map divides."""
        return found(self.breakdowns, map_name, RMSD)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which steps make the differences, in sentences."""
        whole = {"effect": self.effect_rmsd, "t": self.t_rmsd}
        return attribution.reasons(self.breakdowns, ("effect", "t"), whole)

    @property
    def causes(self) -> tuple[str, ...]:
        """Step that makes most of each map's difference."""
        parts = {name: self.part(name) for name in ("effect", "t")}
        return tuple(
            f"the {title(part.ranked[0].step)} ({name})"
            for name, part in parts.items()
            if part and not part.equal
        )

    @property
    def leading(self) -> tuple[str, ...]:
        """What the first step of each map does, in sentences."""
        parts = [part for name in ("effect", "t") if (part := self.part(name)) and not part.equal]
        steps = dict.fromkeys(part.ranked[0].step for part in parts)
        return tuple(f"{title(step).capitalize()}: {STEP_TEXTS[step].effect(DEFAULT_PAIR)}" for step in steps)


@dataclass(frozen=True)
class StoryModel:
    """One of the models and its results."""

    title: str
    model_file: str
    """Relative to the page, as the links."""
    page: str
    regressors: tuple[str, ...]
    filters: Mapping[str, str]
    """Backend -> its high-pass filter, in words"""
    inflation: float
    """Variance inflation of movement among all columns of SPM's design"""
    contrasts: Mapping[str, StoryContrast]
    """By name"""
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """By what they show: effect, shapley"""
    links: Links = field(default_factory=Links)
    """Its tables"""


@dataclass(frozen=True)
class StoryReport:
    """The whole story."""

    about: About
    participant: str
    cutoff: float
    """s, that all models ask for"""
    repetition_time: float
    n_scans: int
    models: Mapping[str, StoryModel]
    """asposted, overparameterised, unfiltered, movementonly"""
    moved_by_filter: Mapping[str, float]
    """Contrast -> correlation of nilearn's effect maps with and without its filter"""
    truth_sd: float
    """Standard deviation of the simulated change over the voxels, in per cent"""
    picture: Figure
    answers: tuple[Answer, ...] = ()
    """To the questions of the thread, by the last model"""
    calibration: CalibrationReport | None = None
    """False positives of the last model, by simulation; its link is relative to the story's page"""


def story_page(report: StoryReport) -> str:
    """Render the story as one HTML document that needs nothing else.

    Parameters
    ----------
    report
        With the four models.
    """
    titles = {"analysis_titles": TITLES, "noise_titles": NOISE_TITLES}
    template = environment().get_template("story.html")
    return template.render(report=report, sections=SECTIONS, **report.models, **titles)
