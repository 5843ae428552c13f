#!/usr/bin/env python3
"""Write the reference tables of docs/app.md from the argument spec of the role flask_app.

    tools/app_reference.py            write what stands between the two markers of docs/app.md
    tools/app_reference.py --check    change nothing; fail if it would be changed

Both read every example through the collection's own validation: those of the tables below, and
each block of YAML in README.md, docs/ and roles/*/README.md that sets flask_apps.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SPEC = Path("roles/flask_app/meta/argument_specs.yml")
PAGE = Path("docs/app.md")
BEGIN = f"<!-- begin: made from {SPEC} by tools/app_reference.py -->"
END = "<!-- end -->"
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

MINIMAL = {"name": "shop", "source": {"path": "app"}, "wsgi": "shop:app"}

# One for each key of the spec, which has no place for examples. The validation reads them.
EXAMPLES = {
    "name": "name: shop",
    "state": "state: absent",
    "source": 'source: {git: "https://git.example.org/shop.git", version: v1.4.0}',
    "source.path": "source: {path: app}",
    "source.git": 'source: {git: "git@git.example.org:shop.git"}',
    "source.version": 'source: {git: "https://git.example.org/shop.git", version: main}',
    "source.key": 'source: {git: "git@git.example.org:shop.git", key: "{{ vault_shop_deploy_key }}"}',
    "source.known_hosts": (
        'source: {git: "git@git.example.org:shop.git", known_hosts: ["git.example.org ssh-ed25519 AAAA…"]}'
    ),
    "source.archive": "source: {archive: dist/shop-1.4.0.tar.gz}",
    "source.checksum": (
        'source: {archive: "https://files.example.org/shop-1.4.0.tar.gz", checksum: "sha256:' + "0f" * 32 + '"}'
    ),
    "wsgi": "wsgi: shop:create_app()",
    "python_path": "python_path: [src]",
    "requirements": "requirements: requirements/production.txt",
    "installer": "installer: pip",
    "python": "python: '3.12'",
    "uwsgi_engine": "uwsgi_engine: app",
    "packages": "packages: [libpq5]",
    "domains": 'domains: [shop.example.org, "*.shop.example.org"]',
    "redirect_domains": "redirect_domains: [www.shop.example.org]",
    "tls": "tls: selfsigned",
    "certificate": "{tls: files, certificate: \"{{ lookup('ansible.builtin.file', 'shop.pem') }}\"}",
    "certificate_key": '{tls: files, certificate_key: "{{ vault_shop_certificate_key }}"}',
    "headers": "headers: {X-Frame-Options: DENY}",
    "mount": "mount: /shop",
    "environment": "environment: {LOG_LEVEL: info}",
    "secrets": 'secrets: "{{ vault_shop_secrets }}"',
    "writable": "writable: [instance, var/exports]",
    "static": "static: [{url: /static, path: shop/static}]",
    "static.url": "static: [{url: /static, path: shop/static}]",
    "static.path": "static: [{url: /assets, path: frontend/dist}]",
    "static.expires": "static: [{url: /static, path: shop/static, expires: 30d}]",
    "static.immutable": "static: [{url: /assets, path: dist, expires: 365d, immutable: true}]",
    "media": "media: [{url: /media, path: media}]",
    "media.url": "media: [{url: /media, path: media}]",
    "media.path": "media: [{url: /uploads, path: var/uploads}]",
    "media.inline": "media: [{url: /media, path: media, inline: [jpeg, png, mp4]}]",
    "access": "access: [{deny: [203.0.113.0/24]}, {path: /admin, allow: [192.0.2.0/24]}]",
    "access.path": "access: [{path: /admin, allow: [192.0.2.0/24]}]",
    "access.allow": "access: [{allow: [192.0.2.0/24, 2001:db8::/32]}]",
    "access.deny": "access: [{deny: [203.0.113.7]}]",
    "access.auth_basic": "access: [{path: /hooks, auth_basic: false}]",
    "access.rate": "access: [{path: /login, rate: 5r/m}]",
    "access.burst": "access: [{path: /login, rate: 5r/m, burst: 10}]",
    "access.connections": "access: [{path: /export, connections: 2}]",
    "auth_basic_users": 'auth_basic_users: "{{ vault_shop_users }}"',
    "max_body_size": "max_body_size: 75m",
    "buffering": "buffering: false",
    "error_pages": "error_pages: {404: errors/404.html, 502: errors/down.html}",
    "intercept_errors": "{error_pages: {500: errors/500.html}, intercept_errors: true}",
    "request_timeout": "request_timeout: 2m",
    "buffer_size": "buffer_size: 16384",
    "workers": "workers: {processes: 4, threads: 2}",
    "workers.processes": "workers: {processes: 4}",
    "workers.threads": "workers: {threads: 8}",
    "workers.cheaper": "workers: {processes: 8, cheaper: 2}",
    "workers.cheaper_initial": "workers: {processes: 8, cheaper: 2, cheaper_initial: 4}",
    "workers.cheaper_algo": "workers: {processes: 8, cheaper: 2, cheaper_algo: busyness}",
    "workers.max_requests": "workers: {max_requests: 10000}",
    "workers.max_requests_delta": "workers: {max_requests: 10000, max_requests_delta: 500}",
    "workers.max_lifetime": "workers: {max_lifetime: 12h}",
    "workers.lazy_apps": "workers: {lazy_apps: true}",
    "workers.thunder_lock": "workers: {threads: 4, thunder_lock: false}",
    "workers.loop": "workers: {loop: gevent}",
    "workers.greenlets": "workers: {loop: gevent, greenlets: 500}",
    "workers.reload_on_rss": "workers: {reload_on_rss: 300m}",
    "workers.evil_reload_on_rss": "workers: {reload_on_rss: 300m, evil_reload_on_rss: 600m}",
    "workers.memory_limit": "workers: {memory_limit: 2g}",
    "workers.process_limit": "workers: {process_limit: 200}",
    "workers.open_files": "workers: {open_files: 8192}",
    "listen": "listen: {http: '127.0.0.1:9090'}",
    "listen.http": "listen: {http: '127.0.0.1:9090'}",
    "listen.uwsgi": "listen: {uwsgi: '127.0.0.1:3031'}",
    "listen.stats": "listen: {stats: '127.0.0.1:9191'}",
    "listen.public": "listen: {http: '192.0.2.7:9090', public: true}",
    "server": "server: gunicorn",
    "isolation": "isolation: strict",
    "memory_max": "{isolation: strict, memory_max: 512m}",
    "cpu_quota": "{isolation: strict, cpu_quota: 150%}",
    "uwsgi_options": "uwsgi_options: {mule: sweeper.py, ignore-sigpipe: true}",
    "idle": "idle: 30m",
    "health": "health: {path: /healthz, timeout: 1m}",
    "health.path": "health: {path: /healthz}",
    "health.status": "health: {status: [200, 401]}",
    "health.text": "health: {text: Welcome}",
    "health.timeout": "health: {timeout: 2m}",
    "release_command": "release_command: flask --app shop db upgrade",
    "release_command_timeout": "release_command_timeout: 30m",
    "daemons": 'daemons: [{name: mails, command: "celery -A shop worker"}]',
    "daemons.name": 'daemons: [{name: mails, command: "rq worker mails"}]',
    "daemons.command": 'daemons: [{name: mails, command: "rq worker mails"}]',
    "daemons.stop_timeout": 'daemons: [{name: mails, command: "rq worker mails", stop_timeout: 5m}]',
    "cron": 'cron: [{name: nightly, command: "flask --app shop tidy", schedule: "03:30"}]',
    "cron.name": 'cron: [{name: nightly, command: "flask --app shop tidy", schedule: daily}]',
    "cron.command": 'cron: [{name: nightly, command: "flask --app shop tidy", schedule: daily}]',
    "cron.schedule": 'cron: [{name: report, command: "flask --app shop report", schedule: "Mon..Fri 07:00"}]',
    "cron.timeout": 'cron: [{name: nightly, command: "flask --app shop tidy", schedule: daily, timeout: 10m}]',
    "drain_timeout": "drain_timeout: 2m",
    "rollback_window": "rollback_window: 15m",
    "keep_releases": "keep_releases: 10",
}


class DriftError(Exception):
    """What is wrong, in one line or a few."""


def app_options() -> dict[str, Any]:
    """Return the spec of one app."""
    spec = yaml.safe_load((ROOT / SPEC).read_text(encoding="utf-8"))
    app = spec["argument_specs"]["main"]["options"]["flask_apps"]
    for _key, _value, needed in app["required_if"]:
        for key in needed:
            app["options"][key]["required"] = True
    options: dict[str, Any] = app["options"]
    return options


def walk(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every key, a nested one as `parent.key`, with its spec."""
    for key, spec in options.items():
        yield prefix + key, spec
        yield from walk(spec.get("options", {}), f"{prefix}{key}.")


