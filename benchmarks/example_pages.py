"""Pages for the site's gallery beside those of the demo: ``python benchmarks/example_pages.py DEMO_DIR``.

DEMO_DIR is a finished demo data set (``make demo``). Its ``derivatives/maps`` gets the page of two
maps, ``derivatives/check`` that of the check which the tutorial on own analyses makes.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.check.test_tutorial import blocks, study  # noqa: E402

FUNC = Path("derivatives/bidsglm/sub-01/func")
MAP = "sub-01_task-tapping_space-MNI152NLin2009cAsym_contrast-movement_stat-t_desc-{}_statmap.nii.gz"


def bidsglm(arguments: list[str]) -> None:
    """Run the program as a process of its own: its pages name the command line."""
    subprocess.run([sys.executable, "-m", "bidsglm", *arguments], check=True)


def main(demo: Path) -> None:
    """Write both pages, with short names of files in them."""
    target = (demo / "derivatives").resolve()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("spm", "nilearn"):
            shutil.copyfile(demo / FUNC / MAP.format(name), place / f"{name}_t.nii.gz")
        study(place / "study")
        (script,) = blocks("python")
        (place / "study" / "nilearn" / "first_level.py").write_text(script)
        with contextlib.chdir(place / "study"):
            exec(compile(script, "first_level.py", "exec"), {})
        with contextlib.chdir(place):
            bidsglm(["maps", "spm_t.nii.gz", "nilearn_t.nii.gz", "maps", "--labels", "SPM", "nilearn"])
            words = ["--spm", "study/spm", "--nilearn", "study/nilearn", "--scans", "study"]
            bidsglm(["check", "check", *words])
        for name in ("maps", "check"):
            shutil.copytree(place / name, target / name, dirs_exist_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
