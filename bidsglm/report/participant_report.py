"""What stands on the page of a participant: records of contrasts and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from bidsglm import packages
from bidsglm.diagnosis.advice import Finding, place
from bidsglm.packages import PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report import attribution, leading_steps
from bidsglm.report.answers import Answer, Asked, Facts, answers
from bidsglm.report.breakdowns import Breakdown, Reach
from bidsglm.report.calibration import CalibrationReport
from bidsglm.report.code import CodeReport
from bidsglm.report.contrast_images import EFFECT_UNITS
from bidsglm.report.diagnosis_tables import DiagnosisReport
from bidsglm.report.drawing import Figure
from bidsglm.report.filled_runs import FILLED, VerdictTable, contrast_verdict, verdict_table
from bidsglm.report.filled_runs import kind as kind_of
from bidsglm.report.group_verdict import Verdict
from bidsglm.report.methods import RunInput, SettingRow, attribution_text, calibration_text, mask_text
from bidsglm.report.noise import NoiseReport
from bidsglm.report.overall import overall, participant_headline
from bidsglm.report.page_contrast import PageContrast
from bidsglm.report.pair_matrix import PairMatrix, pair_matrices
from bidsglm.report.participant_evidence import ComparedContrast, ParticipantEvidence, worst_confound
from bidsglm.report.participant_verdict import ParticipantVerdict, participant_verdict
from bidsglm.report.rendering import About, Links, is_worth_a_search, slug
from bidsglm.report.rois import ParticipantRegions
from bidsglm.report.units import Units
from bidsglm.report.wording import Row, contrast_name, median
from bidsglm.sentences import joined


@dataclass(frozen=True)
class ContrastReport(PageContrast):
    """One contrast of one unit."""

    runs: tuple[str, ...] = ()
    """Labels of the runs it averages."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Regressor -> weight; empty for F."""
    tested: tuple[str, ...] = ()
    """Regressors that it weighs, of t and of F."""
    of_confounds: bool = False
    """Whether it weighs confounds alone."""
    approximate: str = ""
    """Where nilearn approximates its F, how far that is off, for tables."""
    effect_sd: Mapping[str, float] = field(default_factory=dict)
    """Backend -> standard deviation of its effect over the voxels of both masks; empty for F."""
    breakdowns: tuple[Breakdown, ...] = ()
    """Why the maps differ; empty where nothing was attributed."""
    why_figures: tuple[Figure, ...] = ()

    @property
    def facts(self) -> str:
        """What was tested, in which runs."""
        where = f"; {'over' if len(self.runs) > 1 else 'in'} {joined(self.runs)}" * bool(self.runs)
        return f"{self.test} contrast: {self.definition}{where}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which steps make the differences of the statistic and of the effect, in sentences."""
        rmsd = {str(row["map"]): float(row["rmsd"]) for row in self.agreement}
        return attribution.reasons(self.breakdowns, (self.test, "effect"), rmsd)


