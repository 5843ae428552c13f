"""Every template against a file that shows what it makes; UPDATE_GOLDEN=1 writes these files anew."""

from __future__ import annotations

import base64
import difflib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.filter.failed_step import failed_step
from ansible_collections.emperor.flask.plugins.plugin_utils import maintenance
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import app_spec
from ansible_collections.emperor.flask.plugins.plugin_utils.baseline import openings
from ansible_collections.emperor.flask.plugins.plugin_utils.site import site_variables
from ansible_collections.emperor.flask.tests.support.apps import RELEASE, complete, full, gunicorn, minimal, mounted
from ansible_collections.emperor.flask.tests.support.parsing import read_ini, read_nginx
from ansible_collections.emperor.flask.tests.support.rendering import (
    ROLES,
    listener,
    render,
    role_variables,
    run_file,
    site,
    units,
    vassal,
)

GOLDEN = Path(__file__).parent / "golden"
HEADER = "Managed by the Ansible collection emperor.flask; changes are overwritten."


def nginx(template: str, ipv6: bool = True, **variables: object) -> Callable[[], str]:
    info = {"version": "1.26.3", "openssl": "3.5.1", "http3": True, "ipv6": ipv6}
    given = {"__nginx_info": info, "nginx_http3": "auto", **variables}
    return lambda: render("nginx", template, given)


def uwsgi(template: str, somaxconn: int = 4096, **variables: object) -> Callable[[], str]:
    given = {"__uwsgi_somaxconn": {"content": base64.b64encode(b"%d\n" % somaxconn).decode()}, **variables}
    return lambda: render("uwsgi", template, given)


def baseline(
    template: str, ports: Sequence[int] = (22,), apps: Sequence[dict[str, Any]] = (), **variables: object
) -> Callable[[], str]:
    """Return how a template of the role is rendered; its rules come from a filter, called here as it does."""
    seen = {"ssh_ports": list(ports), "ignored": ["192.0.2.7"], "parts": {}}
    given = {**role_variables("baseline"), **variables}
    web = [{"port": 80, "protocol": "tcp"}, {"port": 443, "protocol": "tcp"}]
    rules = openings(
        given["baseline_firewall_allow"],
        [complete(app) for app in apps],
        web if given["baseline_firewall_web"] else [],
        ports,
        given["baseline_firewall_ssh_from"],
    )
    return lambda: render("baseline", template, {"__baseline_host": seen, "__baseline_rules": rules, **variables})


def closed(which: int, **options: str) -> tuple[str, Callable[[], str]]:
    typed = {
        "health_path": "/healthz?full=1",
        "allow": "192.0.2.0/24,2001:db8::1",
        "text": "Back at <noon>.",
        **options,
    }
    file = maintenance.files("shop", "on", **typed)[which]
    return file["template"], lambda: render("flask_app", file["template"], file["vars"])


