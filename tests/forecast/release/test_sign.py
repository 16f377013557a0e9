"""Signatures: a file that was changed with its checksum is found, and so is another key."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harmattan.data.errors import ReleaseError
from harmattan.forecast.release import SIGNATURE, check_signature, make_keys, sign_release, verify_release
from harmattan.forecast.release.files import write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    release = tmp_path / "2023-12"
    (release / "hub").mkdir(parents=True)
    (release / "forecast.csv").write_text("value\n4\n", encoding="utf-8")
    (release / "hub" / "tasks.json").write_text("{}\n", encoding="utf-8")
    write_sums(release)
    return release


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "harmattan.key")
    return tmp_path / "harmattan.key"


def public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def test_a_signed_release_is_accepted_and_signed_once(folder: Path, key: Path) -> None:
    assert sign_release(folder, key)
    assert not sign_release(folder, key)
    check_signature(folder, public(key))
    found = {f.check for f in verify_release(folder, tables=False).findings}
    assert not found & {"extra file", "checksum", "checksums"}


def test_a_changed_file_with_sums_made_anew_is_refused(folder: Path, key: Path) -> None:
    sign_release(folder, key)
    (folder / "forecast.csv").write_text("value\n1\n", encoding="utf-8")
    write_sums(folder)
    with pytest.raises(ReleaseError, match="not that of this key over these checksums"):
        check_signature(folder, public(key))


def test_another_key_no_signature_and_nonsense_are_refused(folder: Path, key: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="is not signed"):
        check_signature(folder, public(key))
    sign_release(folder, key)
    other = make_keys(tmp_path / "other.key")
    with pytest.raises(ReleaseError, match="not that of this key"):
        check_signature(folder, other)
    (folder / SIGNATURE).write_text("nonsense", encoding="utf-8")
    with pytest.raises(ReleaseError, match="not that of this key"):
        check_signature(folder, public(key))
    with pytest.raises(ReleaseError, match="the secret key cannot be read"):
        sign_release(folder, public(key))
    with pytest.raises(ReleaseError, match="the public key cannot be read"):
        check_signature(folder, key)


def test_a_secret_key_is_its_owners_and_is_never_replaced(key: Path) -> None:
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_bytes()
    with pytest.raises(ReleaseError, match="there is a key already"):
        make_keys(key)
    assert key.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_kill_while_signing_leaves_the_release_as_it_was(
    folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.relative_to(folder) for path in folder.rglob("*")}
    monkeypatch.setattr(os, "replace", lambda *paths: os._exit(9))
    child = os.fork()
    if child == 0:
        sign_release(folder, key)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert {path.relative_to(folder) for path in folder.rglob("*")} == before


def test_openssl_accepts_the_signature(folder: Path, key: Path, tmp_path: Path) -> None:
    """An independent program: what others would check with."""
    import base64
    import shutil
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("openssl is absent")
    sign_release(folder, key)
    (tmp_path / "raw").write_bytes(base64.b64decode((folder / SIGNATURE).read_bytes().strip()))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public(key)), "-rawin"]
    command += ["-in", str(folder / "SHA256SUMS"), "-sigfile", str(tmp_path / "raw")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")
