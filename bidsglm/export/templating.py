"""The templates of the code."""

from pathlib import Path

from bidsglm.export import literals

TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, **values: object) -> bytes:
    """Fill in a template of code; nothing is escaped but what its filters quote."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "comment": literals.comment,
        "matlab": literals.matlab_text,
        "python": literals.python_text,
        "python_list": literals.python_texts,
        "sh": literals.sh_text,
        "tcl": literals.tcl_text,
        "tcsh": literals.tcsh_text,
    }
    # names of files may hold bytes that are no text
    return environment.get_template(template).render(**values).encode(errors="surrogateescape")
