"""Noise for simulated runs, and what the rates of an analysis on them say: arrays in, records out."""
