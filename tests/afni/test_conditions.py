"""Which response model stands for a condition: by notation, by HRF, by durations."""

import numpy as np
import pytest

from bidsglm.afni.conditions import (
    KEY,
    ConditionResponse,
    check_responses,
    condition_responses,
    counted_events,
    deviations,
    same_duration,
)
from bidsglm.data import Condition, Paradigm
from bidsglm.errors import DataError, FaultyModelError, UnsupportedModelError
from bidsglm.model import AfniSettings, Hrf, ModelSpecification

TR, N_SCANS = 2.0, 60
BY_DURATION = AfniSettings(by_duration=True)


def events(name: str, durations: list[float], first: float = 4.0, step: float = 10.0) -> Condition:
    onsets = first + step * np.arange(len(durations))
    return Condition(name, onsets, np.array(durations, dtype=float))


def paradigm(*conditions: Condition, start_time: float | None = None) -> Paradigm:
    return Paradigm(TR, N_SCANS, start_time, conditions, (), np.zeros((N_SCANS, 0)))


def chosen(
    *conditions: Condition, hrf: Hrf | None = None, afni: AfniSettings | None = None
) -> dict[str, ConditionResponse]:
    model = ModelSpecification("m", (), hrf=hrf or Hrf(), afni=afni or AfniSettings())
    return condition_responses([paradigm(*conditions)], model)


def notation(*conditions: Condition, hrf: Hrf | None = None, afni: AfniSettings | None = None) -> str:
    return chosen(*conditions, hrf=hrf, afni=afni)["trial_type.go"].notation


@pytest.mark.parametrize(
    ("hrf", "durations", "wanted", "suffixes"),
    [
        (Hrf(), [0, 0], "SPMG1", ("",)),
        (Hrf(), [3, 3.0009], "SPMG1(3)", ("",)),
        (Hrf("spm", True), [3, 3], "SPMG2(3)", ("", "_derivative")),
        (Hrf("spm", True, True), [0, 0], "SPMG3", ("", "_derivative", "_dispersion")),
        (Hrf(), [3, 4], "dmUBLOCK", ("",)),
        (Hrf("fir", length=8, order=4), [0, 0], "TENT(0,6,4)", tuple(f"_delay_{i}" for i in range(4))),
        (Hrf("fir", fir_delays=(2, 3, 4)), [0, 0], "TENT(4,8,3)", ("_delay_2", "_delay_3", "_delay_4")),
    ],
)
def test_hrf_decides_with_the_duration_of_the_events(
    hrf: Hrf, durations: list[float], wanted: str, suffixes: tuple[str, ...]
) -> None:
    found = chosen(events("go", durations), hrf=hrf)["trial_type.go"]
    assert (found.notation, found.suffixes) == (wanted, suffixes)
    assert bool(found.deviates) == (wanted == "dmUBLOCK")


@pytest.mark.parametrize(
    ("durations", "others", "wanted"),
    [
        ([0, 0], [9, 9], "GAM"),
        ([5, 5], [9, 9], "BLOCK(5,1)"),
        # the median over the events of all conditions: 4, 6, 9 and 10
        ([4, 6], [9, 10], "dmUBLOCK(-7.5)"),
        ([4.0001, 6.0001], [7.00049], "dmUBLOCK(-6)"),
        # events of less than a second count too
        ([0.5, 3], [0.25, 0.25], "dmUBLOCK(-0.375)"),
        ([0.4, 0.6], [0.4, 0.6], "dmUBLOCK(-0.5)"),
    ],
)
def test_durations_decide_as_users_of_afni_proc_do(
    durations: list[float], others: list[float], wanted: str
) -> None:
    impulses = events("look", [0, 0, 0])
    assert notation(events("go", durations), events("stop", others), impulses, afni=BY_DURATION) == wanted


