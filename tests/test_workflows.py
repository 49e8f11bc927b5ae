"""The workflows of GitHub Actions call the make targets that there are, and publish under no fixed host."""

import json
import re
import shutil
import subprocess
from pathlib import Path

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


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_each_version_of_the_documentation_has_a_folder_and_a_line_in_the_menu(tmp_path: Path) -> None:
    def git(*words: str, folder: Path = tmp_path / "clone") -> str:
        own = ["-c", "user.name=somebody", "-c", "user.email=somebody@localhost"]
        return subprocess.run(
            ["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--bare", "origin", folder=tmp_path)
    git("clone", "origin", "clone", folder=tmp_path)
    git("commit", "--allow-empty", "--message", "first")
    site = tmp_path / "site"
    for version in ("latest", "v0.9.0", "v0.10.0", "latest"):
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir()
        (site / "index.html").write_text(version)
        command = ["sh", str(PROJECT / ".github" / "publish-docs"), str(site), version, "https://docs"]
        subprocess.run(command, cwd=tmp_path / "clone", check=True, capture_output=True)
    switcher = json.loads(git("show", "gh-pages:switcher.json"))
    assert [entry["version"] for entry in switcher] == ["latest", "v0.10.0", "v0.9.0"]
    assert [entry["url"] for entry in switcher][1] == "https://docs/v0.10.0/"
    assert [git("show", f"gh-pages:{entry['version']}/index.html") for entry in switcher] == [
        "latest",
        "v0.10.0",
        "v0.9.0",
    ]
    assert "url=v0.10.0/" in git("show", "gh-pages:index.html")
