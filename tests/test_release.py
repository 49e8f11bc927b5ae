"""A release: its version is the tag's, the wheel holds what it should, and texts name the same number."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import bidsglm
from bidsglm.descriptor import RELEASE
from bidsglm.outputs.dataset_files import write_dataset_files
from tests.conftest import PROJECT
from tests.repositories import OURS, git

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
CHANGES = (PROJECT / "CHANGES.md").read_text()
CITATION = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", ".git_archival.txt", ".gitattributes")


def version_of(folder: Path, **environment: str) -> str:
    """Version that a build from a folder would have."""
    command = [sys.executable, "-m", "hatchling", "version"]
    done = subprocess.run(command, cwd=folder, env=OURS | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What a build reads, in a folder that no git knows."""
    folder = tmp_path / "tree"
    (folder / "bidsglm").mkdir(parents=True)
    (folder / "bidsglm" / "__init__.py").touch()
    for name in BUILT_FROM:
        shutil.copy(PROJECT / name, folder)
    return folder


@pytest.fixture
def repository(copied: Path) -> Path:
    git(copied, "init", "--quiet")
    git(copied, "add", "--all")
    git(copied, "commit", "--quiet", "--message", "one")
    return copied


def test_version_is_that_of_the_tag(repository: Path) -> None:
    git(repository, "tag", "v1.2.3")
    assert version_of(repository) == "1.2.3"


def test_tags_of_other_things_are_no_versions(repository: Path) -> None:
    git(repository, "tag", "v1.2.3")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(repository, "tag", "figures-2026")
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", version_of(repository))


def test_a_clone_without_tags_names_its_commit(repository: Path, tmp_path: Path) -> None:
    assert re.fullmatch(r"0\.dev1\+g[0-9a-f]+", version_of(repository))
    git(repository, "tag", "v1.2.3")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--no-tags", repository.as_uri(), "shallow")
    assert re.fullmatch(r"0\.dev1\+g[0-9a-f]+", version_of(tmp_path / "shallow"))


@pytest.mark.parametrize(("tag", "version"), [("v1.2.3", r"1\.2\.3"), ("", r"0\.dev0")])
def test_an_unpacked_archive_has_the_version_of_its_commit(
    repository: Path, tmp_path: Path, tag: str, version: str
) -> None:
    if tag:
        git(repository, "tag", tag)
    git(repository, "archive", "--output", str(tmp_path / "a.tar"), "HEAD")
    with tarfile.open(tmp_path / "a.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert re.fullmatch(version, version_of(tmp_path / "unpacked"))


def test_a_copy_without_git_is_a_development_version_even_inside_another_repository(
    copied: Path, tmp_path: Path
) -> None:
    assert version_of(copied) == "0.dev0"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "another's")
    git(tmp_path, "tag", "v9.9.9")
    assert version_of(copied) == "0.dev0"


def test_an_image_takes_the_version_that_its_build_is_given(copied: Path) -> None:
    (name,) = re.findall(r"^ENV (SETUPTOOLS_\w+)=", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert version_of(copied, **{name: "0.dev0+g123456789"}) == "0.dev0+g123456789"


def test_code_that_nobody_installed_is_a_development_version() -> None:
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import bidsglm; print(bidsglm.__version__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout == "0.dev0\n", done.stderr


@pytest.mark.parametrize("image", ["", "bidsglm/bidsglm:1.2.3"])
def test_results_name_the_version_and_the_image_that_made_them(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIDSGLM_IMAGE", image)
    write_dataset_files(tmp_path, {})
    (made,) = json.loads((tmp_path / "dataset_description.json").read_text())["GeneratedBy"]
    assert made["Version"] == bidsglm.__version__ == version("bidsglm")
    assert made.get("Container", {}).get("Tag", "") == image


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Source distribution and wheel of this tree, and in ``from-sdist`` the wheel made of the former."""
    folder = tmp_path_factory.mktemp("built")
    build(PROJECT, folder, "sdist", "wheel")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    build(next((folder / "unpacked").iterdir()), folder / "from-sdist", "wheel")
    return folder


def build(source: Path, folder: Path, *kinds: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    for kind in kinds:
        subprocess.run([*command, "--target", kind], cwd=source, check=True, capture_output=True)


def test_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    top = {name.split("/")[0] for name in names}
    assert {re.sub("-.*(?=dist-info)", ".", name) for name in top} == {"bidsglm", "bidsglm.dist-info"}
    here = {path for path in (PROJECT / "bidsglm").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {name for name in names if name.startswith("bidsglm/")} == {
        str(path.relative_to(PROJECT)) for path in here
    }
    licences = [name for name in names if "/licenses/" in name]
    assert sorted(name.rpartition("/")[2] for name in licences) == ["LICENSE", "NOTICE"]


def test_source_distribution_makes_the_same_wheel(built: Path) -> None:
    direct, again = next(built.glob("*.whl")), next((built / "from-sdist").glob("*.whl"))
    assert (direct.name, direct.read_bytes()) == (again.name, again.read_bytes())


def test_source_distribution_has_no_tests_and_no_data(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        beside = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {name for name in beside if not name.startswith("bidsglm/")} == {
        ".gitignore",
        "CHANGES.md",
        "CITATION.cff",
        "LICENSE",
        "NOTICE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "requirements.lock",
    }


def test_links_of_the_readme_lead_to_the_repository_wherever_it_is_read(built: Path) -> None:
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    links = re.findall(r"\]\(([^)\s]+)\)", metadata.get_payload())
    assert [link for link in links if not link.startswith("https://")] == []
    source = SETTINGS["project"]["urls"]["Source"]
    assert f"{source}/blob/v{metadata['Version']}/docs/usage.md" in links
    assert f"{source}/raw/v{metadata['Version']}/docs/images/page_summary.png" in links


def test_all_addresses_are_of_one_repository() -> None:
    source = SETTINGS["project"]["urls"]["Source"]
    hook = SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    others = [*SETTINGS["project"]["urls"].values(), CITATION["repository-code"]]
    others += [each["replacement"].removeprefix("](") for each in hook["substitutions"]]
    assert [address for address in others if not address.startswith(source)] == []


def test_next_release_stands_on_top_and_is_that_of_the_descriptor_and_the_citation() -> None:
    headings = re.findall(r"^## (.*)$", CHANGES, re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(RELEASE)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])
    assert [heading for heading in headings if not re.match(r"\d+\.\d+\.\d+ \(", heading)] == []
    assert CITATION["version"] == RELEASE


def test_a_release_says_what_changed_once_its_heading_has_a_date(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(PROJECT / ".ci" / "changes", tmp_path / ".ci")
    texts = (
        "# Changes\n",
        "## 1.1.0 (unreleased)\n",
        "- new\n",
        "## 1.0.0 (2026-12-01)\n",
        "- old\n",
        "## 0.9.0 (2026-01-01)\n",
    )
    (tmp_path / "CHANGES.md").write_text("".join(texts))
    done = subprocess.run([script, "1.0.0"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "- old\n")
    assert subprocess.run([script, "1.1.0"], capture_output=True).returncode == 1