BUSY: dict[str, Any] = {
    "nginx_worker_connections": 16384,
    "nginx_worker_processes": "1",
    "nginx_http_port": 8080,
    "nginx_client_timeout": "5s",
    "nginx_https_port": 8443,
    "nginx_tls_profile": "modern",
    "nginx_security_headers": "strict",
    "nginx_hsts": 300,
    "nginx_connections_per_address": 64,
    "nginx_trusted_proxies": ["192.0.2.0/24", "2001:db8::/32"],
}
# Debian 12.
OLD: dict[str, Any] = {
    "__nginx_info": {"version": "1.22.1", "openssl": "3.0.17", "http3": False, "ipv6": False},
    "nginx_tls_profile": "old",
    "nginx_security_headers": "off",
    "nginx_hsts": 0,
    "nginx_connections_per_address": 0,
}
# Ubuntu 22.04.
OLDEST = {**OLD, "__nginx_info": {"version": "1.18.0", "openssl": "3.0.2", "http3": False, "ipv6": True}}
DNS = {"plugin": "rfc2136", "credentials": {"dns_rfc2136_server": "192.0.2.53", "dns_rfc2136_secret": "cGFz#cw=="}}
STRICT: dict[str, Any] = {
    "baseline_firewall_allow": [
        {"port": 9100, "protocol": "tcp", "from": ["192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32"]},
        {"port": "8000-8010", "protocol": "udp"},
    ],
    "baseline_firewall_ssh_from": ["198.51.100.0/24", "2001:db8:1::1"],
    "baseline_firewall_trusted_interfaces": ["wg0", "podman*"],
    "apps": [
        minimal(listen={"http": "192.0.2.1:9090", "uwsgi": "0.0.0.0:3031", "public": True}),
        minimal(name="blog", domains=[], listen={"http": "0.0.0.0:9091", "public": True}),
        minimal(name="wiki", domains=[], listen={"http": "127.0.0.1:9092"}),
    ],
}
GUARD: dict[str, Any] = {"baseline_ssh_guard_attempts": 3, "baseline_ssh_guard_ban_time": "1d"}
REBOOT: dict[str, Any] = {"baseline_upgrades_reboot": True, "baseline_upgrades_reboot_time": "04:15"}
VOLATILE: dict[str, Any] = {
    "baseline_journal_persistent": False,
    "baseline_journal_max_use": "512m",
    "baseline_journal_max_age": "0",
    "baseline_journal_rate": 0,
}
SETTINGS: dict[str, Any] = {"baseline_sysctl_values": {"vm.swappiness": 10, "kernel.kptr_restrict": ""}}
HTTP = {"http": "127.0.0.1:9090"}
# Golden file: the template it comes from, and how.
CASES: dict[str, tuple[str, Callable[[], str]]] = {
    "baseline/emperor-flask.nft": ("emperor-flask.nft.j2", baseline("emperor-flask.nft.j2")),
    "baseline/emperor-flask-strict.nft": (
        "emperor-flask.nft.j2",
        baseline("emperor-flask.nft.j2", (22, 2222), **STRICT),
    ),
    "baseline/emperor-flask-no-web.nft": (
        "emperor-flask.nft.j2",
        baseline("emperor-flask.nft.j2", (), baseline_firewall_web=False),
    ),
    "baseline/flask-firewall.service": ("flask-firewall.service.j2", baseline("flask-firewall.service.j2")),
    "baseline/apt": ("apt.conf.j2", baseline("apt.conf.j2")),
    "baseline/apt-reboot": ("apt.conf.j2", baseline("apt.conf.j2", **REBOOT)),
    "baseline/needrestart": ("needrestart.conf.j2", baseline("needrestart.conf.j2")),
    "baseline/jail": ("jail.conf.j2", baseline("jail.conf.j2")),
    "baseline/jail-strict": ("jail.conf.j2", baseline("jail.conf.j2", (22, 2222), **GUARD)),
    "baseline/timesyncd": (
        "timesyncd.conf.j2",
        baseline("timesyncd.conf.j2", baseline_time_servers=["a.test", "b.test"]),
    ),
    "baseline/journald": ("journald.conf.j2", baseline("journald.conf.j2")),
    "baseline/journald-volatile": ("journald.conf.j2", baseline("journald.conf.j2", **VOLATILE)),
    "baseline/sysctl": ("sysctl.conf.j2", baseline("sysctl.conf.j2")),
    "baseline/sysctl-own": ("sysctl.conf.j2", baseline("sysctl.conf.j2", **SETTINGS)),
    "baseline/sshd": ("sshd.conf.j2", baseline("sshd.conf.j2")),
    "baseline/sshd-passwords": ("sshd.conf.j2", baseline("sshd.conf.j2", baseline_sshd_password_login=True)),
    "baseline/swapfile.swap": ("swapfile.swap.j2", baseline("swapfile.swap.j2")),
    "nginx/nginx.conf": ("nginx.conf.j2", nginx("nginx.conf.j2")),
    "nginx/nginx-busy.conf": ("nginx.conf.j2", nginx("nginx.conf.j2", **BUSY)),
    "nginx/nginx-old.conf": ("nginx.conf.j2", nginx("nginx.conf.j2", **OLD)),
    "nginx/flask-listen": ("flask-listen.j2", nginx("flask-listen.j2")),
    "nginx/flask-listen-ipv4": ("flask-listen.j2", nginx("flask-listen.j2", ipv6=False)),
    "nginx/flask-listen-off": ("flask-listen.j2", nginx("flask-listen.j2", nginx_ipv6="off", **BUSY)),
    "nginx/flask-listen-tls": ("flask-listen-tls.j2", nginx("flask-listen-tls.j2")),
    "nginx/flask-listen-tls-old": ("flask-listen-tls.j2", nginx("flask-listen-tls.j2", **OLD)),
    "nginx/flask-acme": ("flask-acme.j2", nginx("flask-acme.j2")),
    "nginx/flask-headers": ("flask-headers.j2", nginx("flask-headers.j2")),
    "nginx/flask-headers-off": ("flask-headers.j2", nginx("flask-headers.j2", **OLD)),
    "nginx/flask-limits": ("flask-limits.j2", nginx("flask-limits.j2")),
    "nginx/flask-limits-off": ("flask-limits.j2", nginx("flask-limits.j2", **OLD)),
    "nginx/flask-http-params": ("flask-http-params.j2", nginx("flask-http-params.j2")),
    "nginx/flask-uwsgi-params": ("flask-uwsgi-params.j2", nginx("flask-uwsgi-params.j2")),
    "nginx/00-unknown-host.conf": (
        "flask-apps/00-unknown-host.conf.j2",
        nginx("flask-apps/00-unknown-host.conf.j2"),
    ),
    "nginx/00-unknown-host-ipv4.conf": (
        "flask-apps/00-unknown-host.conf.j2",
        nginx("flask-apps/00-unknown-host.conf.j2", **OLD),
    ),
    "nginx/00-unknown-host-oldest.conf": (
        "flask-apps/00-unknown-host.conf.j2",
        nginx("flask-apps/00-unknown-host.conf.j2", **OLDEST),
    ),
    "nginx/drop-in.conf": (
        "nginx.service.d/emperor-flask.conf.j2",
        nginx("nginx.service.d/emperor-flask.conf.j2"),
    ),
    "uwsgi/emperor.ini": ("emperor.ini.j2", uwsgi("emperor.ini.j2")),
    "uwsgi/emperor-small-kernel.ini": ("emperor.ini.j2", uwsgi("emperor.ini.j2", somaxconn=128)),
    "uwsgi/flask-emperor.service": ("flask-emperor.service.j2", uwsgi("flask-emperor.service.j2")),
    "uwsgi/flask-emperor-writable-code.service": (
        "flask-emperor.service.j2",
        uwsgi("flask-emperor.service.j2", uwsgi_writable_code=True),
    ),
    "uwsgi/flask-emperor-shared-tmp.service": (
        "flask-emperor.service.j2",
        uwsgi("flask-emperor.service.j2", uwsgi_shared_tmp=True),
    ),
    "uwsgi/flask-emperor-wake.service": (
        "flask-emperor-wake.service.j2",
        uwsgi("flask-emperor-wake.service.j2"),
    ),
    "uwsgi/drop-in.conf": ("flask-app-sandbox.conf.j2", uwsgi("flask-app-sandbox.conf.j2")),
    "uwsgi/release-drop-in.conf": ("flask-release-sandbox.conf.j2", uwsgi("flask-release-sandbox.conf.j2")),
    "uwsgi/flask-release.socket": ("flask-release.socket.j2", uwsgi("flask-release.socket.j2")),
    "uwsgi/flask-emperor.tmpfiles": ("flask-emperor.tmpfiles.j2", uwsgi("flask-emperor.tmpfiles.j2")),
    "uwsgi/flask-listeners.ini": ("flask-listeners.ini.j2", uwsgi("flask-listeners.ini.j2")),
    "uwsgi/flask-listeners.path": ("flask-listeners.path.j2", uwsgi("flask-listeners.path.j2")),
    "uwsgi/flask-listeners.service": ("flask-listeners.service.j2", uwsgi("flask-listeners.service.j2")),
    "certificates/credentials": (
        "credentials.ini.j2",
        lambda: render("certificates", "credentials.ini.j2", {"certificates_acme_dns": DNS}),
    ),
    "flask_app/listener-http.ini": ("listener.ini.j2", lambda: listener(complete(minimal(listen=HTTP)))),
    "flask_app/listener-full.ini": ("listener.ini.j2", lambda: listener(complete(full()))),
    "flask_app/site-minimal.conf": ("site.conf.j2", lambda: site(complete(minimal()))),
    "flask_app/site-full.conf": ("site.conf.j2", lambda: site(complete(full()))),
    "flask_app/site-selfsigned.conf": ("site.conf.j2", lambda: site(complete(minimal(tls="selfsigned")))),
    "flask_app/site-mounted.conf": ("site.conf.j2", lambda: site(complete(mounted()))),
    "flask_app/site-gunicorn.conf": ("site.conf.j2", lambda: site(complete(gunicorn()))),
    "flask_app/site-both-servers.conf": ("site.conf.j2", lambda: site(complete(mounted()), ["gunicorn"])),
    "flask_app/gunicorn-minimal.settings": (
        "gunicorn.conf.py.j2",
        lambda: run_file("gunicorn.conf.py", complete(minimal(server="gunicorn"))),
    ),
    "flask_app/gunicorn-full.settings": (
        "gunicorn.conf.py.j2",
        lambda: run_file("gunicorn.conf.py", complete(gunicorn())),
    ),
    "flask_app/release-gunicorn.service": (
        "release.service.j2",
        lambda: run_file("release.service", complete(gunicorn())),
    ),
    "flask_app/mount.conf": (
        "mount.conf.j2",
        lambda: render("flask_app", "mount.conf.j2", site_variables(complete(mounted()))),
    ),
    "flask_app/redirect.conf": (
        "redirect.conf.j2",
        lambda: render("flask_app", "redirect.conf.j2", site_variables(complete(full()))),
    ),
    "flask_app/maintenance-page.conf": closed(1),
    "flask_app/maintenance-visitors.conf": closed(0),
    "flask_app/maintenance-visitors-all.conf": closed(0, health_path="/", allow=""),
    "flask_app/background-daemon.service": (
        "background.service.j2",
        lambda: units(complete(full()))["flask-app-shop.mails.service"],
    ),
    "flask_app/background-cron.service": (
        "background.service.j2",
        lambda: units(complete(full()))["flask-app-shop.nightly.service"],
    ),
    "flask_app/background-cron.timer": (
        "background.timer.j2",
        lambda: units(complete(full()))["flask-app-shop.nightly.timer"],
    ),
    "flask_app/release-minimal.service": (
        "release.service.j2",
        lambda: run_file("release.service", complete(minimal(isolation="strict"))),
    ),
    "flask_app/release-full.service": ("release.service.j2", lambda: run_file("release.service", complete(full()))),
    "flask_app/vassal-minimal.ini": ("vassal.ini.j2", lambda: vassal(complete(minimal()))),
    "flask_app/vassal-full.ini": ("vassal.ini.j2", lambda: vassal(complete(full()))),
}
each = pytest.mark.parametrize("name", CASES)


