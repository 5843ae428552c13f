"""Which texts are private keys that ssh can use without asking."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.private_keys import key_flaw, tidy_key


def make(tmp_path: Path, *options: str, passphrase: str = "") -> str:
    file = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-N", passphrase, "-C", "", "-f", str(file), *options]
    subprocess.run(command, check=True, capture_output=True)
    return file.read_text()


KINDS = [
    ("-t", "ed25519"),
    ("-t", "rsa", "-b", "2048"),
    ("-t", "ecdsa"),
    ("-t", "rsa", "-b", "2048", "-m", "PEM"),
    ("-t", "ecdsa", "-m", "PKCS8"),
]


@pytest.mark.parametrize("options", KINDS, ids=" ".join)
def test_what_ssh_keygen_makes_is_taken(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert key_flaw(make(tmp_path, *options)) == ""


@pytest.mark.parametrize("options", KINDS, ids=" ".join)
def test_a_passphrase_is_seen(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert key_flaw(make(tmp_path, *options, passphrase="12345")).startswith("source.key has a passphrase")


def test_line_ends_are_mended(tmp_path: Path) -> None:
    key = make(tmp_path, "-t", "ed25519")
    for given in (key.rstrip("\n"), key.replace("\n", "\r\n"), f"\n{key}\n\n", key.replace("\n", "  \n")):
        assert tidy_key(given) == key
        assert key_flaw(given) == ""
    assert tidy_key(None) is None


def test_anything_else_is_no_key(tmp_path: Path) -> None:
    key = make(tmp_path, "-t", "ed25519")
    lines = key.splitlines()
    for given in (
        "",
        " ",
        key.replace("\n", " "),
        (tmp_path / "key.pub").read_text(),
        "\n".join(lines[:-1]),
        "\n".join(lines[1:]),
        key.replace("PRIVATE", "PUBLIC"),
        key.replace(lines[2], lines[2] + "\x1b"),
        key + key,
    ):
        flaw = key_flaw(given)
        assert flaw.startswith("source.key is no private key"), given
        assert not any(line in flaw for line in lines[1:-1])


def test_a_key_that_lost_a_line_or_a_character_is_seen(tmp_path: Path) -> None:
    lines = make(tmp_path, "-t", "ed25519").splitlines()
    cut = "\n".join([lines[0], *lines[2:]])
    assert key_flaw(cut).startswith("source.key is cut off")
    assert key_flaw("\n".join([lines[0], lines[1][:-1], *lines[2:]])).startswith("source.key is cut off")
