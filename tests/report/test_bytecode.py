"""Templates are compiled once for all processes, and anew where their bytecode does not fit."""

import sys

import pytest
from jinja2 import Environment, FileSystemLoader

from bidsglm.report.bytecode import TemplateBytecode


@pytest.fixture
def templates(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page.html").write_text("hello {{ name }}")
    return tmp_path / "pages"


def rendered(templates):
    cache = TemplateBytecode(templates)
    environment = Environment(loader=FileSystemLoader(templates), bytecode_cache=cache, autoescape=True)
    return environment.get_template("page.html").render(name="you"), cache.path("page.html")


def test_a_second_process_reads_what_the_first_has_compiled(templates, monkeypatch):
    _, path = rendered(templates)
    assert path.parent == templates.parent / "__pycache__"
    monkeypatch.setattr(Environment, "_generate", lambda *_, **__: pytest.fail("compiled again"))
    assert rendered(templates)[0] == "hello you"


def test_a_changed_template_is_compiled_anew(templates):
    rendered(templates)
    (templates / "page.html").write_text("bye {{ name }}")
    assert rendered(templates)[0] == "bye you"


@pytest.mark.parametrize("length", [0, 1, 40, 90])
def test_damaged_bytecode_is_compiled_anew(templates, length):
    _, path = rendered(templates)
    path.write_bytes(path.read_bytes()[:length])
    assert rendered(templates)[0] == "hello you"


def test_where_nothing_may_be_written_nothing_is(templates, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text, path = rendered(templates)
    assert text == "hello you"
    assert not path.parent.exists()


def test_a_folder_that_cannot_be_written_is_no_error(templates):
    (templates.parent / "__pycache__").write_text("a file where the folder would be")
    assert rendered(templates)[0] == "hello you"