def failure(now: str | None = None, action: str = "deploy", result: dict[str, Any] | None = None) -> Callable[[], str]:
    """Render a report; `now` is the release that gets the traffic at its end."""
    known = {"id": RELEASE, "action": action}
    result = result or {"msg": f"app shop, release {RELEASE}: it failed.", "remedy": "mend it"}
    failed = failed_step(result, "Start and check shop", "shop", RELEASE)
    given = {"name": "shop", "user": "app-shop", "release": known}
    return lambda: render("flask_app", "failure.j2", {**given, "failed": failed, "served": now})


PREVIOUS = "0123456789ab"
TOLD = {
    "msg": f"app shop, release {RELEASE}: no answer",
    "log": "Traceback: boom\nline 2",
    "view": "the emperor sees: no process, app not loaded yet, 0 restarts",
    "remedy": "the traceback says where the app fails; mend that",
}
KILLED = {"msg": "Module result deserialization failed.", "rc": 137, "module_stdout": ""}
AWAY = {**KILLED, "rc": 255, "module_stderr": "Error: the container does not run"}
LOCKED = {"locked": True, "msg": "app shop: bob@host is at it; wait for that run to end", "remedy": ""}
# What a person reads, and no file of a host.
REPORTS: dict[str, tuple[str, Callable[[], str]]] = {
    "flask_app/failure-first.txt": ("failure.j2", failure(result=TOLD)),
    "flask_app/failure-retired.txt": ("failure.j2", failure(RELEASE)),
    "flask_app/failure-next.txt": ("failure.j2", failure(PREVIOUS)),
    "flask_app/failure-repair.txt": ("failure.j2", failure(RELEASE, "repair")),
    "flask_app/failure-killed.txt": ("failure.j2", failure(PREVIOUS, result=KILLED)),
    "flask_app/failure-away.txt": ("failure.j2", failure(PREVIOUS, result=AWAY)),
    "flask_app/failure-other.txt": ("failure.j2", failure(result={"msg": "no such group"})),
    "flask_app/failure-locked.txt": ("failure.j2", failure(PREVIOUS, result=LOCKED)),
}
ALL = {**CASES, **REPORTS}


