"""Which modelling step makes which part of the difference between two packages: arrays in, records out."""
