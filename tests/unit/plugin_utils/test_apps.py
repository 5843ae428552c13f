"""Apps together: all mistakes at once, and sources on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import (
    AppsError,
    absent_names,
    read_apps,
    with_defaults,
)
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes


def test_all_mistakes_come_out_at_once_in_the_order_of_the_apps(tmp_path: Path) -> None:
    apps = [
        minimal(name="a", domains=["x.test"]),
        minimal(name="My App", source={"path": "gone"}),
        minimal(name="b", domains=["x.test"]),
        minimal(name="c", domans=["y.test"]),
        minimal(name="d", media=[{"url": "/media", "path": "../x"}], secrets={"DB_URL": ""}),
        {"name": "e", "wsgi": "e:app"},
    ]
    rest = "give a path below its root, without '..'"
    with pytest.raises(AppsError) as caught:
        read_apps(apps, search=[str(tmp_path)])
    assert str(caught.value).splitlines() == [
        "7 mistakes in the apps; no host was changed.",
        "flask_apps[1].name: app 'My App': use a-z, 0-9 and '-', at most 23 characters",
        f"flask_apps[1].source.path: folder gone does not exist; looked in {tmp_path}",
        "flask_apps[2].domains[0]: domain x.test is used by apps a and b",
        "flask_apps[3].domans: is not a key of an app; did you mean 'domains'?",
        f"flask_apps[4].media[0].path: media path ../x is outside the app; {rest}",
        "flask_apps[4].secrets.DB_URL: app d: secret DB_URL is not set",
        "flask_apps[5].source: is missing; it must be a mapping",
    ]


def test_the_order_is_that_of_numbers() -> None:
    said = mistakes(*(minimal(name="A") for _ in range(11)))
    named = [line.partition(".")[0] for line in said if "use a-z" in line]
    assert named == [f"flask_apps[{index}]" for index in range(11)]


def test_a_name_used_twice_is_named() -> None:
    assert mistakes(minimal(), minimal()) == [
        "flask_apps[1].name: the name 'shop' is used twice; every app needs a name of its own"
    ]


def test_a_default_domain_counts() -> None:
    taken = minimal(name="blog", domains=["a.test", "shop.localhost"])
    assert mistakes(minimal(), taken) == [
        "flask_apps[1].domains[1]: domain shop.localhost is used by apps shop and blog"
    ]


def test_a_name_that_leads_elsewhere_belongs_to_one_app_too() -> None:
    apps = minimal(redirect_domains=["a.test", "b.test"]), minimal(name="blog", domains=["b.test", "*.a.test"])
    third = minimal(name="third", redirect_domains=["*.a.test"])
    assert mistakes(*apps, third) == [
        "flask_apps[1].domains[0]: domain b.test is used by apps shop and blog",
        "flask_apps[2].redirect_domains[0]: domain *.a.test is used by apps blog and third",
    ]


COVERED = "is answered by *.x.test of app a; give an app without mount the same domains"


def named(name: str, mount: str = "/", *domains: str, **more: Any) -> dict[str, Any]:
    return minimal(name=name, mount=mount, domains=list(domains), **more)


@pytest.mark.parametrize(
    "apps",
    [
        [named("a", "/", "x.test"), named("b", "/b", "x.test"), named("c", "/b/c", "x.test")],
        [named("a", "/a", "x.test", "*.x.test"), named("b", "/b", "x.test", "*.x.test")],
        # nginx takes a name before a wildcard.
        [named("a", "/", "*.x.test"), named("b", "/", "b.x.test"), named("c", "/c", "b.x.test")],
        [named("a", "/", "x.test", static=[{"url": "/b", "path": "s"}]), named("b", "/b/c", "x.test")],
        [named("a", "/", "x.test", static=[{"url": "/bc", "path": "s"}]), named("b", "/b", "x.test")],
        [named("a", "/a", "x.test"), named("b", "/", "y.test", static=[{"url": "/a", "path": "s"}])],
    ],
)
def test_apps_may_share_their_domains_by_paths(apps: list[dict[str, Any]]) -> None:
    assert mistakes(*apps) == []


@pytest.mark.parametrize(
    ("apps", "said"),
    [
        (
            [named("a", "/x", "x.test"), named("b", "/x", "x.test")],
            "flask_apps[1].domains[0]: domain x.test with mount /x is used by apps a and b",
        ),
        (
            [named("a", "/", "y.test", redirect_domains=["x.test"]), named("b", "/b", "x.test")],
            "flask_apps[1].domains[0]: domain x.test with mount /b is used by apps a and b",
        ),
        (
            [named("b", "/b", "x.test"), named("a", "/", "y.test", redirect_domains=["x.test"])],
            "flask_apps[1].redirect_domains[0]: domain x.test is used by apps b and a",
        ),
        (
            [named("a", "/a", "x.test", "y.test"), named("b", "/", "x.test")],
            "flask_apps[0].domains: shares x.test with app b, and so must list the same domains in the same order",
        ),
        (
            [named("a", "/", "x.test"), named("b", "/b/c", "x.test", "y.test")],
            "flask_apps[1].domains: shares x.test with app a, and so must list the same domains in the same order",
        ),
        (
            [named("a", "/", "x.test", static=[{"url": "/b/c", "path": "s"}]), named("b", "/b", "x.test")],
            "flask_apps[1].mount: app a serves files of its own at /b/c",
        ),
        (
            [named("a", "/a", "x.test", media=[{"url": "/b", "path": "s"}]), named("b", "/a/b", "x.test")],
            "flask_apps[1].mount: app a serves files of its own at /a/b",
        ),
        (
            [named("a", "/", "*.x.test"), named("b", "/b", "y.x.test")],
            f"flask_apps[1].domains[0]: y.x.test {COVERED}",
        ),
        (
            [named("a", "/", "z.test", redirect_domains=["*.x.test"]), named("b", "/b", "y.x.test")],
            f"flask_apps[1].domains[0]: y.x.test {COVERED}",
        ),
    ],
)
def test_what_two_apps_of_a_domain_cannot_share_is_named(apps: list[dict[str, Any]], said: str) -> None:
    assert mistakes(*apps) == [said]


def absent(**more: Any) -> dict[str, Any]:
    return {"name": "old", "state": "absent", **more}


def test_an_absent_app_needs_its_name_alone_and_is_not_returned() -> None:
    apps = [minimal(), absent(), absent(name="older", source={"path": "no/such/folder"}, domains=["x.test"])]
    assert [app["name"] for app in read_apps(apps, search=["/nowhere"])] == ["shop"]
    assert absent_names(apps) == ["old", "older"]


def test_a_present_app_is_what_it_is_without_saying_so() -> None:
    assert complete(minimal(state="present")) == complete(minimal())
    assert absent_names([minimal(), minimal(state="present")]) == []


@pytest.mark.parametrize(
    "given",
    [
        {"domains": ["shop.localhost"]},
        {"listen": {"http": "127.0.0.1:9090"}},
        {"media": [{"url": "/m", "path": "../x"}], "secrets": {"KEY": ""}, "wsgi": "nonsense"},
    ],
    ids=["domain", "port", "outdated"],
)
def test_what_an_absent_app_had_is_free_for_others(given: dict[str, Any]) -> None:
    assert mistakes(minimal(listen={"http": "127.0.0.1:9090"}), absent(**given)) == []


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ({"state": "absent"}, "flask_apps[1].name: is missing; it must be a text"),
        (absent(name="web*"), "flask_apps[1].name: app 'web*': use a-z, 0-9 and '-', at most 23 characters"),
        (absent(name="shop"), "flask_apps[1].name: the name 'shop' is used twice; every app needs a name of its own"),
        (absent(domans=[]), "flask_apps[1].domans: is not a key of an app; did you mean 'domains'?"),
        (absent(domains=7), "flask_apps[1].domains: must be a list, not 7"),
        (
            minimal(name="old", state="gone"),
            "flask_apps[1].state: 'gone' is not one of present, absent; did you mean 'absent'?",
        ),
        ({"name": "old", "state": "present", "wsgi": "a:b"}, "flask_apps[1].source: is missing; it must be a mapping"),
    ],
)
def test_mistakes_of_an_absent_app_are_named(app: dict[str, Any], said: str) -> None:
    assert mistakes(minimal(), app) == [said]


def test_no_apps_are_no_mistake() -> None:
    assert read_apps([]) == []


def test_a_relative_source_is_found_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    for folder in ("one", "two/app", "three/app"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "three/app.zip").touch()
    search = [str(tmp_path / name) for name in ("one", "two", "three")]
    apps = read_apps(
        [minimal(name="a", source={"path": "app"}), minimal(name="b", source={"archive": "app.zip"})], search
    )
    assert apps[0]["source"]["path"] == str(tmp_path / "two/app")
    assert apps[1]["source"]["archive"] == str(tmp_path / "three/app.zip")


def test_a_folder_is_no_archive_and_a_file_no_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert mistakes(
        minimal(name="a", source={"path": "file"}),
        minimal(name="b", source={"archive": "folder"}),
        search=[str(tmp_path), "/nowhere"],
    ) == [
        f"flask_apps[0].source.path: folder file does not exist; looked in {tmp_path}, /nowhere",
        f"flask_apps[1].source.archive: file folder does not exist; looked in {tmp_path}, /nowhere",
    ]


@pytest.mark.parametrize("path", ["~nobody-of-this-name/app", "a" * 300, "a/" * 3000], ids=["user", "name", "path"])
def test_a_folder_that_cannot_be_is_missing(path: str, tmp_path: Path) -> None:
    assert mistakes(minimal(source={"path": path}), search=[str(tmp_path)]) == [
        f"flask_apps[0].source.path: folder {path} does not exist; looked in {tmp_path}"
    ]


def test_sources_of_the_host_are_not_looked_for(tmp_path: Path) -> None:
    remote = {"archive": "https://a.test/a.zip", "checksum": "sha256:" + "0" * 64}
    assert mistakes(minimal(), minimal(name="b", source=remote), search=[str(tmp_path)]) == []


def test_what_is_known_wins_over_a_default_however_deep() -> None:
    known = {"name": "shop", "wsgi": "shop:app", "idle": 9, "workers": {"threads": 3}, "packages": []}
    found = with_defaults(known)
    assert (found["idle"], found["packages"]) == (9, [])
    assert (found["workers"]["processes"], found["workers"]["threads"]) == (2, 3)
    assert (found["user"], found["root"], found["health"]["timeout"]) == ("app-shop", "/srv/apps/shop", 30)


def test_entries_of_an_earlier_version_get_the_keys_they_lack() -> None:
    known = {"name": "shop", "wsgi": "shop:app", "static": [{"url": "/s", "path": "s", "expires": 9}]}
    found = with_defaults({**known, "media": [{"url": "/m", "path": "m"}]})
    assert found["static"] == [{"url": "/s", "path": "s", "expires": 9, "immutable": False}]
    assert found["media"][0]["inline"] == ["avif", "gif", "jpeg", "png", "webp"]


def test_a_key_that_this_version_does_not_know_stays() -> None:
    """Of a later version, before somebody went back to this one."""
    assert with_defaults({"name": "shop", "wsgi": "shop:app", "later": {"a": 1}})["later"] == {"a": 1}


def test_a_release_says_nothing_of_its_source() -> None:
    """Else the controller would look for a folder that was never meant."""
    assert "source" not in with_defaults({"name": "shop", "wsgi": "shop:app"})


def test_names_of_an_environment_are_no_options() -> None:
    known = {"name": "shop", "wsgi": "shop:app", "environment": {"A": "1"}, "secrets": "1f"}
    found = with_defaults(known)
    assert (found["environment"], found["secrets"]) == ({"A": "1"}, "1f")


def test_the_tls_of_all_is_one_that_there_is() -> None:
    # As YAML reads it without quotes.
    # A boolean against the type, as YAML makes it of `off` without quotes.
    assert read_apps([minimal()], tls=False)[0]["tls"] == "off"  # type: ignore[arg-type]
    with pytest.raises(AppsError, match=r"flask_app_tls: 'acmee' is not one of acme, selfsigned, files, off$"):
        read_apps([minimal()], tls="acmee")