@pytest.mark.parametrize("name", ALL)
def test_golden(name: str) -> None:
    made, path = ALL[name][1](), GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        kept.splitlines(keepends=True), made.splitlines(keepends=True), f"golden/{name}", "rendered"
    )
    diff = "".join(lines)
    assert not diff, f"\n{diff}\nIf this is meant: UPDATE_GOLDEN=1 pytest tests/templates"


def test_no_golden_file_is_left_over() -> None:
    assert {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()} == set(ALL)


def test_every_template_has_a_golden_file() -> None:
    covered = {Path(name).parts[0] + "/" + template for name, (template, _) in ALL.items()}
    roles = ("baseline", "nginx", "uwsgi", "flask_app", "certificates")
    found = {
        f"{role}/{path.relative_to(ROLES / role / 'templates')}"
        for role in roles
        for path in (ROLES / role / "templates").rglob("*.j2")
    }
    included = {"uwsgi/sandbox.j2", "flask_app/access.conf.j2", "flask_app/front.j2"}
    assert found - included == covered, "what others include is in their golden files"


def test_every_kind_that_may_be_shown_has_its_type_and_none_of_them_runs() -> None:
    types = role_variables("flask_app")["__flask_app_inline_types"]
    assert sorted(types) == app_spec()["media"]["options"]["inline"]["choices"]
    kinds = {line.split()[0] for line in types.values()}
    assert all(re.fullmatch(r"(audio|image|video)/[a-z0-9]+|text/plain", kind) for kind in kinds)


