"""FSL's first-level numerics, implemented from published equations: arrays in, arrays out."""
