"""Code to take away: an SPM12 batch and a nilearn script that give a unit's maps without bidsglm."""
