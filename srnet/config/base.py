"""The base class of all settings, and error messages that name the cure.

Every setting is a field of a `Settings` class in this package; its description there is
the documentation, its annotation the validation.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from srnet.core.errors import SrnetError


def _engine_folder(path: str) -> str:
    """Return a folder as the workflow engine can name it.

    The engine compares paths as text, so `./out/` is normalised to `out`. It expands `{name}`
    and `<name>` in every path, and has no way to quote them.
    """
    if not path.isprintable() or set(path) & set("{}<>"):
        raise ValueError(
            f"the name {path!r} holds one of {{ }} < > or a character that cannot be printed; "
            "choose another folder"
        )
    return str(PurePosixPath(path))


_LONGEST_SHOWN = 200

Folder = Annotated[str, StringConstraints(min_length=1), AfterValidator(_engine_folder)]


class Settings(BaseModel):
    """Frozen settings that refuse unknown keys at every depth."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values`, such as a parsed YAML file or a rule's params.

        Raises
        ------
        SrnetError
            With one line per mistake: the key, the value found, the accepted
            values, and the nearest valid key where one is misspelt.
        """
        if not isinstance(values, Mapping):
            raise SrnetError(f"configuration: is {_short(values)} instead of keys with values")
        try:
            return cls.model_validate({str(key): value for key, value in values.items()})
        except ValidationError as failure:
            lines = [_explain(cls, error) for error in failure.errors()]
            raise SrnetError("configuration: " + "\n".join(lines)) from None

    def plain(self) -> dict[str, Any]:
        """Return the settings as plain JSON types, for params and records."""
        return self.model_dump(mode="json")


def _explain(model: type[BaseModel], error: Any) -> str:
    """Say on one line which key is wrong and what would be right."""
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = _keys_beside(model, error["loc"])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        return f"'{key}' is not a key; {hint}accepted keys: {', '.join(sorted(known))}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("configuration: ")
    if error["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"'{key}' is {_short(error['input'])}: {message[:1].lower()}{message[1:]}"


def _short(value: Any) -> str:
    """Return a value as it is written, cut to a length that fits a message."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4300 digits.
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _keys_beside(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Return the valid keys at the level where the unknown key was found."""
    models: list[type[BaseModel]] = [model]
    for part in list(location)[:-1]:
        nested = [
            child
            for parent in models
            if part in parent.model_fields
            for child in models_in(parent.model_fields[str(part)].annotation)
        ]
        # A part that is not a field is a list index, a key of a mapping, or the tag of a
        # union, which narrows the candidates.
        tagged = [m for m in models if part in _tags(m)]
        models = nested or tagged or models
    return sorted({key for candidate in models for key in candidate.model_fields})


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings classes inside an annotation, unions and containers opened."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner = getattr(annotation, "__args__", ())
    return [model for argument in inner for model in models_in(argument)]


def _tags(model: type[BaseModel]) -> set[str]:
    """Return the literal values by which a tagged union recognises `model`."""
    return {
        str(value)
        for field in model.model_fields.values()
        if field.is_required() or field.default in getattr(field.annotation, "__args__", ())
        for value in getattr(field.annotation, "__args__", ())
        if isinstance(value, str)
    }


def overlay(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `changes`, nested mappings key by key."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = overlay(old, value) if nested else value  # type: ignore[arg-type]
    return result


def difference(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `values` that differs from `base`; `overlay` restores the rest."""
    nested = {
        key: difference(value, base[key])
        for key, value in values.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    plain = {key: value for key, value in values.items() if key not in nested}
    own = {key: value for key, value in plain.items() if key not in base or base[key] != value}
    return own | {key: inner for key, inner in nested.items() if inner}
