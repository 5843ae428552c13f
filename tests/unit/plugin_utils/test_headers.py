"""Headers that a site sends: which may be given, and which the defaults of nginx leave to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError
from ansible_collections.emperor.flask.plugins.plugin_utils.site import headers
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.parsing import names, read_nginx
from ansible_collections.emperor.flask.tests.support.rendering import nginx_files, site

FORM = "is no name of a header; use letters, digits and '-', such as X-Frame-Options"


def said_of(**given_headers: Any) -> list[str]:
    return [line.removeprefix("flask_apps[0].headers.") for line in mistakes(minimal(headers=given_headers))]


@pytest.mark.parametrize(
    "name", ["", "X Frame", "X_Frame", "X-Frame:", "1X", "-X", "X-\n", "Ä", "$host", 'X"', "X" * 65, "X; return 200"]
)
def test_what_is_no_name(name: str) -> None:
    assert said_of(**{name: "x"}) == [f"{name!r}: {FORM}"]


@pytest.mark.parametrize("name", ["X", "x-1", "X" * 64, "Cross-Origin-Opener-Policy"])
def test_what_is_a_name(name: str) -> None:
    assert said_of(**{name: "x"}) == []


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Set-Cookie", "X-REQUEST-ID", "Location"])
def test_what_is_ours_or_the_apps(name: str) -> None:
    [line] = said_of(**{name: "x"})
    assert line.startswith(f"{name}: ")
    assert line.endswith("; leave it out")


def test_a_name_counts_whatever_its_letters() -> None:
    found = said_of(**{"X-Frame-Options": "DENY", "x-frame-options": "", "X-FRAME-OPTIONS": "x"})
    assert found == [
        "x-frame-options: stands here as X-Frame-Options, too; keep one",
        "X-FRAME-OPTIONS: stands here as X-Frame-Options, too; keep one",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a\nb", r"'\n'"), ("a\rb", r"'\r'"), ("\0", r"'\x00'"), ("\t", r"'\t'"), ('a"b', "'\"'"), ("$host", "'$'"),
     ("a\\", r"'\\'"), ("ä", "'ä'"), ("\x7f", r"'\x7f'"), ("\udcff", r"'\udcff'"), ("\u2028", r"'\u2028'")],
)  # fmt: skip
def test_a_value_that_would_be_more_than_a_value(value: str, shown: str) -> None:
    assert said_of(X=value) == [f"X: contains {shown}; use printable ASCII without '\"', '$' and '\\'"]


@pytest.mark.parametrize("value", [True, 5, None, ["x"], {"x": 1}])
def test_what_is_no_text(value: Any) -> None:
    assert said_of(X=value) == ["X: is not a text; write the value in quotes, or '' to send no such header"]


def test_a_value_has_an_end() -> None:
    assert said_of(X="x" * 2000) == []
    assert said_of(X="x" * 2001) == ["X: has 2001 characters; at most 2000"]


@given(value=st.text(max_size=30) | st.text(alphabet=" '\"$\\;{}#\n\r-~!%@x", max_size=30))
@example(value="default-src 'self'; script-src 'none'; { } # }")
def test_what_is_taken_stays_within_its_quotes(value: str) -> None:
    try:
        app = complete(minimal(headers={"X-Seed": value}))
    except AppsError:
        return
    found, seed = (
        read_nginx(site(made)) for made in (app, complete(minimal(headers={"X-Seed": "x" if value else ""})))
    )
    assert names(found) == names(seed)
    sent = [line for line in _all(found) if line[:2] == ["add_header", "X-Seed"]]
    assert sent == ([["add_header", "X-Seed", value, "always"]] * len(sent) if value else [])
    assert bool(sent) == bool(value)


def _all(directives: list[list[Any]]) -> list[list[Any]]:
    inner = [line for words in directives if isinstance(words[-1], list) for line in _all(words[-1])]
    return [*(words for words in directives if not isinstance(words[-1], list)), *inner]


# --- what the template of a site is given


def test_what_an_app_says_is_sent_once() -> None:
    """By the site instead of nginx's defaults, and instead of the app."""
    found = headers(complete(minimal(headers={"X-Frame-Options": "", "Referrer-Policy": "no-referrer"})))
    assert found == {
        "sent": {"Referrer-Policy": "no-referrer"},
        "hidden": ["Referrer-Policy", "X-Frame-Options"],
        "said": ",referrer-policy,x-frame-options,",
        "sent_with_files": {"Referrer-Policy": "no-referrer"},
        "sent_with_uploads": {"Referrer-Policy": "no-referrer"},
        "of_uploads": (
            ",content-disposition,content-security-policy,referrer-policy,x-content-type-options,x-frame-options,"
        ),
    }


