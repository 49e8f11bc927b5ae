"""Parts of pages that are made of the program itself: every option of its parsers, every key of its schema.

A page has them where a comment stands, `<!-- generated: options -->` or `<!-- generated: schema -->`.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from typing import Any

from sphinx.application import Sphinx

from bidsglm.authoring.command import build_model_parser
from bidsglm.check.command import build_check_parser
from bidsglm.maps.command import build_maps_parser
from bidsglm.options import build_parser
from bidsglm.statsmodel.json_schema import json_schema

PARSERS = (build_parser, build_model_parser, build_check_parser, build_maps_parser)


def options() -> str:
    """A section for each command, a table for each of its groups of options."""
    return "\n".join(line for build in PARSERS for line in _command(build()))


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"\n## `{parser.prog}`\n"
    yield f"{_plain(parser.description or '')}\n"
    for group in parser._action_groups:
        rows = [
            _row(each, parser.prog) for each in group._group_actions if each.dest not in ("help", "version")
        ]
        if rows:
            title = (group.title or "").removesuffix(":")
            yield f"\n### {title[:1].upper()}{title[1:]}\n"
            yield "\n".join(["| option | meaning |", "|---|---|", *rows])


def _row(action: argparse.Action, program: str) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.dest.upper()}`"
    values = [str(choice) for choice in action.choices or ()]
    shown = f"; one of {', '.join(f'`{value}`' for value in values)}" if values else ""
    value = action.metavar if isinstance(action.metavar, str) and action.option_strings else ""
    words = _plain((action.help or "") % {"prog": program, "default": action.default, **vars(action)})
    return f"| {names} {f'`{value}`' if value else ''} | {words}{shown}{_default(action.default, words)} |"


def _default(value: Any, words: str) -> str:
    """What is taken without the option, where that is something and the help does not say it."""
    if value in (None, False, 0, argparse.SUPPRESS) or value == []:
        return ""
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "" if f"({text})" in words else f" (`{text}`)"


def _plain(text: str) -> str:
    """Words of the help, which are no Markdown."""
    return re.sub(r"([|*_<\[\]])", r"\\\1", " ".join(text.split()))


def schema() -> str:
    """A section for each object of the model language, a table of its keys in each."""
    whole = json_schema()
    parts = {"": whole, **whole["$defs"]}
    return "\n".join(line for name, part in parts.items() for line in _object(name, part))


def _object(name: str, part: dict[str, Any]) -> Iterator[str]:
    if "properties" not in part:
        return
    title = name.removesuffix("Part") if name else "The file"
    yield f"\n({_anchor(name)})=\n## {title}\n"
    yield f"{_plain(part.get('description', ''))}\n"
    yield "| key | value | meaning |\n|---|---|---|"
    required = part.get("required", ())
    for key, value in part["properties"].items():
        needed = " (required)" if key in required else ""
        yield f"| `{key}`{needed} | {', or '.join(_kinds(value))} | {_plain(value.get('description', ''))} |"


def _anchor(name: str) -> str:
    return f"schema-{name.lower() or 'file'}"


def _kinds(value: dict[str, Any]) -> list[str]:
    """In words: what a key may hold."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return [f"[{name.removesuffix('Part')}](#{_anchor(name)})"]
    if "anyOf" in value:
        return list(dict.fromkeys(kind for each in value["anyOf"] for kind in _kinds(each)))
    if "enum" in value or "const" in value:
        return [f"`{_json(each)}`" for each in value.get("enum", [value.get("const")])]
    names = value.get("type", "anything")
    return [_of_type(name, value) for name in ([names] if isinstance(names, str) else names)]


def _of_type(name: str, value: dict[str, Any]) -> str:
    if name == "array" and isinstance(value.get("items"), dict):
        return "list of " + " or ".join(_kinds(value["items"]))
    bounds = [f"at least {value['minimum']}"] if "minimum" in value and name in ("integer", "number") else []
    bounds += [f"at most {value['maximum']}"] if "maximum" in value and name in ("integer", "number") else []
    return " ".join([{"string": "text", "boolean": "true or false"}.get(name, name), *bounds])


def _json(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if value is not None else "null"


MADE: dict[str, Callable[[], str]] = {"options": options, "schema": schema}


def with_made(app: Sphinx, name: str, source: list[str]) -> None:
    """Put what is made where its comment stands."""
    for each, make in MADE.items():
        if (comment := f"<!-- generated: {each} -->") in source[0]:
            source[0] = source[0].replace(comment, make())


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("source-read", with_made, priority=400)
    return {"parallel_read_safe": True}
