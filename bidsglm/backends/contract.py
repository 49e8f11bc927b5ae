"""What every package's module has, so that the rest of the program need not know which one it is.

The functions are called in this order: `check` when the model is read, `designs` and `check_designs` when the
tables are, then `mask_from`, `estimate`, `usable_runs`, `contrast` and `inference` with the images in memory.

What their arguments are stands here and not in the modules: `series`, `paradigms` and `designs` are of each
run, `volume` says where the columns of the data stand on the grid, and a mask is (n_voxels,) over them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bidsglm.backends.records import ContrastInference, Corrected, Inference, SecondLevel
from bidsglm.data import ContrastMaps, DesignMatrix, GroupDesign, Images, Paradigm, TimeSeries, Volume
from bidsglm.model import ContrastSpecification, Floats, Mask, ModelSpecification
from bidsglm.outputs.schema import Schema


class Backend(Protocol):
    """A package's module."""

    NAME: str
    """As in the table of packages"""
    CLUSTERS: Schema
    """How it lists the clusters of a map"""

    def check(self, model: ModelSpecification) -> None:
        """Refuse what the package cannot express, before anything is fitted (DataError)."""
        ...

    def settings_in_words(
        self, model: ModelSpecification, paradigms: Sequence[Paradigm]
    ) -> Mapping[str, str]:
        """Say what the package does with a model, by the names of `phrases.SETTINGS`."""
        ...

    def methods_text(self, model: ModelSpecification, n_runs: int) -> str:
        """Write the paragraph of a paper's methods."""
        ...

    def effect_unit(self, model: ModelSpecification) -> str:
        """Name the unit of the effect maps."""
        ...

    def one_percent(
        self, series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
    ) -> list[Floats]:
        """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run; so are the means."""
        ...

    def software(self) -> dict[str, str]:
        """Name the package and its version, as sidecars give them."""
        ...

    def with_noise_model(self, model: ModelSpecification, noise_model: str) -> ModelSpecification:
        """Return the model with another noise model for this package, for many fits of the same designs."""
        ...

    def column_names(
        self, paradigms: Sequence[Paradigm], model: ModelSpecification
    ) -> tuple[tuple[str, ...], ...] | None:
        """Name the regressors of every run without making them.

        None where only `designs` and `check_designs` can tell whether they can be made and fitted.
        """
        ...

    def designs(self, paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
        """Make the design matrix of every run."""
        ...

    def check_designs(self, designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
        """Refuse designs that leave no degrees of freedom (DataError)."""
        ...

    def mask_from(
        self,
        series: Sequence[TimeSeries],
        candidates: Mask,
        model: ModelSpecification,
        volume: Volume | None = None,
    ) -> Mask:
        """Find the voxels that the package would analyse, (n_voxels,).

        The candidates are the voxels within the mask files, or within the package's own mask.
        """
        ...

    def estimate(
        self,
        designs: Sequence[DesignMatrix],
        series: Sequence[TimeSeries],
        mask: Mask,
        model: ModelSpecification,
        volume: Volume | None = None,
        contrasts: Sequence[ContrastSpecification] = (),
    ) -> Any:
        """Fit all runs; what comes back is an `Estimate`, and goes into the functions below.

        The volume says where the columns stand, for packages that smooth among voxels; None where they are no
        neighbours. The contrasts are those that may be asked of the estimate, for packages that need them
        while the data are in memory.
        """
        ...

    def usable_runs(self, estimate: Any, contrast: ContrastSpecification) -> tuple[int, ...]:
        """Find the runs in which a contrast can be estimated."""
        ...

    def contrast(self, estimate: Any, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
        """Make the maps of a contrast over regressor names, the mean over some runs, at least one.

        Redundant rows of an F contrast are left out.
        """
        ...

    def inference(
        self,
        estimate: Any,
        series: Sequence[TimeSeries],
        maps: Sequence[ContrastMaps],
        volume: Volume,
        model: ModelSpecification,
    ) -> Inference:
        """Find thresholds and clusters of the maps, two-sided where the model says so."""
        ...

    def second_level(
        self,
        images: Images,
        design: GroupDesign,
        contrasts: Sequence[ContrastSpecification],
        volume: Volume,
        mask: Mask | None = None,
    ) -> SecondLevel:
        """Fit a group's effect maps.

        Parameters
        ----------
        images
            (n_subjects, n_voxels) effects of one first-level contrast; a voxel that is missing in any subject
            is left out.
        design
            Of the subjects.
        contrasts
            Over its columns.
        volume
            The grid.
        mask
            (n_voxels,) where to look at all

        Raises
        ------
        DataError
            If there are too few subjects, no voxel has data in all of them or a contrast cannot be estimated.
        """
        ...

    def corrected(
        self,
        maps: ContrastMaps,
        found: ContrastInference,
        mask: Mask,
        volume: Volume,
        two_sided: bool,
    ) -> tuple[Corrected, ...]:
        """Find what survives the package's corrections in the map of a contrast, of which this was found.

        In a two-sided test each tail has half of the error.
        """
        ...
