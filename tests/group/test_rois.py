"""The group's tables of regions, from the participants' tables and from their maps."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.dataset.atlas import read_atlas
from bidsglm.outputs.names import map_name
from bidsglm.outputs.region_tables import REGION_AGREEMENT, REGIONS
from bidsglm.regions.values import RegionReader, atlas_facts
from tests import finished

pytestmark = pytest.mark.usefixtures("plain_figures")

VALUES = f"group/{finished.NAME}_desc-rois_metrics.tsv"
AGREEMENT = f"group/{finished.NAME}_desc-roiAgreement_metrics.tsv"
ROUNDING = 1e-9


def regions() -> np.ndarray:
    """1 and 2 halve the brain, 9 is outside of it."""
    values = np.zeros(finished.SHAPE, np.int16)
    values[1:4, 1:-1, 1:-1], values[4:-1, 1:-1, 1:-1], values[0, :2] = 1, 2, 9
    return values


def add_maps(out: Path, label: str, effects: finished.Maps, session: str = "") -> None:
    """The maps that regions are read from, beside the effects: masks and t."""
    ses = f"ses-{session}" if session else ""
    prefix = "_".join(filter(None, (f"sub-{label}", ses, finished.NAME)))
    folder = out / "/".join(filter(None, (f"sub-{label}", ses, "func")))
    for backend, values in effects.items():
        mask = np.isfinite(values)
        finished.write_image(folder / f"{prefix}_desc-{backend}_mask.nii.gz", mask.astype(np.uint8))
        t = np.where(mask, 3 * values, 0).astype(np.float32)
        finished.write_image(folder / f"{map_name(prefix, 't', backend, 'go')}.nii.gz", t)


def shifted(seed: int) -> finished.Maps:
    """Region 2 answers in SPM more than in nilearn."""
    maps = finished.effects(seed, mean=0.0)
    here = regions() == 2
    return {
        "spm": np.where(here, maps["spm"] + 1, maps["spm"]).astype(np.float32),
        "nilearn": maps["nilearn"],
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Five participants with maps; returns the folder of data, results and atlas."""
    finished.write_group(tmp_path, 5)
    for seed, label in enumerate(("01", "02", "03", "04", "05")):
        finished.write_participant(tmp_path / "out", label, {"go": shifted(seed)})
        add_maps(tmp_path / "out", label, shifted(seed))
    finished.write_image(tmp_path / "atlas.nii.gz", regions())
    (tmp_path / "atlas.tsv").write_text("index\tname\n1\tleft half\n2\tright half\n9\tair\n")
    return tmp_path


def group(study: Path, *options: str) -> int:
    return main([str(study / "bids"), str(study / "out"), "group", "-q", *options])


def atlas(study: Path) -> tuple[str, str]:
    return "--atlas", str(study / "atlas.nii.gz")


def give_table(study: Path, label: str, **changes: object) -> Path:
    """What the participant level leaves of --atlas."""
    (path,) = (study / "out" / f"sub-{label}").rglob("*_summary.json")
    summary = json.loads(path.read_text())
    own = read_atlas(study / "atlas.nii.gz")
    table = path.with_name(f"{summary['prefix']}_desc-rois_metrics.tsv")
    found = RegionReader(own).read(study / "out", summary)
    REGIONS.write(table, found.rows, atlas_facts(own))
    entry = {"digest": own.digest, "files": [table.name], "warnings": list(found.warnings), **changes}
    finished.change_summary(study / "out", label, supplements={"rois": entry})
    return table


def agreement(study: Path) -> dict[str, dict[str, str]]:
    return {row["label"]: row for row in finished.read_rows(study / "out" / AGREEMENT)}


def test_group_reads_regions_from_the_maps(study: Path) -> None:
    assert group(study, *atlas(study)) == 0
    rows = finished.read_rows(study / "out" / VALUES)
    assert len(rows) == 5 * 3 * 2
    assert list(rows[0])[:8] == ["participant_id", *REGIONS.names[:7]]
    row = next(r for r in rows if (r["participant_id"], r["region"], r["backend"]) == ("sub-03", "2", "spm"))
    expected = shifted(2)["spm"][regions() == 2].astype(float).mean()
    np.testing.assert_allclose(float(row["effect"]), expected, rtol=ROUNDING)
    sidecar = json.loads((study / "out" / AGREEMENT).with_suffix(".json").read_text())
    assert {key: sidecar[key]["Description"] for key in REGION_AGREEMENT.names} == {
        column.name: column.text for column in REGION_AGREEMENT.columns
    }
    assert sidecar["EffectUnits"]["spm"] == "% of spm_global"
    assert sidecar["Atlas"].endswith("atlas.nii.gz")


