"""Model files as text for people to edit."""

import json

WIDTH = 100
"""Characters of a line of a model file."""
STEP = 2


def model_text(value: object, indent: int = 0) -> str:
    """JSON for people to edit: what fits on a line stands on one.

    >>> print(model_text({"Name": "go", "X": ["trial_type.go", 1]}))
    {"Name": "go", "X": ["trial_type.go", 1]}
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + STEP
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {model_text(item, deeper)}"
            for key, item in value.items()
        ]
    else:
        parts = [model_text(item, deeper) for item in value]
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    inside = f",\n{' ' * deeper}".join(parts)
    return f"{first}\n{' ' * deeper}{inside}\n{' ' * indent}{last}"
