"""Remedies for pairs with AFNI or FSL: each step has one, and its keys are a model's."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bidsglm.attribution.steps import CENSORING, COARSE_STEPS
from bidsglm.model import NO_FILTER
from bidsglm.packages import PACKAGES
from bidsglm.pairs import Pair, every_pair
from bidsglm.report.further_recipes import remedy
from bidsglm.report.recipes import recipe
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import parse_model
from tests import tiny

PAIRS = [pair for pair in every_pair(PACKAGES) if not pair.is_default]


def merged(model: dict[str, object], keys: Mapping[str, object]) -> dict[str, object]:
    """A model with the keys of a remedy; ... in X stands for what is there."""
    part = model["Nodes"][0]["Model"]
    for key, value in keys.items():
        if key == "X":
            part["X"] = [*part["X"], *value[1:]]
        else:
            part[key] = {**part.get(key, {}), **value}
    return model


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first}-{pair.reference}")
@pytest.mark.parametrize("step", [*COARSE_STEPS, CENSORING, "mask"])
def test_every_step_has_a_remedy_whose_keys_a_model_takes(step: str, pair: Pair, tmp_path: Path) -> None:
    found = remedy(step, pair)
    assert found.remains.endswith(".")
    document = merged(tiny.model(), found.model)
    json.dumps(document)
    settings = Settings(bids_dir=tmp_path, output_dir=tmp_path, level="participant", backends=tuple(PACKAGES))
    parse_model(document, "model.json", settings)
    shown = recipe(step, ("a", "b"), (), pair)
    assert (shown.step, shown.remains) == (step, found.remains)
    assert not shown.nilearn
    assert not shown.spm


def test_remedies_change_what_they_say(tmp_path: Path) -> None:
    settings = Settings(bids_dir=tmp_path, output_dir=tmp_path, level="participant", backends=tuple(PACKAGES))

    def specification(step: str, pair: Pair):
        return parse_model(merged(tiny.model(), remedy(step, pair).model), "model.json", settings)

    assert specification("noise", Pair("afni", "nilearn")).afni.noise_model == "none"
    assert not specification("noise", Pair("fsl", "spm")).fsl.prewhitening
    filtered = specification("filter", Pair("fsl", "afni"))
    assert (filtered.high_pass, filtered.afni.polort) == (NO_FILTER, 0)
    assert not specification("scaling", Pair("afni", "nilearn")).afni.scale
    assert remedy("scaling", Pair("fsl", "nilearn")).model == {}
    assert specification("regressors", Pair("fsl", "nilearn")).fsl.hrf == "double-gamma"
