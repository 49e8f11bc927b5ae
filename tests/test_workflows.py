"""The workflows of GitHub Actions call the make targets that there are, and publish under no fixed host."""

import re
import subprocess

import pytest
import yaml

from tests.conftest import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def commands(name: str) -> list[str]:
    jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / name).read_text())["jobs"]
    return [step["run"] for job in jobs.values() for step in job.get("steps", []) if "run" in step]


def test_workflows_are_there() -> None:
    assert [path.name for path in WORKFLOWS] == ["docs.yml", "publish.yml", "test.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_targets_exist(path) -> None:
    made = [run.split()[1:] for run in commands(path.name) if run.startswith("make ")]
    targets = {word for words in made for word in words if "=" not in word}
    assert targets
    assert {target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()


def test_code_is_tested_as_here_and_the_container_runs() -> None:
    said = " ".join(commands("test.yml"))
    assert {"lint", "types", "demo", "test", "container-test"} <= set(said.split())


def test_image_goes_where_the_repository_says() -> None:
    text = (PROJECT / ".github" / "workflows" / "publish.yml").read_text()
    assert "vars.REGISTRY" in text
    assert not re.findall(r"\b[a-z]+\.(?:io|com|org)/", text)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_of_others_are_named_by_commit_with_their_version(path) -> None:
    used = re.findall(r"uses: (\S.*)$", path.read_text(), re.MULTILINE)
    assert used
    pinned = re.compile(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [name for name in used if not (name.startswith("./") or pinned.fullmatch(name))] == []


def test_a_published_image_stands_on_a_digest() -> None:
    check = next(run for run in commands("publish.yml") if "sha256" in run)
    for base, code in (("python:3.11", 1), ("", 1), ("python@sha256:0123", 0)):
        done = subprocess.run(["/bin/sh", "-c", check], env={"BASE": base}, capture_output=True)
        assert done.returncode == code, base
