"""Which settings of two analyses differ, all together."""

from collections.abc import Sequence
from pathlib import Path

from bidsglm.check import confound_settings, data_settings, event_settings, response_settings
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.runs import ComparedRun
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.model import Floats
from bidsglm.report.check import SettingPair
from bidsglm.sentences import joined


def comparable(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> SettingPair | None:
    """Say that two analyses are of other scans; None where they may be of the same.

    Without designs of equal length nothing else can be compared.
    """
    ours = [session.n_scans for session in spm.sessions]
    theirs = [len(design.matrix) for design in nilearn.designs]
    if not theirs or sorted(ours) == sorted(theirs):
        return None
    told = (
        f"{len(ours)} session{'s' * (len(ours) > 1)} of {joined([str(n) for n in ours])} scans",
        f"{len(theirs)} run{'s' * (len(theirs) > 1)} of {joined([str(n) for n in theirs])} scans",
    )
    if several_analyses(nilearn, ours):
        consequence = (
            f"{nilearn.folder} holds two analyses or more, each with a design of the same scans in a folder "
            "of its own; which of them is meant is not known"
        )
        remedy = "give the folder of one of them with --nilearn"
        return SettingPair("sessions", told[0], f"two analyses, not runs: {told[1]}", consequence, remedy)
    contained = bool(set(theirs) & set(ours)) and len(theirs) != len(ours)
    as_one = len(theirs) == 1 and theirs[0] == sum(ours)
    made_one = len(ours) == 1 and ours[0] == sum(theirs)
    setting = "sessions" if contained or as_one or made_one else "scans"
    consequence = (
        "nilearn fitted other runs than SPM, so their effects are of other data"
        if contained
        else "nilearn fitted all runs as if they were one: filter, noise and constant run through the breaks"
        if as_one
        else _made_one(spm)
        if made_one
        else "the analyses are of other scans; nothing in their maps can be compared"
    )
    remedy = (
        "give both the same runs, one design matrix for each"
        if setting == "sessions"
        else "give SPM and nilearn the same files"
    )
    return SettingPair(setting, *told, consequence, remedy)


def several_analyses(nilearn: NilearnAnalysis, lengths: Sequence[int]) -> bool:
    """Whether designs lie in several folders, those of each as many and as long as SPM's sessions."""
    by_folder: dict[Path, list[int]] = {}
    for design in nilearn.designs:
        by_folder.setdefault(design.path.parent, []).append(len(design.matrix))
    return len(by_folder) > 1 and all(sorted(each) == sorted(lengths) for each in by_folder.values())


def _made_one(spm: SpmAnalysis) -> str:
    """What it does that SPM fitted all runs in one session."""
    if spm.sessions[0].n_filters > 1:
        return (
            "SPM fitted all runs as one session with a constant and a filter each (spm_fmri_concatenate): a "
            "condition has one column over all runs; nilearn fits each run and averages"
        )
    return "SPM fitted all runs as if they were one: filter, noise and constant run through the breaks"


def differences(
    spm: SpmAnalysis,
    nilearn: NilearnAnalysis,
    runs: Sequence[ComparedRun],
    way: Reproduction | None,
    masks: tuple[Floats, Floats] | None,
) -> tuple[SettingPair, ...]:
    """Find the settings in which two analyses differ."""
    times = list(response_settings.times(spm, runs))
    if times:
        return tuple(times)  # with another time scale every column differs, for this one reason
    found = [
        *response_settings.basis(spm, runs),
        *response_settings.sampling(spm, runs),
        *event_settings.events(runs),
        *event_settings.modulators(spm, runs),
        *event_settings.centring(spm, runs),
        *event_settings.extra_conditions(runs),
        *confound_settings.confounds(runs),
        *confound_settings.filters(nilearn, runs),
        *data_settings.scaling(spm, nilearn, way),
        *data_settings.noise(spm, nilearn, way),
        *data_settings.data(spm, way),
        *data_settings.masks_differ(spm, masks),
    ]
    return tuple(dict.fromkeys(found))
