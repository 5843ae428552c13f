"""What closes an app cannot be syntax of nginx."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.plugin_utils import maintenance
from ansible_collections.emperor.flask.plugins.plugin_utils.maintenance import MaintenanceError, addresses, files
from ansible_collections.emperor.flask.tests.support.parsing import read_nginx
from ansible_collections.emperor.flask.tests.support.rendering import render


def rendered(**options: str) -> list[list]:
    return [read_nginx(render("flask_app", file["template"], file["vars"])) for file in files("a-b", "on", **options)]


def test_both_files_go_when_the_app_opens() -> None:
    assert files("a-b", "off") == [
        {"path": "/etc/nginx/flask-apps/a-b.maintenance.conf", "state": "absent"},
        {"path": "/etc/nginx/flask-maintenance/a-b.conf", "state": "absent"},
    ]


def test_addresses_become_networks_each_once() -> None:
    assert addresses("192.0.2.0/24, 198.51.100.7,,2001:db8::1,198.51.100.7/32") == [
        "192.0.2.0/24", "198.51.100.7/32", "2001:db8::1/128",
    ]  # fmt: skip
    assert addresses("") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"allow": "192.0.2.1/24"}, "allow: '192.0.2.1/24' is no address or network; try 192.0.2.0/24"),
        ({"allow": "office"}, "allow: 'office' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        # Python takes any text after the percent sign.
        ({"allow": "fe80::1%;x"}, "allow: 'fe80::1%;x' is no address or network; try 192.0.2.0/24 or 198.51.100.7"),
        ({"retry": "10x"}, "retry_after: '10x' is not a time; try 30s"),
        ({"text": "a;b"}, "message contains ;; leave out ; { } \" ' $ and \\"),
        ({"text": "a\nb"}, "message contains a control character; write it on one line"),
        ({"text": "a" * 301}, "message has 301 characters; 300 are the most"),
    ],
)
def test_mistakes_are_refused_with_a_remedy(options: dict[str, str], said: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        files("web", "on", **options)
    assert str(caught.value) == said


def test_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(MaintenanceError, match="state 'yes' is neither on nor off"):
        files("web", "yes")


def test_visitors_are_those_who_are_not_let_in() -> None:
    geo, choice = rendered(allow="192.0.2.0/24", health_path="/healthz?full=1")[0]
    assert geo == ["geo", "$flask_app_outside_a_b", [["default", "1"], ["192.0.2.0/24", "0"]]]
    closed = [["default", "$flask_app_outside_a_b"], ["~^/healthz$", "0"]]
    assert choice == ["map", "$uri", "$flask_app_closed_a_b", closed]


def test_the_front_page_is_no_health_path() -> None:
    assert rendered(health_path="/")[0][1][-1] == [["default", "$flask_app_outside_a_b"]]


@pytest.mark.parametrize(("path", "opened"), [("/up", [["~^/shop/up$", "0"]]), ("/", [])])
def test_below_a_mount_it_is_the_whole_path_that_stays_open(path: str, opened: list[list[str]]) -> None:
    choice = rendered(health_path=path, mount="/shop")[0][1][-1]
    assert choice == [["default", "$flask_app_outside_a_b"], *opened]


def test_the_longest_page_is_a_parameter_that_nginx_takes() -> None:
    page = rendered(text="<" * 300)[1]
    returned = page[-1][-1][-1]
    assert returned[:2] == ["return", "503"]
    assert len(returned[2].encode()) < 4096 - 512


@given(st.text(max_size=300))
def test_no_message_is_syntax(text: str) -> None:
    try:
        page = rendered(text=text)[1]
    except MaintenanceError:
        return
    assert [line[0] for line in page] == ["types", "default_type", "if"]
    assert [line[0] for line in page[-1][-1]] == [*["add_header"] * 2, "set", "include", "return"]
    assert maintenance.message(text) in page[-1][-1][-1][2]


@pytest.mark.parametrize("letter", list(";{}\"'$\\"))
def test_each_letter_of_nginx_syntax_is_refused(letter: str) -> None:
    with pytest.raises(MaintenanceError, match="message contains"):
        maintenance.message(f"a{letter}b")


def test_the_page_has_the_headers_of_every_answer() -> None:
    """nginx takes none of those around what has one of its own."""
    lines = rendered()[1][-1][-1]
    assert ["include", "flask-header[s]"] in lines
    # Not the policy, which refuses the style in the page; what the site around it has said before stays.
    assert ["set", "$flask_app_headers", "${flask_app_headers},content-security-policy,"] in lines


def test_a_message_is_text_and_no_page_of_its_own() -> None:
    assert maintenance.message("<b>5 > 3 & so on") == "&lt;b&gt;5 &gt; 3 &amp; so on"
    assert maintenance.message("") == maintenance.DEFAULT_MESSAGE
