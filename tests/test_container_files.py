"""Dockerfile, apptainer.def and what goes with them say the same, and pass their linter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm.descriptor import IMAGE, RELEASE
from tests.conftest import PROJECT
from tests.repositories import OURS, git

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
DEFINITION = (PROJECT / "apptainer.def").read_text()
RUN = re.compile(r"^RUN (.*)$", re.MULTILINE)
COPY = re.compile(r"^COPY (?!--from)(.*) \S+$", re.MULTILINE)


def ignored(path: str) -> bool:
    """Whether .dockerignore, which lists what is let in, keeps a file out."""
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    let_in = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return "*" in lines and path.split("/")[0] not in let_in


def test_dockerfile_passes_hadolint() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([program, PROJECT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_base_can_be_chosen_and_there_is_no_heredoc() -> None:
    assert "ARG BASE=python:3.11-slim-bookworm\n" in DOCKERFILE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert "<<" not in DOCKERFILE


def test_image_says_what_it_stands_on() -> None:
    last = DOCKERFILE.rpartition("FROM ${BASE}\n")[2]
    assert last.startswith("ARG BASE\n")
    assert 'org.opencontainers.image.base.name="${BASE}"' in last


@pytest.mark.parametrize("base", ["", "python@sha256:" + "0" * 64])
def test_apptainer_builds_on_the_base_that_is_given(base: str, tmp_path: Path) -> None:
    for name in ("build.sh", "engine.sh"):
        (tmp_path / "container").mkdir(exist_ok=True)
        (tmp_path / "container" / name).write_text((PROJECT / "container" / name).read_text())
    shutil.copy(PROJECT / ".git_archival.txt", tmp_path)
    (tmp_path / "apptainer.def").write_text(DEFINITION)
    engine = tmp_path / "apptainer"
    engine.write_text('#!/bin/sh\nfor last; do :; done\n[ "$1" != build ] || grep ^From: "$last"\n')
    engine.chmod(0o755)
    settings = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ENGINE": "apptainer"} | ({"BASE": base} if base else {})
    command = ["/bin/sh", str(tmp_path / "container" / "build.sh")]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == f"From: {base or 'python:3.11-slim-bookworm'}", done.stderr


def test_no_program_of_the_image_runs_as_its_owner() -> None:
    last = [line for line in RUN.findall(DOCKERFILE) if line != "ldconfig"][-1]
    assert last.split(" && ")[-1] == "find / -xdev -type f -perm /6000 -exec chmod ug-s {} +"


def test_image_does_not_run_as_root() -> None:
    last = [line for line in DOCKERFILE.splitlines() if line.startswith(("USER", "RUN", "ENTRYPOINT"))]
    assert last[-3:] == ["RUN ldconfig", "USER 1000:1000", last[-1]]
    assert "run.py" in last[-1]


def test_brainlife_runs_the_image_of_the_release() -> None:
    assert f"docker://{IMAGE}:{RELEASE}}}\n" in (PROJECT / "main").read_text()


# what git, or the archive of a commit, says of the version that is built -> version, name of the image
BUILDS = [
    (["tag", "v1.2.3"], r"1\.2\.3", r"bidsglm/bidsglm:1\.2\.3"),
    (["tag", "figures"], r"0\.dev0\+g[0-9a-f]{9}", r"bidsglm/bidsglm:0\.dev0-g[0-9a-f]{9}"),
]


@pytest.mark.parametrize(("tag", "version", "image"), BUILDS)
@pytest.mark.parametrize("archive", [False, True])
def test_image_has_the_version_of_the_commit(
    tag: list[str], version: str, image: str, archive: bool, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(PROJECT / "container", tree / "container")
    for name in (".git_archival.txt", ".gitattributes"):
        shutil.copy(PROJECT / name, tree)
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "one")
    git(tree, *tag)
    if archive:
        git(tree, "archive", "--output", str(tmp_path / "a.tar"), "HEAD")
        tree = tmp_path / "unpacked"
        shutil.unpack_archive(tmp_path / "a.tar", tree)
    engine = tmp_path / "docker"
    engine.write_text('#!/bin/sh\necho "$*"\n')
    engine.chmod(0o755)
    settings = {**OURS, "PATH": f"{tmp_path}:/usr/bin:/bin", "ENGINE": "docker"}
    done = subprocess.run(
        ["/bin/sh", tree / "container" / "build.sh"], env=settings, capture_output=True, text=True
    )
    command, name = done.stdout.splitlines()
    assert re.search(f"--build-arg VERSION={version} ", command)
    assert re.fullmatch(image, name)
    assert f"--build-arg IMAGE={name} --tag {name} --tag bidsglm/bidsglm ." in command


def test_definition_has_the_commands_of_the_dockerfile() -> None:
    commands = [part for line in RUN.findall(DOCKERFILE) for part in line.split(" && ")]
    assert len(commands) == 9
    assert [command for command in commands if f"    {command}\n" not in DEFINITION] == []
    copied = {path for line in COPY.findall(DOCKERFILE) for path in line.split()}
    files = re.findall(
        r"^    (\S+) (/\S+)$", DEFINITION.split("%post")[0], re.MULTILINE
    )  # one pair in a line
    assert {source for source, _ in files} == {path.removeprefix("./") for path in copied}


def test_everything_copied_is_let_in() -> None:
    copied = [path for line in COPY.findall(DOCKERFILE) for path in line.split()]
    assert len(copied) >= 7
    assert [path for path in copied if ignored(path) or not (PROJECT / path).exists()] == []
    assert ignored("tests/tiny.py")


@pytest.mark.parametrize("script", ["build.sh", "test.sh"])
def test_script_names_what_is_missing(script: str, tmp_path: Path) -> None:
    for name in ("dirname", "sed", "readlink"):
        found = subprocess.run(["/bin/sh", "-c", f"command -v {name}"], capture_output=True, text=True)
        (tmp_path / name).symlink_to(found.stdout.strip())
    command = ["/bin/sh", str(PROJECT / "container" / script), str(tmp_path)]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("neither docker nor podman nor apptainer works here")
