"""The documentation page of the configuration, generated from the settings classes."""

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from srnet.config.base import models_in
from srnet.config.run import Config

_HEAD = """# Configuration

Every key of `config.yaml`, its accepted values, its default and its meaning.
This page is generated from the code by `srnet config document > docs/configuration.md`;
a test keeps it current. A wrong key or value stops the run before it starts,
with a message that names the nearest valid key.
"""


def document() -> str:
    """Return the page as Markdown: one table for each group of settings."""
    sections = [_HEAD]
    for title, model in _groups():
        doc = (model.__doc__ or "").strip().splitlines()[0]
        rows = [_row(name, field) for name, field in model.model_fields.items()]
        head = "| key | accepted | default | meaning |\n|---|---|---|---|"
        sections.append("\n".join([f"## {title}\n\n{doc}\n", head, *rows]) + "\n")
    return "\n".join(sections)


def _groups() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every settings class once, outermost first, with its path of keys."""
    waiting: list[tuple[str, type[BaseModel]]] = [("top level", Config)]
    seen: set[type[BaseModel]] = set()
    while waiting:
        path, model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        yield path, model
        for name, field in model.model_fields.items():
            inner = f"`{name}`" if path == "top level" else f"{path} / `{name}`"
            nested = models_in(field.annotation)
            tagged = len(nested) > 1
            waiting += [(f"{inner}: {m.__name__}" if tagged else inner, m) for m in nested]


def _row(name: str, field: FieldInfo) -> str:
    nested = models_in(field.annotation)
    default = "see below" if nested else _default(field)
    accepted = "settings, see below" if nested else _accepted(field)
    return f"| `{name}` | {accepted} | {default} | {field.description or ''} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "unset"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def _accepted(field: FieldInfo) -> str:
    annotation = field.annotation
    literals = [a for a in getattr(annotation, "__args__", ()) if isinstance(a, str | int)]
    if literals:
        return ", ".join(f"`{literal}`" for literal in literals)
    name = getattr(annotation, "__name__", str(annotation)) if annotation else "any"
    name = str(annotation) if getattr(annotation, "__args__", ()) else name
    bounds = " and ".join(
        f"{symbol} {getattr(rule, attribute)}"
        for rule in field.metadata
        for attribute, symbol in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(rule, attribute, None) is not None
    )
    return f"{name} {bounds}".strip().replace("|", "or")
