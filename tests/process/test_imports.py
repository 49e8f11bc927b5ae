"""Imports without the search for garbage."""

import subprocess
import sys

import pytest

from bidsglm.process import imports


def test_garbage_is_collected_again_unless_it_was_not_before() -> None:
    script = (
        "import gc\n"
        "from bidsglm.process.imports import uncollected\n"
        "seen = []\n"
        "for turn in (gc.enable, gc.disable):\n"
        "    turn()\n"
        "    with uncollected('no.module'):\n"
        "        seen.append(gc.isenabled())\n"
        "    seen.append(gc.isenabled())\n"
        "gc.enable()\n"
        "try:\n"
        "    with uncollected('no.module'):\n"
        "        raise ImportError\n"
        "except ImportError:\n"
        "    seen.append(gc.isenabled())\n"
        "print(seen)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[False, True, False, False, True]"


def test_what_is_there_afterwards_is_not_looked_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("disable", "enable", "freeze"):
        monkeypatch.setattr(imports.gc, name, lambda name=name: calls.append(name))
    monkeypatch.setattr(imports.gc, "isenabled", lambda: True)
    with imports.uncollected("no.module"):
        calls.append("import")
    assert calls == ["disable", "import", "freeze", "enable"]
    calls.clear()
    with imports.uncollected("gc"):
        calls.append("there already")
    assert calls == ["there already"]