def tables(options: Mapping[str, Any]) -> str:
    """Return one table of the keys of an app, and one for each key that has keys of its own."""
    parts = ["### Keys of an app", table(options)]
    for key, spec in options.items():
        if "options" in spec:
            of = "each entry of " if spec["type"] == "list" else ""
            parts += [f"### Keys of {of}`{key}`", table(spec["options"], f"{key}.")]
    return "\n\n".join(parts)


def table(options: Mapping[str, Any], prefix: str = "") -> str:
    rows = ["| Key | Type | Default | Meaning | Example |", "|---|---|---|---|---|"]
    for key, spec in options.items():
        example = re.sub(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}", r"\1…", EXAMPLES[prefix + key])
        cells = [f"`{key}`", kind(spec), default(spec), meaning(spec), f"`{example}`"]
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def kind(spec: Mapping[str, Any]) -> str:
    one = " or ".join(f"`{choice}`" for choice in spec.get("choices", []))
    if spec["type"] == "list":
        return f"list of {one or spec['elements']}"
    return one or str(spec["type"])


def default(spec: Mapping[str, Any]) -> str:
    if spec.get("required"):
        return "required"
    value = spec.get("default")
    if value is None:
        return "none"
    # yaml ends a bare scalar with a document's end.
    text = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def meaning(spec: Mapping[str, Any]) -> str:
    """Turn Ansible's markup, such as C(x), into Markdown."""
    description = spec["description"]
    text = " ".join(description) if isinstance(description, list) else description
    return re.sub(r"\b[CVO]\(([^()]*(?:\(\)[^()]*)*)\)", r"`\1`", text).strip()


