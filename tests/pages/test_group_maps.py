"""What the page shows of the group's maps is what stands in the files, on the participants' mean image."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bidsglm.backends import BACKENDS
from bidsglm.data import Volume
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.errors import NoInputError
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.group_map_tables import GROUP_AGREEMENT
from bidsglm.outputs.names import clusters_name, map_name, write_bytes
from bidsglm.pages.group_maps import GroupMaps, _inference, _reasons, group_maps, title
from bidsglm.pages.group_words import definition
from bidsglm.pairs import DEFAULT_PAIR, Pair
from tests.report.unpacking import unpacked

NAME = "task-x_space-MNI"
SHAPE = (9, 10, 8)
AFFINE = np.diag([3.0, 3, 3, 1])
EVERYWHERE = Volume(SHAPE, AFFINE, np.ones(SHAPE, bool))
ROUNDING = 0.025
"""The page rounds to a fiftieth of a standard deviation, which is about 2 here; of the difference too."""
HEIGHT = {"p001": 3.1, "fdr05": 3.5, "fwe05": None}
ENTRY = {
    "label": "go",
    "contrast": "go",
    "name": "go!",
    "group_contrast": "mean",
    "test": "t",
    "participants": ["01", "02", "03", "04"],
    "n": 4,
    "n_voxels": {"spm": 640, "nilearn": 630},
    "left_out": {"05": "has no such contrast"},
    "design": {"columns": ["mean"], "weights": [1.0]},
    "dof": {"spm": [3.0], "nilearn": [3.0]},
    "thresholds": {"spm": HEIGHT, "nilearn": HEIGHT},
    "fwhm_mm": [5.0, 5.1, 5.2],
}


def maps() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    t = 2 * rng.normal(size=SHAPE)
    return {"spm": t, "nilearn": t + 0.3 * rng.normal(size=SHAPE)}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder with one contrast's maps."""
    return write_out(tmp_path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GroupMaps]:
    """The same folder, and what the page shows of it, drawn once."""
    folder = write_out(tmp_path_factory.mktemp("shown"))
    return folder, group_maps(GroupNumbers(folder), NAME)


def write_out(folder: Path) -> Path:
    """One contrast's maps; the packages' masks differ by a plane."""
    group = folder / "group"
    for backend, t in maps().items():
        inside = np.ones(SHAPE, bool)
        inside[0 if backend == "spm" else -1] = False
        volumes = {
            "effect": np.where(inside, t / 4, np.nan),
            "t": np.where(inside, t, 0),
            "p": np.where(inside, np.exp(-np.abs(t)), 1),
        }
        for stat, values in volumes.items():
            path = group / f"{map_name(NAME, stat, backend, 'go')}.nii.gz"
            write_bytes(path, map_bytes(values.ravel(), EVERYWHERE, 0.0))
        schema = BACKENDS[backend].CLUSTERS
        row = dict.fromkeys(schema.names, 0) | {"cluster_voxels": 12, "stat": 9.5}
        row |= {"cluster_id": "1", "survives_fdr05": True, "survives_fwe05": True, "tail": "upper"}
        path = group / f"{clusters_name(NAME, backend, 'go')}.tsv"
        schema.write(path, [{name: row[name] for name in schema.names}])
    rows = [agreement_row("go", "go!", pearson_r=0.98), agreement_row("stop", "stop", pearson_r=0.5)]
    GROUP_AGREEMENT.write(group / f"{NAME}_desc-groupAgreement_metrics.tsv", rows)
    write_summary(folder, [ENTRY])
    return folder


def agreement_row(label: str, name: str, **numbers: float) -> dict[str, object]:
    counts = {"n_both": 560, "n_spm_only": 0, "n_nilearn_only": 0}
    front = {"contrast": label, "group_contrast": "mean", "map": "t"}
    return {**front, **counts, **numbers, "contrast_name": name, "label": label}


def write_summary(output_dir: Path, contrasts: list[dict]) -> None:
    told = {"contrasts": contrasts, "methods": ["How."], "notes": ["A note."]}
    write_bytes(output_dir / "group" / f"{NAME}_desc-group_summary.json", json.dumps(told).encode())


def test_the_viewers_maps_are_those_of_the_files(shown):
    _, found = shown
    (contrast,) = found.contrasts
    record = contrast.volumes["maps"][0]
    spm, nilearn = unpacked(record)
    columns = found.scene.mask.ravel(order="F")
    inside = [values.ravel(order="F")[columns] for values in maps().values()]
    for got, expected in zip((spm, nilearn), inside, strict=True):
        known = np.isfinite(got)
        assert 0 < np.count_nonzero(~known) < got.size / 4
        np.testing.assert_allclose(got[known], expected[known], rtol=0, atol=ROUNDING)


