"""SPM12 first-level numerics, re-implemented from equations: arrays in, arrays out."""