def rendered(page: str, options: Mapping[str, Any]) -> str:
    """Return the page with new tables between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise DriftError(f"{PAGE} lacks the line '{END if begin else BEGIN}'")
    return f"{before}{BEGIN}\n\n{tables(options)}\n\n{END}{after}"


def check_examples(options: Mapping[str, Any]) -> None:
    """Let the validation read the example of every key, and the apps of every document."""
    keys = [key for key, _ in walk(options)]
    missing, stale = sorted(set(keys) - set(EXAMPLES)), sorted(set(EXAMPLES) - set(keys))
    if missing or stale:
        lacking = [*(f"no example for {key}" for key in missing), *(f"no key {key}" for key in stale)]
        raise DriftError(f"EXAMPLES in tools/app_reference.py: {', '.join(lacking)}")
    for key, example in EXAMPLES.items():
        read(f"the example of {key}", [{**MINIMAL, **yaml.safe_load(example)}])
    for path in documents():
        for block in YAML_BLOCK.findall(path.read_text(encoding="utf-8")):
            for apps in found_apps(yaml.safe_load(block)):
                read(str(path.relative_to(ROOT)), apps)


def found_apps(content: Any) -> Iterator[Any]:
    """Yield each value of `flask_apps`, which may stand in a play."""
    if isinstance(content, dict):
        if "flask_apps" in content:
            yield content["flask_apps"]
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from found_apps(item)


def documents() -> list[Path]:
    return sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])


def read(where: str, apps: Any) -> None:
    # The clone is importable as ansible_collections.emperor.flask.
    sys.path.insert(0, str(ROOT / ".collections"))
    from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps

    # Ansible has put values of the vault there by the time an app is checked.
    try:
        read_apps([without_vault(app) for app in apps])
    except AppsError as error:
        raise DriftError(f"{where}: {error}") from None
    finally:
        sys.path.pop(0)


def without_vault(app: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only a vault has the value of, or put something in its place."""
    source = {key: value for key, value in app.get("source", {}).items() if key != "key" or "{{" not in value}
    asks = any(entry.get("auth_basic") for entry in app.get("access", []))
    values: dict[str, Any] = {"secrets": {}, "auth_basic_users": {"ada": "$6$saltsalt$" + "x" * 86} if asks else {}}
    secret = {key: value for key, value in values.items() if "{{" in str(app.get(key))}
    if app.get("tls") == "files":
        app = {key: value for key, value in app.items() if key not in ("tls", "certificate", "certificate_key")}
    return {**app, "source": source, **secret}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is stale")
    check_only = parser.parse_args().check
    try:
        options = app_options()
        check_examples(options)
        page = (ROOT / PAGE).read_text(encoding="utf-8")
        wanted = rendered(page, options)
    except DriftError as error:
        print(f"app_reference: {error}", file=sys.stderr)
        return 1
    if wanted == page:
        return 0
    if check_only:
        print(f"app_reference: {PAGE} is stale; run tools/app_reference.py", file=sys.stderr)
        return 1
    (ROOT / PAGE).write_text(wanted, encoding="utf-8")
    print(f"app_reference: wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
