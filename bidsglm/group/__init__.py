"""The group level: what the participants' runs left, together."""

from bidsglm.group.level import run_group

__all__ = ["run_group"]