def test_region_that_changes_the_conclusion_is_told(study: Path) -> None:
    assert group(study, *atlas(study)) == 0
    found = agreement(study)
    assert list(found) == ["left half", "right half", "air"]
    right, air = found["right half"], found["air"]
    assert (right["n"], right["same_conclusion"], right["spm_conclusion"]) == ("5", "false", "positive")
    assert float(right["z_shift"]) > 1
    effects = {
        backend: np.array([shifted(seed)[backend][regions() == 2].astype(float).mean() for seed in range(5)])
        for backend in ("spm", "nilearn")
    }
    np.testing.assert_allclose(
        float(right["bias"]), (effects["spm"] - effects["nilearn"]).mean(), rtol=ROUNDING
    )
    assert (air["n"], air["same_conclusion"], air["icc_a1"], air["spm_mean"]) == ("0", "n/a", "n/a", "n/a")


def test_participants_tables_give_the_same_numbers_without_the_atlas_and_without_maps(study: Path) -> None:
    assert group(study, *atlas(study)) == 0
    first = [(study / "out" / name).read_bytes() for name in (VALUES, AGREEMENT)]
    for label in ("01", "02", "03", "04", "05"):
        give_table(study, label)
    for path in (study / "out").rglob("*_stat-t_*.nii.gz"):
        path.unlink()
    for options in ((), atlas(study)):
        (study / "out" / VALUES).unlink()
        assert group(study, *options) == 0
        assert [(study / "out" / name).read_bytes() for name in (VALUES, AGREEMENT)] == first


def test_table_of_another_atlas_is_not_taken(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    give_table(study, "01")
    table = give_table(study, "02", digest="of another atlas")
    table.write_text(table.read_text().replace("right half", "elsewhere"))
    assert group(study) == 0
    who = {row["participant_id"] for row in finished.read_rows(study / "out" / VALUES)}
    assert who == {"sub-01"}
    said = capsys.readouterr().err
    assert "sub-02, sub-03, sub-04, sub-05 have no values of" in said
    assert "give --atlas to the group" in said
    assert group(study, *atlas(study)) == 0
    rows = finished.read_rows(study / "out" / VALUES)
    assert len({row["participant_id"] for row in rows}) == 5
    assert "elsewhere" not in {row["label"] for row in rows}


def test_tables_of_an_earlier_run_do_not_linger(study: Path) -> None:
    assert group(study, *atlas(study)) == 0
    assert group(study) == 0
    assert not list((study / "out" / "group").glob("*roi*"))


def test_damaged_table_or_map_leaves_one_participant_out(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = give_table(study, "02")
    table.write_text(table.read_text().replace("n_voxels", "n"))
    (broken,) = (study / "out" / "sub-04").rglob("*_stat-t_desc-spm_statmap.nii.gz")
    broken.write_bytes(broken.read_bytes()[:50])
    assert group(study, *atlas(study)) == 74
    said = capsys.readouterr().err
    assert f"{table}: is not as bidsglm writes it: it has a column 'n'" in said
    assert f"{broken}: is truncated or damaged" in said
    assert {row["participant_id"] for row in finished.read_rows(study / "out" / VALUES)} == {
        "sub-01",
        "sub-03",
        "sub-05",
    }
    assert agreement(study)["right half"]["n"] == "3"


def test_sessions_of_a_participant_count_once(tmp_path: Path) -> None:
    bids, out = finished.write_dataset(tmp_path, ["01", "02", "03"]), tmp_path / "out"
    for number, label in enumerate(("01", "02", "03")):
        for place, session in enumerate(("a", "b")):
            maps = shifted(10 * number + place)
            finished.write_participant(out, label, {"go": maps}, session)
            add_maps(out, label, maps, session)
    finished.write_image(tmp_path / "atlas.nii.gz", regions())
    assert main([str(bids), str(out), "group", "-q", *atlas(tmp_path)]) == 0
    rows = finished.read_rows(out / VALUES)
    assert len(rows) == 6 * 3 * 2
    assert list(rows[0])[:3] == ["participant_id", "session_id", "contrast"]
    row = next(r for r in finished.read_rows(out / AGREEMENT) if r["region"] == "2")
    here = regions() == 2
    means = [shifted(10 * n + s)["spm"][here].astype(float).mean() for n in range(3) for s in range(2)]
    assert row["n"] == "3"
    np.testing.assert_allclose(float(row["spm_mean"]), np.mean(means), rtol=ROUNDING)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_participants_have_what_can_be_had(tmp_path: Path, n: int) -> None:
    bids, out = finished.write_group(tmp_path, n)
    for seed in range(n):
        add_maps(out, f"{seed + 1:02d}", finished.effects(seed))
    finished.write_image(tmp_path / "atlas.nii.gz", regions())
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert main([str(bids), str(out), "group", "-q", *atlas(tmp_path)]) == 0
    row = finished.read_rows(out / AGREEMENT)[0]
    assert row["n"] == str(n)
    assert row["bias"] != "n/a"
    assert (row["spm_t"] == "n/a") is (n == 1)
    assert row["pearson_r"] == "n/a"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--atlas-labels", "x.tsv"), 64, "--atlas-labels needs --atlas"),
        (("--atlas", "none.nii.gz"), 66, "none.nii.gz: there is no such atlas; check --atlas"),
    ],
)
def test_wrong_atlas_is_one_line_before_anything_is_written(
    study: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, said: str
) -> None:
    assert group(study, *options) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (study / "out" / "group").exists()
