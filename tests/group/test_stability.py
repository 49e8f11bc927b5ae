"""What one participant changes in the group's maps stands beside what the package changes."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from bidsglm.cli import main
from bidsglm.group import stability
from tests.finished import NAME, brain, effects, read_rows, write_dataset, write_participant
from tests.group.test_maps import node, write_model

pytestmark = pytest.mark.usefixtures("plain_figures")

N = 9


def maps(seed: int) -> dict[str, np.ndarray]:
    """Something in one half of the brain; the fifth participant is another."""
    found = {}
    for backend, values in effects(seed, 0.0).items():
        signal = np.zeros(values.shape)
        signal[:4] = 4.0 if seed != 4 else 0.5
        found[backend] = (values + signal).astype(np.float32)
    return found


def write_study(root: Path, n: int = N, sessions: tuple[str, ...] = ("",)) -> tuple[Path, Path]:
    labels = [f"{i:02d}" for i in range(1, n + 1)]
    bids, out = write_dataset(root, labels, age=list(range(20, 20 + n))), root / "out"
    for seed, label in enumerate(labels):
        for session in sessions:
            write_participant(out, label, {"go": maps(seed)}, session)
    return bids, out


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = write_study(tmp_path_factory.mktemp("stability"))
    write_model(out / "model-tap_smdl.json", node(1, "age"))
    assert main([str(bids), str(out), "group", "-q"]) == 0
    return out


def rows(out: Path, label: str = "go") -> dict[tuple[str, str], dict[str, str]]:
    found = read_rows(out / "group" / f"{NAME}_desc-groupStability_metrics.tsv")
    return {(row["resampling"], row["compared"]): row for row in found if row["label"] == label}


def refitted(backend: str, left_out: int | None, column: int) -> tuple[np.ndarray, int]:
    """t of a design with age, by scipy's least squares; residual degrees of freedom."""
    keep = [i for i in range(N) if i != left_out]
    design = np.column_stack([np.ones(N), np.arange(N) - (N - 1) / 2])[keep]
    y = np.array([maps(i)[backend][brain()] for i in keep], float)
    beta, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    free = len(keep) - 2
    variance = np.linalg.inv(design.T @ design)[column, column] * rss / free
    return beta[column] / np.sqrt(variance), free


def dice(one: np.ndarray, other: np.ndarray) -> float:
    common = np.sum((one == other) & (one != 0))
    total = np.sum(one != 0) + np.sum(other != 0)
    return 2 * float(common) / float(total) if total else float("nan")


def as_z(t: np.ndarray, free: int) -> np.ndarray:
    return np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), free))


@pytest.mark.parametrize(("label", "column"), [("go", 0), ("go_groupcontrast-age", 1)])
@pytest.mark.parametrize("backend", ["spm", "nilearn"])
def test_leaving_one_out_is_a_fit_of_the_others(study: Path, backend: str, label: str, column: int) -> None:
    def signed(t: np.ndarray, free: int) -> np.ndarray:
        return np.sign(t) * (np.abs(t) > stats.t.isf(0.001, free))

    everybody = refitted(backend, None, column)
    r, overlaps = [], []
    for left_out in range(N):
        t, free = refitted(backend, left_out, column)
        r.append(np.corrcoef(as_z(t, free), as_z(*everybody))[0, 1])
        overlaps.append(dice(signed(t, free), signed(*everybody)))
    row = rows(study, label)["leave-one-out", backend]
    assert int(row["n"]) == N
    for key, value in (("lowest", np.min(r)), ("median", np.median(r)), ("highest", np.max(r))):
        assert float(row[f"r_{key}"]) == pytest.approx(value, rel=1e-4)
    known = np.array(overlaps)[np.isfinite(overlaps)]
    if known.size:
        assert float(row["dice_p001_median"]) == pytest.approx(np.median(known), abs=1e-6)
        assert float(row["dice_p001_lowest"]) == pytest.approx(known.min(), abs=1e-6)
    if label == "go":
        assert row["farthest"] == f"sub-{int(np.nanargmin(overlaps)) + 1:02d}"


def test_difference_of_the_packages_is_that_of_their_written_maps(study: Path) -> None:
    t = {
        b: np.asarray(
            nib.load(study / "group" / f"{NAME}_contrast-go_stat-t_desc-{b}_statmap.nii.gz").dataobj
        )[brain()]
        for b in ("spm", "nilearn")
    }
    row = rows(study)["everybody", "packages"]
    path = study / "group" / f"{NAME}_desc-groupAgreement_metrics.tsv"
    z = next(each for each in read_rows(path) if each["map"] == "z" and each["label"] == "go")
    assert float(row["r_median"]) == pytest.approx(float(z["pearson_r"]), rel=1e-4)
    above = [np.sign(v) * (np.abs(v) > stats.t.isf(0.001, N - 2)) for v in t.values()]
    assert float(row["dice_p001_median"]) == pytest.approx(dice(*above), abs=1e-6)


def test_both_resamplings_stand_for_each_package_and_between_them(study: Path) -> None:
    found = rows(study)
    assert set(found) == {
        ("everybody", "packages"),
        *((how, what) for how in ("leave-one-out", "bootstrap") for what in ("spm", "nilearn", "packages")),
    }
    assert int(found["bootstrap", "spm"]["n"]) == stability.DRAWS
    for row in found.values():
        assert int(row["n_same"]) <= int(row["n"])


def test_page_says_it_in_a_sentence_a_figure_and_a_table(study: Path) -> None:
    page = (study / "group.html").read_text()
    assert '<section id="stability"' in page
    assert "<dt>Stability</dt><dd>Without one participant, the maps agree with those of everybody at" in page
    assert 'class="dots stability"' in page
    assert "changes most without" in page


def test_one_package_has_a_stability_without_the_other(tmp_path: Path) -> None:
    from tests.group.test_one_package import study as of_one

    bids, out = of_one(tmp_path, "spm", 5)
    assert main([str(bids), str(out), "group", "-q"]) == 0
    assert set(rows(out)) == {("leave-one-out", "spm"), ("bootstrap", "spm")}
    assert '<section id="stability"' in (out / "group.html").read_text()


def test_rows_of_one_participant_are_left_out_together(tmp_path: Path) -> None:
    bids, out = write_study(tmp_path, 5)
    for seed in range(5):
        both = {"go": maps(seed), "stop": maps(seed + 20)}
        write_participant(out, f"{seed + 1:02d}", both)
    contrast = {"Name": "go - stop", "ConditionList": ["go", "stop"], "Weights": [1, -1], "Test": "t"}
    write_model(out / "model-tap_smdl.json", node("go", "stop", GroupBy=[], Contrasts=[contrast]))
    assert main([str(bids), str(out), "group", "-q"]) == 0
    row = rows(out, "groupcontrast-goMinusStop")["leave-one-out", "spm"]
    assert int(row["n"]) == 5


def test_too_few_participants_to_leave_one_out_is_said(tmp_path: Path) -> None:
    bids, out = write_study(tmp_path, 2)
    assert main([str(bids), str(out), "group", "-q"]) == 0
    assert not list((out / "group").glob("*groupStability*"))
    assert "too few participants to leave one out" in (out / "group.html").read_text()
