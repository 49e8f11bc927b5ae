"""Files of a fitted unit against the fit by their definitions: where values stand, what sidecars say."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.diagnosis.intensity_checks import LOWEST_MEAN
from bidsglm.errors import ReadWriteError
from bidsglm.model import ModelSpecification
from bidsglm.outputs.fit_tables import DESIGN
from bidsglm.outputs.scale_tables import AUTOCORRELATION, INTENSITY, SCALE
from bidsglm.pairs import Pair, every_pair
from bidsglm.settings import Settings
from bidsglm.unit import configuration, data_review, kernels, percent, summary, writing
from bidsglm.unit.fit import Fitted
from bidsglm.unit.models import model_path
from bidsglm.unit.summary import Stamp, fit_digest, is_finished, summary_path, unit_summary
from bidsglm.unit.writing import write_unit
from tests.unit.test_pair_explanation import fitted as fitted_by_all

STARTED = datetime.now(UTC) - timedelta(seconds=90)


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Two runs by all four packages."""
    return fitted_by_all(tmp_path_factory.mktemp("fit"), ("run-1", "run-2"))


@pytest.fixture(scope="module")
def out(fit: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    write_unit(fit, tuple, out, Stamp("digest", {"own": 1}, STARTED))
    return out


@pytest.fixture(scope="module")
def folder(fit: Fitted, out: Path) -> Path:
    return out / fit.prepared.unit.folder


def read(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"])


def facts(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


# maps


@pytest.mark.parametrize(
    ("stat", "outside"),
    [("effect", math.nan), ("variance", math.nan), ("t", 0.0), ("z", 0.0), ("p", 1.0)],
)
def test_maps_stand_at_their_voxels_and_have_their_value_outside(
    fit: Fitted, folder: Path, stat: str, outside: float
) -> None:
    prefix, voxels = fit.prepared.unit.prefix, fit.data.volume.voxels
    for backend, each in fit.fits.items():
        maps = each.maps[0]
        label = maps.specification.label
        found = read(folder / f"{prefix}_contrast-{label}_stat-{stat}_desc-{backend}_statmap.nii.gz")
        values = getattr(maps, {"t": "stat"}.get(stat, stat))
        expected = np.where(each.mask, values, outside)
        assert np.allclose(found[voxels], expected, rtol=1e-5, equal_nan=True)
        rest = found[~voxels]
        assert np.array_equal(rest, np.full_like(rest, outside), equal_nan=True)


def test_masks_residuals_and_betas_are_those_of_the_fit(fit: Fitted, folder: Path) -> None:
    prefix, voxels = fit.prepared.unit.prefix, fit.data.volume.voxels
    for backend, each in fit.fits.items():
        mask = read(folder / f"{prefix}_desc-{backend}_mask.nii.gz")
        assert np.array_equal(mask[voxels] > 0, each.mask)
        assert not mask[~voxels].any()
        resms = read(folder / f"{prefix}_stat-resms_desc-{backend}_statmap.nii.gz")
        assert np.allclose(resms[voxels][each.mask], each.residual_mean_square[each.mask], rtol=1e-5)
        assert np.isnan(resms[~voxels]).all()
        for run, betas in zip(fit.prepared.unit.run_prefixes, each.betas, strict=True):
            found = read(folder / f"{run}_stat-beta_desc-{backend}_statmap.nii.gz")
            assert found.shape[-1] == len(betas)
            assert np.allclose(found[voxels].T[:, each.mask], betas[:, each.mask], rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize("pair", [Pair("spm", "nilearn"), Pair("afni", "nilearn"), Pair("fsl", "nilearn")])
def test_differences_are_first_minus_reference_in_both_masks(fit: Fitted, folder: Path, pair: Pair) -> None:
    prefix, voxels = fit.prepared.unit.prefix, fit.data.volume.voxels
    one, base = (fit.fits[name] for name in pair)
    both = one.mask & base.mask
    for i, maps in enumerate(one.maps):
        spec = maps.specification
        for stat, outside in {"effect": math.nan, spec.test: 0.0}.items():
            path = folder / f"{prefix}_contrast-{spec.label}_stat-{stat}_desc-{pair.label}_statmap.nii.gz"
            if stat == "effect" and maps.effect is None:
                assert not path.exists()
                continue
            values = [getattr(each.maps[i], "effect" if stat == "effect" else "stat") for each in (one, base)]
            found = read(path)[voxels]
            assert np.allclose(found[both], (values[0] - values[1])[both], rtol=1e-4, atol=1e-4)
            assert np.array_equal(found[~both], np.full((~both).sum(), outside), equal_nan=True)
            assert facts(Path(str(path).replace(".nii.gz", ".json")))["Description"] == (
                f"{pair.first} minus {pair.reference}, in the voxels of both"
            )
        for stat in ("z", "p", "variance"):
            assert not list(folder.glob(f"*_stat-{stat}_desc-{pair.label}_statmap*"))


def test_sidecars_say_contrast_runs_and_degrees_of_freedom(fit: Fitted, folder: Path) -> None:
    prefix = fit.prepared.unit.prefix
    for backend, each in fit.fits.items():
        for maps in each.maps:
            spec = maps.specification
            told = facts(
                folder / f"{prefix}_contrast-{spec.label}_stat-{spec.test}_desc-{backend}_statmap.json"
            )
            assert told["ContrastName"] == spec.name
            assert told["ContrastConditions"] == list(spec.conditions)
            weights = spec.weights.tolist()
            assert told["ContrastWeights"] == (weights[0] if spec.test == "t" else weights)
            assert told["ContrastRuns"] == ["run-1", "run-2"]
            assert told["DegreesOfFreedom"] == maps.dof[-1]
            assert told.get("NumeratorDegreesOfFreedom") == (maps.dof[0] if spec.test == "F" else None)
            assert told["StatisticType"] == spec.test
            assert told["Backend"] == backend
            assert told["SpatialReference"] == fit.prepared.unit.entities["space"]
            assert len(told["Sources"]) == len(set(told["Sources"]))
            assert "Units" not in told
            if spec.test == "t":
                effect = folder / f"{prefix}_contrast-{spec.label}_stat-effect_desc-{backend}_statmap.json"
                assert facts(effect)["Units"]


def test_designs_have_a_row_for_each_scan_and_say_their_filter(fit: Fitted, folder: Path) -> None:
    for backend, designs in fit.prepared.designs.items():
        for run, design in zip(fit.prepared.unit.run_prefixes, designs, strict=True):
            rows = DESIGN.read(folder / f"{run}_desc-{backend}_design.tsv")
            assert np.allclose([list(row.values()) for row in rows], design.matrix)
            assert tuple(rows[0]) == design.names
            said = facts(folder / f"{run}_desc-{backend}_design.json")["HighPassFilter"]
            drifts = sum(name.startswith("drift_") for name in design.names)
            n_cosines = design.high_pass_basis.shape[1]
            if backend == "spm":
                assert said == f"{n_cosines} cosines removed by projection, not among the columns"
            if backend == "nilearn":
                assert said == f"{drifts} drift terms among the columns"


def test_the_background_is_the_mean_of_the_first_run(fit: Fitted, folder: Path) -> None:
    found = read(folder / f"{fit.prepared.unit.prefix}_desc-mean_boldref.nii.gz")
    series = next(iter(fit.data.series.values()))[0]
    mean = series.values(slice(0, series.n_voxels)).mean(axis=0)
    assert np.allclose(found[fit.data.volume.voxels], mean, rtol=1e-5)


# tables


def test_agreement_has_a_row_for_each_contrast_and_map_with_every_pair(fit: Fitted, folder: Path) -> None:
    found = table(folder / f"{fit.prepared.unit.prefix}_desc-agreement_metrics.tsv")
    expected = []
    for maps in fit.fits["spm"].maps:
        kinds = ["effect", "t"] if maps.specification.test == "t" else ["F"]
        expected += [(maps.specification.label, maps.specification.name, kind) for kind in kinds]
    own = found[found["map"].isin(["effect", "t", "F"])]
    told = list(zip(own["contrast"], own["contrast_name"], own["map"], strict=True))
    assert sorted(told) == sorted(expected)
    for pair in (Pair("spm", "nilearn"), Pair("afni", "nilearn"), Pair("fsl", "nilearn")):
        one, base = (fit.fits[name] for name in pair)
        both = one.mask & base.mask
        t = found[(found["map"] == "t") & (found["contrast"] == one.maps[0].specification.label)].iloc[0]
        r = pearson_r(one.maps[0].stat[both], base.maps[0].stat[both])
        assert t[f"pearson_r{pair.suffix}"] == pytest.approx(r)


def test_pairs_are_of_every_package_with_every_other_effects_first(fit: Fitted, folder: Path) -> None:
    found = table(folder / f"{fit.prepared.unit.prefix}_desc-pairs_metrics.tsv")
    pairs = [tuple(pair) for pair in every_pair(fit.fits)]
    labels = [maps.specification.label for maps in fit.fits["spm"].maps]
    assert list(dict.fromkeys(found["contrast"])) == labels
    for label, test in zip(labels, [m.specification.test for m in fit.fits["spm"].maps], strict=True):
        own = found[found["contrast"] == label]
        kinds = ["effect", "t"] if test == "t" else ["F"]
        assert list(dict.fromkeys(own["map"])) == kinds
        for kind in kinds:
            rows = own[own["map"] == kind]
            assert list(zip(rows["package"], rows["reference"], strict=True)) == pairs
    row = found[(found["map"] == "t") & (found["package"] == "afni") & (found["reference"] == "nilearn")]
    one, base = fit.fits["afni"], fit.fits["nilearn"]
    both = one.mask & base.mask
    assert row["pearson_r"].iloc[0] == pytest.approx(
        pearson_r(one.maps[0].stat[both], base.maps[0].stat[both])
    )


def means_of(fit: Fitted, package: str = "spm") -> list[np.ndarray]:
    return [each.values(slice(0, each.n_voxels)).mean(axis=0) for each in fit.data.series[package]]


def factors_of(fit: Fitted) -> list[float]:
    """SPM's scaling of a session: its mean global becomes 100."""
    return [100 / float(np.mean(run.global_means)) for run in fit.data.series["spm"]]


def test_levels_are_means_within_the_brain_and_their_scaling(fit: Fitted, folder: Path) -> None:
    rows = INTENSITY.read(INTENSITY.path(folder, fit.prepared.unit.prefix))
    mask = fit.data.candidates["nilearn"]
    assert [row["run"] for row in rows] == ["run-1", "run-2"]
    for row, mean, factor, run in zip(
        rows, means_of(fit), factors_of(fit), fit.data.series["spm"], strict=True
    ):
        assert row["n_mask_voxels"] == mask.sum()
        assert row["mask_mean"] == pytest.approx(mean[mask].mean(), rel=1e-6)
        assert row["scaled_mask_mean"] == pytest.approx(mean[mask].mean() * factor, rel=1e-6)
        assert row["spm_global"] == pytest.approx(np.mean(run.global_means))


def test_scaled_means_are_those_of_all_runs(fit: Fitted, folder: Path) -> None:
    found = read(folder / f"{fit.prepared.unit.prefix}_desc-spmscaled_boldref.nii.gz")
    expected = np.mean([m * f for m, f in zip(means_of(fit), factors_of(fit), strict=True)], axis=0)
    rim = fit.data.series["spm"][0].rim
    if rim is not None:
        expected[rim] = 0
    assert np.allclose(found[fit.data.volume.voxels], expected, rtol=1e-5)


def test_effects_spread_by_level_brightness_and_the_rest(fit: Fitted, folder: Path) -> None:
    rows = {row["contrast"]: row for row in SCALE.read(SCALE.path(folder, fit.prepared.unit.prefix))}
    spm, nilearn = fit.fits["spm"], fit.fits["nilearn"]
    both = spm.mask & nilearn.mask
    means, factors = means_of(fit), factors_of(fit)
    mask = fit.data.candidates["nilearn"]
    unit = np.mean([m * f / 100 for m, f in zip(means, factors, strict=True)], axis=0)[both]
    typical = np.mean([m[mask].mean() * f / 100 for m, f in zip(means, factors, strict=True)])
    for one, other in zip(spm.maps, nilearn.maps, strict=True):
        row = rows[one.specification.label]
        assert row["contrast_name"] == one.specification.name
        if one.effect is None or other.effect is None:
            dof = other.dof[-1]
            assert row["map"] == "F"
            assert row["null_mean"] == pytest.approx(dof / (dof - 2))
            assert row["mean_spm"] == pytest.approx(one.stat[both].mean())
            assert row["mean_nilearn"] == pytest.approx(other.stat[both].mean())
            continue
        e, f = one.effect[both].astype(float), other.effect[both].astype(float)
        assert (row["map"], row["mean_spm"]) == ("effect", pytest.approx(e.mean()))
        assert row["mean_nilearn"] == pytest.approx(f.mean())
        assert row["sd_ratio"] == pytest.approx(e.std() / f.std(), rel=1e-5)
        assert row["by_level"] == pytest.approx(typical, rel=1e-5)
        assert row["by_rest"] == pytest.approx((e / unit).std() / f.std(), rel=1e-5)


def test_an_f_of_two_residual_degrees_has_no_mean() -> None:
    from bidsglm.unit.scales import _null_mean

    assert math.isnan(_null_mean(2.0))
    assert math.isnan(_null_mean(1.0))
    assert _null_mean(4.0) == 2.0
    assert _null_mean(3.0) == 3.0


def test_noise_has_lags_up_to_ten_seconds_and_quartiles_over_voxels(fit: Fitted, folder: Path) -> None:
    rows = AUTOCORRELATION.read(AUTOCORRELATION.path(folder, fit.prepared.unit.prefix))
    time = fit.prepared.paradigms[0].repetition_time
    assert [(row["run"], row["lag"]) for row in rows] == [
        (f"run-{run}", lag) for run in (1, 2) for lag in range(1, int(10 / time) + 1)
    ]
    noise = fit.fits["nilearn"].noise["autoregression"]
    for row in rows:
        own = noise[int(row["run"][-1]) - 1]
        ar = np.array(own["coefficients"], dtype=float)[:, 0]
        values = np.repeat(ar ** row["lag"], np.array(own["voxels"], dtype=int))
        assert row["seconds"] == pytest.approx(row["lag"] * time)
        assert row["nilearn_median"] == pytest.approx(np.median(values), abs=0.02)
        assert row["nilearn_lower_quartile"] <= row["nilearn_median"] <= row["nilearn_upper_quartile"]
        assert row["share_below_spm"] == pytest.approx((values < row["spm"]).mean())


def test_dominant_steps_and_attributions_are_none_without_explanations(folder: Path) -> None:
    assert not list(folder.glob("*attribution*"))


# the summary


def test_the_summary_says_what_was_fitted_and_lists_every_file(fit: Fitted, out: Path, folder: Path) -> None:
    path = summary_path(out, fit.prepared.unit)
    told = facts(path)
    assert told["status"] == "finished"
    assert told["digest"] == "digest"
    assert told["configuration"] == {"own": 1}
    assert 90 <= told["seconds"] < 3600
    assert set(told["files"]) == {
        p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() and p != path
    }
    assert [run["label"] for run in told["runs"]] == ["run-1", "run-2"]
    for run, given in zip(told["runs"], fit.prepared.unit.runs, strict=True):
        assert run["n_scans"] == given.n_scans
        assert run["files"]["bold"] == str(given.bold)
        assert set(run["files"]) <= {"bold", "events", "confounds", "mask"}
    for i, contrast in enumerate(told["contrasts"]):
        for backend, each in fit.fits.items():
            assert contrast["dof"][backend] == list(each.maps[i].dof)
            assert set(contrast["thresholds"][backend]) == set(
                each.inference.contrasts[i].thresholds._asdict()
            )
    for backend, each in fit.fits.items():
        assert told["estimates"][backend]["n_voxels"] == each.mask.sum()
        assert told["estimates"][backend]["dof"] == each.dof
    assert len(told["warnings"]) == len(set(told["warnings"]))
    assert len(told["diagnosis"]) == 2 * len(fit.fits)


def test_scaling_without_a_unit_is_said_without_percent() -> None:
    for mean in ("each voxel's own mean", "each voxel's mean", "the grand mean"):
        text = f"SPM: percent of {mean}."
        assert summary._in_units(text, {}) == text
        said = summary._in_units(text, {"spm": "arbitrary units"})
        assert said == f"SPM: 100 times the change over {mean}, or over 1 where that is less."


def test_a_fit_stands_with_its_digest_and_all_its_files(
    fit: Fitted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unit = fit.prepared.unit
    path, file = summary_path(tmp_path, unit), tmp_path / "a.nii"
    path.parent.mkdir(parents=True)

    def write(**changes: Any) -> None:
        whole = unit_summary(fit, Stamp("digest", {}, STARTED))
        path.write_text(json.dumps({**whole, "files": ["a.nii"], **changes}, default=lambda x: x.tolist()))

    assert not is_finished(unit, tmp_path, "digest")
    write()
    assert not is_finished(unit, tmp_path, "digest")
    file.touch()
    assert not is_finished(unit, tmp_path, "digest"), "an empty file is none"
    file.write_text("x")
    assert is_finished(unit, tmp_path, "digest")
    assert not is_finished(unit, tmp_path, "other")
    write(status="failed")
    assert not is_finished(unit, tmp_path, "digest")
    write()
    file.unlink()
    file.mkdir()
    assert not is_finished(unit, tmp_path, "digest")


def test_whatever_makes_the_numbers_makes_another_digest(fit: Fitted) -> None:
    unit, model = fit.prepared.unit, fit.prepared.model
    settings = Settings(Path("bids"), Path("out"), "participant")
    found = fit_digest(unit, model, settings)
    assert fit_digest(unit, replace(model, origin="elsewhere", group=()), settings) == found
    assert fit_digest(unit, model, replace(settings, n_procs=3, verbosity=2)) == found
    run = unit.runs[0]
    others: list[tuple[Any, Any, Settings]] = [
        (unit, replace(model, high_pass=77.0), settings),
        (unit, replace(model, two_sided=True), settings),
        (unit, model, replace(settings, backends=("spm",))),
        (unit, model, replace(settings, reference="spm", backends=("spm", "nilearn", "afni"))),
        (unit, model, replace(settings, matching="native")),
        (unit, model, replace(settings, attribution=False)),
    ]
    for change in ({"repetition_time": 3.0}, {"start_time": 0.25}, {"dropped": 2}, {"mask": run.bold}):
        others.append((replace(unit, runs=(replace(run, **change), *unit.runs[1:])), model, settings))
    digests = [fit_digest(*given) for given in others]
    assert len({found, *digests}) == 1 + len(others)


def test_two_jobs_that_wrote_at_once_notice_both(fit: Fitted, tmp_path: Path) -> None:
    path = summary_path(tmp_path, fit.prepared.unit)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"status": "unfinished", "digest": "mine"}))
    writing.check_alone(path, "mine")
    with pytest.raises(ReadWriteError, match="another run with other settings wrote the same results"):
        writing.check_alone(path, "yours")
    assert facts(path) == {"status": "unfinished", "digest": ""}
    with pytest.raises(ReadWriteError):
        writing.check_alone(path, "mine")


# small parts


def test_coordinates_are_millimetres_by_the_whole_affine(fit: Fitted) -> None:
    skew = np.array([[2.0, 0.5, 0, -7], [0, 3.0, 0.25, 11], [0.5, 0, 4.0, -30], [0, 0, 0, 1]])
    voxels = np.random.default_rng(0).random((4, 3, 5)) < 0.4
    volume = fit.data.volume._replace(shape=voxels.shape, affine=skew, voxels=voxels)
    expected = [nib.affines.apply_affine(skew, place) for place in np.argwhere(voxels)]
    assert np.allclose(volume.coordinates, expected)


def test_one_percent_is_a_hundredth_of_a_voxels_mean_in_nilearns_unit(fit: Fitted) -> None:
    units = percent.percent_units(fit)
    assert list(units) == list(fit.fits)
    for found in units.values():
        assert [each.shape for each in found] == [(run.n_voxels,) for run in fit.data.series["spm"]]
    mask = fit.fits["nilearn"].mask
    assert np.allclose(units["nilearn"][0][mask], 1.0, rtol=1e-5)
    expected = means_of(fit)[1] * factors_of(fit)[1] / 100
    both = mask & fit.fits["spm"].mask
    assert np.allclose(units["spm"][1][both], expected[both], rtol=1e-5)


@pytest.mark.parametrize(("fwhm", "sizes"), [(6.0, (3.0, 3.0, 4.0)), (5.0, (2.0, 2.5, 2.0))])
def test_effective_widths_are_geometric_means_of_the_axes(fwhm: float, sizes: tuple[float, ...]) -> None:
    found = kernels.effective_widths(fwhm, sizes, ("spm", "nilearn", "afni"))
    assert set(found) == {"spm", "nilearn"}
    for name, width in found.items():
        widths = []
        for size in sizes:
            weights = kernels.KERNELS[name](fwhm / size)
            x = (np.arange(len(weights)) - (len(weights) - 1) / 2) * size
            widths.append(math.sqrt(8 * math.log(2)) * math.sqrt((weights * x**2).sum()))
        assert width == pytest.approx(np.prod(widths) ** (1 / 3))


def test_smoothing_in_words() -> None:
    model = replace(ModelSpecification("m", ("x",)), smoothing_fwhm=6.0)
    found = kernels.smoothing_in_words(model, (3.0, 3.0, 3.3), ("spm", "nilearn"))
    widths = kernels.effective_widths(6.0, (3.0, 3.0, 3.3), ("spm", "nilearn"))
    assert found == {
        name: f"6 mm FWHM; {width:.1f} mm in effect on voxels of 3 x 3 x 3.3 mm"
        for name, width in widths.items()
    }
    assert kernels.smoothing_in_words(ModelSpecification("m", ("x",)), (3, 3, 3), ("spm",)) == {}


@pytest.mark.parametrize("length", [59, 60, 61])
def test_values_of_settings_are_shown_up_to_sixty_characters(length: int) -> None:
    shown = str(configuration.SettingDifference("a", "x" * length, None))
    value = "x" * length if length <= 60 else "x" * 60 + " ..."
    assert shown == f"a: {value} instead of none"


def test_configurations_differ_by_what_either_has() -> None:
    found = configuration.differences({"a": 1, "b": 2, "d": 4}, {"a": 1, "b": 3, "c": None, "e": 5})
    assert [(each.name, each.value, each.reference) for each in found] == [
        ("b", 2, 3),
        ("e", None, 5),
        ("d", 4, None),
    ]


@pytest.mark.parametrize(
    ("changes", "entries"),
    [
        ({}, {}),
        ({"two_sided": True}, {"thresholds": "two-sided"}),
        ({"both_ways": True}, {"sessions fitted apart": "both apart and together"}),
        ({"by_session": False}, {"sessions fitted apart": False}),
        ({"inputs": {"subject": ["01"], "task": ["a"]}}, {"input": {"task": ["a"]}}),
        ({"high_pass": math.inf}, {"high-pass cut-off (s)": None}),
    ],
)
def test_entries_of_a_model_are_those_that_move_numbers(
    changes: Mapping[str, Any], entries: dict[str, Any]
) -> None:
    bare = ModelSpecification("m", ("x",))
    plain = configuration.model_entries(bare)
    found = configuration.model_entries(replace(bare, **changes))
    assert {name: value for name, value in found.items() if plain.get(name, "") != value} == entries
    assert "thresholds" not in plain
    assert not [name for name in plain if name.startswith(("AFNI", "FSL"))]
    assert [name for name in configuration.model_entries(bare, ("fsl",)) if name.startswith("FSL")]


@pytest.mark.parametrize("length", [200, 201])
def test_a_models_file_has_a_name_of_bounded_length(length: int) -> None:
    assert model_path(Path("out"), "a" * length).name == f"model-{'a' * 200}_smdl.json"
    assert model_path(Path("out"), "é -").name == "model-model_smdl.json"


def test_what_the_review_counts_is_within_the_mask(fit: Fitted) -> None:
    found = data_review.data_review(fit.data, fit.prepared.model, ("a", "b"))
    name = "nilearn"
    mask = fit.data.candidates[name]
    assert [run.label for run in found.runs] == ["a", "b"]
    assert found.backends == tuple(fit.data.series)
    assert (found.n_not_pooled, found.n_explained) == (0, {})
    for run, series, own in zip(found.runs, fit.data.series[name], fit.data.facts, strict=True):
        values = series.values(np.flatnonzero(mask))
        assert run.n_voxels == mask.sum()
        assert run.n_constant == (mask & own.constant).sum()
        assert run.median_mean == pytest.approx(np.median(values.mean(axis=0)))
        assert run.mean_to_deviation == pytest.approx(
            np.median(np.abs(values.mean(axis=0)) / values.std(axis=0))
        )
        assert run.n_low == (values.mean(axis=0) < LOWEST_MEAN).sum()
        levels = series.global_means
        assert run.brightest == np.argmax(levels) + 1
        assert run.bright == pytest.approx(levels.max() / np.median(levels))


def test_counts_of_a_fit_are_whole_numbers_or_none() -> None:
    assert data_review._count({"n": 3}, "n") == 3
    assert data_review._count({"n": "3"}, "n") == 0
    assert data_review._count({}, "n") == 0
