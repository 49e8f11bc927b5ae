"""The figures of a contrast: maps, and of two packages how their voxels go together."""

from collections.abc import Callable
from functools import partial

from bidsglm.process.cores import each
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.densities import bland_altman_figure, histogram_figure, scatter_figure
from bidsglm.report.drawing import Figure
from bidsglm.report.maps import maps_figure


def contrast_figures(images: ContrastImages) -> tuple[Figure, ...]:
    """All figures of a contrast: maps, and with two backends scatter, Bland-Altman plot and histogram.

    With more than two, `pair_figures` are those of a pair.
    """
    draw: list[Callable[[], Figure]] = [partial(maps_figure, images, stat) for stat in images.stats]
    if len(images.backends) == 2:
        draw += [partial(scatter_figure, images), partial(bland_altman_figure, images)]
    if len(images.backends) >= 2:
        draw.append(partial(histogram_figure, images))
    return tuple(each(lambda one: one(), draw))


def pair_figures(images: ContrastImages) -> tuple[Figure, ...]:
    """Figures of two packages: scatter and Bland-Altman plot."""
    return scatter_figure(images), bland_altman_figure(images)
