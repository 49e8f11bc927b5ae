"""All findings on odd units, for people to look over: ``python -m tests.diagnosis.approved``.

The command writes ``tests/data/diagnosis/findings.txt`` anew. Look over what it changes before you keep it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bidsglm.data import Condition, MaskLoss, Modulator
from bidsglm.diagnosis.data_review import DataReview
from bidsglm.diagnosis.findings import RunReview, findings
from bidsglm.model import AfniSettings, Hrf, ModelSpecification, SpmSettings
from bidsglm.packages import PACKAGES
from tests.conftest import PROJECT

from .designs import MODEL, N_SCANS, blocks, contrast, events, jittered, paradigm, review, without_drifts
from .test_data_checks import SOUND

APPROVED = PROJECT / "tests" / "data" / "diagnosis" / "findings.txt"
ALL = tuple(PACKAGES)
Case = tuple[list[RunReview], ModelSpecification, DataReview | None]


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((N_SCANS, n))


def timed(durations: list[float], label: str, model: ModelSpecification = MODEL) -> RunReview:
    go = Condition("go", 25.0 * np.arange(len(durations)) + 7, np.array(durations, dtype=float))
    return replace(review(paradigm(go, jittered("stop", 5, 3.0)), model=model), label=label)


def modulated(*modulators: Modulator, n: int = 9) -> Condition:
    return Condition("go", 4.0 + 14 * np.arange(n), np.full(n, 2.0), modulators)


def cases() -> Iterator[tuple[str, Case]]:
    """Name of a case, its runs, the model, and the data."""
    movement = contrast("movement", 1), contrast("movement - rest", 1, -1)
    full = paradigm(blocks("movement", 20), blocks("rest", 0))
    plain = without_drifts()
    yield "filled", ([review(full, *movement, backends=ALL)], MODEL, None)
    yield "filled, unfiltered", ([review(full, *movement, model=plain)], plain, None)
    yield "filled, only differences", ([review(full, movement[1])], MODEL, None)
    yield (
        "filled in one of two runs",
        (
            [review(full, *movement), review(paradigm(blocks("movement", 20)), *movement, label="run-2")],
            MODEL,
            None,
        ),
    )
    yield "filled by one", ([review(paradigm(events("film", [0], 240), jittered("laugh", 1)))], MODEL, None)
    yield "filled by one, closely", ([review(paradigm(events("beat", list(range(0, 240, 2)))))], MODEL, None)
    three = paradigm(blocks("left", 0, 60), blocks("right", 20, 60), blocks("fixation", 40, 60))
    yield "filled by three", ([review(three, contrast("left", 1, on=("left",)))], MODEL, None)
    fir = replace(MODEL, hrf=Hrf("fir", length=20.0, order=10))
    bins = paradigm(blocks("movement", 20, duration=0), blocks("rest", 0, duration=0))
    yield "filled by sets", ([review(bins, model=fir)], fir, None)
    yield (
        "polynomials",
        (
            [review(paradigm(jittered("a", 1, 2.0)))],
            replace(MODEL, nilearn=replace(MODEL.nilearn, drift_model="polynomial")),
            None,
        ),
    )
    short = paradigm(events("a", [0, 9, 18, 27, 36, 45], 2), n_scans=30)
    yield "too short for some filters", ([review(short, backends=ALL)], MODEL, None)
    yield "too short for the filter", ([review(short), review(short, label="run-2")], MODEL, None)
    level = Modulator("level", np.full(9, 2.0))
    yield "last modulator idle", ([review(paradigm(modulated(level)))], MODEL, None)
    slow = paradigm(events("drug", [120], 120), jittered("a", 1, 2.0))
    yield "slow, in AFNI too", ([review(slow, backends=("spm", "afni"))], MODEL, None)
    yield "slow", ([review(slow)], MODEL, None)
    yield (
        "slow, seriously",
        ([review(slow, model=replace(MODEL, high_pass=60.0))], replace(MODEL, high_pass=60.0), None),
    )
    once = paradigm(events("once", [0], 120), jittered("a", 1, 2.0))
    yield "slower than any filter", ([review(once)], MODEL, None)
    many = {f"comp{i}": column for i, column in enumerate(noise(70).T)}
    yield "many confounds", ([review(paradigm(jittered("a", 1, 2.0), confounds=many))], MODEL, None)
    column = review(paradigm(jittered("a", 1, 2.0))).designs["spm"].matrix[:, 0]
    table = {"global_signal": column + 0.1 * noise(1)[:, 0], "trans_z": column - 0.2 * noise(2)[:, 1]}
    confounded = paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0), confounds=table)
    still = review(paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0)), label="run-2")
    yield "confounded", ([review(confounded), still], MODEL, None)
    close = (
        jittered("a", 1, 2.0),
        Condition("b", jittered("a", 1).onsets + 1.5, np.full(jittered("a", 1).onsets.size, 2.0)),
    )
    yield "overlapping", ([review(paradigm(*close, jittered("c", 3, 2.0)))], MODEL, None)
    rate = Modulator("rt", 5 + 0.5 * noise(1)[:9, 0])
    loose = replace(modulated(rate), orthogonalize=False)
    yield "overlapping modulator", ([review(paradigm(loose))], MODEL, None)
    motion = noise(3).cumsum(axis=0)
    copies = {
        "x": motion[:, 0],
        "twice": 2 * motion[:, 0],
        "sum": motion[:, 0] + motion[:, 1],
        "y": motion[:, 1],
    }
    copies |= {"still": np.full(N_SCANS, 0.3), "zero": np.zeros(N_SCANS)}
    yield "dependent confounds", ([review(paradigm(jittered("a", 1, 2.0), confounds=copies))], MODEL, None)
    twins = paradigm(jittered("a", 1, 2.0), replace(jittered("a", 1, 2.0), name="b"))
    either = contrast("a", 1, on=("a",)), contrast("b", 1, on=("b",)), contrast("a + b", 1, 1, on=("a", "b"))
    yield "dependent conditions", ([review(twins, *either)], MODEL, None)
    wave = np.cos(np.pi * 2 * (np.arange(N_SCANS) + 0.5) / N_SCANS)
    drifts = {"wave": wave + 1e-4 * noise(1)[:, 0], "line": wave + 0.01 * noise(2)[:, 0]}
    yield "filtered confounds", ([review(paradigm(jittered("a", 1, 2.0), confounds=drifts))], MODEL, None)
    outside = paradigm(events("late", [500, 600], 2), events("later", [700], 2), jittered("a", 1, 2.0))
    absent = contrast("late", 1, on=("late",)), contrast("absent", 1, on=("absent",))
    yield "events outside", ([review(outside, *absent)], MODEL, None)
    before = paradigm(events("early", [-30, -20], 2), jittered("a", 1, 2.0))
    yield "events before the run", ([review(before, backends=ALL)], MODEL, None)
    for backends in (ALL, ("spm", "nilearn"), ("fsl",)):
        crowded = review(paradigm(events("a", list(range(0, 230, 5)), 20)), backends=backends)
        yield f"events that overlap, {', '.join(backends)}", ([crowded], MODEL, None)
    behind = modulated(level, Modulator("rt", 5 + 0.5 * noise(2)[:9, 1]))
    yield "first modulator idle", ([review(paradigm(behind))], MODEL, None)
    yield "durations of nothing", ([timed([0] * 8, "run-1")], MODEL, None)
    other_hrf = replace(MODEL, nilearn=replace(MODEL.nilearn, hrf=Hrf("glover")))
    yield "durations of nothing, two responses", ([timed([0] * 8, "run-1", other_hrf)], other_hrf, None)
    yield (
        "some durations of nothing",
        ([timed([0, 2, 0, 3.5], "run-1"), timed([2.0] * 8, "run-2")], MODEL, None),
    )
    yield "durations of nothing in a run", ([timed([0] * 4, "run-1"), timed([2.0] * 4, "run-2")], MODEL, None)
    yield "short events", ([review(paradigm(jittered("a", 1, 0.5), jittered("b", 2, 0.9)))], MODEL, None)
    fine = replace(MODEL, spm=SpmSettings(microtime_resolution=8))
    yield "short events, coarse bins", ([review(paradigm(jittered("a", 1, 1.5)), model=fine)], fine, None)
    yield (
        "few events",
        (
            [
                review(
                    paradigm(events("a", [20, 70, 150], 2), events("b", [40, 110], 3), jittered("c", 3, 2.0))
                )
            ],
            MODEL,
            None,
        ),
    )
    for cutoff in (128.0, np.inf):
        impulse = replace(MODEL, high_pass=cutoff)
        runs = [review(paradigm(jittered("a", 1), jittered("b", 2, 2.0)), model=impulse, backends=("afni",))]
        yield f"AFNI with {cutoff:g} s", (runs, impulse, None)
    uneven = paradigm(Condition("a", 30.0 * np.arange(8), np.array([2.0, 6] * 4)), jittered("b", 2))
    for response in (None, {"trial_type.a": "GAM", "trial_type.b": "SPMG1"}):
        afni = replace(MODEL, afni=AfniSettings(response_model=response))
        yield f"AFNI with {response}", ([review(uneven, model=afni, backends=("afni",))], afni, None)
    sound = [review(paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0)))]
    bad = replace(SOUND, n_constant=70, n_zero=60, n_not_finite=1234, n_low=40, bright=12.3456, brightest=7)
    lost = replace(SOUND, label="run-2", median_mean=0.0234, mean_to_deviation=0.0123, n_not_finite=3)
    masks = MaskLoss("a_mask.nii.gz", 0.42, False), MaskLoss("b_mask.nii.gz", 0.8, True)
    for backends in (("spm", "nilearn"), ("spm",), ("nilearn",), ("afni", "fsl")):
        for smoothed in (False, True):
            for runs in ((bad,), (bad, lost)):
                data = DataReview(runs, 70, smoothed, backends, dict.fromkeys(backends, 8), 5, masks)
                yield f"data of {len(runs)} for {backends}{', smoothed' * smoothed}", (sound, MODEL, data)
    scaled = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=(0, 1)))
    alone = DataReview((replace(bad, n_zero=0),), 7, False, ("nilearn",), {}, 0, (masks[1],))
    yield "data scaled together", (sound, scaled, alone)
    moved = (MaskLoss("a_mask.nii.gz", 1.0, False, moved=True),)
    for backends in (("spm", "nilearn"), ("fsl",)):
        elsewhere = DataReview((SOUND,), 0, False, backends, {}, 0, moved)
        yield f"mask on another grid for {backends}", (sound, MODEL, elsewhere)


def shown() -> str:
    """All findings of all cases."""
    lines = []
    for name, (runs, model, data) in cases():
        lines.append(f"== {name}")
        for found in findings(runs, model, data):
            lines.append(f"{found.severity} {found.code}: {found.title}")
            lines += [f"  {found.text}", f"  {found.remedy}"]
            about = ", ".join(found.columns), ", ".join(found.backends), ", ".join(found.runs)
            lines.append(f"  [{'; '.join(about)}; {found.size:.3g}]")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    APPROVED.parent.mkdir(parents=True, exist_ok=True)
    APPROVED.write_text(shown(), encoding="utf-8")
