"""A recipe as a file: JSON or TOML, one entry per feature, nothing that runs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...data.errors import ConfigError, SourceError, nearest
from .. import terms
from ..terms import Feature, Function, Term

Functions = Mapping[str, Callable[..., Any]]

#: Every term a file can name.
TERMS: dict[str, type[Term]] = {
    name: kind
    for name in terms.__all__
    if isinstance(kind := getattr(terms, name), type) and issubclass(kind, Term) and kind is not Term
}


def to_dict(features: Iterable[Feature]) -> dict[str, Any]:
    """``{"feature": [{"name", "term", settings ...}, ...]}`` in plain values; None is left out."""
    return {"feature": [_feature_to_dict(f) for f in features]}


def _feature_to_dict(feature: Feature) -> dict[str, Any]:
    entry = {"name": feature.name, **_term_to_dict(feature.term)}
    return {**entry, "optional": True} if feature.optional else entry


def _term_to_dict(term: Term) -> dict[str, Any]:
    plain: dict[str, Any] = {"term": type(term).__name__}
    for key, value in term.settings().items():
        if key == "function":
            continue
        if isinstance(term, Function) and key == "last" and value is None:
            plain[key] = "none"
        elif value is not None:
            plain[key] = _term_to_dict(value) if isinstance(value, Term) else _plain(value)
    return plain


def _plain(value: Any) -> Any:
    """3.0 as 3, so that a half-life of 3 and one of 3.0 are written, and hashed, alike."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_toml(features: Iterable[Feature]) -> str:
    """TOML text."""
    blocks = []
    for entry in to_dict(features)["feature"]:
        lines = [f"{key} = {_toml_value(value)}" for key, value in entry.items()]
        blocks.append("\n".join(["[[feature]]", *lines]))
    return "\n\n".join(blocks) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def parse(text: str, kind: str, functions: Functions, where: str = "recipe") -> tuple[Feature, ...]:
    """The features of a recipe in ``JSON`` or ``TOML``."""
    try:
        data = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"this is not {kind}: {error}.", where, "Correct the file.") from None
    return from_dict(data, functions, where)


def read(path: str | Path, functions: Functions) -> tuple[Feature, ...]:
    """The features of a recipe's file, by its suffix."""
    path = Path(path)
    if path.suffix not in (".toml", ".json"):
        raise ConfigError(
            f"a recipe cannot be read from '{path.name}'.", remedy="Give a .toml or .json file."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SourceError("there is no such recipe file.", str(path), "Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the recipe cannot be read ({error}).", str(path), "Check the file.") from None
    return parse(text, path.suffix[1:].upper(), functions, str(path))


def from_dict(data: Any, functions: Functions, where: str = "recipe") -> tuple[Feature, ...]:
    """The features of a recipe from plain values.

    Raises
    ------
    ConfigError
        For an unknown key, term or setting (the nearest known one is named), or a function that was not
        given.
    """
    if not isinstance(data, dict):
        raise ConfigError("a recipe is a table with a list 'feature'.", where, "See Recipe.to_toml().")
    for key in data:
        if key != "feature":
            raise ConfigError(f"unknown key '{key}'.", where, nearest(key, ["feature"]))
    entries = data.get("feature", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ConfigError("'feature' is not a list of tables.", where, "Write one [[feature]] for each.")
    return tuple(_feature(e, functions, f"{where}, feature {i + 1}") for i, e in enumerate(entries))


def _feature(entry: dict[str, Any], functions: Functions, where: str) -> Feature:
    rest = dict(entry)
    name, optional = rest.pop("name", None), rest.pop("optional", False)
    if not isinstance(optional, bool):
        raise ConfigError(f"optional is {optional!r}.", where, "Give true or false.")
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"the name is {name!r}.", where, "Give a text.")
    term = _term(rest, functions, where, extra=("name", "optional"))
    return Feature(name or term.name, term, optional)


def _term(entry: dict[str, Any], functions: Functions, where: str, extra: tuple[str, ...] = ()) -> Term:
    rest = dict(entry)
    if "term" not in rest:
        raise ConfigError(f"no 'term' among {sorted(entry)}.", where, nearest("term", [*entry, "term"]))
    label = rest.pop("term")
    if label not in TERMS:
        raise ConfigError(f"unknown term '{label}'.", where, nearest(str(label), TERMS))
    kind = TERMS[label]
    known = {f.name for f in fields(kind)} - {"function"}
    for key, value in rest.items():
        if key not in known:
            raise ConfigError(
                f"unknown key '{key}' for {label}.", where, nearest(key, {*known, *extra, "term"})
            )
        if isinstance(value, dict):
            rest[key] = _term(value, functions, f"{where}, {key}")
    if kind is Function:
        rest = _with_function(rest, functions, where)
    _check_types(kind, rest, where)
    try:
        return kind(**rest)
    except ConfigError as error:
        raise ConfigError(error.what, where, error.remedy) from None


def _with_function(rest: dict[str, Any], functions: Functions, where: str) -> dict[str, Any]:
    name = rest.get("label", "user")
    if name not in functions:
        raise ConfigError(
            f"the feature '{name}' is a function of one's own, which a file cannot hold.",
            where,
            f"Give it again: functions={{'{name}': ...}}.",
        )
    last = rest.get("last", 0)
    return {**rest, "function": functions[name], "last": None if last == "none" else last}


def _check_types(kind: type[Term], settings: dict[str, Any], where: str) -> None:
    """Refuse a text for a number and the like, by the type of the setting's default."""
    for f in fields(kind):
        if f.name not in settings or f.name == "function":
            continue
        value, annotation = settings[f.name], str(f.type)
        allowed: list[type] = []
        for word, kinds in (("str", [str]), ("Term", [Term]), ("bool", [bool]), ("int", [int])):
            if word in annotation:
                allowed += kinds
        if "float" in annotation:
            allowed += [int, float]
        right = isinstance(value, tuple(allowed)) and (bool in allowed or not isinstance(value, bool))
        if value is None and "None" in annotation:
            right = True
        if not right:
            raise ConfigError(f"{f.name} is {value!r}.", where, f"Give a value of type {annotation}.")
