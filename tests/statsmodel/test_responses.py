import pytest

from bidsglm.errors import DataError
from bidsglm.model import Hrf
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.responses import unused
from tests.statsmodel.model_documents import Change, in_hrf, in_model, parsed


@pytest.mark.parametrize(
    ("name", "parameters", "hrf"),
    [
        ("spm", None, Hrf("spm")),
        ("SPM", {}, Hrf("spm")),
        ("spm + derivative", None, Hrf("spm", derivative=True)),
        ("Spm+Derivative  + dispersion", None, Hrf("spm", derivative=True, dispersion=True)),
        ("glover", None, Hrf("glover")),
        ("glover + derivative + dispersion", None, Hrf("glover", derivative=True, dispersion=True)),
        ("FIR", {"fir_delays": [0, 1, 2]}, Hrf("fir", fir_delays=(0, 1, 2))),
        ("fir", {"Length": 20, "Order": 10}, Hrf("fir", length=20.0, order=10)),
        ("fourier", {"Length": 32.0, "Order": 3}, Hrf("fourier", length=32.0, order=3)),
        ("Fourier Hanning", {"Length": 32, "Order": 3}, Hrf("fourier hanning", length=32.0, order=3)),
        ("gamma", {"Length": 32, "Order": 4}, Hrf("gamma", length=32.0, order=4)),
    ],
)
def test_hrf_models_are_understood(name: str, parameters: object, hrf: Hrf) -> None:
    assert parsed(in_hrf(Model=name, Parameters=parameters)).hrf == hrf


BAD = {
    "unknown": (
        in_hrf(Model="afni"),
        "Model.HRF.Model: unknown HRF 'afni'; known are 'spm', 'spm + derivative'",
    ),
    "parameters of spm": (
        in_hrf(Parameters={"Length": 32}),
        "Model.HRF.Parameters: 'spm' takes no parameters",
    ),
    "fir": (
        in_hrf(Model="fir"),
        "HRF.Parameters: 'fir' needs 'fir_delays' (scans), or 'Length' (s) and 'Order'",
    ),
    "fir order": (in_hrf(Model="fir", Parameters={"Length": 3}), "'fir' needs 'fir_delays'"),
    "gamma": (in_hrf(Model="gamma", Parameters={"Order": 3}), "'gamma' needs 'Length' (s) and 'Order'"),
    "gamma delays": (
        in_hrf(Model="gamma", Parameters={"fir_delays": [0]}),
        "HRF.Parameters.fir_delays: only for 'fir', not for 'gamma'",
    ),
    "both": (
        in_hrf(Model="fir", Parameters={"fir_delays": [0], "Length": 3, "Order": 3}),
        "HRF.Parameters: give either 'fir_delays' or 'Length' and 'Order', not both",
    ),
    "disorder": (
        in_hrf(Model="fir", Parameters={"fir_delays": [1, 0]}),
        "fir_delays: must be scans in increasing",
    ),
    "no delay": (
        in_hrf(Model="fir", Parameters={"fir_delays": []}),
        "fir_delays: must be scans in increasing",
    ),
    "variable not in X": (
        in_hrf(Variables=["trial_type.go", "trial_type.stpo"]),
        "HRF.Variables: 'trial_type.stpo' is not in X; did you mean 'trial_type.stop'?",
    ),
    "glob not in X": (
        in_hrf(Variables=["trial_type.go", "trial_type.stop", "trial_type.x*"]),
        "HRF.Variables: 'trial_type.x*' is not in X",
    ),
    "no prefix": (
        in_hrf(Variables=["go", "trial_type.stop"]),
        "HRF.Variables: 'go' is not in X; did you mean 'trial_type.go'?",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_requests_are_errors_that_name_their_place(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert str(caught.value).startswith("m.json: Nodes[0].Model.")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("x", "variables"),
    [
        (["trial_type.*", 1], ["trial_type.*"]),
        (["trial_type.go", "trial_type.stop", 1], ["trial_type.*"]),
        (["trial_type.g*", 1], ["trial_type.*"]),
        (["trial_type.what?", "trial_type.a[b", 1], ["trial_type.what?", "trial_type.a[b"]),
    ],
)
def test_globs_and_odd_names_cover_the_conditions(x: list[object], variables: list[str]) -> None:
    assert parsed(in_model(X=x), in_hrf(Variables=variables)).x == tuple(x[:-1])


@pytest.mark.parametrize(
    ("x", "named", "left"),
    [
        (["trial_type.*"], ["trial_type.go"], []),
        (["trial_type.go", "trial_type.stop"], ["trial_type.go"], []),
        (["trial_type.go"], ["trial_type.go", "cosine00"], ["cosine00"]),
    ],
)
def test_variables_that_x_names_or_may_name_are_used(x: list[str], named: list[str], left: list[str]) -> None:
    notes = unused(x, named, Place("m.json"))
    assert notes == tuple(f"Convolve of {name!r} has no effect: it is not in X." for name in left)
