"""BIDS data sets in and out."""
