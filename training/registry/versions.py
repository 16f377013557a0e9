"""Versions of the trained model in MLflow's registry, and the names that point at them.

`champion` is what the scheduled job uses, `challenger` is what was trained last, `previous` is the champion before.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...data.errors import ModelError, nearest
from .gate import COLUMNS, KEYS, POOL
from .served_code import CODE_DIGEST, check_code, code_digest
from .store import connected, is_local, quiet_mlflow, store_uri, without_secrets

if TYPE_CHECKING:
    from ..trained_model import TrainedModel

#: The one registered model.
MODEL = "harmattan"
CHAMPION, CHALLENGER, PREVIOUS = ALIASES = ("champion", "challenger", "previous")
#: Inside a version: the trained model's files, and the scores that a gate compares.
TRAINED, RECORD = "artifacts/trained", "artifacts/record"
SCORES = "origin_scores.csv"
#: The champion's record on the same origins and data, as it was when a challenger was judged against it.
RIVAL, RIVAL_LISTS, RIVAL_PARTS = "champion_scores.csv", "champion_lists.csv", "champion_parts.csv"
#: Tags that hold the SHA-256 of each; versions registered before there was one are not checked.
DIGESTS = {
    SCORES: "record_digest",
    RIVAL: "champion_scores_digest",
    RIVAL_LISTS: "champion_lists_digest",
    RIVAL_PARTS: "champion_parts_digest",
}
RECORD_DIGEST = DIGESTS[SCORES]
#: Tag that names the champion whom a version was judged against.
AGAINST = "judged_against"
#: Columns of the tables that are no scores of the pool.
OTHERS = {
    RIVAL_LISTS: ("of", "months", "origin", "cases", "happened", "log_score"),
    RIVAL_PARTS: (*KEYS, "cases", "observed", "crps"),
}
REMEDY = (
    "Mend the store, or name another with --tracking-uri; `harmattan forecast` without --model needs none."
)


@dataclass(frozen=True)
class ModelVersion:
    """One version of the model, without its files.

    Attributes
    ----------
    number : str
    aliases : tuple of str
        Names that point at it.
    tags : mapping of str to str
        ``model_digest, origin, data_hash, package_version`` and, once it was promoted, why.
    run_id : str
        The run that trained it.
    """

    number: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str


@dataclass(frozen=True)
class LoadedModel:
    """A trained model from the registry.

    Attributes
    ----------
    trained : TrainedModel
        Its files have the SHA-256 that the registry promises.
    name : str
        How it was asked for: ``champion``, ``3``.
    version : str
        The version that this is now.
    tags : mapping of str to str
        What the registry says about it.
    read_scores : callable
        Fetches a table by its file name, which a forecast does not need; None of one that was not registered.
    """

    trained: TrainedModel
    name: str
    version: str
    tags: Mapping[str, str]
    read_scores: Callable[[str], pd.DataFrame | None]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Its back-test, one row per target, horizon, origin and member; see :mod:`harmattan.training.registry.gate`.

        Raises
        ------
        ModelError
            The record is missing, has changed since it was registered, or is none.
        """
        table = self.read_scores(SCORES)
        assert table is not None
        return table


def load_model(reference: str, folder: Path, tracking_uri: str | None = None) -> LoadedModel:
    """A version of the model, its files checked against their hashes.

    Parameters
    ----------
    reference : str
        ``champion``, ``challenger``, ``previous``, or the number of a version.
    folder : Path
        Holds ``mlflow.db``, unless another store is named.
    tracking_uri : str, optional
        Another store; MLFLOW_TRACKING_URI counts where this is None.

    Raises
    ------
    ModelError
        No such model, alias or version; a file that is missing or has changed; a model of a newer package version;
        code beside it that is not the package's own.
    TrackingError
        The store cannot be reached or read.
    """
    from ..trained_model import TrainedModel

    with open_registry(folder, tracking_uri) as client:
        version = find_version(client, reference, where=_place(folder, tracking_uri))
        uri = client.get_model_version_download_uri(MODEL, version.number)
        with tempfile.TemporaryDirectory() as aside:
            files = _fetch(
                f"{uri.rstrip('/')}/{TRAINED}", Path(aside) / "trained", version, folder, tracking_uri
            )
            trained = TrainedModel.read(files)
            _check_digest(trained, version)

            def fetch(name: str) -> Path:
                to = Path(aside) / f"{name}.file"
                return _fetch(f"{uri.rstrip('/')}/{name}", to, version, folder, tracking_uri)

            check_code(version.number, version.tags, fetch)

    def read_scores(name: str) -> pd.DataFrame | None:
        if name != SCORES and DIGESTS[name] not in version.tags:
            return None
        return _scores(version, f"{uri.rstrip('/')}/{RECORD}", name, folder, tracking_uri)

    return LoadedModel(trained, reference, version.number, version.tags, read_scores)


