"""A group in which something is amiss: one on another grid, two participants, options of the other level."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from tests.finished import AFFINE, NAME, effects, read_rows, write_group, write_participant

pytestmark = pytest.mark.usefixtures("plain_figures")

OTHER_GRID = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.mark.parametrize("odd", ["01", "03"])
def test_participant_on_another_grid_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], odd: str
) -> None:
    bids, out = write_group(tmp_path, 4)
    write_participant(out, odd, {"go": effects(7, shape=(10, 11, 9))}, affine=OTHER_GRID)
    assert main([str(bids), str(out), "group"]) == 65
    said = capsys.readouterr().err
    assert f"sub-{odd}_{NAME}_contrast-go_stat-effect_desc-spm_statmap.nii.gz: its grid differs" in said
    rows = read_rows(out / "group" / f"{NAME}_contrast-go_design.tsv")
    assert [row["participant_id"] for row in rows] == [
        f"sub-{label}" for label in ("01", "02", "03", "04") if label != odd
    ]
    t = nib.load(out / "group" / f"{NAME}_contrast-go_stat-t_desc-spm_statmap.nii.gz")
    np.testing.assert_allclose(t.affine, AFFINE)
    assert f"sub-{odd} is not in these maps: " in (out / "group.html").read_text()


@pytest.mark.parametrize("option", [["--calibrate", "3"], ["--export-code"]])
def test_option_of_the_participant_level_is_refused_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    bids, out = write_group(tmp_path, 2)
    assert main([str(bids), str(out), "group", *option]) == 64
    said = capsys.readouterr().err
    assert f"{option[0]} does nothing at the group level; give it to the participant level" in said


def test_two_participants_have_maps_and_no_smoothness_which_is_said(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 2)
    assert main([str(bids), str(out), "group", "-q"]) == 0
    page = (out / "group.html").read_text()
    assert "the smoothness of the field cannot be estimated" in page
