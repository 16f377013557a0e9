"""A scikit-learn estimator as plain text, and back: the path of its class and its parameters, nothing that was fitted.

What is read back is imported only where its class is declared. With skops a fitted estimator is stored as it is; that
format names the types it holds, and reads none that is not declared.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ...data.errors import ModelError, UsageError
from ..models.own import class_path, trusted_class


def spec_of(value: Any, where: str = "estimator") -> Any:
    """Plain values that :func:`from_spec` makes the same estimator of.

    Raises
    ------
    ModelError
        A parameter is neither a number, text, list nor estimator, nor a function of a module.

    Examples
    --------
    >>> from sklearn.linear_model import PoissonRegressor
    >>> spec_of(PoissonRegressor(alpha=2.0))["parameters"]["alpha"]
    2.0
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, list | tuple):
        made = [spec_of(v, f"{where}[{i}]") for i, v in enumerate(value)]
        return made if isinstance(value, list) else {"tuple": made}
    if isinstance(value, Mapping):
        return {"mapping": [[spec_of(k, where), spec_of(v, f"{where}[{k!r}]")] for k, v in value.items()]}
    if hasattr(value, "get_params") and not isinstance(value, type):
        parameters = {k: spec_of(v, f"{where}.{k}") for k, v in sorted(value.get_params(deep=False).items())}
        return {"class": class_path(type(value)), "parameters": parameters}
    path = function_path(value)
    if path is None:
        raise ModelError(
            f"{where} is a {type(value).__name__}, which cannot be stored as text.",
            remedy="Use numbers, texts, lists, estimators, or functions of a module.",
        )
    return {"function": path}


def function_path(value: Any) -> str | None:
    """Where a function lies; None where it has no place, like a lambda."""
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    module = getattr(value, "__module__", None) or ("numpy" if isinstance(value, np.ufunc) else "")
    there = module and name and "<" not in name and callable(value)
    try:
        return f"{module}.{name}" if there and getattr(import_module(module), name) is value else None
    except (ImportError, AttributeError):
        return None


def from_spec(spec: Any, trusted: Collection[str]) -> Any:
    """What :func:`spec_of` described; a :class:`ModelError` for a class or function that is not declared."""
    if isinstance(spec, list):
        return [from_spec(s, trusted) for s in spec]
    if not isinstance(spec, dict):
        return spec
    if "number" in spec:
        return float(spec["number"])
    if "tuple" in spec:
        return tuple(from_spec(s, trusted) for s in spec["tuple"])
    if "mapping" in spec:
        return {from_spec(k, trusted): from_spec(v, trusted) for k, v in spec["mapping"]}
    if "function" in spec:
        return trusted_class(spec["function"], trusted)
    parameters = {k: from_spec(v, trusted) for k, v in spec["parameters"].items()}
    return trusted_class(spec["class"], trusted)(**parameters)


def paths_in(spec: Any) -> Iterator[str]:
    """Every class and function that a description names."""
    if isinstance(spec, dict):
        yield from (spec[kind] for kind in ("class", "function") if kind in spec)
        for part in spec.values():
            yield from paths_in(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from paths_in(part)


def seeded(estimator: Any) -> Any:
    """A fresh copy whose random parts have a seed: 0 wherever none is set, so that fits can be repeated."""
    from sklearn.base import clone

    fresh = clone(estimator)
    unset = {k: 0 for k, v in fresh.get_params().items() if v is None and k.split("__")[-1] == "random_state"}
    return fresh.set_params(**unset) if unset else fresh


def skops_text(estimators: list[Any]) -> str:
    """Fitted estimators in skops' format, as text."""
    return base64.b64encode(_skops().dumps(estimators)).decode("ascii")


def from_skops(text: str, trusted: Collection[str]) -> list[Any]:
    """What :func:`skops_text` gave; a :class:`ModelError` for a type that is not declared."""
    found, content = _skops(), base64.b64decode(text)
    unknown = sorted(set(found.get_untrusted_types(data=content)) - set(trusted))
    if unknown:
        raise ModelError(
            f"the stored estimator holds {unknown[0]}, which is not declared.",
            remedy=f"If you trust them, write trusted = {unknown} in the settings.".replace("'", '"'),
        )
    made: list[Any] = found.loads(content, trusted=sorted(trusted))
    return made


def _skops() -> Any:
    try:
        import skops.io
    except ModuleNotFoundError:
        raise UsageError(
            "skops is not installed.", "store", "Install it with: pip install skops; or leave store out."
        ) from None
    return skops.io
