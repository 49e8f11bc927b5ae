"""AFNI's first-level numerics (3dDeconvolve, 3dREMLfit), written from equations: arrays in, arrays out."""