def test_thresholds_agreement_and_clusters_belong_to_the_contrast(shown):
    _, found = shown
    (contrast,) = found.contrasts
    assert contrast.volumes["thresholds"] == [
        {"title": "p < 0.001", "heights": [3.1, 3.1]},
        {"title": "FDR 0.05", "heights": [3.5, 3.5]},
        {"title": "FWE 0.05", "heights": [None, None]},
    ]
    assert [(row["map"], row["pearson_r"]) for row in contrast.agreement] == [("t", 0.98)]
    assert [report.n_clusters for report in contrast.clusters] == [1, 1]
    assert contrast.clusters[0].fwhm_mm == (5.0, 5.1, 5.2)
    assert contrast.clusters[1].fwhm_mm == ()
    assert "sub-05" in contrast.notes[0]
    assert (found.methods, found.notes) == (("How.",), ("A note.",))
    assert (contrast.name, contrast.label, contrast.of) == ("go!", "go", "go")


def test_figures_are_written_beside_the_maps(shown):
    out, found = shown
    (contrast,) = found.contrasts
    assert len(contrast.figures) == 6
    for figure in contrast.figures:
        assert (out / "group" / "figures" / f"{NAME}_{figure.name}").read_bytes() == figure.content


def test_a_group_without_maps_has_none(tmp_path):
    assert group_maps(GroupNumbers(tmp_path), NAME).contrasts == ()
    write_summary(tmp_path, [])
    assert group_maps(GroupNumbers(tmp_path), NAME).scene is None
    assert group_maps(GroupNumbers(tmp_path), NAME).notes == ("A note.",)


def test_a_missing_map_is_named(out):
    path = out / "group" / f"{map_name(NAME, 't', 'nilearn', 'go')}.nii.gz"
    path.unlink()
    with pytest.raises(NoInputError, match=path.name):
        group_maps(GroupNumbers(out), NAME)


def test_contrasts_over_participants_are_told_apart():
    age = ENTRY | {"group_contrast": "age", "design": {"columns": ["mean", "age"], "weights": [0.0, 1.0]}}
    assert (title(ENTRY), title(age)) == ("go!", "go!: age")
    assert definition(age) == "1 × age, in a model of mean and age over 4 participants"


@pytest.mark.parametrize(("spm", "told"), [("unequal", True), ("equal", False)])
def test_a_finding_on_variances_is_told_where_the_packages_treat_them_differently(
    spm: str, told: bool
) -> None:
    row = {"label": "go", "map": "t", "metric": "rmsd", "step": "variance", "nilearn": "equal", "spm": spm}
    row |= {"ladder": 0.4, "shapley": 0.4, "total": 0.4, "closure_nilearn": 0.0, "closure_spm": 1e-8}
    finding = {"severity": "note", "code": "variances", "title": "T", "text": "x", "remedy": "y"}
    finding |= {"columns": [], "runs": [], "backends": [], "size": 0.0}
    place = SimpleNamespace(
        pairs=(),
        name=NAME,
        rows=lambda schema: (row,),
        numbers=SimpleNamespace(path=lambda *of: Path("a.tsv")),
    )
    found = _reasons(place, {**ENTRY, "findings": [finding]}, DEFAULT_PAIR)
    assert found is not None
    assert (found.finding is not None) == told


@pytest.mark.parametrize(
    "pairs", [(), (DEFAULT_PAIR,), (Pair("fsl", "spm"),), (DEFAULT_PAIR, Pair("fsl", "spm"))]
)
def test_what_survives_correction_is_compared_in_the_pairs_of_the_group(pairs: tuple[Pair, ...]) -> None:
    place = SimpleNamespace(
        pairs=pairs,
        name=NAME,
        rows=lambda schema: ({"label": "go"}, {"label": "stop"}),
        numbers=SimpleNamespace(path=lambda *of: Path("a.tsv")),
    )
    entry = {**ENTRY, "dof": {"spm": [1.0, 12.0], "nilearn": [1.0, 11.0]}}
    found = _inference(place, entry)
    assert found is not None
    # a table of an earlier version, without pairs, is of the two packages that there were
    assert found.pairs == (pairs or (DEFAULT_PAIR,))
    assert (found.rows, found.table, found.dof) == (({"label": "go"},), "group/a.tsv", 11.0)
    assert _inference(place, {**entry, "label": "neither"}) is None
