"""Comparison of two analyses: arrays in, records out."""
