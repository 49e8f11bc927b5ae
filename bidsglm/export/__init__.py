"""Code to take away: scripts of each package that give a unit's maps without bidsglm."""
