"""docs/outputs.md names every file that is written, every column and every sidecar field, and no others."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from bids import BIDSLayout

import bidsglm
from bidsglm.cli import main
from bidsglm.outputs.schema import Schema
from bidsglm.packages import PACKAGES
from tests import tiny
from tests.conftest import PROJECT
from tests.outputs.schemas import OF_RESULTS

PAGE = (PROJECT / "docs" / "outputs.md").read_text(encoding="utf-8")
FOLDER = "sub-01/func/"
"""Of names that stand without one."""
ENTITIES = r"(?:_(?!contrast|stat|desc)[a-z]+-[A-Za-z0-9]+)*"
PLACEHOLDERS = {
    "p": r"sub-[A-Za-z0-9]+" + ENTITIES,
    "r": r"sub-[A-Za-z0-9]+" + ENTITIES,
    "g": r"task-[A-Za-z0-9]+" + ENTITIES,
    "c": r"[A-Za-z0-9]+(?:_(?:node|groupcontrast)-[A-Za-z0-9]+)*",
    "f": r"[^/]+",
    "name": r"[A-Za-z0-9]+",
    "run": r"\d{8}-\d{6}_[0-9a-f-]+",
    "process": r"[\w.-]+",
    "n": r"[A-Za-z0-9]+",
    "b": "|".join(PACKAGES),
}
GROUPED = [
    f"group/<g>_desc-{kind}_metrics.tsv"
    for kind in ("agreement", "attribution", "calibration", "groupAgreement", "pairs", "rois", "scale")
]
"""Tables whose columns are one of their own and those of the participants."""
OF_MANY = {
    "<p>_desc-pairs_metrics",
    "group/<g>_desc-pairs_metrics",
    "group/<g>_desc-groupPairs_metrics",
    "<p>_contrast-<c>_desc-afni_clusters",
    "<p>_contrast-<c>_desc-fsl_clusters",
}
"""Written only where more packages are fitted than the usual two"""
LEVELS = ("p001", "fdr05", "fwe05")
"""What <x> in a column's name stands for."""
QUANTILES = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
"""What <q> stands for."""


def expanded(name: str) -> list[str]:
    """A name with each choice of its braces.

    >>> expanded("a.{tsv,json}")
    ['a.tsv', 'a.json']
    """
    parts = [part.split(",") for part in re.split(r"\{([^}]*)\}", name)[1::2]]
    text = re.sub(r"\{[^}]*\}", "{}", name)
    return [text.format(*chosen) for chosen in itertools.product(*parts)]


OF_OTHERS = re.compile(r"/code/<p>/(afni_|fsl_|run-<n>_(design|confoundevs|ev_))")
"""Scripts of packages that are not fitted here; tests/export/test_add_on.py writes them"""


def regex(name: str) -> re.Pattern[str]:
    """What the names of a documented file look like, all participants' alike."""
    pieces = re.split(r"<(\w+)>", name.replace("sub-01/", "sub-<name>/").replace("sub-01.", "sub-<name>."))
    pattern = "".join(
        f"(?:{PLACEHOLDERS[piece]})" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)
    )
    return re.compile(pattern)


def of_many(name: str) -> bool:
    """Whether a documented table is of more than two packages."""
    return name.removesuffix(".tsv") in map(with_folder, OF_MANY)


def with_folder(name: str) -> str:
    """A name with the folder it is in."""
    return FOLDER + name if name.startswith(("<p>", "<r>")) else name


def documented_files() -> list[str]:
    """All file names of the page: the first cells of its tables of files, and the headings of its tables."""
    tables = re.findall(r"^\| file[^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", PAGE, re.MULTILINE)
    cells = re.findall(r"^\| `([^`]+)` \|", "".join(tables), re.MULTILINE)
    headings = re.findall(r"^### `([^`]+)`", PAGE, re.MULTILINE)
    return [with_folder(name) for cell in [*cells, *headings] for name in expanded(cell)]


def documented_columns() -> dict[str, list[str]]:
    """Table -> its columns, in order; a package's name stays a choice."""
    sections = re.split(r"^### `([^`]+)`$", PAGE, flags=re.MULTILINE)
    return {
        with_folder(name.replace("<b>", "{spm,nilearn}")): columns(text.split("\n## ")[0])
        for heading, text in zip(sections[1::2], sections[2::2], strict=True)
        for name in expanded(heading.replace("{tsv,json}", "tsv").replace("{spm,nilearn}", "<b>"))
    }


def columns(section: str) -> list[str]:
    """Columns that a section's table names; neighbours with <x> stand together for each threshold."""
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    found: list[str] = []
    for by_level, group in itertools.groupby(names, lambda name: "<x>" in name):
        block = list(group)
        found += [name.replace("<x>", level) for level in LEVELS for name in block] if by_level else block
    return [each for name in found for each in of_resamples(name)]


