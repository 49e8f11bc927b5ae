"""Ten models after the kinds that people write."""

from collections.abc import Sequence
from typing import Any

from tests.ten_models.study import TASK

Document = dict[str, Any]
FACE, HOUSE = "trial_type.face", "trial_type.house"
OLS: Document = {
    "SPM": {"SerialCorrelation": "none", "InclusiveMaskingThreshold": "-Inf"},
    "Nilearn": {"NoiseModel": "ols"},
}
"""Errors taken as independent, so that a least-squares line tells what is right."""
PLAIN = {"Type": "glm", "X": [1]}
DUMMIES = {"Test": "t"}


def t_contrast(name: str, conditions: Sequence[str], weights: Sequence[object]) -> Document:
    return {"Name": name, "ConditionList": list(conditions), "Weights": list(weights), "Test": "t"}


FACE_HOUSE = t_contrast("face - house", [FACE, HOUSE], [1, -1])


def instructions(*items: Document) -> Document:
    return {"Transformations": {"Transformer": "pybids-transforms-v1", "Instructions": list(items)}}


def run(
    x: Sequence[object], contrasts: Sequence[Document], convolved: Sequence[str] = (), **more: Any
) -> Document:
    """A Run node; `model` of more has further parts of its Model, the rest goes beside it."""
    hrf = {"HRF": {"Variables": list(convolved), "Model": "spm"}} if convolved else {}
    model = {"Type": "glm", "X": list(x), **hrf, "Software": OLS, **more.pop("model", {})}
    named = {"Level": "Run", "Name": "run", "GroupBy": ["run", "subject"]}
    return {**named, "Model": model, "Contrasts": list(contrasts), **more}


def subject(**more: Any) -> Document:
    made = {"Level": "Subject", "Name": "subject", "GroupBy": ["subject", "contrast"], "Model": PLAIN}
    return {**made, **({} if "Contrasts" in more else {"DummyContrasts": DUMMIES}), **more}


def dataset(**more: Any) -> Document:
    made = {"Level": "Dataset", "Name": "group", "GroupBy": ["contrast"], "Model": PLAIN}
    return {**made, **({} if "Contrasts" in more else {"DummyContrasts": DUMMIES}), **more}


def model(*nodes: Document, **more: Any) -> Document:
    return {
        "Name": "ten",
        "BIDSModelVersion": "1.0.0",
        "Input": {"task": [TASK]},
        "Nodes": list(nodes),
        **more,
    }


def cosines_in_x() -> Document:
    """The model brings fMRIPrep's cosines as its filter, and says nothing of another."""
    x = [FACE, HOUSE, "cosine*", "trans_?", 1]
    return model(run(x, [FACE_HOUSE], ["trial_type.*"]), subject(), dataset())


def two_sessions() -> Document:
    """Each session has a group analysis of its own."""
    first = run([FACE, HOUSE, "rot_?", 1], [FACE_HOUSE], [FACE, HOUSE], GroupBy=["run", "session", "subject"])
    second = subject(GroupBy=["subject", "session", "contrast"])
    return model(first, second, dataset(GroupBy=["contrast", "session"]))


def participants_column() -> Document:
    """A group analysis for each site, and one of everybody with age."""
    nodes = [
        run([FACE, HOUSE, 1], [FACE_HOUSE], [FACE, HOUSE]),
        subject(),
        dataset(Name="sites", GroupBy=["contrast", "site"]),
        dataset(Name="ages", Model={"Type": "glm", "X": [1, "age"]}),
    ]
    edges = [("run", "subject"), ("subject", "sites"), ("subject", "ages")]
    return model(*nodes, Edges=[{"Source": source, "Destination": target} for source, target in edges])


def contrast_of_contrasts() -> Document:
    """Weights over the contrasts of the runs, at the Subject level."""
    baseline = [t_contrast(name, [f"trial_type.{name}"], [1]) for name in ("face", "house")]
    above = {
        "GroupBy": ["subject"],
        "Model": {"Type": "meta", "X": ["face", "house"]},
        "Contrasts": [t_contrast("preference", ["face", "house"], [2, "-1/2"])],
    }
    return model(run(["trial_type.*", 1], baseline, ["trial_type.*"]), subject(**above), dataset())


