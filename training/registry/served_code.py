"""The Python file that goes beside a version: MLflow executes it, our commands only compare it with the package's own.

Whoever can write to the artifacts of a store can change that file, and what plain ``mlflow.pyfunc.load_model`` runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from ...data.errors import ModelError

#: What every version is registered with.
SERVED_CODE = Path(__file__).with_name("served_model.py")
#: Tag that holds the SHA-256 of it, for versions of other releases of the package.
CODE_DIGEST = "code_digest"
#: MLflow's description of a model, and its words for one whose code is a file.
CARD, FLAVOR, PATH = "MLmodel", "python_function", "model_code_path"
LOADER = "mlflow.pyfunc.loaders.code_model"
#: What such a description holds; anything else may be code that is executed.
KNOWN = {"artifacts", "cloudpickle_version", "env", "loader_module", PATH, "python_version", "streamable"}


def code_digest(content: bytes | None = None) -> str:
    """SHA-256 of a code file, of the package's own where none is given."""
    return hashlib.sha256(SERVED_CODE.read_bytes() if content is None else content).hexdigest()


def check_code(number: str, tags: Mapping[str, str], fetch: Callable[[str], Path]) -> None:
    """That MLflow would execute the package's own file, and nothing else, for a version.

    Parameters
    ----------
    number : str
        The version.
    tags : mapping of str to str
        Its tags. A version that another release of the package trained has to have the file it was registered with.
    fetch : callable
        Gives a file of the version by its path below it.

    Raises
    ------
    ModelError
        Another file, or other code beside it.
    """
    from mlflow.utils.yaml_utils import read_yaml

    card = fetch(CARD)
    try:
        flavors: dict[str, Any] = read_yaml(str(card.parent), card.name)["flavors"]
        flavor = flavors[FLAVOR]
        # MLflow keeps where the file was and looks beside the model for its name.
        path = PurePath(flavor[PATH]).name
        more = {key for key, value in flavor.items() if value is not None} - KNOWN | set(flavors) - {FLAVOR}
        loader = str(flavor["loader_module"])
    except Exception as reason:
        # A damaged description has many ways to fail, and each means the same.
        raise _refused(number, CARD, "cannot be read") from reason
    if more or loader != LOADER:
        raise _refused(number, CARD, "names other code than the package's own")
    own = tags.get("package_version", version("harmattan")) == version("harmattan")
    promised = code_digest() if own else tags.get(CODE_DIGEST)
    if promised is not None and code_digest(fetch(path).read_bytes()) != promised:
        raise _refused(number, path, "is not the package's own" if own else "has changed")


def _refused(number: str, name: str, how: str) -> ModelError:
    what = f"the code of version {number} of the model {how}: whoever serves it would run something else."
    remedy = "Find out who wrote to the store; restore the file from a copy, or train again."
    return ModelError(what, name, remedy)
