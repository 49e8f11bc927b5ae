"""`bidsglm check`: ways in which users leave the same analysis; mix-ups of columns, runs and maps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat
from scipy.linalg import block_diag

from bidsglm.check.map_kinds import told_apart
from bidsglm.check.nilearn_designs import designs_among
from bidsglm.check.nilearn_folder import kind_of, read_nilearn
from bidsglm.check.spm_folder import read_spm
from bidsglm.cli import main
from bidsglm.model import Hrf
from bidsglm.spm.highpass import dct_basis

from .analysed import GO, STOP, VALUES, Analysed, blocks_in, settings
from .nilearn_results import events_of, write_nilearn
from .spm_mat import TIME, Study, condition, records

N = 90


def checked(analysed: Analysed, nilearn: Path) -> dict[str, Any]:
    out = analysed.root / f"check-{nilearn.name}"
    words = ["--spm", str(analysed.spm), "--nilearn", str(nilearn), "--scans", str(analysed.root)]
    assert main(["check", str(out), *words]) == 0
    found: dict[str, Any] = json.loads((out / "check.json").read_text())
    return found


def told(found: dict[str, Any], setting: str) -> str:
    return next(str(each["nilearn"]) for each in found["settings_that_differ"] if each["setting"] == setting)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Two sessions of one length, so that nothing but their content tells them apart."""
    rng = np.random.default_rng(3)
    confounds = [rng.normal(size=(N, 3)).cumsum(axis=0) for _ in range(2)]
    second = [condition("go", [6, 47, 88, 121], 12), condition("stop", [25, 66, 105], 0)]
    weights = {"trial_type.go": 1.0, "trial_type.stop": -1.0}
    study = Study([[GO, STOP], second], [N, N], confounds, contrasts={"go > stop": weights})
    return Analysed(tmp_path_factory.mktemp("runs"), study)


def edited(analysed: Analysed, change: Any) -> None:
    content = loadmat(analysed.spm / "SPM.mat")["SPM"]
    change(content[0, 0])
    savemat(analysed.spm / "SPM.mat", {"SPM": content}, format="5", oned_as="row")


def names_of(spm: Any) -> list[str]:
    return [str(each[0]) for each in spm["xX"]["name"][0, 0].ravel()]


@pytest.mark.parametrize("way", ["permuted", "renamed", "numbered", "without names", "savetxt"])
def test_a_design_is_the_same_whatever_its_columns_are_called(way: str, blocks: Analysed) -> None:
    nilearn = blocks.nilearn(f"design-{way}")
    path = nilearn / "design_run1.csv"
    table = pd.read_csv(path, index_col=0)
    if way == "permuted":
        table[["constant", "drift_2", "stop", "drift_1", "go", "drift_3"]].to_csv(path)
    elif way == "renamed":
        table.rename(columns=lambda name: f"regressor {name[::-1]}").to_csv(path)
    elif way == "numbered":
        table.set_axis(range(table.shape[1]), axis=1).to_csv(path, index=False)
    elif way == "without names":
        table.to_csv(path, header=False)
    else:
        np.savetxt(path, table.to_numpy(), delimiter=",")
    (design,) = designs_among([path])
    assert len(design.matrix) == 100
    assert len(design.drifts) == 3
    assert (design.frame_times is None) == (way in ("numbered", "savetxt"))
    found = checked(blocks, nilearn)
    assert settings(found) == []
    assert found["same_model"]


def test_a_column_of_few_participants_is_no_cosine(tmp_path: Path) -> None:
    pd.DataFrame({"group": [1.0, -1.0], "intercept": 1.0}).to_csv(tmp_path / "design.csv", index=False)
    (design,) = designs_among([tmp_path / "design.csv"])
    assert design.drifts == ()


