"""Small git repositories for tests, whatever the settings of who runs them."""

import subprocess
from pathlib import Path

OURS = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}
"""An environment without settings of git."""


def git(folder: Path, *words: str) -> None:
    """Run a command of git in a folder."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", folder, *who, *words], env=OURS, check=True, capture_output=True)
