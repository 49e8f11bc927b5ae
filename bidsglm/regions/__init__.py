"""Regions of an atlas: their values in a unit, and what pages show of them."""