def open_registry(folder: Path, tracking_uri: str | None = None) -> Any:
    """A client of a store that is there: context manager, like :func:`harmattan.training.registry.store.connected`.

    Raises
    ------
    ModelError
        ``folder`` holds no database, so that no model was ever trained there.
    TrackingError
        The store cannot be reached or read.
    """
    if is_local(folder, tracking_uri) and not (folder / "mlflow.db").exists():
        raise _no_model(_place(folder, tracking_uri))
    return connected(folder, tracking_uri, doing="the model registry cannot be used", remedy=REMEDY)


def list_versions(client: Any) -> list[ModelVersion]:
    """Every version, newest first."""
    from mlflow.exceptions import MlflowException

    try:
        names = client.get_registered_model(MODEL).aliases
        found = client.search_model_versions(f"name = '{MODEL}'", max_results=1000)
    except MlflowException as reason:
        if _absent(reason):
            return []
        raise
    pointing: dict[str, list[str]] = {}
    for alias, number in names.items():
        pointing.setdefault(str(number), []).append(alias)
    return [
        ModelVersion(
            str(v.version), tuple(sorted(pointing.get(str(v.version), []))), dict(v.tags), str(v.run_id)
        )
        for v in sorted(found, key=lambda v: -int(v.version))
    ]


def find_version(client: Any, reference: str, where: str = "") -> ModelVersion:
    """The version that an alias or a number means.

    Raises
    ------
    ModelError
        There is no model, no such alias, or no such version.
    """
    known = list_versions(client)
    if not known:
        raise _no_model(where)
    for version in known:
        if reference == version.number or reference in version.aliases:
            return version
    if reference in ALIASES:
        remedy = {
            CHAMPION: "Promote a version with: harmattan promote VERSION.",
            CHALLENGER: "Train one with: harmattan train.",
            PREVIOUS: "There is none until a second champion was promoted.",
        }[reference]
        raise ModelError(f"no version of the model is the {reference}.", where, remedy)
    if reference.isdigit():
        raise ModelError(
            f"there is no version {reference} of the model.", where, f"The newest is {known[0].number}."
        )
    raise ModelError(f"'{reference}' is no version of the model.", where, nearest(reference, ALIASES))


def register_version(
    client: Any, run_id: str, experiment: str, saved: Path, tags: Mapping[str, str], description: str = ""
) -> str:
    """Put a saved model into the registry, as a version that nothing points at yet; its number.

    Parameters
    ----------
    client : MlflowClient
        See :func:`harmattan.training.registry.store.connected`.
    run_id, experiment : str
        The run that trained it.
    saved : Path
        A folder in MLflow's format of models; copied. The SHA-256 of its scores becomes a tag.
    tags : mapping of str to str
        ``model_digest`` and whatever else the version is to be known by.
    description : str
        What an analyst reads first, as Markdown.
    """
    from mlflow.exceptions import MlflowException

    model = client.create_logged_model(experiment, name=MODEL, source_run_id=run_id)
    client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    try:
        client.get_registered_model(MODEL)
    except MlflowException as reason:
        if not _absent(reason):
            raise
        client.create_registered_model(MODEL)
    files = {digest: saved / RECORD / name for name, digest in DIGESTS.items()}
    marks = {**tags, **{tag: _sha256(p.read_bytes()) for tag, p in files.items() if p.is_file()}}
    marks[CODE_DIGEST] = code_digest()
    version = client.create_model_version(
        MODEL,
        source=model.artifact_location,
        run_id=run_id,
        model_id=model.model_id,
        tags=marks,
        description=description or None,
    )
    return str(version.version)


