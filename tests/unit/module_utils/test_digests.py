"""Names of releases: the same input, the same name."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.digests import (
    digest,
    release_id,
    secrets_digest,
    tree_digest,
)

APP = {"name": "shop", "environment": {"A": "1", "B": "ü"}}


def test_an_id_is_the_same_on_every_controller() -> None:
    """Written down once: a change of the algorithm would rebuild every release of every host."""
    assert release_id(APP, "rev", "cpython-3.11") == "8477343f92e0"
    assert secrets_digest("shop", {"KEY": "ü"}) == "c9c13cd182c8cbc190d46cc08c850906"


def test_the_order_of_keys_is_nothing() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    "other",
    [
        ({**APP, "name": "shop2"}, "rev", "cpython-3.11"),
        ({**APP, "environment": {"A": 1, "B": "ü"}}, "rev", "cpython-3.11"),
        (APP, "rev2", "cpython-3.11"),
        (APP, "rev", "cpython-3.13"),
    ],
)
def test_whatever_differs_names_another_release(other: tuple[Any, str, str]) -> None:
    assert release_id(*other) != release_id(APP, "rev", "cpython-3.11")


def test_secrets_are_salted_with_the_app_and_not_just_hashed() -> None:
    secrets = {"KEY": "1234"}
    found = secrets_digest("shop", secrets)
    assert found != secrets_digest("blog", secrets)
    assert found != secrets_digest("shop", {"KEY": "1235"})
    assert found == secrets_digest("shop", dict(secrets))
    plain = hashlib.sha256(json.dumps(secrets).encode()).hexdigest()
    assert found[:12] not in plain
    assert secrets_digest("shop", {}) == ""


@pytest.mark.parametrize(
    "change",
    [
        "echo 2 > sub/a.py",
        "mv sub/a.py sub/b.py",
        "mv sub other",
        "touch new",
        "rm link",
        "ln -sfn other link",
        "printf 'x' > sub/a.py; printf '1\\n' > sub/x",
    ],
)
def test_a_tree_tells_every_change(tmp_path: Path, change: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.py").write_text("1\n")
    (tmp_path / "link").symlink_to("sub/a.py")
    before = tree_digest(tmp_path)
    assert tree_digest(tmp_path) == before
    subprocess.run(["sh", "-ec", change], cwd=tmp_path, check=True)
    assert tree_digest(tmp_path) != before


def test_a_tree_is_the_same_at_another_place_and_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub/a.py").write_text("1\n")
        (tmp_path / name / "outside").symlink_to("/nowhere")
    os.utime(tmp_path / "two/sub/a.py", (1, 1))
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