@each
def test_the_first_two_lines_say_whose_file_it_is(name: str) -> None:
    role = Path(name).parts[0]
    first, second = CASES[name][1]().splitlines()[:2]
    sign = ";" if name.endswith(".ini") else "#"
    assert first == f"{sign} {HEADER}"
    assert re.match(rf"{sign} Role {role}\b", second)
    if role == "flask_app":
        assert ", app shop" in second


@each
def test_the_same_input_gives_the_same_bytes_without_a_date(name: str) -> None:
    make = CASES[name][1]
    made = make()
    assert made == make()
    assert made.endswith("\n")
    assert not made.endswith("\n\n")
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|[ \t]$", made, re.MULTILINE)


@each
def test_nginx_and_uwsgi_can_read_it(name: str) -> None:
    made = CASES[name][1]()
    if name.endswith(".ini"):
        assert ("strict", "true") in read_ini(made)
    elif name.endswith(".conf") and "drop-in" not in name:
        assert read_nginx(made)


@pytest.mark.parametrize(
    "template", sorted({template for name, (template, _) in CASES.items() if name.startswith("nginx/")})
)
def test_check_mode_on_a_bare_host_renders_what_nginx_would_get(template: str) -> None:
    bare = {"version": "", "openssl": "", "http3": False, "ipv6": True}
    assert nginx(template, __nginx_info=bare)().startswith(f"# {HEADER}\n")