def point_alias(client: Any, alias: str, number: str) -> None:
    """Let an alias point at a version."""
    client.set_registered_model_alias(MODEL, alias, number)


def make_champion(client: Any, number: str, tags: Mapping[str, str]) -> str | None:
    """Make a version the champion; the number of the one before, which becomes ``previous``.

    Parameters
    ----------
    client : MlflowClient
    number : str
        The version.
    tags : mapping of str to str
        Why, as tags of the version.
    """
    before = next((v.number for v in list_versions(client) if CHAMPION in v.aliases), None)
    # Tags first: a champion without a reason would be worse than a reason without a champion.
    for key, value in tags.items():
        client.set_model_version_tag(MODEL, number, key, value[:5000])
    if before is not None and before != number:
        point_alias(client, PREVIOUS, before)
    point_alias(client, CHAMPION, number)
    return before


def _fetch(uri: str, to: Path, version: ModelVersion, folder: Path, tracking_uri: str | None) -> Path:
    """A folder of a version's files, fetched where the store is elsewhere."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        with quiet_mlflow():
            to.mkdir()
            got = download_artifacts(
                artifact_uri=uri, dst_path=str(to), tracking_uri=store_uri(folder, tracking_uri)
            )
    except (MlflowException, OSError) as reason:
        if isinstance(reason, MlflowException) and reason.error_code == "INTERNAL_ERROR":
            raise
        raise ModelError(
            f"files of version {version.number} of the model are missing.",
            without_secrets(uri),
            "Restore them from a copy, roll back with `harmattan promote --rollback`, or train again.",
        ) from None
    return Path(got)


def _check_digest(trained: TrainedModel, version: ModelVersion) -> None:
    """The files are in order among themselves; here, that they are the ones that were registered."""
    promised = version.tags.get("model_digest", "")
    if trained.digest != promised:
        raise ModelError(
            f"version {version.number} of the model has changed since it was registered: its SHA-256 is "
            f"{trained.digest[:12]}, not {promised[:12] or 'told'}.",
            remedy="Restore its files from a copy, or train again.",
        )


def _scores(
    version: ModelVersion, uri: str, name: str, folder: Path, tracking_uri: str | None
) -> pd.DataFrame:
    """A table of scores that was registered with a version, as it was then."""
    with open_registry(folder, tracking_uri), tempfile.TemporaryDirectory() as aside:
        fetched = _fetch(uri, Path(aside) / "record", version, folder, tracking_uri) / name
        if not fetched.is_file():
            raise _no_record(version, "is missing")
        content = fetched.read_bytes()
    if version.tags.get(DIGESTS[name], _sha256(content)) != _sha256(content):
        raise _no_record(version, "has changed since it was registered")
    try:
        table = pd.read_csv(BytesIO(content))
        if name in OTHERS:
            return table[list(OTHERS[name])]
        table = table[list(COLUMNS)].astype({"horizon": int, "cases": int, "observed": int, "crps": float})
    except (ValueError, KeyError, OverflowError):
        raise _no_record(version, "cannot be read") from None
    if POOL not in set(table["member"]) or not table["crps"].notna().all():
        raise _no_record(version, "lacks scores of the pool")
    return table


def _no_record(version: ModelVersion, how: str) -> ModelError:
    return ModelError(
        f"the record of scores of version {version.number} of the model {how}.",
        SCORES,
        remedy="Restore the file from a copy, or train again; a forecast does not need it.",
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _absent(reason: Any) -> bool:
    return bool(reason.error_code == "RESOURCE_DOES_NOT_EXIST")


def _no_model(where: str) -> ModelError:
    return ModelError("no model has been trained here.", where, "Train one with: harmattan train.")


def _place(folder: Path, tracking_uri: str | None) -> str:
    return without_secrets(store_uri(folder, tracking_uri))
