"""A participant in a process of its own: one thread of BLAS, the cores that were asked for, one answer."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm.execution.child import Request
from bidsglm.settings import Settings

SCRIPT = """
import os
from bidsglm import participant
from bidsglm.execution import child
from bidsglm.process import cores

def said(settings, label, units):
    print("a library's words")
    return label, os.environ["OMP_NUM_THREADS"], 1 + cores._Cores.idle._value

participant.run_participant = said
child.main()
"""


@pytest.mark.parametrize(("asked", "given"), [(None, 1), (3, 3)])
def test_a_child_has_one_thread_of_blas_and_the_cores_asked_for(
    tmp_path: Path, asked: int | None, given: int
) -> None:
    bids, out, work = (tmp_path / name for name in ("bids", "out", "work"))
    for folder in (bids, out, work):
        folder.mkdir()
    settings = Settings(bids, out, "participant", work_dir=work, omp_nthreads=asked)
    request = pickle.dumps(Request(settings, "01", tmp_path, tmp_path))
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=-1, stdout=-1) as process:
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.flush()
        assert process.stdout is not None
        assert pickle.loads(process.stdout.read()) == ("01", "1", given)