@pytest.mark.parametrize(
    ("stem", "kind", "contrast"),
    [
        ("sub-01_con-go_tval", "t", "sub-01_con-go"),
        ("go T map", "t", "go"),
        ("GO_beta_map", "effect", "GO"),
        ("spmT_0001", "t", "0001"),
        ("face-house_stat", "t", "face-house"),
        ("any_F", "F", "any"),
        ("fstat1", "F", "1"),
        ("zvalue_go", "z", "go"),
    ],
)
def test_maps_are_known_by_the_names_that_users_give(stem: str, kind: str, contrast: str) -> None:
    assert kind_of(stem) == (kind, contrast)


def test_maps_whose_names_tell_nothing_are_named(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("unread")
    (nilearn / "go_stat.nii.gz").rename(nilearn / "activation.nii.gz")
    (note,) = told_apart(read_nilearn(nilearn)).notes
    assert "activation.nii.gz" in note
    assert "_stat.nii.gz" in note


def test_f_maps_are_none_of_t_and_effects_of_rows_are_left_out(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("both")
    rows = blocks.nilearn("rows", contrast=np.eye(2, 6), kinds=("effect_size", "stat"))
    for kind in ("effect_size", "stat"):
        nib.load(rows / f"go_{kind}.nii.gz").to_filename(nilearn / f"any_{kind}.nii.gz")
    found = checked(blocks, nilearn)
    assert settings(found) == []
    assert [(m["what"], Path(m["nilearn"]).name) for m in found["maps"]] == [
        ("effect", "go_effect_size.nii.gz"),
        ("t", "go_stat.nii.gz"),
    ]
    assert any("any_effect_size.nii.gz: several volumes" in note for note in found["notes"])


def test_an_f_map_alone_is_no_map_of_other_scans(blocks: Analysed) -> None:
    found = checked(blocks, blocks.nilearn("f-alone", contrast=np.eye(2, 6), kinds=("stat",)))
    assert settings(found) == []
    assert found["maps"] == []


def test_a_one_row_f_map_is_known_by_the_sign_of_its_effect(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("one-row", contrast="stop - go")
    image = nib.load(nilearn / "go_stat.nii.gz")
    nib.Nifti1Image(image.get_fdata() ** 2, image.affine).to_filename(nilearn / "go_stat.nii.gz")
    assert [m.kind for m in told_apart(read_nilearn(nilearn)).maps] == ["effect", "F"]


def test_bins_of_a_fir_set_are_one_difference(blocks: Analysed) -> None:
    found = checked(blocks, blocks.nilearn("fir", "go_delay_2", hrf_model="fir", fir_delays=[0, 1, 2, 3]))
    assert settings(found) == ["basis functions"]


def test_exchanged_conditions_are_named(blocks: Analysed) -> None:
    events = events_of([GO, STOP])
    exchanged = events.assign(trial_type=events.trial_type.map({"go": "stop", "stop": "go"}))
    found = checked(blocks, blocks.nilearn("exchanged", events=[exchanged]))
    assert told(found, "onsets of go and stop (s)") == "go has those of stop and stop has those of go"


@pytest.mark.parametrize(("width", "noise"), [(7.0, "ar1"), (6.5, "ols"), (9.0, "ar1"), (3.0, "ar1")])
def test_a_width_that_is_not_usual_is_found(width: float, noise: str, blocks: Analysed) -> None:
    found = checked(blocks, blocks.nilearn(f"smooth-{width:g}", smoothing_fwhm=width, noise_model=noise))
    assert f"smoothing_fwhm={width:g} on the same scans" in told(found, "smoothing")
    assert set(settings(found)) == {"smoothing", *["serial correlations"] * (noise == "ols")}


def test_what_does_not_come_out_of_the_scans_is_not_called_the_same(blocks: Analysed) -> None:
    found = checked(blocks, blocks.nilearn("ar3", noise_model="ar3"))
    assert found["same_model"] is None
    assert "do not come out of these scans" in found["answer"]
    assert "--scans" not in found["answer"]


def test_a_script_tells_a_noise_model_that_cannot_be_computed_again(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("ar3-script", noise_model="ar3")
    (nilearn / "glm.py").write_text("model = FirstLevelModel(t_r=2, noise_model='ar3')\n")
    found = checked(blocks, nilearn)
    assert settings(found) == ["serial correlations"]
    assert told(found, "serial correlations") == "ar3"


def test_runs_in_another_order_are_the_same(runs: Analysed) -> None:
    study = runs.study
    other = Study(study.events[::-1], study.n_scans, study.confounds[::-1])
    mask = str(runs.spm / "mask.nii")
    nilearn = write_nilearn(other, runs.root / "reversed", runs.scans[::-1], "go - stop", mask_img=mask)
    found = checked(runs, nilearn)
    assert settings(found) == []
    assert found["same_model"]


def test_scans_in_another_order_than_their_events_are_named(runs: Analysed) -> None:
    found = checked(runs, runs.nilearn("mixed", "go - stop", scans=runs.scans[::-1]))
    assert settings(found) == ["scans"]
    assert told(found, "scans").endswith("swrun2.nii, swrun1.nii")


def test_events_of_another_session_are_named(runs: Analysed) -> None:
    found = checked(
        runs, runs.nilearn("events", "go - stop", events=[events_of(e) for e in runs.study.events[::-1]])
    )
    assert settings(found) == ["onsets of go and stop (s)"]
    assert told(found, settings(found)[0]).startswith("go has those of session 2")


@pytest.mark.parametrize("way", ["permuted", "rotated", "standardised", "with drifts"])
def test_confounds_of_one_space_are_the_same(way: str, runs: Analysed) -> None:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    made = {
        "permuted": lambda c: c[:, ::-1],
        "rotated": lambda c: c @ turn,
        "standardised": lambda c: (c - c.mean(axis=0)) / c.std(axis=0),
        "with drifts": lambda c: c + dct_basis(N, TIME, 128.0)[:, :1],
    }[way]
    confounds = [made(each) for each in runs.study.confounds]
    assert settings(checked(runs, runs.nilearn(f"confounds {way}", "go - stop", confounds=confounds))) == []


def test_squares_of_movement_are_confounds_and_no_conditions(runs: Analysed) -> None:
    squares = [np.hstack([c, (c - c[0]) ** 2]) for c in runs.study.confounds]
    found = checked(runs, runs.nilearn("squares", "go - stop", confounds=squares))
    assert settings(found) == ["confounds of session 1", "confounds of session 2"]
    assert told(found, "confounds of session 1") == "R4, R5 and R6"


@pytest.mark.parametrize("orthogonalised", [True, False])
@pytest.mark.parametrize("is_centred", [True, False])
def test_the_zero_of_a_modulator_is_named(orthogonalised: bool, is_centred: bool, tmp_path: Path) -> None:
    modulated = replace(condition("go", GO.onsets.tolist(), 12, rt=VALUES), orthogonalize=orthogonalised)
    study = Study([[modulated, STOP]], [100], contrasts={"go": {"trial_type.go": 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    if not orthogonalised:
        edited(analysed, lambda spm: spm["Sess"][0, 0]["U"][0, 0].__setitem__("orth", np.zeros((1, 1))))
    values = VALUES - VALUES.mean() if is_centred else VALUES
    rows = events_of([modulated]).assign(trial_type="rt", modulation=values)
    events = pd.concat([events_of([modulated, STOP]).assign(modulation=1.0), rows])
    found = checked(analysed, analysed.nilearn("modulated", events=[events]))
    assert settings(found) == ([] if is_centred == orthogonalised else ["modulators of go"])


@pytest.mark.parametrize(("tested", "expected"), [("rt", ["modulators of rt"]), ("go", [])])
def test_what_modulators_share_is_named_where_one_is_tested(
    tested: str, expected: list[str], tmp_path: Path
) -> None:
    second = VALUES**2 + np.array([0.0, 0.5, 0.0, 0.1, 0.3])
    modulated = condition("go", GO.onsets.tolist(), 12, rt=VALUES, load=second)
    names = {"go": "trial_type.go", "rt": "trial_type.go_x_rt^1"}
    study = Study([[modulated, STOP]], [100], contrasts={tested: {names[tested]: 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    rows = [
        events_of([modulated]).assign(trial_type=name, modulation=values - values.mean())
        for name, values in (("rt", VALUES), ("load", second))
    ]
    events = pd.concat([events_of([modulated, STOP]).assign(modulation=1.0), *rows])
    found = checked(analysed, analysed.nilearn("modulated", tested, events=[events]))
    assert settings(found) == expected


def test_a_condition_that_is_weighted_itself_is_named(tmp_path: Path) -> None:
    modulated = condition("go", GO.onsets.tolist(), 12, rt=VALUES)
    study = Study([[modulated, STOP]], [100], contrasts={"go": {"trial_type.go": 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    weighted = events_of([modulated]).assign(modulation=VALUES)
    events = pd.concat([weighted, events_of([STOP]).assign(modulation=1.0)])
    found = checked(analysed, analysed.nilearn("weighted", events=[events]))
    assert told(found, "onsets of go (s)") == "go has its own, weighted by rt"


def test_a_contrast_of_one_session_is_named_and_that_of_all_is_preferred(tmp_path: Path) -> None:
    go = {"trial_type.go": 1.0}
    second = [condition("go", [6, 47, 88, 121], 12), condition("stop", [25, 66, 105], 0)]
    study = Study([[GO, STOP], second], [N, N], contrasts={"go 1": go, "go all": go})
    analysed = Analysed(tmp_path / "study", study)

    def first_alone(spm: Any) -> None:
        weights = spm["xCon"]["c"][0, 0]
        weights[[i for i, name in enumerate(names_of(spm)) if name.startswith("Sn(2)")]] = 0

    edited(analysed, first_alone)
    nilearn = analysed.nilearn("go")
    found = checked(analysed, nilearn)
    assert settings(found) == []
    assert {each["contrast"] for each in found["maps"]} == {"go all"}
    edited(analysed, lambda spm: spm.__setitem__("xCon", spm["xCon"][:, :1]))
    assert settings(checked(analysed, nilearn.rename(tmp_path / "study" / "again"))) == [
        "contrast: sessions of go 1"
    ]


def test_concatenated_runs_keep_their_filters(tmp_path: Path) -> None:
    go = condition("go", [10, 50, 90, 130, 170, 200, 240, 290, 330], 12)
    analysed = Analysed(tmp_path / "study", Study([[go]], [2 * N], contrasts={"go": {"trial_type.go": 1.0}}))

    def concatenated(spm: Any) -> None:
        design, ones = spm["xX"][0, 0], np.ones((N, 1))
        design["X"] = np.hstack([design["X"][:, :-1], block_diag(ones, ones)])
        design["name"] = np.array([*names_of(spm), "Sn(2) constant"], dtype=object)
        basis = dct_basis(N, TIME, 128.0)
        design["K"] = records(
            [{"HParam": 128.0, "row": np.arange(N) + 1.0 + N * i, "X0": basis} for i in range(2)]
        )
        spm["xCon"]["c"][0, 0] = np.vstack([spm["xCon"]["c"][0, 0], [[0.0]]])

    edited(analysed, concatenated)
    (session,) = read_spm(analysed.spm).sessions
    one = dct_basis(N, TIME, 128.0)
    np.testing.assert_array_equal(session.filter_basis, block_diag(one, one))
    found = checked(analysed, analysed.nilearn("one"))
    assert settings(found) == ["high-pass"]
    # the maps are those of one run
    assert not any(each["is_reproduced"] for each in found["spm_reproduced"])
    image = nib.load(analysed.scans[0])
    halves = []
    for i in range(2):
        halves.append(tmp_path / f"part{i}.nii")
        part = image.get_fdata()[..., N * i : N * (i + 1)].astype(np.float32)
        nib.Nifti1Image(part, image.affine, image.header).to_filename(halves[-1])
    table = events_of([go])
    early = table.onset < N * TIME
    events = [table[early], table[~early].assign(onset=table.onset[~early] - N * TIME)]
    apart = analysed.nilearn("apart", scans=halves, events=events, hrf_model=Hrf("spm").model)
    assert settings(checked(analysed, apart)) == ["sessions"]
