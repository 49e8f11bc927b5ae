"""The command line as a record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bidsglm.packages import DEFAULT_PACKAGES, REFERENCE


@dataclass(frozen=True)
class Settings:
    """The command line, resolved."""

    bids_dir: Path
    output_dir: Path
    level: Literal["participant", "group"]
    participant_labels: tuple[str, ...] = ()
    """Without prefix; empty means all, as for the other labels."""
    session_labels: tuple[str, ...] = ()
    task_labels: tuple[str, ...] = ()
    run_labels: tuple[str, ...] = ()
    space: tuple[str, ...] = ()
    drop_first: int = 0
    """Volumes that were cut at the start of every preprocessed run."""
    allow_trimmed: bool = False
    """Take a preprocessed series that is not the raw one as it is."""
    bids_filters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """pybids filters under the keys bold, mask, events, confounds."""
    derivatives: tuple[Path, ...] = ()
    model: Path | None = None
    backends: tuple[str, ...] = DEFAULT_PACKAGES
    reference: str = REFERENCE
    """Package that the others are compared with."""
    reference_asked: bool = False
    """Whether it was asked for, and is not just the default"""
    matching: Literal["matched", "native"] = "matched"
    hrf: str | None = None
    """Overrides of the automatic model; None leaves its default."""
    high_pass: float | None = None
    noise_model: str | None = None
    confounds: tuple[str, ...] | None = None
    mask_threshold: float | None = None
    contrasts: Literal["pairs", "others", "none"] | None = None
    smoothing_fwhm: float | None = None
    work_dir: Path | None = None
    n_procs: int | None = None
    """Cores for all participants in work; None for one participant after the other, on all cores."""
    omp_nthreads: int | None = None
    """Most cores of one participant; None for what the others leave."""
    mem: int | None = None
    """Bytes that all participants in work may take at once; on a cluster, on each worker."""
    scheduler: str | None = None
    """Address of a Dask scheduler."""
    scheduler_tls: tuple[Path, ...] | None = None
    """Files for an encrypted connection to it: certificate of the authority, own certificate, own key."""
    bids_database_dir: Path | None = None
    attribution: bool = True
    """Divide the difference among modelling steps."""
    export_code: bool = False
    """Write the fit as an SPM batch and as a nilearn script too."""
    atlas: Path | None = None
    """Labelled image whose regions get values of their own."""
    atlas_labels: Path | None = None
    """Names of its regions; None: a file beside the atlas where there is one."""
    underlay: Literal["bold", "t1w"] = "bold"
    """What pages lay the maps on."""
    calibrate: int | None = None
    """Simulated data sets without and with signal, for each noise model; None for no calibration."""
    skip_bids_validation: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    dry_run: bool = False
    stop_on_first_crash: bool = False
    overwrite: bool = False
    allow_mixed: bool = False
    """Group level: go on with the largest set of participants that were run alike."""
    permutations: int = 0
    """Group level: of nilearn's permutation test; 0 for none."""
    two_sided: bool = False
    """Whether thresholds are of both tails, each with half of the error."""
    random_seed: int = 0
    """Seed of everything drawn at random."""
    verbosity: int = 0

    @property
    def n_processes(self) -> int:
        """Processes at the same time, for participants or for the parts of one."""
        return self.n_procs or 1
