"""The house keeps its laws: imports run downward, and the floors keep apart."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "bidsglm"
FLOORS = (
    ("brainlife", "__main__"),
    ("cli",),
    ("maps",),
    ("demo", "authoring", "check", "descriptor", "group_level"),
    ("options", "execution"),
    ("participant",),
    ("pages", "requested"),
    ("group", "export", "citation", "estimators"),
    ("calibration", "regions"),
    ("add_ons",),
    ("unit",),
    ("report", "backends"),
    ("diagnosis",),
    ("attribution", "simulation"),
    ("agreement",),
    ("dataset",),
    ("spm", "afni", "fsl"),
    ("design_space", "densities"),
    ("process",),
    ("parser",),
    ("statsmodel", "outputs"),
    ("messages", "inputs", "option_values"),
    ("data",),
    ("model", "settings", "pairs"),
    ("packages",),
    ("errors", "sentences"),
)
"""From the top: a room or a top file imports from the floors below its own, and from nothing beside it."""
FLOOR = {name: -number for number, names in enumerate(FLOORS) for name in names}
NUMERIC = (
    "design_space",
    "densities",
    "spm",
    "afni",
    "fsl",
    "agreement",
    "attribution",
    "diagnosis",
    "simulation",
)
SIBLINGS = ("backends", "dataset", "report")
STANDARD_FOR_NUMBERS = {
    "collections",
    "dataclasses",
    "enum",
    "fractions",
    "functools",
    "itertools",
    "math",
    "re",
    "types",
    "typing",
}


class Import(NamedTuple):
    source: str
    """Dotted name of the importing module"""
    target: str
    """Dotted name of what it imports"""

    @property
    def within(self) -> bool:
        return self.target.split(".")[0] == "bidsglm"


def room(module: str) -> str:
    """`bidsglm.spm.hrf` -> `spm`; `bidsglm` itself -> ``."""
    return [*module.split("."), ""][1]


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST, source: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(source, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{source}: a relative import in line {node.lineno}; name the module in full"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield Import(source, full if full in MODULES else str(node.module))
    for child in ast.iter_child_nodes(node):
        yield from imported(child, source)


IMPORTS = [
    found
    for name, path in MODULES.items()
    for found in imported(ast.parse(path.read_text(encoding="utf-8")), name)
]
WITHIN = [found for found in IMPORTS if found.within and found.target != "bidsglm"]


def broken(found: list[Import]) -> list[str]:
    return [f"{item.source} imports {item.target}" for item in found]


def test_every_room_and_top_file_has_its_floor_and_every_floor_its_rooms() -> None:
    assert {room(module) for module in MODULES} - {""} == FLOOR.keys()


def test_imports_run_downward_the_late_ones_too() -> None:
    upward = [
        item
        for item in WITHIN
        if room(item.source)
        and room(item.target) != room(item.source)
        and FLOOR[room(item.target)] >= FLOOR[room(item.source)]
    ]
    assert broken(upward) == []


@pytest.mark.parametrize("name", SIBLINGS)
def test_dataset_backends_and_report_never_meet(name: str) -> None:
    others = set(SIBLINGS) - {name}
    assert (
        broken([item for item in WITHIN if room(item.source) == name and room(item.target) in others]) == []
    )


def test_no_module_imports_itself_in_a_circle() -> None:
    below = {name: {i.target for i in WITHIN if i.source == name} - {name} for name in MODULES}
    while free := [name for name, targets in below.items() if not targets & below.keys()]:
        for name in free:
            del below[name]
    assert sorted(below) == []


def test_numerics_import_numpy_and_scipy_only() -> None:
    allowed = {"numpy", "scipy", "bidsglm"} | STANDARD_FOR_NUMBERS
    found = [i for i in IMPORTS if room(i.source) in NUMERIC and i.target.split(".")[0] not in allowed]
    assert broken(found) == []


def test_numerics_know_only_numerics_and_the_records() -> None:
    allowed = {*NUMERIC, "data", "model", "pairs", "packages", "errors", "sentences"}
    found = [i for i in WITHIN if room(i.source) in NUMERIC and room(i.target) not in allowed]
    assert broken(found) == []


def test_only_the_nilearn_backend_and_what_has_its_interface_import_its_glm() -> None:
    users = {i.source for i in IMPORTS if i.target.startswith("nilearn.glm")}
    allowed = ("bidsglm.backends.nilearn_", "bidsglm.estimators.")
    assert {user for user in users if not user.startswith(allowed)} == set()


@pytest.mark.parametrize("path", ["run.py", "bidsglm/__main__.py"])
def test_entry_points_hold_nothing_but_the_call(path: str) -> None:
    tree = ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
    ]


def test_no_name_says_nothing() -> None:
    empty = {"utils", "util", "misc", "helpers", "manager", "common"}
    assert [name for name in MODULES if name.rsplit(".", 1)[-1] in empty] == []


NAMED = re.compile(r"(?<![a-z])(spm|nilearn|afni|fsl)(?![a-z])", re.IGNORECASE)
"""As a word, as a part of a column's name, or in a sentence."""
AT_HOME = {
    "backends": "the modules of the packages",
    "check": "reads what users of two packages have",
    "export": "scripts in a package's own language",
    "estimators": "one package's numbers behind another's interface",
    "demo": "a story about two packages",
    "spm": "its numerics",
    "afni": "its numerics",
    "fsl": "its numerics",
    "attribution": "numerics that reproduce the packages, step by step",
    "simulation": "its analyses are one package's with one noise model",
    "agreement": "rows under the columns that the design names",
    "statsmodel": "keys of the model language; spm is also the name of a response function there",
    "packages": "the table",
    "model": "the settings of each package in the model, and the response function spm",
}
"""Room or top file -> why packages are spelt in it."""
RULES = "tells a rule that one package has and the others have not"
ACCOUNT = "accounts for SPM's units and noise against nilearn's: numbers that no other pair has"
VARIANCES = "SPM alone has a variance for each group of participants"
PERMUTED = "permutations are nilearn's, whosever maps they permute"
OWN_ANALYSES = "the page of two analyses that a user has: one of SPM, one of nilearn"
FOLDERS = "tells the folders of two packages' users apart"
MAY = {
    "__init__": "where the public models of the packages stand",
    "authoring/words": VARIANCES,
    "dataset/group_variances": VARIANCES,
    "diagnosis/afni_checks": RULES,
    "diagnosis/data_checks": RULES,
    "diagnosis/intensity_checks": RULES,
    "diagnosis/event_checks": RULES,
    "diagnosis/rank_checks": RULES,
    "diagnosis/setting_checks": RULES,
    "diagnosis/timing_checks": RULES,
    "group/inference": PERMUTED,
    "group/map_summary": VARIANCES,
    "options": "help of options that one package has",
    "outputs/calibration_tables": "describes the names of the analyses",
    "outputs/group_map_tables": VARIANCES,
    "outputs/group_tables": "how near each package's own maps the ends of an attribution come",
    "outputs/dataset_files": "README and name of the data set that is written",
    "outputs/scale_tables": ACCOUNT,
    "pages/group_maps": PERMUTED,
    "pages/group_words": VARIANCES,
    "pages/scales": ACCOUNT,
    "report/answers": RULES,
    "report/designs": RULES,
    "report/group_inference": RULES,
    "report/group_verdict": RULES,
    "report/noise": ACCOUNT,
    "report/participant_verdict": RULES,
    "report/further_recipes": "keys of the model, in each package's own words",
    "report/references": "titles of publications",
    "report/recipes": "lines for the model and for the scripts, in each package's own words",
    "report/steps": RULES,
    "report/trust": RULES,
    "report/units": ACCOUNT,
    "maps/comparing": FOLDERS,
    "maps/folders": FOLDERS,
    "maps/sources": FOLDERS,
    "maps/kinds": "headers and file names of one package's maps",
    "outputs/check_tables": OWN_ANALYSES,
    "report/second_level_check": OWN_ANALYSES,
    "report/templates/check.html": OWN_ANALYSES,
    "report/templates/check_settings.html": OWN_ANALYSES,
    "report/templates/second_level_check.html": OWN_ANALYSES,
    "unit/explainable": "nilearn's noise models that estimate each voxel by itself",
    "unit/explanation": "gathers what the attribution of this pair needs",
    "unit/pair_explanation": "gathers what the attribution of any pair needs",
    "unit/pair_sides": "gathers each package's settings for the attribution",
    "unit/pair_sides_further": "gathers each package's settings for the attribution",
    "unit/pair_steps": RULES,
    "unit/fit": RULES,
    "unit/kernels": RULES,
    "unit/scales": ACCOUNT,
    "report/templates/calibration.html": RULES,
    "report/templates/participant.html": RULES,
    "report/templates/parts.html": RULES,
    "report/templates/story.html": "the demo's story",
    "report/templates/verdict.html": "shows the lines of report/recipes",
}
"""File -> why it spells a package; as few as can be."""


