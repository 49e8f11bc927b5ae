"""The demo: a synthetic data set, and the command that writes and analyses it."""
