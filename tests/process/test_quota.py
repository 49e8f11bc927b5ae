"""The share of the cores' time that control groups leave: made-up files of both versions."""

import math
import os
from pathlib import Path

import pytest

from bidsglm.process import quota
from bidsglm.process.cores import available_cores
from bidsglm.process.quota import cpu_quota


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mount without any group."""
    monkeypatch.setattr(quota, "MOUNT", tmp_path / "cgroup")
    monkeypatch.setattr(quota, "MEMBERSHIP", tmp_path / "membership")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_control_groups_there_is_no_bound(groups: Path) -> None:
    assert cpu_quota() == math.inf


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("250000 100000\n", 2.5),
        ("50000 100000\n", 0.5),
        ("max 100000\n", math.inf),
        ("max\n", math.inf),
        ("", math.inf),
        ("0 100000\n", math.inf),
        ("100000 0\n", math.inf),
        ("-1 100000\n", math.inf),
        ("many of them\n", math.inf),
        ("100000 100000 100000\n", math.inf),
    ],
)
def test_a_container_of_the_second_version_sees_its_bound_at_the_mount(
    groups: Path, text: str, cores: float
) -> None:
    write(groups / "cgroup/cpu.max", text)
    write(groups / "membership", "0::/\n")
    assert cpu_quota() == cores


@pytest.mark.parametrize(("microseconds", "cores"), [("300000", 3.0), ("-1", math.inf), ("", math.inf)])
@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_a_container_of_the_first_version(groups: Path, folder: str, microseconds: str, cores: float) -> None:
    write(groups / "cgroup" / folder / "cpu.cfs_quota_us", f"{microseconds}\n")
    write(groups / "cgroup" / folder / "cpu.cfs_period_us", "100000\n")
    # the path is that of the host, which the container does not see
    write(groups / "membership", "5:memory:/docker/1234\n4:cpu,cpuacct:/docker/1234\n0::/system.slice\n")
    assert cpu_quota() == cores


@pytest.mark.parametrize("prefix", ["", "cpu,cpuacct"])
def test_the_narrowest_group_above_a_process_counts(groups: Path, prefix: str) -> None:
    mount = groups / "cgroup" / prefix
    write(groups / "membership", f"1:{prefix}:/slurm/job_7/step_0\n")

    def bound(place: str, cores: int) -> None:
        if prefix:
            write(mount / place / "cpu.cfs_quota_us", str(cores * 50_000))
            write(mount / place / "cpu.cfs_period_us", "50000")
        else:
            write(mount / place / "cpu.max", f"{cores * 50_000} 50000\n")

    bound("slurm/job_7/step_0", 8)
    assert cpu_quota() == 8
    bound("slurm", 3)
    assert cpu_quota() == 3
    bound("slurm/job_7", 2)
    bound("slurm/job_8", 1)
    assert cpu_quota() == 2


def test_other_controllers_and_paths_outside_the_mount_do_not_count(groups: Path) -> None:
    write(groups / "cgroup/memory/job/cpu.max", "100000 100000")
    write(groups / "elsewhere/cpu.max", "100000 100000")
    write(groups / "membership", "3:memory:/job\n0::/../elsewhere\nnothing of the kind\n")
    assert cpu_quota() == math.inf


def test_files_that_are_not_text_do_not_count(groups: Path) -> None:
    (groups / "cgroup").mkdir()
    (groups / "cgroup/cpu.max").write_bytes(b"\xff\xfe 100000")
    (groups / "membership").mkdir()
    assert cpu_quota() == math.inf


@pytest.mark.parametrize(
    ("bound", "cores"), [("max", 4), ("900000", 4), ("299999", 2), ("100000", 1), ("10000", 1)]
)
def test_cores_to_be_used_are_those_of_the_quota_and_at_least_one(
    groups: Path, monkeypatch: pytest.MonkeyPatch, bound: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5}, raising=False)
    write(groups / "cgroup/cpu.max", f"{bound} 100000\n")
    assert available_cores() == cores
