"""Hostile models: each row is refused with the file and the place in it."""

from collections.abc import Mapping

from tests.hostile.row import Row, checked, model_text, nested, setting

FILE = "bad_smdl.json"
NODE = ("Nodes", 0)
MODEL = (*NODE, "Model")
SPM = (*MODEL, "Software", "SPM")
NILEARN = (*MODEL, "Software", "Nilearn")
TRANSFORMATIONS = (*NODE, "Transformations")
HUGE = 10**400


def bad(path: tuple[str | int, ...], value: object, *said: str) -> Row:
    return Row(setting(path, value), 65, (FILE, *said))


def instruction(name: str, *said: str, **arguments: object) -> Row:
    content = {"Name": name, "Input": ["trans_x"], **arguments}
    value = {"Transformer": "pybids-transforms-v1", "Instructions": [content]}
    return bad(TRANSFORMATIONS, value, "Instructions[0]", *said)


def query(text: object, *said: str, **arguments: object) -> Row:
    return instruction("Filter", "Query", *said, Query=text, **arguments)


def text(content: str | bytes, *said: str, code: int = 65) -> Row:
    return Row(model_text(content), code, (FILE, *said))


def many(number: int, start: str = "c") -> list[str]:
    return [f"{start}{i}" for i in range(number)]