@pytest.mark.parametrize("file", ["stats", "vassal", "wake"])
def test_programs_say_whose_they_are_too(file: str) -> None:
    shebang, first, second = (ROLES / "uwsgi/files" / file).read_text().splitlines()[:3]
    assert shebang.startswith("#!/")
    assert (first, second) == (f"# {HEADER}", "# Role uwsgi")


def test_no_secret_and_no_environment_is_in_any_file_of_an_app() -> None:
    app = complete(full())
    for value in (*app["environment"].values(), *app["secrets"].values()):
        assert value not in site(app).replace("0.5", "") + vassal(app)


def test_a_vassal_names_everything_by_its_release() -> None:
    """Else a release could not live beside another."""
    folder = f"/srv/apps/shop/releases/{RELEASE}"
    values = dict(read_ini(vassal(complete(full()))))
    assert (values["chdir"], values["virtualenv"], values["envdir"]) == (
        f"{folder}/src",
        f"{folder}/venv",
        f"{folder}/env",
    )
    assert values["wsgi-file"] == f"{folder}/src/web/wsgi.py"
    assert values["stats-server"] == f"/srv/apps/shop/run/{RELEASE}.stats"
    assert values["add-header"] == f"X-Emperor-Release: {RELEASE}"
    assert not {"socket", "uid", "gid", "env"} & values.keys()


def test_time_limits_end_from_the_inside_out() -> None:
    """The app's own limit first, then nginx's, then the emperor's patience, then systemd's."""
    app = complete(full(request_timeout="5m"))
    harakiri = int(dict(read_ini(vassal(app)))["harakiri"])
    read_timeout = int(re.findall(r"uwsgi_read_timeout (\d+)s", site(app))[0])
    emperor = int(dict(read_ini(CASES["uwsgi/emperor.ini"][1]()))["emperor-curse-tolerance"])
    assert harakiri < read_timeout < emperor


def test_the_port_of_an_address_is_a_port() -> None:
    """Whatever a visitor sends as Host, the app sees digits or nothing."""
    [http] = [one for one in read_nginx(CASES["nginx/nginx.conf"][1]()) if one[0] == "http"]
    [ports] = [one for one in http[-1] if one[:3] == ["map", "$http_host", "$flask_app_port"]]
    (pattern, group), default = ports[-1]
    assert (pattern[0], group, default) == ("~", "$1", ["default", ""])
    found = {
        host: (match[1] if (match := re.search(pattern[1:], host)) else "")
        for host in ("a.test", "a.test:8080", "[::1]:80", "[::1]", "a.test:123456", "a.test:80x", "a.test:")
    }
    assert found == {
        "a.test": "", "a.test:8080": ":8080", "[::1]:80": ":80", "[::1]": "", "a.test:123456": "", "a.test:80x": "",
        "a.test:": "",
    }  # fmt: skip
