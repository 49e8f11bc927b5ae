"""The scripts under hpc/ as they are; only sbatch and apptainer are stand-ins that do what those would."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm.options import build_parser
from tests import tiny
from tests.conftest import PROJECT

HPC = PROJECT / "hpc"

SBATCH = """\
import json, os, re, shutil, subprocess, sys
words = sys.argv[1:]
options = dict(word.lstrip("-").partition("=")[::2] for word in words if word.startswith("-"))
script = words[-1]
place = os.environ["SPOOL"]
job = str(100 + len(os.listdir(place)))
copy = shutil.copy(script, os.path.join(place, job))  # as SLURM does
if "dependency" in options:
    kind, _, other = options["dependency"].partition(":")
    assert os.path.exists(os.path.join(place, other)), "waits for no job"
first, last = re.match(r"(\\d+)-(\\d+)", options.get("array", "0-0")).groups()
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["sbatch", *words]), file=calls)
for task in range(int(first), int(last) + 1):
    log = options["output"].replace("%A", job).replace("%j", job).replace("%a", str(task))
    log = log.replace("%x", options["job-name"])
    with open(log, "w") as file:
        environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1",
                       "SLURM_MEM_PER_NODE": options["mem"].replace("G", "000")}
        subprocess.run(["bash", copy], stdout=file, stderr=file, env=environment, cwd="/")
print(job + ";cluster")
"""

APPTAINER = """\
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["apptainer", *sys.argv[1:]]), file=calls)
words = iter(sys.argv[2:])
binds, environment, flags = {}, {}, set()
for word in words:
    if word == "--bind":
        source, target, *mode = next(words).split(":")
        assert os.path.exists(source), source
        binds[target] = source
    elif word == "--env":
        name, _, value = next(words).partition("=")
        environment[name] = value
    elif word.startswith("--"):
        flags.add(word)
    else:
        break
assert flags == {"--cleanenv", "--containall"}, flags
assert word.endswith(".sif"), word

def outside(text):
    for target in sorted(binds, key=len, reverse=True):
        if text == target or text.startswith(target + "/"):
            return binds[target] + text[len(target):]
    return text

environment = {k: outside(v) for k, v in environment.items()} | {
    "PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"]}
os.execve(sys.executable, [sys.executable, "-m", "bidsglm", *map(outside, words)], environment)
"""


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """Environment in which sbatch and apptainer are there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("apptainer", APPTAINER)):
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)
    (tmp_path / "spool").mkdir()
    (tmp_path / "scratch").mkdir()
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "SPOOL": str(tmp_path / "spool"),
        "CALLS": str(tmp_path / "calls"),
        "TMPDIR": str(tmp_path / "scratch"),
    }


def write_settings(folder: Path, study: Path, **changes: str) -> Path:
    """Copy of the example, changed as a user would."""
    text = (HPC / "slurm" / "settings.example.sh").read_text()
    changes = {
        "BIDS_DIR": str(study),
        "OUTPUT_DIR": str(folder / "out"),
        "IMAGE": str(folder / "image.sif"),
        "MODEL": str(folder / "model.json"),
        "OPTIONS": "(--no-attribution --skip-bids-validation)",
        **changes,
    }
    lines = [line.partition("=")[0] for line in text.splitlines()]
    new = [
        f"{name}={changes[name]}" if name in changes else line
        for name, line in zip(lines, text.splitlines(), strict=True)
    ]
    assert changes.keys() <= set(lines)
    path = folder / "settings.sh"
    path.write_text("\n".join(new) + "\n")
    return path