def documentation(tree: ast.AST) -> set[int]:
    """Strings that stand alone: they are read by people only."""
    bodies = (getattr(node, "body", []) for node in ast.walk(tree))
    alone = (s.value for body in bodies if isinstance(body, list) for s in body if isinstance(s, ast.Expr))
    return {id(value) for value in alone if isinstance(value, ast.Constant)}


def spelt(path: Path) -> Iterator[str]:
    """Places of a file where a package is spelt."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        found = [i for i, line in enumerate(text.splitlines(), start=1) if NAMED.search(line)]
        yield from (f"line {i}" for i in found)
        return
    tree = ast.parse(text)
    ignored = documentation(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in ignored:
            continue
        if isinstance(node.value, str) and NAMED.search(node.value):
            yield f"line {node.lineno} {node.value[:40]!r}"


def named_files() -> dict[str, list[str]]:
    files = [*PACKAGE.rglob("*.py"), *(PACKAGE / "report" / "templates").iterdir()]
    found = {}
    for path in sorted(files):
        name = path.relative_to(PACKAGE).as_posix().removesuffix(".py")
        if name.split("/")[0] not in AT_HOME and (places := list(spelt(path))):
            found[name] = places
    return found


def test_packages_are_spelt_where_there_is_a_reason_only() -> None:
    found = {name: places for name, places in named_files().items() if name not in MAY}
    assert found == {}, "take names and titles from bidsglm.packages, or give the reason in MAY"


def test_no_reason_is_left_over() -> None:
    found = named_files()
    assert [name for name in MAY if name not in found] == []


def is_record(node: ast.ClassDef) -> bool:
    """Whether a class is a NamedTuple or a dataclass."""
    bases = {getattr(base, "id", "") for base in node.bases}
    marks = {getattr(getattr(mark, "func", mark), "id", "") for mark in node.decorator_list}
    return "NamedTuple" in bases or "dataclass" in marks


def test_name_of_a_record_is_used_once() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and is_record(node):
                places.setdefault(node.name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_documentation_begins_with_of() -> None:
    found = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = documentation(tree)
        texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) in alone)
        found += [f"{module}:{text.lineno}" for text in texts if str(text.value).split()[:1] == ["Of"]]
    assert found == [], "say what it is, not only whose"


SIDES = "one side of a comparison and the other: the names say which is which"
KIND = "one of several kinds that are told apart by their class"
ARRAYS = "arrays that are made together and mean nothing apart"
REASON = "a value and why it is so"
NOTES = "what is found, and what must be said of it"
COLUMNS = "names beside the columns that they name"
PLACE = "where something stands: a file or column, and its number in it"
PUBLIC = "a row of a list or a file that people read, by its two names"
FEW = {
    SIDES: "ContrastPair Ends OwnColumns OwnData PureDesigns _Matrices",
    KIND: "DriftColumns LocalLine Name ProjectedOff Combination TimeModulation",
    ARRAYS: "Brain Coefficients DataSet FContrastMaps FittedLine Grid JointModel Mixtures NilearnUnit Piece "
    "Smoothness Span Swarm Tail Tissue _Maps Counting Field Probability",
    REASON: "AttributedMaps Demand Failure Judgement Need StatisticKind Surplus WorkerAnswer",
    NOTES: "Able Check Ending Inference ResponseRequest Sizes Target Written _Reach",
    COLUMNS: "Columns GroupFactor RunConfounds _Parameters",
    PLACE: "OwnedColumn Scan ScanPlace _Found",
    PUBLIC: "Averaged FeatContrast RegionLine ShownColumn WrittenStimulus",
}
"""Why a record without a method of its own has fewer than three fields -> those that have"""


def test_records_with_fewer_than_three_fields_have_methods_or_a_reason() -> None:
    few = set()
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or not is_record(node):
                continue
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            bases = {getattr(base, "id", "") for base in node.bases} - {"NamedTuple"}
            has_methods = any(isinstance(part, ast.FunctionDef) for part in node.body)
            if len(fields) < 3 and not bases and not has_methods:
                few.add(node.name)
    assert sorted(few) == sorted(" ".join(FEW.values()).split())


class Part(NamedTuple):
    """A function, a method, or another statement of a module or class."""

    place: str
    """Module and name; of other statements, the class that they are in"""
    names: frozenset[str]
    """All names in it, those of types in quotes too"""
    returned: frozenset[str]
    """Names of the type that it returns"""


def names_in(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name | ast.Attribute):
            yield part.id if isinstance(part, ast.Name) else part.attr
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 80:
            yield from re.findall(r"\w+", part.value)


def parts(module: str, tree: ast.Module) -> Iterator[Part]:
    """Parts of a module; the body of a record is no user of it."""
    for node in tree.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, ast.Import | ast.ImportFrom):
                continue
            found = set(names_in(part)) - ({node.name} if isinstance(node, ast.ClassDef) else set())
            returns = part.returns if isinstance(part, ast.FunctionDef) else None
            returned = frozenset(names_in(returns) if returns else ())
            yield Part(
                f"{module}:{getattr(part, 'name', getattr(node, 'name', ''))}", frozenset(found), returned
            )


ROW = "rows of the table beside it, which others read"
INNER = "a part of a record of JSON, whose reader goes through all of it"
RULE = "one of several rules with the same methods: who works with them need not know which it has"
HELD = "holds a sidecar to its types"
AT_WORK = "keeps what its methods have in hand"
ALONE = {
    ROW: "ResponseForm Site StepText",
    INNER: "EstimateForm GroupWeightsForm LeftOutForm ReachForm RegressorForm TestedForm",
    RULE: "ArmaGrid GroupRefit LastBin SmoothedAutocorrelation",
    HELD: "PermutationFacts",
    AT_WORK: "_Workers",
}
"""Why a record is used in one place only -> those that are"""


def test_records_are_used_in_more_than_one_place_or_have_a_reason() -> None:
    """Places are functions, other records and tables; who calls what returns a record uses it too."""
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
    classes = [n for tree in trees.values() for n in tree.body if isinstance(n, ast.ClassDef)]
    records = {
        c.name for c in classes if is_record(c) or "TypedDict" in {getattr(b, "id", "") for b in c.bases}
    }
    # a record that is made of another uses it
    bases = [(getattr(base, "id", ""), each.name) for each in classes for base in each.bases]
    users = {name: {made for base, made in bases if base == name} for name in records}
    callers: dict[str, set[str]] = {}
    makers = []
    for part in (part for module, tree in trees.items() for part in parts(module, tree)):
        for name in part.names:
            callers.setdefault(name, set()).add(part.place)
        for name in part.names & records:
            users[name].add(part.place)
        makers += [(name, part.place) for name in part.returned & records]
    for name, place in makers:
        module, _, function = place.partition(":")
        found = callers.get(function, set())
        users[name] |= {p for p in found if p.startswith(f"{module}:")} if function[0] == "_" else found
    alone = {name for name, places in users.items() if len(places) < 2}
    assert sorted(alone) == sorted(" ".join(ALONE.values()).split())
