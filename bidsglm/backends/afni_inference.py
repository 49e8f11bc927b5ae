"""What AFNI calls significant in fitted contrasts, and its second level, on arrays.

Voxels with p < 0.001 form clusters that touch by faces (``3dClusterize -NN 1``), one row each. The false
discovery rate is that of Benjamini and Hochberg, as in ``3dFDR``. AFNI corrects clusters by simulating noise
(3dClustSim), which is not made here: the familywise threshold is Bonferroni's.
"""

from collections.abc import Sequence

from bidsglm.backends import nilearn_corrected, nilearn_inference
from bidsglm.backends.records import VOXEL_RULES, ContrastInference, Corrected, Inference, SecondLevel
from bidsglm.backends.z_inference import z_clusters
from bidsglm.data import ContrastMaps, GroupDesign, Images, Volume
from bidsglm.model import ContrastSpecification, Mask

CLUSTERS = z_clusters(
    "afni",
    "standard normal quantile that belongs to peak_p",
    "face (NN1)",
    "whether the peak's q (Benjamini and Hochberg) is at most 0.05",
)
NO_SIMULATION = "Extents are not corrected: 3dClustSim's simulations are not made"


def infer(maps: Sequence[ContrastMaps], mask: Mask, volume: Volume, two_sided: bool = False) -> Inference:
    """Return thresholds and cluster tables of some contrasts.

    Parameters
    ----------
    maps
        Over the columns of the volume.
    mask
        (n_voxels,)
    volume
        The grid.
    two_sided
        Whether each tail of t has half of a threshold's error.
    """
    # Heights of z, Bonferroni's, Benjamini's and clusters by faces are the same in nilearn: only peaks differ
    found = nilearn_inference.infer(maps, mask, volume, two_sided)
    return found._replace(contrasts=tuple(map(_one_peak_each, found.contrasts)))


def _one_peak_each(found: ContrastInference) -> ContrastInference:
    """Keep the highest peak of each cluster, as 3dClusterize's table does."""
    rows = tuple(row for row in found.clusters if str(row["cluster_id"]).isdigit())
    left = {key: fact for key, fact in found.facts.items() if key != "PeakDistance"}
    facts = {**left, "PeaksPerCluster": 1, "ExtentControl": NO_SIMULATION}
    return ContrastInference(found.thresholds, rows, facts)


def second_level(
    images: Images,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    volume: Volume,
    mask: Mask | None = None,
) -> SecondLevel:
    """Test contrasts over subjects by ordinary least squares with one variance, as 3dttest++ does."""
    found = nilearn_inference.second_level(images, design, contrasts, volume, mask)
    return found._replace(inference=infer(found.maps, found.mask, volume, design.two_sided))


def corrected(
    maps: ContrastMaps, found: ContrastInference, mask: Mask, volume: Volume, two_sided: bool
) -> tuple[Corrected, ...]:
    """Find what survives Bonferroni's and Benjamini's corrections in the map of a contrast."""
    same = nilearn_corrected.corrected(maps, found, mask, volume, two_sided)
    return tuple(each for each in same if each.inference in VOXEL_RULES)
