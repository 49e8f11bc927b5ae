"""Columns that are named without a design are those of the design."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.backends import BACKENDS
from bidsglm.backends.nilearn_design import condition_columns, design, design_arguments
from bidsglm.data import Condition, Modulator, Paradigm
from bidsglm.model import NO_FILTER, Hrf, ModelSpecification, NilearnSettings


def paradigm(n_scans: int = 90, repetition_time: float = 2.0, n_confounds: int = 3) -> Paradigm:
    """A run with a modulated condition, one that changes over time, and confounds."""
    onsets = np.arange(4) * 30.0
    go = Condition("go", onsets, np.full(4, 6.0), (Modulator("rt", np.array([1.0, 2.0, 4.0, 3.0]), 2),))
    stop = Condition("stop", onsets + 15, np.zeros(4), time_modulation=1)
    confounds = np.random.default_rng(0).standard_normal((n_scans, n_confounds))
    names = tuple(f"confound{i}" for i in range(n_confounds))
    return Paradigm(repetition_time, n_scans, None, (go, stop), names, confounds)


MODELS = {
    "canonical": ModelSpecification("m", ()),
    "derivatives": ModelSpecification("m", (), hrf=Hrf("spm", derivative=True, dispersion=True)),
    "no filter": ModelSpecification("m", (), high_pass=NO_FILTER),
    "filter of a whole number of cosines": ModelSpecification("m", (), high_pass=90.0),
    "short cut-off": ModelSpecification("m", (), high_pass=20.0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["spm", "nilearn"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_named_columns_are_those_of_the_design(model: ModelSpecification, name: str) -> None:
    runs = [paradigm(), paradigm(n_scans=61, repetition_time=1.3, n_confounds=0)]
    named = BACKENDS[name].column_names(runs, model)
    assert named == tuple(design.names for design in BACKENDS[name].designs(runs, model))


NILEARN = {
    "glover": replace(MODELS["canonical"], hrf=Hrf("glover", derivative=True)),
    "own response": replace(MODELS["canonical"], nilearn=NilearnSettings(hrf=Hrf("glover"))),
    "polynomial": replace(MODELS["canonical"], nilearn=NilearnSettings(drift_model="polynomial")),
    "no drifts": replace(MODELS["canonical"], nilearn=NilearnSettings(drift_model=None)),
    "own cut-off": replace(MODELS["canonical"], nilearn=NilearnSettings(high_pass=40.0)),
    "no intercept": replace(MODELS["canonical"], intercept=False),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", NILEARN.values(), ids=NILEARN)
def test_nilearns_own_settings_name_its_columns_too(model: ModelSpecification) -> None:
    runs = [paradigm()]
    (design,) = BACKENDS["nilearn"].designs(runs, model)
    assert BACKENDS["nilearn"].column_names(runs, model) == (design.names,)


FIR = replace(MODELS["canonical"], hrf=Hrf("fir", fir_delays=(0, 1, 3)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [MODELS["derivatives"], NILEARN["glover"], NILEARN["own response"], FIR])
def test_columns_of_conditions_alone_are_those_of_nilearns_design(model: ModelSpecification) -> None:
    run = paradigm()
    alone = condition_columns(run, model)
    assert alone.shape[1] == 5 * len((model.nilearn.hrf or model.hrf).suffixes)
    # duplicates are summed one by one in place of at once
    np.testing.assert_allclose(alone, design(run, model).matrix[:, : alone.shape[1]], rtol=0, atol=1e-12)


def test_only_events_with_heights_are_given_a_modulation() -> None:
    run = paradigm()
    plain = replace(run, conditions=tuple(Condition(c.name, c.onsets, c.durations) for c in run.conditions))
    tables = [design_arguments(each, MODELS["canonical"])["events"] for each in (run, plain)]
    assert ["modulation" in table for table in tables] == [True, False]


@pytest.mark.filterwarnings("ignore")
def test_nilearn_counts_cosines_as_it_rounds() -> None:
    for n_scans in range(30, 130, 7):
        for cutoff in (32.0, 60.0, 128.0, n_scans * 2.0, (n_scans - 1) * 2.0):
            run, model = paradigm(n_scans=n_scans), replace(MODELS["canonical"], high_pass=cutoff)
            # one condition will do: the others cost their convolution and no cosine
            runs = [replace(run, conditions=run.conditions[:1])]
            (design,) = BACKENDS["nilearn"].designs(runs, model)
            named = BACKENDS["nilearn"].column_names(runs, model)
            assert named is None or named == (design.names,)


@pytest.mark.parametrize("name", ["spm", "nilearn"])
def test_what_may_leave_no_freedom_is_left_to_the_design(name: str) -> None:
    crowded = paradigm(n_scans=20, n_confounds=18)
    assert BACKENDS[name].column_names([crowded], MODELS["canonical"]) is None


@pytest.mark.parametrize("name", ["spm", "nilearn"])
@pytest.mark.parametrize(
    "model",
    [
        replace(MODELS["canonical"], hrf=Hrf("fir", length=8.0, order=4)),
        replace(MODELS["canonical"], high_pass=3.0),
    ],
    ids=["fir", "filter that leaves nothing"],
)
def test_what_a_package_may_refuse_is_left_to_the_design(name: str, model: ModelSpecification) -> None:
    assert BACKENDS[name].column_names([paradigm()], model) is None
