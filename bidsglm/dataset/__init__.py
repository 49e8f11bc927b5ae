"""A BIDS data set on disk: runs, events, confounds, masks and images."""