QUERIES = {
    "a command": "@pd.io.common.os.system('touch X') == 0",
    "a module": "__import__('os').system('touch X') == 0",
    "a call": "len(trans_x) == 3",
    "a method": "trans_x.map(print) == 0",
    "an index": "trans_x[0] == 1",
    "arithmetic": "trans_x + 1 > 2",
    "a power": "trans_x == 9**9**9",
    "an assignment": "trans_x = 3",
    "a walrus": "(a := 3) == trans_x",
    "a lambda": "(lambda: 0)() == trans_x",
    "a comment": "trans_x > 0 # and more",
    "two statements": "trans_x > 0; import os",
    "a backslash": "trans_x == '\\x41'",
    "an open quote": "trans_x == 'a",
    "an open bracket": "(trans_x > 0",
    "no comparison": "trans_x",
    "nothing": "   ",
    "an f-string": "trans_x == f'{1}'",
    "Python's digits": "trans_x == 1_0",
    "a huge exponent": "trans_x > 1e999999999",
    "two numbers": "1 == 1",
    "in a name": "trans_x in trans_y",
    "an order of lists": "trans_x < [1, 2]",
    "deep brackets": "(" * 60 + "trans_x > 0" + ")" * 60,
    "deep nots": "not " * 60 + "trans_x > 0",
    "a long text": "trans_x > 0 or " * 400 + "trans_x > 0",
}
TEXTS: Mapping[str, Row] = {
    "model is empty": text("", "line 1", "broken JSON"),
    "model is a list": text("[]", "one JSON object"),
    "model is nested deeply": text("[" * 100_000, "nested too deeply"),
    "model is nested below Python's limit": text(nested(400), "nested too deeply"),
    "model is no UTF-8": text(b'{"Name": "\xff"}', "byte 11", "save it as UTF-8"),
    "model is binary": text(bytes(range(256)) * 10, "UTF-8"),
    "model is of NUL": text("\0" * 100, "broken JSON"),
    "model has a lone surrogate": text('{"Name": "\\ud800"}', "half a character"),
    "model has 60,000 keys": text(
        "{" + ",".join(f'"k{i}":1' for i in range(60_000)) + "}", "k0", "known are"
    ),
    "model has one key twice among 60,000": text(
        "{" + ",".join(f'"k{i}":1' for i in range(60_000)) + ',"k9":1}', "'k9' occurs twice"
    ),
    "model has NaN": text('{"Name": NaN}', "NaN is not JSON"),
    "model has 20 MB": text('{"Name": "' + "x" * 20_000_000 + '"}', "more than 16,777,216"),
    "model is a number of 5,000 digits": text("9" * 5_000, "one JSON object"),
}
NUMBERS: Mapping[str, Row] = {
    "time modulation of order 1e7": bad(
        (*SPM, "TimeModulations"),
        [{"Conditions": ["trial_type.move"], "Order": 10**7}],
        "TimeModulations[0].Order",
        "less than or equal to 20",
    ),
    "polynomial of 1e9": bad(
        (*SPM, "ParametricModulations"),
        [{"Name": "a", "Conditions": ["trial_type.move"], "Values": "rt", "PolynomialExpansion": 10**9}],
        "PolynomialExpansion",
        "less than or equal to 20",
    ),
    **{
        f"{name} {key} {value:g}": bad(
            (*MODEL, "HRF"),
            {
                "Variables": ["trial_type.*"],
                "Model": name,
                "Parameters": {"Length": 20, "Order": 4, key: value},
            },
            f"Parameters.{key}",
            "less than or equal to",
        )
        for name, key, value in (
            ("fourier", "Order", 10**6),
            ("fir", "Order", 10**6),
            ("gamma", "Order", 10**6),
            ("fir", "Length", 1e9),
            ("fourier hanning", "Length", 1e300),
        )
    },
    "fir delays of 1e12 scans": bad(
        (*MODEL, "HRF"),
        {"Variables": ["trial_type.*"], "Model": "fir", "Parameters": {"fir_delays": [0, 10**12]}},
        "fir_delays[1]",
        "less than or equal to",
    ),
    "10,000 fir delays": bad(
        (*MODEL, "HRF"),
        {"Variables": ["trial_type.*"], "Model": "fir", "Parameters": {"fir_delays": list(range(10_000))}},
        "fir_delays",
        "more than 500",
    ),
    "order of 400 digits": bad(
        (*SPM, "TimeModulations"), [{"Conditions": ["trial_type.move"], "Order": HUGE}], "Order", "must be"
    ),
    "ar1000": bad((*NILEARN, "NoiseModel"), "ar1000", "NoiseModel", "ar30"),
    "ar of 5,000 digits": bad((*NILEARN, "NoiseModel"), "ar" + "9" * 5_000, "NoiseModel", "ar30"),
    "resolution of 1e9": bad((*SPM, "MicrotimeResolution"), 10**9, "MicrotimeResolution", "1000"),
    "onset of 1e9": bad((*SPM, "MicrotimeOnset"), 10**9, "MicrotimeOnset", "1000"),
    "threshold of 1e308": bad(
        (*SPM, "InclusiveMaskingThreshold"), 1e308, "InclusiveMaskingThreshold", "share"
    ),
    "threshold of 400 digits": bad(
        (*SPM, "InclusiveMaskingThreshold"), HUGE, "InclusiveMaskingThreshold", "share"
    ),
    "cut-off of 1e308": bad(
        (*MODEL, "Options"), {"HighPassFilterCutoffHz": 1e308}, "HighPassFilterCutoffHz", "6"
    ),
    "cut-off of 400 digits": bad(
        (*MODEL, "Options"), {"HighPassFilterCutoffHz": HUGE}, "HighPassFilterCutoffHz", "number"
    ),
    "slice time of 1e300": bad((*NILEARN, "SliceTimeRef"), 1e300, "SliceTimeRef", "less than or equal to 1"),
    "intercept of 400 digits": bad((*MODEL, "X"), [HUGE], "X[0]", "name of a regressor"),
    **{
        f"weight {weight!s:.20}": bad(
            (*NODE, "Contrasts", 0, "Weights"), [weight, -1], "Contrasts[0].Weights", "is no weight"
        )
        for weight in (
            *("1e999999999", "1e-999999999", "9" * 5_000, "1/0", "1_0", "0x10", "1/1e9", "", "inf", "\u0661"),
            *(1e-200, 1e200, HUGE, True, None, {}),
        )
    },
}
LISTS: Mapping[str, Row] = {
    "100,000 columns in X": bad((*MODEL, "X"), many(100_000), "Model.X", "more than 2000"),
    "1,000 patterns in X": bad((*MODEL, "X"), many(1_000, "*a*b"), "Model.X", "more than 200 patterns"),
    "a name of a million characters": bad((*MODEL, "X"), ["a" * 1_000_000], "X[0]", "longer than 1000"),
    "100,000 conditions": bad(
        (*NODE, "Contrasts", 0, "ConditionList"), many(100_000), "ConditionList", "more than 2000"
    ),
    "100,000 rows of weights": bad(
        (*NODE, "Contrasts", 0, "Weights"), [[1, 0]] * 100_000, "Weights", "more than 1000 rows"
    ),
    "20,000 contrasts": bad(
        (*NODE, "Contrasts"),
        [{"Name": "a", "ConditionList": ["b"], "Weights": [1], "Test": "t"}] * 20_000,
        "Contrasts",
        "more than 1000",
    ),
    "100,000 variables of the response": bad(
        (*MODEL, "HRF"), {"Variables": many(100_000), "Model": "spm"}, "HRF.Variables", "more than 2000"
    ),
    "100,000 dummy contrasts": bad(
        (*NODE, "DummyContrasts"),
        {"Test": "t", "Contrasts": many(100_000)},
        "DummyContrasts",
        "more than 2000",
    ),
    "100,000 nodes": bad(("Nodes",), [1] * 100_000, "Nodes", "more than 100"),
    "100,000 edges": bad(
        ("Edges",), [{"Source": "a", "Destination": "b"}] * 100_000, "Edges", "more than 100"
    ),
    "100,000 conditions to orthogonalise": bad(
        (*SPM, "Orthogonalize"), dict.fromkeys(many(100_000), True), "Orthogonalize", "more than 2000"
    ),
    "10,000 modulations": bad(
        (*SPM, "TimeModulations"),
        [{"Conditions": ["trial_type.move"]}] * 10_000,
        "TimeModulations",
        "more than 200",
    ),
    "10,000 instructions": bad(
        TRANSFORMATIONS,
        {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Demean", "Input": ["a"]}] * 10_000,
        },
        "Instructions",
        "more than 500",
    ),
    "5,000 inputs over instructions": bad(
        TRANSFORMATIONS,
        {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Demean", "Input": many(50, f"v{i}_")} for i in range(100)],
        },
        "Instructions",
        "more than 2000 variables",
    ),
    "X as text": bad((*MODEL, "X"), "trans_x", "Model.X", "must be a list"),
    "Nodes as object": bad(("Nodes",), {"a": 1}, "Nodes", "must be a list"),
    "model as list": bad(MODEL, [1], "Nodes[0].Model", "must be an object"),
    "GroupBy of numbers": bad((*NODE, "GroupBy"), [1], "GroupBy[0]", "must be text"),
    "Input with a path": bad(("Input",), {"../task": ["a"]}, "Input", "unknown entity"),
    "Input of an object": bad(("Input",), {"task": [{}]}, "Input", "must be text"),
    "Mask without label": bad((*MODEL, "Options"), {"Mask": {"desc": []}}, "Mask", "at least one label"),
    "control characters in an unknown key": bad((*MODEL, "\x1b[2J\r\nX"), 1, "unknown key", "known are"),
    "name with half a character": bad(("Name",), "\ud800", "half a character", "give a"),
}
INSTRUCTIONS: Mapping[str, Row] = {
    **{f"Query with {name}": query(value) for name, value in QUERIES.items()},
    "Query is missing": instruction("Filter", "is missing", "reaction_time > 0.5"),
    "Query is a number": query(5, "must be text"),
    "Query of what is not there": query("other > 1", "'other'", "add it to By"),
    "unknown instruction": instruction("Eval", "unknown instruction", "Eval"),
    "dunder instruction": instruction("__class__", "unknown instruction", "__class__"),
    "unknown argument": instruction("Lag", "Func", "unknown key", Func="print"),
    "inputs of objects": instruction("Demean", "'Input'", "must name", Input=[{}]),
    "lag of 1e300": instruction("Lag", "Shift", "number from", Shift=1e300),
    "lag of order 1e9": instruction("Lag", "Order", "from 0 to 5", Order=10**9),
    "lag of another mode": instruction("Lag", "Mode", "must be one of", Mode="wrap"),
    "sampling at 1e9 Hz": instruction("ToDense", "SamplingRate", "number from", SamplingRate=1e9),
    "sampling at 0 Hz": instruction("ToDense", "SamplingRate", "number from", SamplingRate=0),
    "resampling at 1e-300 Hz": instruction("Resample", "SamplingRate", "number from", SamplingRate=1e-300),
    "threshold as text": instruction("Threshold", "Threshold", "must be a number", Threshold="1"),
    "scale without flag": instruction("Scale", "Demean", "true or false", Demean="yes"),
    "weights of text": instruction("Sum", "Weights", "must be a number", Weights=["1e999999999"], Output="s"),
    "replacements of lists": instruction("Replace", "Replace", "must be a number", Replace={"a": [1]}),
    "replacement of an attribute": instruction(
        "Replace", "Attribute", "one of", Replace={}, Attribute="__dict__"
    ),
    "assignment to an attribute": instruction(
        "Assign", "TargetAttr", "one of", Target="a", TargetAttr="__class__"
    ),
    "factor of another kind": instruction("Factor", "Constraint", "one of", Constraint="x"),
    "split by a call": instruction("Split", "By", "must be", By=[{"a": 1}]),
    "output with control characters": instruction("Copy", "Output", "control character", Output="a\nb"),
    "output of 10,000 names": instruction("Copy", "Output", "more than 2000", Output=many(10_000)),
    "suffix of a million characters": instruction(
        "Copy", "OutputSuffix", "longer than", OutputSuffix="a" * 10**6
    ),
    "convolve with 1e6 delays": instruction(
        "Convolve", "FirDelays", "more than 500", Model="fir", FirDelays=list(range(10_000))
    ),
    "convolve with a late delay": instruction(
        "Convolve", "FirDelays", "from 0 to", Model="fir", FirDelays=[10**9]
    ),
}
ROWS = checked({**TEXTS, **NUMBERS, **LISTS, **INSTRUCTIONS})
