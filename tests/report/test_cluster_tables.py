from dataclasses import replace

import pytest

from bidsglm.report.cluster_tables import ROWS, ClusterReport
from bidsglm.report.html import participant_page
from tests.report.records import contrast_report, participant_report

ROW = {
    "cluster_id": "1",
    "x_mm": -7.5,
    "y_mm": 0.0,
    "z_mm": 12.0,
    "stat": 6.7087,
    "z": 6.374,
    "peak_p": 9.2e-11,
    "cluster_voxels": 1250,
    "survives_fwe05": True,
}


def page(rows: tuple[dict, ...], fwhm: tuple[float, ...] = ()) -> str:
    thresholds = {"p001": 3.13, "fdr05": None, "fwe05": 4.04}
    report = ClusterReport("nilearn", "t", thresholds, fwhm, rows, "sub-01/func/x_clusters.tsv")
    return participant_page(participant_report(replace(contrast_report(), clusters=(report,))))


def test_peaks_stand_on_the_page_with_their_file_and_thresholds():
    text = page((ROW, ROW | {"cluster_id": "1a", "stat": 5.9}), (5.3, 5.4, 5.4))
    assert "1 cluster at p" in text
    assert 'href="sub-01/func/x_clusters.tsv"' in text
    assert "FDR 0.05: none; FWE 0.05: t &gt; 4.04; smoothness 5.3 × 5.4 × 5.4 mm FWHM" in text
    for cell in ("6.709", "1,250", "−7.5", ">yes<"):
        assert cell in text
    assert "cluster p FWE" not in text


def test_only_the_first_rows_stand_on_the_page():
    text = page(tuple(ROW | {"cluster_id": str(i), "stat": 1000.0 + i} for i in range(1, ROWS + 6)))
    assert f"{ROWS + 5} clusters" in text
    assert f"all {ROWS + 5} peaks" in text
    assert text.count(">1,250<") == ROWS


@pytest.mark.parametrize("fwhm", [(), (5.0, 5.0, 5.0)])
def test_page_says_where_no_voxel_is_significant(fwhm):
    assert "nilearn: no voxel passes p &lt; 0.001" in page((), fwhm)