def test_a_notation_is_for_all_or_for_the_condition_that_is_named() -> None:
    both = chosen(events("go", [3, 4]), events("stop", [0]), afni=AfniSettings(response_model="TENT(0,10,3)"))
    assert {each.notation for each in both.values()} == {"TENT(0,10,3)"}
    assert both["trial_type.go"].suffixes == ("_delay_0", "_delay_1", "_delay_2")
    one = chosen(events("go", [3, 3]), events("stop", [0]), afni=AfniSettings(response_model={"stop": "GAM"}))
    assert [each.notation for each in one.values()] == ["SPMG1(3)", "GAM"]
    assert not any(deviations(one))


@pytest.mark.parametrize(
    ("afni", "hrf", "durations", "said"),
    [
        (AfniSettings(), Hrf("spm", True), [3, 4], "SPMG2 has one duration for all events"),
        (AfniSettings(), Hrf(), [0, 4], "some of its events have a duration and others have none"),
        (BY_DURATION, Hrf(), [0, 4], "some of its events have a duration and others have none"),
        (AfniSettings(), Hrf("glover"), [0], "no glover response functions"),
        (AfniSettings(), Hrf("fir", fir_delays=(0, 2)), [0], "two or more FIR bins in a row"),
        (AfniSettings(), Hrf("fir", fir_delays=(3,)), [0], "two or more FIR bins in a row"),
        (AfniSettings(), Hrf("fir", length=8, order=4), [1], "only for events without duration"),
        (AfniSettings(), Hrf("fir", length=9, order=4), [0], r"one TR \(2 s\), not 2.25 s"),
        (AfniSettings(), Hrf("fir", length=8, order=None), [0], r"one TR \(2 s\), not 8 s"),
    ],
)
def test_what_afni_has_no_form_for_is_refused_by_name(
    afni: AfniSettings, hrf: Hrf, durations: list[float], said: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"AFNI cannot express trial_type\.go: .*{said}"):
        chosen(events("go", durations), hrf=hrf, afni=afni)


@pytest.mark.parametrize(("off", "refused"), [(0.0009, False), (-0.0009, False), (0.0011, True), (1.0, True)])
def test_tents_need_events_that_begin_with_a_scan_to_a_millisecond(off: float, refused: bool) -> None:
    condition = events("go", [0, 0], 4 + off)
    if refused:
        with pytest.raises(UnsupportedModelError, match="begin with a scan"):
            notation(condition, hrf=Hrf("fir", length=4, order=2))
    else:
        assert notation(condition, hrf=Hrf("fir", length=4, order=2)) == "TENT(0,2,2)"


def test_a_response_by_duration_needs_durations() -> None:
    named = AfniSettings(response_model="dmBLOCK(1)")
    assert notation(events("go", [1, 2]), afni=named) == "dmBLOCK(1)"
    with pytest.raises(UnsupportedModelError, match=r"dmBLOCK\(1\) needs events that last longer than 0 s"):
        chosen(events("go", [1, 0]), afni=named)


def test_variables_that_are_no_events_are_refused() -> None:
    slow = Condition("go", np.zeros(2), np.ones(2), amplitudes=np.ones(2), continuous=True)
    with pytest.raises(
        UnsupportedModelError, match=r"convolves events only, and trial_type\.go is a continuous variable"
    ):
        chosen(slow)


def test_only_events_within_the_run_count_from_the_moment_that_a_scan_stands_for() -> None:
    # scans start at 0 ... 118 s and stand for a moment 1 s later
    condition = events("go", [3.0, 3.0, 3.0, 7.0], 0.5, 59.5)
    found = counted_events(condition, paradigm(condition, start_time=1.0))
    np.testing.assert_allclose(found, [[59.0, 3.0]])
    without = counted_events(condition, paradigm(condition))
    np.testing.assert_allclose(without[:, 0], [0.5, 60.0])
    # events that do not count have no say on durations
    assert notation(condition) == "SPMG1(3)"


