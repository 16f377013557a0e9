"""Signatures of releases: Ed25519 over ``SHA256SUMS``, so that a changed file with sums made anew is found.

Checksums show that a release is whole; a signature shows who made it. Keys and signatures are plain text.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.errors import ReleaseError
from .files import SIGNATURE, SUMS, disk_errors, replace_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def make_keys(path: Path) -> Path:
    """Write a new secret key (PEM, readable by its owner alone), and beside it the public one, whose path is returned.

    Raises
    ------
    ReleaseError
        One of the files is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_name(f"{path.name}.pub")
    for there in (path, public):
        if there.exists():
            raise ReleaseError(
                "there is a key already.", str(there), "Name another file; a key is never replaced."
            )
    key = Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    shown = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with disk_errors("the key cannot be written", path, "Name another file."):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret)
        public.write_bytes(shown)
    return public


def sign_release(folder: Path, key: Path) -> bool:
    """Sign a release with a secret key; whether the signature is new. The same release and key give the same bytes.

    Raises
    ------
    ReleaseError
        The key cannot be read, or the signature cannot be written.
    """
    sums = (folder / SUMS).read_bytes()
    text = base64.b64encode(read_secret_key(key).sign(sums)).decode() + "\n"
    path = folder / SIGNATURE
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return False
    with disk_errors("the signature cannot be written", path, "Free space or permissions there."):
        # A release holds what its checksums name and nothing else, even if this job is killed.
        replace_text(text, path, folder.resolve().parent)
    return True


def check_signature(folder: Path, key: Path) -> None:
    """A :class:`ReleaseError` unless a release was signed with the secret half of a public key, and is as it was then.

    Files are not read: :func:`harmattan.forecast.release.verify_release` holds them against ``SHA256SUMS``.
    """
    from cryptography.exceptions import InvalidSignature

    path, remedy = folder / SIGNATURE, "Do not use it; ask its publisher, and for the right public key."
    public = _public(key)
    try:
        public.verify(
            base64.b64decode(path.read_bytes().strip(), validate=True), (folder / SUMS).read_bytes()
        )
    except FileNotFoundError:
        raise ReleaseError("the release is not signed.", str(path), remedy) from None
    except (InvalidSignature, ValueError, OSError):
        what = "the signature is not that of this key over these checksums."
        raise ReleaseError(what, str(path), remedy) from None


def read_secret_key(path: Path) -> Ed25519PrivateKey:
    """The key that releases are signed with; a :class:`ReleaseError` where the file holds none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    remedy = "Name the secret key that harmattan keygen wrote."
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ReleaseError("the secret key cannot be read.", str(path), remedy) from None
    if not isinstance(found, Ed25519PrivateKey):
        raise ReleaseError("this is no Ed25519 key.", str(path), remedy)
    return found


def _public(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    remedy = "Name the public key, such as harmattan.key.pub."
    try:
        found = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ReleaseError("the public key cannot be read.", str(path), remedy) from None
    if not isinstance(found, Ed25519PublicKey):
        raise ReleaseError("this is no Ed25519 key.", str(path), remedy)
    return found
