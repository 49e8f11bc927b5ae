"""bidsglm: SPM12 and nilearn first-level GLMs compared on the same BIDS data."""

__version__ = "0.1.0"