def of_resamples(name: str) -> list[str]:
    """A column for each quantile where a name has <q>."""
    return [name.replace("<q>", quantile) for quantile in QUANTILES] if "<q>" in name else [name]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three participants with a run, a t and an F contrast, and the group."""
    root = tmp_path_factory.mktemp("outputs")
    study, out = tiny.write_study(root, ("01", "02", "03"), ("run-1",)), root / "out"
    model = tiny.model()
    conditions = ["trial_type.move", "trial_type.look"]
    anything = {"Name": "any", "ConditionList": conditions, "Weights": [[1, 0], [0, 1]], "Test": "F"}
    model["Nodes"][0]["Contrasts"].append(anything)  # type: ignore[index]
    mean = {"Name": "any mean", "ConditionList": [1], "Weights": [[1]], "Test": "F"}
    group = {"Level": "Dataset", "Name": "group", "GroupBy": ["contrast"]}
    over = {"Model": {"Type": "glm", "X": [1]}, "DummyContrasts": {"Test": "t"}, "Contrasts": [mean]}
    model["Nodes"].append({**group, **over})  # type: ignore[attr-defined]
    tiny.write_json(root / "smdl.json", model)
    tiny.write_image(root / "atlas.nii.gz", tiny.brain())
    for label in ("01", "02", "03"):
        anat = study / "derivatives" / "fmriprep" / f"sub-{label}" / "anat"
        tiny.write_image(anat / f"sub-{label}_space-{tiny.SPACE}_desc-preproc_T1w.nii.gz", tiny.brain())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        options = ["participant", "-q", "--export-code", "--model", str(root / "smdl.json")]
        options += ["--atlas", str(root / "atlas.nii.gz"), "--underlay", "t1w"]
        assert main([str(study), str(out), *options]) == 0
        assert main([str(study), str(out), *options, "--participant-label", "01", "--calibrate", "1"]) == 0
    assert main([str(study), str(out), "group", "-q", "--permutations", "8"]) == 0
    return out


@pytest.fixture(scope="module")
def names(results: Path) -> list[str]:
    return sorted(path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file())


def test_every_file_is_documented(names: list[str]) -> None:
    patterns = [regex(name) for name in documented_files()]
    assert [name for name in names if not any(pattern.fullmatch(name) for pattern in patterns)] == []


def test_every_documented_file_is_written(names: list[str]) -> None:
    without = [name for name in documented_files() if not any(map(regex(name).fullmatch, names))]
    of_many = [f"{with_folder(table)}.{kind}" for table in OF_MANY for kind in ("tsv", "json")]
    noise = [
        f"{FOLDER}<p>_stat-{label}_desc-afni_statmap.{kind}"
        for label in ("ar", "ma")
        for kind in ("nii.gz", "json")
    ]
    scripts = [f"sub-01/code/<p>/run-<n>_{table}.tsv" for table in ("events", "confounds")]
    scripts += [name for name in documented_files() if OF_OTHERS.search(name)]
    assert sorted(without) == sorted([*scripts, *of_many, *noise])


@pytest.mark.parametrize("table", [n for n in documented_columns() if n not in GROUPED and not of_many(n)])
def test_columns_of_tables_are_those_of_the_page(results: Path, names: list[str], table: str) -> None:
    for name in expanded(table):
        found = [path for path in names if regex(name).fullmatch(path)]
        assert found
        for path in found:
            header = (results / path).read_text(encoding="utf-8").split("\n")[0].split("\t")
            assert header == documented_columns()[table]


@pytest.mark.parametrize("kind", ["agreement", "attribution", "rois", "calibration"])
def test_group_tables_have_the_columns_of_the_participants(results: Path, kind: str) -> None:
    page = documented_columns()
    table = next(results.glob(f"group/*_desc-{kind}_metrics.tsv")).read_text(encoding="utf-8")
    participant = page[f"sub-01/func/<p>_desc-{kind}_metrics.tsv"]
    own = page[f"group/<g>_desc-{kind}_metrics.tsv"]
    assert table.split("\n")[0].split("\t") == [*own, *participant]


def test_table_of_the_group_maps_has_the_columns_of_the_participants(results: Path) -> None:
    page = documented_columns()
    table = next(results.glob("group/*_desc-groupAgreement_metrics.tsv")).read_text(encoding="utf-8")
    participant = page["sub-01/func/<p>_desc-agreement_metrics.tsv"]
    own = page["group/<g>_desc-groupAgreement_metrics.tsv"]
    assert table.split("\n")[0].split("\t") == [*own[:-2], *participant[1:], *own[-2:]]


def test_every_field_of_the_sidecars_is_documented(results: Path, names: list[str]) -> None:
    fields = set()
    for name in names:
        if name.endswith(("statmap.json", "mask.json", "design.json", "boldref.json", "dseg.json")):
            fields |= json.loads((results / name).read_text(encoding="utf-8")).keys()
        if name.endswith("clusters.json"):
            content = json.loads((results / name).read_text(encoding="utf-8"))
            fields |= {key for key in content if key[0].isupper()}
    assert sorted(field for field in fields if f"`{field}`" not in PAGE) == []


def schemas_of(name: str) -> list[Schema]:
    """Schemas of a table by the name of its file; the group lists clusters as the participants do."""
    files = {schema.file: [with_folder(schema.file)] for schema in OF_RESULTS}
    for file, places in files.items():
        if file.endswith("_clusters"):
            places.append(f"group/{file.replace('<p>', '<g>')}")
    return [s for s in OF_RESULTS if any(regex(f"{place}.tsv").fullmatch(name) for place in files[s.file])]


def test_every_table_has_one_schema_and_is_as_it_says(results: Path, names: list[str]) -> None:
    tables = [name for name in names if name.endswith(".tsv") and "/code/" not in name]
    assert {name: len(schemas_of(name)) for name in tables} == dict.fromkeys(tables, 1)
    written = {schema.file for name in tables for schema in schemas_of(name)}
    assert {schema.file for schema in OF_RESULTS} - written == OF_MANY
    for name in tables:
        (schema,) = schemas_of(name)
        rows = schema.read(results / name)
        schema.write(results.parent / "again.tsv", rows, header=tuple(rows[0]) if rows else ())
        again = (results.parent / "again.tsv").read_bytes()
        assert again == (results / name).read_bytes() or not rows, name


def test_every_sidecar_of_a_table_describes_its_columns(results: Path, names: list[str]) -> None:
    for name in (name for name in names if name.endswith("_metrics.tsv")):
        (schema,) = schemas_of(name)
        header = (results / name).read_text(encoding="utf-8").split("\n")[0].split("\t")
        sidecar = json.loads((results / name).with_suffix(".json").read_text(encoding="utf-8"))
        assert {key: sidecar[key] for key in header} == schema.sidecar(header), name


@pytest.mark.parametrize("schema", OF_RESULTS, ids=lambda schema: schema.file)
def test_page_documents_the_columns_of_every_schema(schema: Schema) -> None:
    name = with_folder(schema.file) + ".tsv"
    page = {key.replace("{spm,nilearn}", "<b>"): columns for key, columns in documented_columns().items()}
    assert name in [*page, *tables_of_files()]
    if name in page and name not in GROUPED:
        needed = [column.name for column in schema.columns if not column.optional]
        assert page[name] in (needed, list(schema.names))
    assert set(page.get(name, ())) <= set(schema.names)


def tables_of_files() -> list[str]:
    """Names of tables that the page lists without their columns."""
    cells = [name.replace("desc-spm", "desc-<b>") for name in documented_files()]
    return [name for name in cells if name.endswith(".tsv")]


@pytest.fixture(scope="module")
def layout(results: Path) -> BIDSLayout:
    """The results as pybids reads them with the configuration that comes with bidsglm."""
    config = ["bids", "derivatives", bidsglm.PYBIDS_CONFIG]
    return BIDSLayout(results, validate=False, is_derivative=True, config=config)


def test_pybids_finds_maps_by_contrast_and_statistic(layout: BIDSLayout) -> None:
    wanted = {"contrast": "moveMinusLook", "stat": "t", "desc": "spm", "extension": ".nii.gz"}
    (found,) = layout.get(subject="02", **wanted)
    (path,) = Path(layout.root).glob("sub-02/func/*_contrast-moveMinusLook_stat-t_desc-spm_statmap.nii.gz")
    assert found.path == str(path)
    assert found.get_metadata()["StatisticType"] == "t"
    assert set(layout.get_stats(contrast="any")) == {"F", "z", "p"}


def test_pybids_tells_contrasts_over_the_group_from_those_of_participants(layout: BIDSLayout) -> None:
    over = layout.get(contrast="moveMinusLook", groupcontrast="anyMean", stat="F", extension=".nii.gz")
    paths = Path(layout.root).glob("group/*_groupcontrast-anyMean_stat-F_*.nii.gz")
    assert over
    assert {each.path for each in over} == set(map(str, paths))
    assert layout.get(groupcontrast="moveMinusLook") == []


def test_pybids_builds_the_path_of_every_map_from_its_entities(layout: BIDSLayout) -> None:
    maps = layout.get(suffix="statmap")
    assert len(maps) > 100
    for each in maps:
        assert layout.build_path(each.get_entities(), validate=False) == each.path


def test_code_of_the_page_finds_the_maps_and_gives_the_map_of_the_group(results: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = "\n".join(blocks).replace('"out"', repr(str(results))).replace("movement", "moveMinusLook")
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    exec(code.replace("layout.get", "found = layout.get"), names)
    assert len(names["found"]) == 4
    (ours,) = results.glob("group/*_contrast-moveMinusLook_stat-t_desc-spm_statmap.nii.gz")
    expected, t = nib.load(ours).get_fdata(), names["t"].get_fdata()
    both = (expected != 0) & (t != 0)
    assert both.sum() > 50
    np.testing.assert_allclose(t[both], expected[both], rtol=1e-4, atol=1e-4)
