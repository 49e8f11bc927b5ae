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
    with pytest.raises(ValueError, match=r"must be (at least|more than) .* and at most "):
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


# notation with a place, name of the number, least and most, and whether the least is excluded
BOUNDS = [
    ("BLOCK({})", "d", 0, 3600, True),
    ("BLOCK4({},1)", "d", 0, 3600, True),
    ("BLOCK5(5,{})", "p", 0, 1e6, True),
    ("GAM({},1)", "p", 0, 100, True),
    ("GAM(1,{})", "q", 0, 100, True),
    ("GAM(1,1,{})", "d", 0, 3600, True),
    ("UBLOCK({})", "d", 0, 3600, True),
    ("UBLOCK(5,{})", "p", -1e6, 1e6, False),
    ("dmBLOCK({})", "p", 0, 1e6, False),
    ("dmUBLOCK({})", "p", -3600, 0, False),
    ("SPMG1({})", "d", 0, 3600, True),
    ("SPMG2({})", "d", 0, 3600, True),
    ("SPMG3({})", "d", 0, 3600, True),
    ("TENT({},3600,3)", "b", -3600, 3600, False),
    ("TENT(-3600,{},3)", "c", -3600, 3600, False),
    ("TENT(0,10,{})", "n", 2, 200, False),
]


@pytest.mark.parametrize(("form", "name", "least", "most", "strict"), BOUNDS)
def test_numbers_are_taken_up_to_their_bounds_and_refused_beyond(form, name, least, most, strict):
    step = 1 if name == "n" else 0.01
    inside = [least + step, most - step] if name != "n" else [least + 1, most - 1]
    for number in [*inside, *([] if strict else [least]), most]:
        if name in ("b", "c") and number in (least if name == "c" else most,):
            continue
        assert response_model(form.format(f"{number:.10g}")).numbers
    above = "more than" if strict else "at least"
    for number in [least if strict else least - step, most + step]:
        notation = form.format(f"{number:.10g}")
        with pytest.raises(ValueError, match="must be") as caught:
            response_model(notation)
        assert str(caught.value) == (
            f"{name} of the response model {notation!r} must be {above} {least:g} and at most {most:g}"
        )


COUNTS = {
    "GAM": (0, 2, 3),
    "BLOCK": (1, 2),
    "BLOCK4": (1, 2),
    "BLOCK5": (1, 2),
    "UBLOCK": (1, 2),
    "dmBLOCK": (0, 1),
    "dmUBLOCK": (0, 1),
    "SPMG1": (0, 1),
    "SPMG2": (0, 1),
    "SPMG3": (0, 1),
    "TENT": (3,),
}
EXAMPLES = {
    "GAM": "no number or (p,q) or (p,q,d)",
    "BLOCK": "(d) or (d,p)",
    "UBLOCK": "(d) or (d,p)",
    "dmBLOCK": "no number or (p)",
    "SPMG3": "no number or (d)",
    "TENT": "(b,c,n)",
}


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize("name", COUNTS)
def test_a_model_takes_as_many_numbers_as_its_form_has(name, n):
    numbers = ["-3", "5", "4"] if name == "TENT" else ["-2"] if name == "dmUBLOCK" else ["3", "2", "1"]
    inner = ",".join([*numbers, "1", "1"][:n])
    notation = f"{name}({inner})" if n else name
    if n in COUNTS[name]:
        found = response_model(notation)
        assert len(found.numbers) == n
        assert response(notation).functions
    else:
        with pytest.raises(ValueError, match="takes") as caught:
            response_model(notation)
        if name in EXAMPLES:
            assert str(caught.value) == f"the response model {notation!r} takes {EXAMPLES[name]}"


def test_a_notation_has_64_characters_at_most():
    # three numbers of twelve decimals
    longest = "GAM(000001.000000000000,000001.000000000000,000001.000000000000)"
    assert len(longest) == 64
    assert response_model(longest).numbers == (1, 1, 1)
    with pytest.raises(ValueError, match="no response model of AFNI") as caught:
        response_model(longest.replace("GAM(", "GAM(0"))
    assert str(caught.value).startswith(f"'{longest.replace('GAM(', 'GAM(0')[:64]}...'")
    with pytest.raises(ValueError, match="no response model of AFNI") as caught:
        response_model("(" * 64)
    assert str(caught.value).startswith(f"'{'(' * 64}' is no")


@pytest.mark.parametrize(
    ("number", "fine"),
    [
        ("000000000001", True),
        ("0000000000001.5", False),
        ("1.000000000000", True),
        ("1.0000000000000", False),
        (".000000000001", True),
        (".0000000000001", False),
        ("1e02", True),
        ("1e002", False),
        ("+1", True),
    ],
)
def test_a_number_has_twelve_digits_on_either_side_of_its_point_at_most(number, fine):
    notation = f"BLOCK({number})"
    if fine:
        assert response_model(notation).numbers[0] == float(number)
    else:
        with pytest.raises(ValueError, match="takes"):
            response_model(notation)
