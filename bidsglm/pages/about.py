"""What made a page, for its last section."""

import platform
import shlex
import sys
from datetime import datetime
from importlib.metadata import version

import bidsglm
from bidsglm.packages import LIBRARIES
from bidsglm.report.rendering import About


def about() -> About:
    """What made the page."""
    packages = {"Python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    command = shlex.join(["bidsglm", *sys.argv[1:]])
    return About(bidsglm.__version__, command, f"{datetime.now():%Y-%m-%d %H:%M}", packages)
