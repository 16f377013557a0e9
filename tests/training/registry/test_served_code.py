"""The file that MLflow executes for a version: the package's own, or the version is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from harmattan.data.errors import ModelError
from harmattan.training.registry.served_code import SERVED_CODE, check_code, code_digest

CARD = """\
flavors:
  python_function:
    artifacts: {trained: {path: artifacts/trained, uri: trained}}
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    cloudpickle_version: 3.1.2
    code: null
    loader_module: mlflow.pyfunc.loaders.code_model
    model_code_path: /somewhere/served_model.py
    python_version: 3.11.2
    streamable: false
model_id: null
"""


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "MLmodel").write_text(CARD, encoding="utf-8")
    (tmp_path / "served_model.py").write_bytes(SERVED_CODE.read_bytes())
    return lambda name: tmp_path / name


def test_the_package_s_own_file_is_accepted(fetch: Callable[[str], Path]) -> None:
    check_code("1", {"package_version": version("harmattan")}, fetch)
    check_code("1", {}, fetch)


def test_a_changed_file_is_refused(fetch: Callable[[str], Path]) -> None:
    path = fetch("served_model.py")
    path.write_text(path.read_text(encoding="utf-8") + "import os\n", encoding="utf-8")
    with pytest.raises(ModelError, match="is not the package's own") as caught:
        check_code("7", {}, fetch)
    assert caught.value.exit_code == 4
    # Another release of the package had another file: it has to be the one that was registered.
    other = {"package_version": "0.0.9", "code_digest": code_digest(path.read_bytes())}
    check_code("7", other, fetch)
    with pytest.raises(ModelError, match="has changed"):
        check_code("7", {**other, "code_digest": code_digest()}, fetch)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("mlflow.pyfunc.loaders.code_model", "evil"),
        lambda text: text.replace("code: null", "code: code"),
        lambda text: text.replace("    streamable", "    python_model: python_model.pkl\n    streamable"),
        lambda text: text.replace("model_id", "  sklearn: {code: x}\nmodel_id"),
        lambda text: "flavors: [",
        lambda text: "",
    ],
)
def test_other_code_beside_it_is_refused(fetch: Callable[[str], Path], change: Callable[[str], str]) -> None:
    fetch("MLmodel").write_text(change(CARD), encoding="utf-8")
    with pytest.raises(ModelError, match=r"names other code|cannot be read"):
        check_code("7", {}, fetch)