def f_at_group() -> Document:
    """Do three cohorts differ? With one variance, as scipy has it."""
    cohorts = [f"cohort.{name}" for name in ("young", "middle", "old")]
    rows = {"Name": "cohorts", "ConditionList": cohorts, "Weights": [[1, -1, 0], [0, 1, -1]], "Test": "F"}
    last = dataset(
        **instructions({"Name": "Factor", "Input": ["cohort"]}),
        Model={"Type": "glm", "X": cohorts, "Software": {"SPM": {"Variance": "equal"}}},
        Contrasts=[rows],
    )
    return model(run([FACE, HOUSE, 1], [FACE_HOUSE], [FACE, HOUSE]), subject(), last)


def dense_convolution() -> Document:
    """A physiological series goes through the response like the events."""
    steps = instructions(
        {"Name": "Factor", "Input": ["trial_type"]},
        {"Name": "Convolve", "Input": [FACE, HOUSE, "csf"], "Model": "spm"},
    )
    contrasts = [FACE_HOUSE, t_contrast("fluid", ["csf"], [1])]
    return model(run([FACE, HOUSE, "csf", 1], contrasts, **steps), subject(), dataset())


def factor_of_integers() -> Document:
    """Answers, 1 or 0 in the file, are conditions."""
    steps = instructions(
        {"Name": "Factor", "Input": ["correct"]},
        {"Name": "Convolve", "Input": ["correct.0", "correct.1"], "Model": "spm"},
    )
    contrasts = [t_contrast("right - wrong", ["correct.1", "correct.0"], [1, -1])]
    return model(run(["correct.0", "correct.1", "trans_?", 1], contrasts, **steps), subject(), dataset())


def modulation() -> Document:
    """Faces modulated by the time to answer."""
    slower = {"Name": "slower", "Conditions": [FACE], "Values": "rt", "PolynomialExpansion": 1}
    software = {**OLS, "SPM": {**OLS["SPM"], "ParametricModulations": [slower]}}
    contrasts = [FACE_HOUSE, t_contrast("slower", [f"{FACE}_x_slower^1"], [1])]
    first = run([FACE, HOUSE, 1], contrasts, [FACE, HOUSE], model={"Software": software})
    return model(first, subject(), dataset())


def bidspm_dialect() -> Document:
    """As bidspm writes it: its own keys, no Factor, options at every level, no Edges' filter."""
    mask = {"Mask": {"suffix": ["mask"], "desc": ["brain"]}}
    spm = {"Whitening": "none", "SerialCorrelation": "none", "InclusiveMaskingThreshold": "-Inf"}
    own = {"bidspm": {"Results": [{"name": ["face_gt_house"], "p": 0.05, "MC": "none", "png": True}]}}
    parts = {
        "HRF": {"Variables": [FACE, HOUSE], "Model": "DoubleGamma"},
        "Options": {"HighPassFilterCutoffHz": 0.0078125, **mask},
        "Software": {"SPM": {**spm, "HRFderivatives": "none"}, "Nilearn": OLS["Nilearn"], **own},
    }
    first = run(
        [FACE, HOUSE, "trans_?", "rot_?"],
        [t_contrast("face_gt_house", [FACE, HOUSE], [1, -1])],
        model=parts,
        DummyContrasts={"Test": "t", "Contrasts": [FACE, HOUSE]},
    )
    above = {"Model": {**PLAIN, "Options": mask, "Software": own}}
    last = dataset(**above)
    edges = [{"Source": "run", "Destination": "subject"}, {"Source": "subject", "Destination": "group"}]
    inputs = {"Input": {"task": [TASK], "acquisition": [""]}, "Description": "", "Edges": edges}
    return model(first, subject(**above), last, **inputs)


def scrubbing() -> Document:
    """An indicator for each scan that moved; the number differs from run to run."""
    x = [FACE, HOUSE, "trans_?", "rot_?", "motion_outlier*", 1]
    return model(run(x, [FACE_HOUSE], ["trial_type.*"]), subject(), dataset())