def submit(settings: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = ["bash", str(HPC / "slurm" / "submit.sh"), settings.name]
    return subprocess.run(command, cwd=settings.parent, env=environment, capture_output=True, text=True)


def test_array_does_each_participant_and_the_group_follows(tmp_path: Path, cluster: dict[str, str]) -> None:
    study = tiny.write_study(tmp_path)
    (study / "participants.tsv").write_text(
        "\ufeffparticipant_id\tage\r\nsub-01\t20\r\nsub-03\t21\r\nsub-02\t22\r\nsub-01\t20\r\n"
    )
    (study / "sub-02/func" / f"sub-02_task-{tiny.TASK}_events.tsv").write_text("no events\n")
    (tmp_path / "image.sif").touch()
    (tmp_path / "model.json").write_text(json.dumps(tiny.model()))
    done = submit(write_settings(tmp_path, study), cluster)
    assert done.returncode == 0, done.stderr
    assert "submitted 2 participants as job 100, the group level as job 101" in done.stdout
    assert "sub-03 has no preprocessed data" in done.stderr
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [call[0] for call in calls] == ["sbatch", "apptainer", "apptainer", "sbatch", "apptainer"]
    labels = [call[call.index("--participant-label") + 1] for call in calls if "--participant-label" in call]
    assert labels == ["sub-01", "sub-02"]
    assert "--array=1-2%50" in calls[0]
    assert "--dependency=afterany:100" in calls[3]
    out = tmp_path / "out"
    logs = {path.name: path.read_text() for path in (out / "logs/slurm").glob("*.log")}
    assert "no column onset" in logs["bidsglm-100_2.log"]
    assert "Pearson" in (out / "group.html").read_text(), logs["bidsglm-group-101.log"]
    assert "no column onset" in (out / "sub-02.html").read_text()
    assert list((tmp_path / "scratch").iterdir()) == [], "the jobs' work folders are gone"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"BIDS_DIR": "/no/such/folder"}, "/no/such/folder: there is no such folder"),
        ({"IMAGE": "/no/such.sif"}, "/no/such.sif: there is no such image"),
        ({"DERIVATIVES": "/"}, "no participant of"),
    ],
)
def test_wrong_settings_submit_nothing(
    tmp_path: Path, cluster: dict[str, str], changes: dict[str, str], said: str
) -> None:
    study = tmp_path / "bids"
    (study / "sub-01").mkdir(parents=True)
    (study / "derivatives" / "fmriprep").mkdir(parents=True)
    (tmp_path / "image.sif").touch()
    done = submit(write_settings(tmp_path, study, **changes), cluster)
    assert done.returncode == 66
    assert said in done.stderr
    assert not (tmp_path / "calls").exists()


def test_without_an_image_the_installed_program_is_called(tmp_path: Path, cluster: dict[str, str]) -> None:
    study = tmp_path / "bids"
    for label in ("sub-b", "sub-a"):
        (study / label).mkdir(parents=True)
        (study / "derivatives" / "fmriprep" / label).mkdir(parents=True)
    program = tmp_path / "bin" / "bidsglm"
    program.write_text('#!/bin/sh\necho "bidsglm $*"\nexit 3\n')
    program.chmod(0o755)
    done = submit(write_settings(tmp_path, study, IMAGE="", MODEL=""), cluster)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "out/logs/slurm/bidsglm-100_1.log").read_text()
    assert f"bidsglm {study} {tmp_path}/out participant --derivatives {study}/derivatives/fmriprep" in said
    assert said.rstrip().endswith(
        "--omp-nthreads 1 --mem 4000 --no-attribution --skip-bids-validation --participant-label sub-a"
    )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_scripts_pass_shellcheck() -> None:
    scripts = [*(HPC / "slurm").glob("*.sh"), *(HPC / "slurm").glob("*.sbatch")]
    done = subprocess.run(["shellcheck", "-x", *map(str, scripts)], cwd=HPC / "slurm", capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def test_babs_configuration_holds_options_that_exist() -> None:
    """Without a YAML parser among the dependencies: the section is one key and value in each line."""
    lines = (HPC / "babs" / "bidsglm-0-1-0.yaml").read_text().splitlines()
    start = lines.index("bids_app_args:") + 1
    section = lines[start : lines.index("", start)]
    pairs = [line.strip().split(": ", 1) for line in section if line.strip()[0] in "-$"]
    assert pairs.pop(0) == ["$SUBJECT_SELECTION_FLAG", '"--participant-label"']
    words = [word for option, value in pairs for word in (option, value.strip('"')) if word]
    parsed = build_parser().parse_args(["in", "out", "participant", *words, "--participant-label", "sub-01"])
    assert parsed.participant_label == ["01"]
    assert parsed.mem == 8_000_000_000
    assert parsed.work_dir == Path("$BABS_TMPDIR")
