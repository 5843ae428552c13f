"""Submodules, out of real repositories."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import submodules
from ansible_collections.emperor.flask.plugins.module_utils.sources import SourceError
from ansible_collections.emperor.flask.plugins.module_utils.submodules import (
    export_source,
    fetch_source,
    parse_settings,
    submodule_address,
)
from ansible_collections.emperor.flask.tests.support.repositories import Repository, run


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "git/shop")
    made.commit("shop")
    return made


@pytest.fixture
def lib(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "git/lib")


def exported(repository: Repository, commit: str, folder: Path) -> dict[str, str]:
    """Return what is in the release, by path."""
    target = folder / f"src-{commit}"
    (folder / "apps").mkdir(exist_ok=True)
    export_source(run, fetch_source(run, repository.address, commit, folder / "apps/r.git", "main"), folder, target)
    files = (Path(place, name) for place, _folders, names in os.walk(target) for name in names)
    return {str(path.relative_to(target)): path.read_text() for path in files if path.name != ".gitmodules"}


def test_submodules_come_with_their_own_submodules(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    deep = Repository(tmp_path / "git/deep")
    lib.commit("lib")
    lib.add_submodule("inner/deep", "../deep", deep.commit("deep"))
    commit = shop.add_submodule("vendor/lib", "../lib/", lib.git("rev-parse", "HEAD"), name="a name")
    assert exported(shop, commit, tmp_path) == {
        "app.py": "shop",
        "vendor/lib/app.py": "lib",
        "vendor/lib/inner/deep/app.py": "deep",
    }


def test_each_repository_has_a_mirror_that_root_alone_reads(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    exported(shop, shop.add_submodule("lib", lib.address, lib.commit("1")), tmp_path)
    [mirror] = (tmp_path / "apps/r.git/modules").iterdir()
    for folder in (mirror, mirror.parent, mirror.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not (mirror / "hooks").exists()


def test_a_deploy_fetches_only_what_is_new(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    fetched: list[str] = []

    def watched(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        if "fetch" in command:
            fetched.append(command[command.index("--") + 1])
        return run(command, environment)

    def fetch(commit: str) -> list[str]:
        fetched.clear()
        fetch_source(watched, shop.address, commit, tmp_path / "r.git", "main")
        return fetched

    first = shop.add_submodule("lib", "../lib", lib.commit("1"))
    assert fetch(first) == [shop.address, lib.address]
    assert fetch(first) == []
    assert fetch(shop.commit("2")) == [shop.address]
    assert fetch(shop.add_gitlink("lib", lib.commit("2"))) == [shop.address, lib.address]


def test_a_pinned_commit_on_no_branch_is_fetched(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    lib.git("config", "uploadpack.allowAnySHA1InWant", "true")
    lost = lib.commit("lost")
    lib.git("commit", "--amend", "-m", "again")
    assert exported(shop, shop.add_submodule("lib", "../lib", lost), tmp_path)["lib/app.py"] == "lost"


def test_a_submodule_that_cannot_be_had_is_named(shop: Repository, tmp_path: Path) -> None:
    commit = shop.add_submodule("lib", "../gone", "1" * 40)
    with pytest.raises(
        SourceError, match=r"^git cannot fetch submodule lib \(1{12}\) from file://\S+/git/gone: fatal: "
    ):
        exported(shop, commit, tmp_path)


def test_a_submodule_without_an_address_is_named(shop: Repository, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^folder lib is a submodule that .gitmodules gives no address; add it"):
        exported(shop, shop.add_gitlink("lib", "1" * 40), tmp_path)


def test_a_submodule_that_shall_not_be_checked_out_is_left(shop: Repository, tmp_path: Path) -> None:
    shop.git("config", "--file", ".gitmodules", "submodule.lib.update", "none")
    commit = shop.add_submodule("lib", "../gone", "1" * 40)
    assert exported(shop, commit, tmp_path) == {"app.py": "shop"}


def test_a_link_for_gitmodules_is_not_followed(tmp_path: Path) -> None:
    """git itself makes no such commit; what a server sends is another matter."""
    listing = f"120000 blob {'2' * 40}\t.gitmodules\0" + f"160000 commit {'1' * 40}\tlib\0"

    def answer(command: list[str], _environment: Mapping[str, str]) -> tuple[int, str, str]:
        assert "ls-tree" in command
        return 0, listing, ""

    with pytest.raises(SourceError, match=r"gives no address"):
        submodules.read_submodules(answer, tmp_path, "1" * 40)


def test_configuration_of_a_submodule_is_not_obeyed(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    shop.git("config", "--file", ".gitmodules", "submodule.lib.fetchRecurseSubmodules", "true")
    shop.git("config", "--file", ".gitmodules", "include.path", str(tmp_path / "more"))
    (tmp_path / "more").write_text('[submodule "lib"]\n url = /nowhere\n')
    assert exported(shop, shop.add_submodule("lib", "../lib", lib.commit("1")), tmp_path)["lib/app.py"] == "1"


@pytest.mark.parametrize(("target", "fine"), [("../app.py", True), ("../../outside", False)])
def test_a_link_of_a_submodule_stays_in_the_source(
    shop: Repository, lib: Repository, tmp_path: Path, target: str, fine: bool
) -> None:
    (lib.path / "link").symlink_to(target)
    lib.git("add", "link")
    commit = shop.add_submodule("lib", "../lib", lib.commit("1"))
    if fine:
        assert exported(shop, commit, tmp_path)["lib/link"] == "shop"
        return
    with pytest.raises(SourceError, match=r"^link lib/link leads out of the source"):
        exported(shop, commit, tmp_path)


def test_a_chain_of_submodules_ends(tmp_path: Path) -> None:
    inner = Repository(tmp_path / "git/0")
    commit = inner.commit("0")
    for number in range(1, 11):
        outer = Repository(tmp_path / f"git/{number}")
        commit = outer.add_submodule("s", f"../{number - 1}", commit)
    with pytest.raises(SourceError, match=r"^submodule s(/s){7} is nested more than 8 deep$"):
        exported(outer, commit, tmp_path)


def test_the_number_of_submodules_is_bounded(
    shop: Repository, lib: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submodules, "_COUNT", 3)
    commit = lib.commit("1")
    for number in range(3):
        head = shop.add_submodule(f"lib{number}", "../lib", commit)
    assert len(exported(shop, head, tmp_path)) == 4
    with pytest.raises(SourceError, match=r"^the source has more than 3 submodules$"):
        exported(shop, shop.add_submodule("lib3", "../lib", commit), tmp_path)


@pytest.mark.parametrize(
    ("parent", "url", "said"),
    [
        ("https://a.test/b", "/etc", "submodule lib has the address /etc, a file of the host"),
        ("git@a.test:b", "file:///etc", "submodule lib has the address file:///etc, a file of the host"),
        ("https://a.test/b", "ext::sh -c id", "submodule lib has the address 'ext::sh -c id'; give"),
        ("https://a.test/b", "-u/etc", "submodule lib has the address '-u/etc'; give"),
        ("/srv/b", "lib", "submodule lib has the address 'lib'; give"),
        ("https://a.test/b", "https://me:secret@a.test/c", "submodule lib has a password in its address"),
    ],
)
def test_an_address_that_leads_astray_is_refused(parent: str, url: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        submodule_address(parent, url, PurePosixPath("lib"))
    assert str(caught.value).startswith(said)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", ".git/hooks", "a\nb"])
def test_a_path_out_of_the_source_is_refused(name: str, tmp_path: Path) -> None:
    listing = f"160000 commit {'1' * 40}\t{name}\0"
    with pytest.raises(SourceError, match="leads out of the source"):
        submodules.read_submodules(lambda _command, _environment: (0, listing, ""), tmp_path, "1" * 40)


def test_a_submodule_is_not_put_through_a_link(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    """git itself makes no such commit; what a server sends is another matter."""
    commit, outside = shop.git("rev-parse", "HEAD"), tmp_path / "outside"
    outside.mkdir()
    (shop.path / "away").symlink_to(".")
    shop.git("add", "away")
    parts = fetch_source(run, shop.address, shop.commit("2"), tmp_path / "r.git", "main")
    inner = fetch_source(run, lib.address, lib.commit("1"), tmp_path / "l.git", "main")
    path = PurePosixPath("away/lib")
    with pytest.raises(SourceError, match=r"^submodule away/lib stands below a link$"):
        export_source(
            run, [*parts, submodules.Part(path, "", inner[0].commit, tmp_path / "l.git")], tmp_path, tmp_path / commit
        )


def test_a_submodule_is_not_put_over_files(shop: Repository, lib: Repository, tmp_path: Path) -> None:
    parts = fetch_source(run, shop.address, shop.git("rev-parse", "HEAD"), tmp_path / "r.git", "main")
    inner = fetch_source(run, lib.address, lib.commit("1"), tmp_path / "l.git", "main")
    path = PurePosixPath("app.py")
    with pytest.raises(SourceError, match=r"^submodule app.py cannot be unpacked: "):
        export_source(
            run, [*parts, submodules.Part(path, "", inner[0].commit, tmp_path / "l.git")], tmp_path, tmp_path / "t"
        )


def test_a_name_may_hold_what_separates() -> None:
    listed = "submodule.a.b=c.path\nlib/\0submodule.a.b=c.url\n../x\0submodule.a.b=c.url\n../y\0core.bare\ntrue\0"
    assert parse_settings(listed) == {"lib": {"path": "lib/", "url": "../y"}}
