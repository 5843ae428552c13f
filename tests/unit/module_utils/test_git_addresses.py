"""Addresses of repositories, and of submodules relative to them."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import (
    has_password,
    is_address,
    is_local,
    resolve,
    ssh_server,
    trust_flaw,
)


@pytest.mark.parametrize(
    ("parent", "address", "found"),
    [
        ("https://a.test/team/shop.git", "../lib.git", "https://a.test/team/lib.git"),
        ("https://a.test/team/shop.git/", "../lib.git/", "https://a.test/team/lib.git"),
        ("https://a.test/team/shop.git", "../../other/lib.git", "https://a.test/other/lib.git"),
        ("https://a.test/shop", "./lib", "https://a.test/shop/lib"),
        ("ssh://git@a.test:2222/srv/shop.git", ".././lib.git", "ssh://git@a.test:2222/srv/lib.git"),
        ("git@a.test:team/shop.git", "../lib.git", "git@a.test:team/lib.git"),
        ("git@a.test:shop.git", "../lib.git", "git@a.test:lib.git"),
        ("/srv/shop.git", "../lib.git", "/srv/lib.git"),
        ("file:///srv/shop.git", "../lib.git", "file:///srv/lib.git"),
        ("https://a.test/shop.git", "https://b.test/lib.git", "https://b.test/lib.git"),
        ("https://a.test/shop.git", "git@b.test:../lib.git", "git@b.test:../lib.git"),
    ],
)
def test_a_relative_address_starts_at_its_parent(parent: str, address: str, found: str) -> None:
    assert resolve(parent, address) == found


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("https://me:hush@a.test/b", True),
        ("https://ghp_token@a.test/b", True),
        ("http://token@a.test/b", True),
        ("ssh://git:hush@a.test/b", True),
        ("ssh://git@a.test/b", False),
        ("git@a.test:b", False),
        ("https://a.test/~me@b", False),
    ],
)
def test_a_token_is_a_password_too(address: str, hidden: bool) -> None:
    assert has_password(address) == hidden


@pytest.mark.parametrize("parent", ["https://a.test/b", "git@a.test:b", "/srv/b", "file:///srv/b"])
@pytest.mark.parametrize("ups", range(4, 9))
def test_more_ups_than_folders_lead_nowhere(parent: str, ups: int) -> None:
    assert not is_address(resolve(parent, "../" * ups + "x"))


@pytest.mark.parametrize("address", ["ext::sh -c id", "--upload-pack=x", "lib.git", "", "https://a b", "/a\n", "fd::7"])
def test_what_git_would_run_or_misread_is_no_address(address: str) -> None:
    assert not is_address(address)


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("ssh://git@a.test:2222/b.git", ("a.test", 2222)),
        ("ssh://a.test/b.git", ("a.test", None)),
        ("ssh://git@[2001:db8::1]:22/b.git", ("2001:db8::1", 22)),
        ("git@a.test:b.git", ("a.test", None)),
        ("https://git@a.test/b.git", None),
        ("git://a.test/b.git", None),
        ("file:///srv/git@a.test:b", None),
        ("/srv/git@a.test:b", None),
    ],
)
def test_the_server_that_is_reached_by_ssh(address: str, server: tuple[str, int | None] | None) -> None:
    assert ssh_server(address) == server


def test_files_of_the_host_are_local() -> None:
    assert [is_local(address) for address in ("/a", "file:///a", "https://a", "git@a:b")] == [True, True, False, False]


@pytest.mark.parametrize("address", ["http://a.test/b", "git://a.test/b"])
@pytest.mark.parametrize("version", ["main", "v1.4.0", "HEAD", "0" * 39, "0" * 12])
def test_what_a_branch_is_nobody_on_the_way_may_say(address: str, version: str) -> None:
    assert f"'{address}' is not encrypted, so anybody on the way could say what {version} is" in trust_flaw(
        address, version
    )
    # git compares what comes with its id.
    assert trust_flaw(address, "0f" * 20) == trust_flaw(address, "0f" * 32) == ""


@pytest.mark.parametrize(
    "address", ["https://a.test/b", "ssh://git@a.test/b", "git@a.test:b", "/srv/b", "file:///srv/b"]
)
def test_of_others_any_version_will_do(address: str) -> None:
    assert trust_flaw(address, "main") == ""
