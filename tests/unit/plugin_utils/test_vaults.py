"""Vault files that hold secrets in clear text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.vaults import clear_vaults

ENCRYPTED = "$ANSIBLE_VAULT;1.1;AES256\n3162\n"
VALUE = "!vault |\n    $ANSIBLE_VAULT;1.2;AES256;production\n    3162\n"


@pytest.mark.parametrize(
    "text",
    [
        "vault_shop: {KEY: s3cret}",
        "vault_shop: {KEY: 4711}",
        "vault_shop: [{KEY: s3cret}]",
        f"vault_shop:\n  OLD: {VALUE}  KEY: s3cret\n",
        "- s3cret",
        "KEY: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n",
        f" {ENCRYPTED}",
    ],
)
def test_one_secret_in_clear_is_enough(tmp_path: Path, text: str) -> None:
    path = tmp_path / "group_vars/app/vault.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert clear_vaults(tmp_path) == [path]


@pytest.mark.parametrize(
    "text",
    [
        ENCRYPTED,
        "",
        "---\n# nothing yet\n",
        f"vault_shop:\n  KEY: {VALUE}",
        "vault_shop: {KEY: replace-me, URL: 'postgresql://shop:replace-me@db/shop', MORE: }",
        "vault_shop: {KEY: \"{{ lookup('ansible.builtin.env', 'KEY') }}\"}",
        "&a [*a]",
        "not: [YAML",
    ],
)
def test_what_is_encrypted_or_no_secret_yet_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/vault.yaml").write_text(text)
    assert clear_vaults(tmp_path) == []


def test_they_are_looked_for_where_variables_stand(tmp_path: Path) -> None:
    names = ["group_vars/app/vault.yml", "host_vars/web1/shop.vault.yml", "group_vars/all_vault.yaml"]
    # Ansible reads these, too.
    names += ["group_vars/app/vault", "group_vars/vault.json"]
    # Nor does it read hidden files, of which one may be a password for vaults, or what an editor has left.
    unread = ["group_vars/all/.vault_pass", "group_vars/.vault.yml", "group_vars/vault~"]
    for name in (*names, "group_vars/app/apps.yml", "group_vars/vault.yml.orig", "files/vault.yml", *unread):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("KEY: s3cret\n")
    assert {str(path.relative_to(tmp_path)) for path in clear_vaults(tmp_path)} == set(names)
