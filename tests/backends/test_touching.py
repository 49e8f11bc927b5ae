"""Which voxels are of one cluster: as the table of packages tells the pages, by each package's own code."""

from types import SimpleNamespace

import numpy as np
import pytest

from bidsglm.backends import BACKENDS
from bidsglm.data import GroupDesign, Volume
from bidsglm.model import ContrastSpecification
from bidsglm.packages import PACKAGES
from bidsglm.report.rendering import environment

STEPS = {"face": (1, 0, 0), "edge": (1, 1, 0), "corner": (1, 1, 1)}
N_SUBJECTS, SHAPE, PLACE = 24, (10, 10, 10), (4, 4, 4)
MEAN = ContrastSpecification("mean", "mean", ("mean",), np.ones((1, 1)))


def cluster_sizes(package: str, step: tuple[int, int, int]) -> list[int]:
    """Clusters of a group in whose maps two voxels respond, a step apart."""
    effects = np.random.default_rng(0).standard_normal((N_SUBJECTS, *SHAPE))
    for voxel in (PLACE, tuple(np.add(PLACE, step))):
        effects[(slice(None), *voxel)] += 20
    volume = Volume(SHAPE, np.diag([3.0, 3, 3, 1]), np.ones(SHAPE, dtype=bool))
    images = effects.reshape(N_SUBJECTS, -1)
    design = GroupDesign(("mean",), np.ones((N_SUBJECTS, 1)))
    found = BACKENDS[package].second_level(images, design, [MEAN], volume).inference.contrasts[0]
    rows = [row for row in found.clusters if row["survives_fwe05"]]
    return [int(row["cluster_voxels"]) for row in rows if row["cluster_voxels"] != "n/a"]


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("step", STEPS)
def test_voxels_are_of_one_cluster_as_the_page_says(package: str, step: str) -> None:
    row = PACKAGES[package]
    together = {"face": True, "edge": row.edges_touch, "corner": row.corners_touch}[step]
    assert max(cluster_sizes(package, STEPS[step])) == (2 if together else 1)


@pytest.mark.parametrize("package", PACKAGES)
def test_columns_say_the_same_as_the_page(package: str) -> None:
    said = BACKENDS[package].CLUSTERS["cluster_voxels"].description
    row = PACKAGES[package]
    assert [word in said for word in STEPS] == [True, row.edges_touch, row.corners_touch]
    template = environment().from_string(
        '{% import "clusters.html" as clusters %}{{ clusters.facts(report) }}'
    )
    page = template.render(report=SimpleNamespace(backend=package, thresholds={}, fwhm_mm=None))
    assert [word in page for word in STEPS] == [True, row.edges_touch, row.corners_touch]
