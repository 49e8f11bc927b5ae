"""What all pages share: the templates with their filters, figures inside the page, and what made it."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bidsglm import packages
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report import (
    attribution,
    cluster_tables,
    diagnosis_tables,
    judgements,
    pair_matrix,
    sparks,
    steps,
    trust,
    volumes,
    wording,
)
from bidsglm.report.drawing import Figure
from bidsglm.report.steps import STEP_TEXTS

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
MANY_CONTRASTS, MANY_ROWS = 8, 24
"""More of them are searched by name."""


class Links(NamedTuple):
    """Tables on disk, relative to the page; empty where there are none."""

    agreement: str = ""
    attribution: str = ""
    pairs: str = ""
    further: Mapping[Pair, str] = MappingProxyType({})
    """Tables of the steps of further pairs"""

    def of(self, pair: Pair) -> "Links":
        """The same with the table of another pair's steps.

        >>> Links(attribution="a.tsv").of(Pair("afni", "nilearn")).attribution
        ''
        """
        return self if pair.is_default else self._replace(attribution=self.further.get(pair, ""))


@dataclass(frozen=True)
class About:
    """What made the page."""

    version: str
    """Version of bidsglm."""
    command: str
    """The command line as typed."""
    date: str
    """When, for people to read."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions of Python and of the packages that the numbers depend on."""


def data_uri(figure: Figure) -> str:
    """Put a drawing inside its own address, so that the page needs no file beside it.

    >>> data_uri(Figure("a.svg", b"svg", "", ""))
    'data:image/svg+xml;base64,c3Zn'
    """
    return f"data:image/svg+xml;base64,{base64.b64encode(figure.content).decode('ascii')}"


def is_worth_a_search(units: Iterable[Any]) -> bool:
    """Whether a page has more contrasts or rows of regions than are seen at a glance."""
    counts = [(len(unit.contrasts), len(unit.regions.table.lines) if unit.regions else 0) for unit in units]
    return any(n > MANY_CONTRASTS or rows > MANY_ROWS for n, rows in counts)


def captions(contrasts: Iterable[Any]) -> dict[str, str]:
    """Title -> caption of the figures of some contrasts, each once; not of one of several pairs."""
    figures = [f for each in contrasts for f in (*each.figures, *_of_one_pair(each))]
    return {figure.title: figure.caption for figure in figures if figure.title}


def _of_one_pair(contrast: Any) -> tuple[Figure, ...]:
    several = getattr(contrast, "pair_figures", ())
    return () if several else tuple(getattr(contrast, "why_figures", ()))


def inline(figure: Figure) -> str:
    """The markup of a plate, which holds no text that is not escaped."""
    from markupsafe import Markup

    return Markup(figure.content.decode().replace(' xmlns="http://www.w3.org/2000/svg"', "", 1))


def csp_hash(text: str) -> str:
    """Name a style sheet or script in the page's Content-Security-Policy: it runs, and no other does.

    >>> csp_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def slug(text: str) -> str:
    """Name a place on the page.

    >>> slug("Which to trust")
    'which-to-trust'
    """
    return "".join(c if c.isalnum() else "-" for c in text.lower())


@cache
def environment() -> "Environment":
    """Templates with everything that they may use; compiled once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from bidsglm.report.bytecode import TemplateBytecode

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=TemplateBytecode(TEMPLATES),
    )
    environment.filters |= {
        "number": wording.number,
        "data_uri": data_uri,
        "inline": inline,
        "captions": captions,
        "slug": slug,
        "csp_hash": csp_hash,
    }
    environment.globals |= {
        "sparks": sparks,
        "packages": packages,
        "DEFAULT_PAIR": DEFAULT_PAIR,
        "wording": wording,
        "attribution": attribution,
        "step_texts": STEP_TEXTS,
        "step_title": steps.title,
        "step_colour": steps.colour,
        "clusters": cluster_tables,
        "diagnosis_cell": diagnosis_tables.cell,
        "judgements": judgements,
        "viewer_names": volumes.shown_first,
        "matrix_key": pair_matrix.KEY,
        "rate_rule": trust.RATE_RULE,
        "regressor_titles": diagnosis_tables.REGRESSOR_TITLES,
    }
    return environment
