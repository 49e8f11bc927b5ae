"""A contrast of a unit or of a group: its figures written, and what both pages show of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.outputs.group_form import GroupContrastForm
from bidsglm.outputs.names import write_bytes
from bidsglm.outputs.schema import Row
from bidsglm.outputs.summary_form import ContrastForm
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.process.cores import begun
from bidsglm.report.cluster_tables import ClusterReport
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.figures import contrast_figures, pair_figures
from bidsglm.report.page_contrast import PageContrast
from bidsglm.report.pair_matrix import pair_matrices
from bidsglm.report.peaks import glass_figure, peak_figure, thumbnail
from bidsglm.report.volumes import Scene, held


def written(figure: Figure, folder: Path, prefix: str) -> Figure:
    """Write a figure into the folder and hand it on.

    Raises
    ------
    ReadWriteError
        When it cannot be written.
    """
    write_bytes(folder / f"{prefix}_{figure.name}", figure.content)
    return figure


class Drawn(NamedTuple):
    """What the contrasts of a unit, or of a group, share: where their figures go, and their viewer."""

    folder: Path
    """Where the figures go"""
    prefix: str
    """Start of the figures' names"""
    behind: Scene
    stride: int
    """See `thinning.stride`."""
    pairs: tuple[Pair, ...]
    """What is compared; nothing with a single package"""

    def written(self, *figures: Figure) -> tuple[Figure, ...]:
        """Write figures and hand them on."""
        return tuple(written(figure, self.folder, self.prefix) for figure in figures)

    def of_pair(self, images: ContrastImages, pair: Pair) -> tuple[Figure, ...]:
        """Figures of two packages alone; none where there are no others."""
        return self.written(*pair_figures(images.of_pair(pair))) if len(self.pairs) > 1 else ()

    def contrast(
        self,
        form: ContrastForm | GroupContrastForm,
        definition: str,
        images: ContrastImages,
        clusters: Sequence[ClusterReport],
        every_pair: Sequence[Row],
    ) -> PageContrast:
        """All that is said of a contrast whichever pair is looked at.

        Parameters
        ----------
        form
            From the summary.
        definition
            What was tested, in words.
        images
            Its maps.
        clusters
            Of each package.
        every_pair
            Rows of the table of every package with every other.
        """
        thresholds = form["thresholds"]
        # the last contrast of a page leaves cores idle
        volumes = begun(lambda: held(images, self.behind, thresholds, self.stride))
        return PageContrast(
            images.name,
            images.label,
            definition,
            form["test"],
            {backend: tuple(dof) for backend, dof in form["dof"].items()},
            figures=self.written(glass_figure(images, thresholds), *contrast_figures(images)),
            clusters=tuple(clusters),
            volumes=volumes(),
            thumbnail=thumbnail(images),
            peak=written(peak_figure(images), self.folder, self.prefix),
            pair=next(iter(self.pairs), DEFAULT_PAIR),
            matrices=pair_matrices(every_pair, images.effect_units) if len(self.pairs) > 1 else (),
        )