@dataclass(frozen=True)
class UnitReport:
    """What was fitted together: a participant's runs of one task in one space."""

    title: str
    """For example `task-tapping space-MNI152NLin2009cAsym`."""
    backends: tuple[str, ...]
    runs: tuple[RunInput, ...]
    settings: tuple[SettingRow, ...]
    """See `bidsglm.unit.methods.setting_rows`."""
    methods: tuple[str, ...]
    """Paragraphs, see `bidsglm.unit.methods.paragraphs`."""
    designs: tuple[Figure, ...] = ()
    """One for each run."""
    contrasts: tuple[ContrastReport, ...] = ()
    data_figures: tuple[Figure, ...] = ()
    """Masks, background."""
    mask_sizes: Mapping[str, int] = field(default_factory=dict)
    """Backend -> number of voxels."""
    estimates: tuple[SettingRow, ...] = ()
    """What each backend estimated: degrees of freedom, noise."""
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What there is to say about the designs, severe ones first."""
    diagnoses: tuple[DiagnosisReport, ...] = ()
    """One for each run."""
    reach: Reach | None = None
    """How far the attribution can be trusted; none where there is none."""
    regions: ParticipantRegions | None = None
    """Values of an atlas' regions"""
    calibration: CalibrationReport | None = None
    """Which analysis can be trusted on this design; none where it was not asked for."""
    code: tuple[CodeReport, ...] = ()
    """Scripts that give the maps; none unless they were asked for."""
    effect_units: Mapping[str, str] = field(default_factory=lambda: EFFECT_UNITS)
    native: bool = False
    """Each package has its own defaults, so that the models differ too."""
    units: Units = field(default_factory=Units)
    """What the size of the effects hangs on."""
    noise: NoiseReport = field(default_factory=NoiseReport)
    """Which noise each package assumes."""
    noise_figure: Figure | None = None
    links: Links = field(default_factory=Links)
    scene: Mapping[str, object] | None = None
    """What the slice viewers of the unit share, see `volumes.Scene`."""
    pair: Pair = DEFAULT_PAIR
    """What is compared"""
    pairs: tuple[Pair, ...] = (DEFAULT_PAIR,)
    """All that is compared with the reference"""
    pair_rows: tuple[Row, ...] = ()
    """Rows of the table of all pairs"""
    reaches: Mapping[Pair, Reach] = field(default_factory=dict)
    """How far the attribution of further pairs can be trusted"""

    @property
    def in_usual_units(self) -> bool:
        """Whether effects are in percent, each package's in its own; known of the default pair alone."""
        usual = all(unit == PACKAGES[name].unit for name, unit in self.effect_units.items())
        return usual and set(self.effect_units) == set(DEFAULT_PAIR)

    def of(self, pair: Pair) -> "UnitReport":
        """The same with another pair compared."""
        if pair == self.pair:
            return self
        contrasts = tuple(each.of_pair(pair) for each in self.contrasts)
        reach, links = self.reaches.get(pair), self.links.of(pair)
        return replace(self, pair=pair, contrasts=contrasts, reach=reach, links=links)

    @cached_property
    def views(self) -> tuple["UnitReport", ...]:
        """The unit as each pair has it."""
        return tuple(self.of(pair) for pair in self.pairs)

    @property
    def explained(self) -> tuple["UnitReport", ...]:
        """Views of the pairs whose differences are attributed, or that have a note on why not."""
        return tuple(view for view in self.views if view.reach)

    @property
    def matrices(self) -> tuple[PairMatrix, ...]:
        """Medians of every package beside every other, of the contrasts that the design determines."""
        told = {each.name for each in self.evidence.considered}
        rows = [row for row in self.pair_rows if contrast_name(row) in told]
        return pair_matrices(rows, self.effect_units) if len(self.pairs) > 1 else ()

    @cached_property
    def overall(self) -> Verdict:
        """Does it matter which package: the answer for all pairs."""
        return overall({view.pair: view.judged.agreement for view in self.views}, participant_headline)

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Methods, with what was done beside the fits."""
        found = list(self.methods)
        if found and self.runs:
            found.append(mask_text(self.runs))
        if divided := {view.pair: view.reach.sample for view in self.views if view.steps and view.reach}:
            found.append(attribution_text(divided))
        if made := self.calibration:
            found.append(calibration_text(made.n_datasets, made.n_voxels, made.seed))
        return tuple(found)

    @cached_property
    def evidence(self) -> ParticipantEvidence:
        """What the verdict rests on."""
        contrasts = [
            ComparedContrast(
                c.name, c.agreement, c.weights, c.breakdowns, c.of_confounds, c.notes if c.approximate else ()
            )
            for c in self.contrasts
        ]
        regressors: dict[str, list[Row]] = {}
        for diagnosis in self.diagnoses:
            for name, rows in diagnosis.regressors.items():
                regressors.setdefault(name, []).extend(rows)
        affected = [each for c in self.contrasts if (each := worst_confound(c.name, c.tested, regressors))]
        told = [row for row in self.pair_rows if (row["package"], row["reference"]) == tuple(self.pair)]
        return ParticipantEvidence(
            contrasts,
            self.findings,
            [run.tables for run in self.runs],
            affected,
            self.pair,
            median(told, "slope_percent"),
            self.effect_units,
        )

    @cached_property
    def judged(self) -> ParticipantVerdict:
        """Does it matter which package, is the design sound, and what to do."""
        return participant_verdict(self.evidence)

    @property
    def lead(self) -> ContrastReport | None:
        """The contrast that the verdict rests on; without one the first that the design determines."""
        judged = [view.judged for view in self.views if view.judged.agreement.grade == self.overall.grade]
        worst = judged[0].worst if judged else self.judged.worst
        out = self.evidence.arbitrary
        determined = [c for c in self.contrasts if c.name not in out and not c.of_confounds] or self.contrasts
        return next((c for c in self.contrasts if c.name == worst), next(iter(determined), None))

    @property
    def considered_rows(self) -> tuple[Row, ...]:
        """Agreement of the contrasts that medians are taken over: those that the design determines."""
        return tuple(row for each in self.evidence.considered for row in each.rows)

    @property
    def verdict(self) -> str:
        """Which steps make most of the differences."""
        return leading_steps.verdict([each.breakdowns for each in self.evidence.considered])

    @property
    def steps(self) -> tuple[str, ...]:
        """Modelling steps that the packages do each in their own way."""
        found = attribution.explained_steps([b for c in self.contrasts for b in c.breakdowns])
        return tuple(step.step for step in found if not step.same)

    @property
    def steps_in_words(self) -> str:
        """How many steps there are, counted as the table has them."""
        found = attribution.explained_steps([b for c in self.contrasts for b in c.breakdowns])
        return attribution.steps_in_words(found)

    def answers(self, sections: Sequence[str]) -> tuple[Answer, ...]:
        """What the page has to say to the questions that are really asked, which are of the default pair."""
        if DEFAULT_PAIR not in self.pairs:
            return ()
        told = {each.name for each in self.evidence.considered}
        return answers(
            Facts(
                [Asked(c.name, c.label, c.test, c.breakdowns) for c in self.contrasts if c.name in told],
                self.units,
                self.noise,
                self.noise_figure,
                self.findings,
                tuple(dict.fromkeys(name for run in self.runs for name in run.confounds)),
                self.calibration.contrasts[0].headline if self.calibration else (),
                sections={slug(name): name for name in sections},
            )
        )

    def verdict_table(self, finding: Finding) -> VerdictTable | None:
        """Contrasts that a finding sets beside each other; none for most findings."""
        if finding.code != FILLED:
            return None
        rows = [
            contrast_verdict((c.name, c.label), kind, c.agreement, c.effect_sd, c.breakdowns, self.pair)
            for c in self.contrasts
            if c.agreement and (kind := kind_of(c.weights, finding.columns))
        ]
        return verdict_table(rows, self.pair)

    def diagnosis_tables(self, found: DiagnosisReport) -> dict[str, dict[str, str]]:
        """Kind -> package's title -> link to a run's table."""
        starts = [run.tables for run in self.runs if run.label == found.run and run.tables]
        return {
            kind: {
                packages.title(b): f"{start}_desc-{b}{kind.capitalize()}_metrics.tsv"
                for start in starts
                for b in found.backends
            }
            for kind in ("regressors", "contrasts")
        }

    def where(self, finding: Finding) -> str:
        """Runs and backends of a finding; empty if all."""
        return place(finding, len(self.runs), self.backends)


@dataclass(frozen=True)
class ParticipantReport:
    """A participant's page; one that failed has errors and perhaps no units."""

    participant: str
    """Label without prefix."""
    about: About
    units: tuple[UnitReport, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def backends(self) -> tuple[str, ...]:
        """Those that were fitted; the usual ones where nothing was."""
        return packages.in_order(b for unit in self.units for b in unit.backends) or packages.DEFAULT_PACKAGES

    @property
    def many_names(self) -> bool:
        """Whether contrasts and regions are worth a search."""
        return is_worth_a_search(self.units)
