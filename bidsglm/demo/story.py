"""Fits the story's models and writes its page."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bidsglm.demo.data_set import DEFAULT_RECORDING, Recording, renew_demo
from bidsglm.demo.small_calibration import small_calibration
from bidsglm.demo.story_evidence import LAST, TITLES, model_file, results_folder, story
from bidsglm.options import build_parser
from bidsglm.outputs.names import write_text
from bidsglm.parser import hyphenated
from bidsglm.report.story import story_page

PARTICIPANT = "01"
RUN = "1"
PAGE = "story.html"


def tell_story(
    output_dir: Path,
    analyse: Callable[[list[str]], int],
    arguments: Sequence[str] = (),
    recording: Recording = DEFAULT_RECORDING,
) -> int:
    """Write the demo's first participant, fit the four models to one run and tell of it in story.html.

    The data of an earlier demo are kept.

    Returns
    -------
    int
        0, or the code of the fit that failed.

    Raises
    ------
    UsageError
        When an option is unknown; nothing is written then.
    CannotCreateError
        When the folder holds something else or cannot be written.
    """
    command_lines = {name: _command_line(output_dir, name, arguments) for name in TITLES}
    for command_line in command_lines.values():
        build_parser().parse_args(hyphenated(command_line))
    print(f"Writing one participant of the demo to {output_dir}", flush=True)
    renew_demo(output_dir, PARTICIPANT, recording)
    for number, (name, command_line) in enumerate(command_lines.items(), start=1):
        print(f"Model {number} of {len(command_lines)}: {TITLES[name]}", flush=True)
        code = analyse(command_line)
        if code:
            return code
    write_text(output_dir / PAGE, story_page(story(output_dir, PARTICIPANT)))
    print(f"The story, to be opened in a browser: {output_dir / PAGE}")
    return 0


def _command_line(root: Path, name: str, arguments: Sequence[str]) -> list[str]:
    if name == LAST:
        arguments = [*small_calibration(arguments), *arguments]
    chosen = ["--model", str(root / model_file(name)), "--participant-label", PARTICIPANT, "--run-label", RUN]
    return [str(root), str(root / results_folder(name)), "participant", *chosen, *arguments]
