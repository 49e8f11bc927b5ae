"""The command `bidsglm model`: writes, explains and upgrades model files."""