@pytest.mark.parametrize(
    ("durations", "wanted"),
    [([], 0.0), ([2.0, 2.001], 2.0), ([2.0, 2.0011], None), ([0.0004, 0.0004], 0.0004), ([1.23456], 1.235)],
)
def test_durations_that_differ_by_a_millisecond_are_one(durations: list[float], wanted: float | None) -> None:
    assert same_duration(np.array(durations)) == wanted


def test_wrong_settings_are_refused_before_any_table_is_read() -> None:
    for afni in (AfniSettings(response_model="GAM(1)"), AfniSettings(response_model={"go": "GAM(1)"})):
        place = KEY if isinstance(afni.response_model, str) else f"{KEY}.go"
        with pytest.raises(FaultyModelError, match=rf"^{place}: the response model 'GAM\(1\)' takes"):
            check_responses(ModelSpecification("m", (), afni=afni))
    glover = ModelSpecification("m", (), hrf=Hrf("glover"))
    with pytest.raises(DataError, match="no glover response functions"):
        check_responses(glover)
    with pytest.raises(DataError, match="SPMG3"):
        check_responses(ModelSpecification("m", (), hrf=Hrf("spm", False, True)))
    for fine in (Hrf(), Hrf("spm", True, True), Hrf("fir", length=4, order=2)):
        check_responses(ModelSpecification("m", (), hrf=fine))
    # where the HRF has no say it is not looked at
    for afni in (BY_DURATION, AfniSettings(response_model="GAM")):
        check_responses(ModelSpecification("m", (), hrf=Hrf("glover"), afni=afni))


def test_deviations_name_the_conditions_that_share_them() -> None:
    found = chosen(events("go", [1, 2]), events("stop", [3, 3]), events("look", [1, 4]))
    (text,) = deviations(found)
    assert text.startswith("trial_type.go, trial_type.look: SPMG1 has one duration")


@pytest.mark.parametrize("order", [None, 1])
def test_a_single_bin_of_one_tr_is_no_set_of_tents(order: int | None) -> None:
    with pytest.raises(UnsupportedModelError, match="two or more FIR bins in a row"):
        notation(events("go", [0]), hrf=Hrf("fir", length=TR, order=order))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("off", "refused"), [(0.0009, False), (0.0011, True)])
def test_a_bin_lasts_one_tr_to_a_millisecond(off: float, refused: bool, sign: int) -> None:
    hrf = Hrf("fir", length=3 * (TR + sign * off), order=3)
    if refused:
        with pytest.raises(UnsupportedModelError, match="a FIR bin must last one TR"):
            notation(events("go", [0]), hrf=hrf)
    else:
        assert notation(events("go", [0]), hrf=hrf) == "TENT(0,4,3)"


@pytest.mark.parametrize(("delays", "wanted"), [((0, 1), "TENT(0,2,2)"), ((-1, 0, 1), "TENT(-2,2,3)")])
def test_two_bins_are_tents(delays: tuple[int, ...], wanted: str) -> None:
    assert notation(events("go", [0]), hrf=Hrf("fir", fir_delays=delays)) == wanted


@pytest.mark.parametrize("delays", [(1, 0), (0, 1, 3), (2, 2)])
def test_bins_that_are_not_in_a_row_are_no_tents(delays: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedModelError, match="two or more FIR bins in a row"):
        notation(events("go", [0]), hrf=Hrf("fir", fir_delays=delays))


def test_a_conditions_own_response_needs_no_word_on_the_others() -> None:
    found = chosen(
        events("go", [1, 2]), events("stop", [1, 2]), afni=AfniSettings(response_model={"stop": "GAM"})
    )
    assert [each.deviates != "" for each in found.values()] == [True, False]
    assert [*deviations(found)] == [
        "trial_type.go: SPMG1 has one duration for all events, and these differ: dmUBLOCK is used in its"
        " place"
    ]
