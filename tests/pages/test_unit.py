"""A unit's page is made of its files: which maps, which designs, whose page."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.outputs.names import map_name
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.pages import group
from bidsglm.pages.unit import unit_report
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.pairs import Pair
from tests.finished import AFFINE, SHAPE, brain, write_image, write_participant

PREFIX = "sub-01_task-tap"
SUMMARY = {"folder": "sub-01/func", "prefix": PREFIX, "backends": list(DEFAULT_PACKAGES)}


@pytest.mark.parametrize(("test", "stats"), [("t", ("effect", "t", "p")), ("F", ("F", "p"))])
def test_contrast_has_the_maps_of_its_test(tmp_path: Path, test: str, stats: tuple[str, ...]) -> None:
    folder = tmp_path / "sub-01" / "func"
    names = [map_name(PREFIX, stat, b, "go") for stat in stats for b in DEFAULT_PACKAGES]
    for number, name in enumerate([f"{PREFIX}_desc-mean_boldref", *names]):
        write_image(folder / f"{name}.nii.gz", np.full(SHAPE, float(number)))
    masks = dict.fromkeys(DEFAULT_PACKAGES, brain())
    contrast = {"name": "go", "label": "go", "test": test}
    images = UnitFiles(tmp_path, SUMMARY).contrast_images(contrast, masks)
    assert (tuple(images.maps), images.test) == (stats, test)
    found = [float(images.maps[stat][b].max()) for stat in stats for b in DEFAULT_PACKAGES]
    assert found == list(range(1, len(names) + 1))
    np.testing.assert_array_equal(images.affine, AFFINE)


def test_maps_are_shown_on_the_anatomy_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "func"
    write_image(folder / f"{PREFIX}_desc-mean_boldref.nii.gz", np.full(SHAPE, 2.0))
    values, affine, name = UnitFiles(tmp_path, SUMMARY).background
    assert (float(values.max()), name) == (2.0, "mean bold image")
    write_image(folder / f"{PREFIX}_desc-underlay_T1w.nii.gz", np.full(SHAPE, 7.0))
    values, affine, name = UnitFiles(tmp_path, SUMMARY).background
    assert (values.shape, float(values.max()), name) == (SHAPE, 7.0, "T1w image")
    np.testing.assert_array_equal(affine, AFFINE)


def test_filter_is_beside_the_design_only_where_it_is_projected_out(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "func"
    folder.mkdir(parents=True)
    lines = ["trial_type.go\tconstant", *(f"{i % 4}\t1" for i in range(60))]
    for backend in DEFAULT_PACKAGES:
        (folder / f"{PREFIX}_desc-{backend}_design.tsv").write_text("\n".join(lines) + "\n")
    run: dict[str, Any] = {"prefix": PREFIX, "repetition_time": 2.0, "high_pass": 60.0}
    projected, fitted = (UnitFiles(tmp_path, SUMMARY).design(run, b) for b in DEFAULT_PACKAGES)
    assert projected.names == fitted.names == ("trial_type.go", "constant")
    assert projected.high_pass_basis.shape == (60, 4)
    assert fitted.high_pass_basis.shape == (60, 0)
    assert not UnitFiles(tmp_path, SUMMARY).design(run | {"high_pass": None}, "spm").high_pass_basis.size


def test_places_of_a_participants_sessions_are_counted_from_one(tmp_path: Path) -> None:
    for session in ("a", "b"):
        write_participant(tmp_path, "01", {}, session, estimates={})
    members: Any = SimpleNamespace(output_dir=tmp_path)
    found = group._places(members, {"01": "sub-01.html"})
    assert [(place.who, place.number) for place in found] == [("sub-01 ses-a", 1), ("sub-01 ses-b", 2)]


def test_title_of_a_unit_leaves_out_whose_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01" / "ses-a" / "func"
    prefix = "sub-01_ses-a_task-tap_space-MNI"
    for package in DEFAULT_PACKAGES:
        write_image(folder / f"{prefix}_desc-{package}_mask.nii.gz", brain().astype(float))
    nothing: dict[str, Any] = {key: [] for key in ("runs", "settings", "methods", "contrasts", "warnings")}
    summary = {**SUMMARY, **nothing, "folder": "sub-01/ses-a/func", "prefix": prefix, "estimates": {}}
    found = unit_report(UnitFiles(tmp_path, summary), tmp_path / "sub-01" / "figures")
    assert found.title == "ses-a task-tap space-MNI"


def test_a_page_links_the_tables_of_every_pair_that_are_there(tmp_path: Path) -> None:
    prefix, folder = "sub-01_task-x", tmp_path / "sub-01/func"
    folder.mkdir(parents=True)
    unit = {"folder": "sub-01/func", "prefix": prefix, "backends": ["spm", "nilearn", "afni", "fsl"]}
    of_pairs = [f"{prefix}_desc-{pair}Attribution_metrics.tsv" for pair in ("afniVSnilearn", "fslVSnilearn")]
    agreement, own = (f"{prefix}_desc-{kind}_metrics.tsv" for kind in ("agreement", "attribution"))
    for name in (agreement, own, of_pairs[0]):
        (folder / name).touch()
    links = UnitFiles(tmp_path, unit).links()
    assert (links.agreement, links.pairs) == (f"sub-01/func/{agreement}", "")
    # the two packages that names leave out have the table without names; nobody explained FSL
    found = {first: links.of(Pair(first, "nilearn")).attribution for first in ("spm", "afni", "fsl")}
    assert found == {"spm": f"sub-01/func/{own}", "afni": f"sub-01/func/{of_pairs[0]}", "fsl": ""}
    assert set(links.further) == {Pair("afni", "nilearn"), Pair("fsl", "nilearn")}
