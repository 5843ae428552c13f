"""What leaves the controller for a comparison."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.action.plan import accesses, describe
from ansible_collections.emperor.flask.plugins.module_utils.digests import release_id
from ansible_collections.emperor.flask.tests.support.apps import complete, full, minimal


def sent(recipe: str = "r", **changes: Any) -> dict[str, Any]:
    return describe(complete(minimal(**changes)), recipe)


def identity(request: dict[str, Any]) -> str:
    return release_id(request["description"], request.get("revision") or request["version"], "py")


def test_no_secret_and_no_source_are_sent() -> None:
    request = describe(complete(full()), "r")
    assert "exec://id" not in repr(request)
    assert len(request["description"]["secrets"]) == 32
    assert "source" not in request["description"]
    assert (request["git"], request["version"]) == ("https://git.example.org/shop.git", "v1.4.0")


def test_the_key_names_no_release_and_goes_its_own_way() -> None:
    address = {"git": "git@a.test:a.git"}
    key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
    known = ["a.test ssh-ed25519 AAAA"]
    plain, keyed = minimal(source=address), minimal(name="keyed", source={**address, "key": key})
    known_only = minimal(name="known", source={**address, "known_hosts": known})
    assert "MIIB" not in repr(describe(complete(keyed), "r"))
    assert describe(complete(minimal(source={**address, "key": key})), "r") == describe(complete(plain), "r")
    assert accesses([complete(app) for app in (plain, keyed, known_only)]) == {
        "keyed": {"key": key, "known_hosts": []},
        "known": {"key": None, "known_hosts": known},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "r2"}, {"secrets": {"A": "1"}}, {"environment": {"A": "1"}}, {"domains": ["a.test"]},
        {"workers": {"threads": 2}}, {"idle": "1s"}, {"release_command": "x"}, {"requirements": "r.txt"},
        {"static": [{"url": "/s", "path": "s"}]}, {"writable": []}, {"wsgi": "shop:create_app()"},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_each_change_of_an_app_is_another_release(changes: dict[str, Any]) -> None:
    assert identity(sent(**changes)) != identity(sent())


@pytest.mark.parametrize("given", [{"workers": {"processes": 2}}, {"idle": "0h"}, {"domains": ["shop.localhost"]}])
def test_a_default_written_out_is_no_change(given: dict[str, Any]) -> None:
    assert identity(sent(**given)) == identity(sent())


def test_what_the_app_writes_itself_is_not_its_source(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    media = [{"url": "/m", "path": "media"}]

    def revision() -> str:
        return sent(source={"path": str(tmp_path)}, media=media)["revision"]

    before = revision()
    for name in ("media", "instance"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert revision() == before
    (tmp_path / "other.py").touch()
    assert revision() != before


def test_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert sent(source={"archive": str(tmp_path / "a.zip")})["revision"] == digest
    remote = {"archive": "https://a.test/a.zip", "checksum": f"sha256:{digest}"}
    assert sent(source=remote)["revision"] == digest
