import numpy as np
import pytest

from bidsglm.afni.notation import FORMS, LONGEST, response_model
from bidsglm.afni.responses import FAMILIES, response

WELL = {
    "GAM": (),
    "GAM(8.6,.547)": (8.6, 0.547),
    "GAM(8.6,.547,5)": (8.6, 0.547, 5.0),
    "BLOCK(20,1)": (20.0, 1.0),
    "BLOCK4(3.)": (3.0,),
    "BLOCK5(5,1)": (5.0, 1.0),
    "UBLOCK(5,-3)": (5.0, -3.0),
    "dmBLOCK": (),
    "dmBLOCK(1)": (1.0,),
    "dmUBLOCK(-1.5e0)": (-1.5,),
    "SPMG1(5)": (5.0,),
    "SPMG3": (),
    "TENT(-2,14,9)": (-2.0, 14.0, 9.0),
}
NO_NOTATION = (
    "",
    " GAM",
    "GAM ",
    "GAM()(1)",
    "GAM(1",
    "GAM)",
    "BLOCK((5))",
    "BLOCK(5)x",
    "BLOCK\n(5)",
    "GÅM",
    "BLOCK(\u0665)",
    "1",
    "-",
    "GAM;ls",
)
WRONG_NUMBERS = (
    "BLOCK",
    "GAM()",
    "GAM(8.6)",
    "BLOCK(5,1,2)",
    "BLOCK(5, 1)",
    "BLOCK(nan)",
    "BLOCK(inf)",
    "BLOCK(0x5)",
    "BLOCK(1_0)",
    "BLOCK(5,)",
    "TENT(0,14)",
    "SPMG2(1,2)",
    "BLOCK(.)",
    "BLOCK(1e999)",
    "BLOCK(--5)",
)
OUT_OF_BOUNDS = (
    "BLOCK(0)",
    "BLOCK(-5)",
    "BLOCK(1e9)",
    "BLOCK(5,0)",
    "BLOCK(5,-1)",
    "GAM(0,1)",
    "GAM(8.6,-1)",
    "GAM(101,1)",
    "GAM(8.6,.547,0)",
    "SPMG1(0)",
    "dmBLOCK(-1)",
    "dmUBLOCK(1)",
    "TENT(0,14,1)",
    "TENT(0,14,1e9)",
)


@pytest.mark.parametrize(("notation", "numbers"), WELL.items())
def test_notation_is_read(notation, numbers):
    model = response_model(notation)
    assert (model.name, model.numbers, model.notation) == (notation.split("(")[0], numbers, notation)


@pytest.mark.parametrize("notation", [*NO_NOTATION, "A" * (LONGEST + 1), "(" * 10_000])
def test_what_is_no_notation_is_refused_in_a_short_line(notation):
    with pytest.raises(ValueError, match="no response model of AFNI") as caught:
        response_model(notation)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["WAV", "MION", "CSPLIN(0,14,8)", "gam", "Block(5)", "SPMG", "GAMMA"])
def test_unknown_model_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"is not known; use one of GAM, BLOCK, .*, TENT"):
        response_model(name)


@pytest.mark.parametrize("notation", WRONG_NUMBERS)
def test_numbers_of_another_form_are_refused_with_the_form(notation):
    with pytest.raises(ValueError, match="takes "):
        response_model(notation)


@pytest.mark.parametrize("notation", OUT_OF_BOUNDS)
def test_numbers_out_of_bounds_are_refused_with_the_bounds(notation):
    with pytest.raises(ValueError, match=r"must be (from|over) .* to "):
        response_model(notation)


@pytest.mark.parametrize("notation", ["TENT(14,0,8)", "TENT(5,5,8)", "TENT(0,14,2.5)"])
def test_window_of_tents_makes_sense(notation):
    with pytest.raises(ValueError, match="b < c"):
        response_model(notation)


def test_every_form_has_its_functions():
    assert FORMS.keys() == FAMILIES.keys()


@pytest.mark.parametrize(
    "notation", ["GAM(100,100,3600)", "SPMG3(3600)", "BLOCK5(3600,1)", "TENT(-3600,3600,200)"]
)
def test_largest_numbers_are_borne(notation):
    found = response(notation)
    t = np.linspace(-10, 8000, 500)
    assert all(np.isfinite(h(t, np.array(0.0))).all() for h in found.functions)
