"""One participant on several cores: the files of one core, bit for bit, and no core more than asked for."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.process import cores
from tests import tiny
from tests.execution.test_interrupted import contents

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture(autouse=True)
def one_core_afterwards() -> Iterator[None]:
    yield
    cores.use_cores(1)


def in_blocks(monkeypatch: pytest.MonkeyPatch, n_voxels: int) -> None:
    """Let so few voxels of the two runs be worked on at a time that there is work for several."""
    n_values = n_voxels * 2 * tiny.N_SCANS
    monkeypatch.setattr("bidsglm.backends.spm12_scans.LEAST", 1)
    for place in (
        "backends.spm12_scans.CHUNK_VALUES",
        "backends.afni_glm.CHUNK_VALUES",
        "unit.explanation.PIECE_VALUES",
        "unit.explanation.CHUNK_VALUES",
    ):
        monkeypatch.setattr(f"bidsglm.{place}", n_values)


@pytest.mark.parametrize("options", [("--backends", "all"), ("--no-attribution",)])
def test_files_are_those_of_one_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",), runs=("run-1", "run-2"))
    in_blocks(monkeypatch, 100)
    most, start = [1], cores._start

    def counted(work: object) -> threading.Thread | None:
        thread = start(work)  # type: ignore[arg-type]
        most.append(len([each for each in threading.enumerate() if each.name.startswith(cores.NAME)]) + 1)
        return thread

    monkeypatch.setattr(cores, "_start", counted)
    found = []
    for n_procs, expected in ((1, 1), (2, 2)):
        out, most[:] = tmp_path / f"on{n_procs}", [1]
        words = [str(study), str(out), "participant", "-q", "--n-procs", str(n_procs), *options]
        assert main(words) == 0
        # the same content is not always compressed to the same bytes
        made = contents(out).items()
        found.append({n: gzip.decompress(c) if n.endswith(".gz") else c for n, c in made})
        assert max(most) >= expected
        assert n_procs > 1 or max(most) == 1
    assert found[0] == found[1]


def test_cores_are_given_back_after_the_last_participant(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",), runs=("run-1",))
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--omp-nthreads", "2"]
    assert main([*command, "--backends", "spm"]) == 0
    with cores.aside(threading.current_thread) as found:
        assert found() is threading.current_thread()