def test_who_says_nothing_leaves_all_to_nginx_but_for_uploads() -> None:
    found = headers(complete(minimal()))
    assert found == {
        "sent": {},
        "hidden": [],
        "said": "",
        "sent_with_files": {},
        "sent_with_uploads": {},
        "of_uploads": ",content-disposition,content-security-policy,x-content-type-options,",
    }


def test_files_keep_the_lifetime_that_is_their_own() -> None:
    found = headers(complete(minimal(headers={"Cache-Control": "private", "X-Frame-Options": "DENY"})))
    assert found["sent"].keys() - found["sent_with_files"].keys() == {"Cache-Control"}


@pytest.mark.parametrize("tls", ["selfsigned", "acme", "off"])
def test_a_certificate_of_the_host_binds_no_browser(tls: str) -> None:
    app = complete(minimal(domains=["shop.example.org"], tls=tls))
    quiet = ",strict-transport-security," if tls == "selfsigned" else ""
    assert headers(app)["said"] == quiet
    assert ("strict-transport-security" in headers(app)["of_uploads"]) == bool(quiet)
    # Nor is the header of the app itself kept back.
    assert headers(app)["hidden"] == []


@pytest.mark.parametrize("mount", ["/", "/shop"])
def test_no_answer_of_any_name_of_it_binds_a_browser(mount: str) -> None:
    """Not the redirects, nor what no app that is mounted has."""
    app = complete(minimal(tls="selfsigned", mount=mount, redirect_domains=["www.shop.localhost"]))
    servers = [words[-1] for words in read_nginx(nginx_files(app)) if words[0] == "server"]
    with_tls = [server for server in servers if ["include", "flask-listen-tls"] in server]
    assert len(with_tls) == 2
    quiet = ["set", "$flask_app_headers", ",strict-transport-security,"]
    assert [quiet in server for server in with_tls] == [True, True]
    # A location that redirects by itself, where the server around it may be another app's.
    redirects = [words[-1] for words in read_nginx(site(app)) if words[:2] == ["location", "="]]
    assert [quiet in location for location in redirects] == ([True] if mount == "/shop" else [])


@pytest.mark.parametrize("own", [{}, {"X-Frame-Options": "DENY"}])
def test_a_mounted_app_takes_no_header_over_from_the_app_at_the_top(own: dict[str, str]) -> None:
    """That one's would come beside nginx's, which this one has not changed."""
    blocks = [words for words in read_nginx(site(complete(minimal(mount="/shop", headers=own)))) if len(words) == 4]
    assert [words[1] for words in blocks] == ["=", "^~"]
    for words in blocks:
        assert ["include", "flask-headers"] in words[-1]
        assert [line[1:3] for line in words[-1] if line[0] == "add_header"] == [list(pair) for pair in own.items()]


def test_uploads_have_the_headers_of_the_app_but_those_that_make_them_inert() -> None:
    own = {"X-Frame-Options": "DENY", "content-security-policy": "default-src *", "Content-Disposition": "inline"}
    app = complete(minimal(headers=own, media=[{"url": "/media", "path": "media"}]))
    [uploads] = [words[-1] for words in _blocks(read_nginx(site(app))) if words[:3] == ["location", "^~", "/media/"]]
    sent = [words[1:3] for words in uploads if words[0] == "add_header"]
    assert sent == [
        ["X-Frame-Options", "DENY"],
        ["X-Content-Type-Options", "nosniff"],
        ["Content-Security-Policy", "default-src 'none'; sandbox"],
        ["Content-Disposition", "$flask_app_disposition"],
    ]


def _blocks(directives: list[list[Any]]) -> list[list[Any]]:
    found = [words for words in directives if isinstance(words[-1], list)]
    return [*found, *(inner for words in found for inner in _blocks(words[-1]))]


def test_who_asks_for_it_gets_it_all_the_same() -> None:
    asked = complete(minimal(tls="selfsigned", headers={"Strict-Transport-Security": "max-age=60"}))
    assert headers(asked)["sent"] == {"Strict-Transport-Security": "max-age=60"}
