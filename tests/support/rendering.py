"""Renders the roles' templates as Ansible does, without a host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from ansible_collections.emperor.flask.plugins.filter.app_units import app_units
from ansible_collections.emperor.flask.plugins.filter.site_files import files_of
from ansible_collections.emperor.flask.plugins.plugin_utils.rendering import Shared
from ansible_collections.emperor.flask.plugins.plugin_utils.site import site_variables
from ansible_collections.emperor.flask.tests.support.apps import COLLECTION, RELEASE

ROLES = COLLECTION / "roles"


@cache
def role_variables(role: str) -> dict[str, Any]:
    """Return what the files in defaults/ and vars/ of a role set."""
    loader = DataLoader()
    files = (ROLES / role / folder / "main.yml" for folder in ("defaults", "vars"))
    # As Ansible does, or what one variable says of another would stay as it is written.
    found = (loader.load_from_file(str(file), trusted_as_template=True) for file in files if file.exists())
    return {key: value for variables in found for key, value in variables.items()}


def render(role: str, template: str, variables: dict[str, Any] | None = None) -> str:
    """Return a template of a role, rendered with the role's own variables and some more."""
    loader = DataLoader()
    known = {**role_variables(role), **(variables or {})}
    lookup = lookup_loader.get("template", loader=loader, templar=Templar(loader=loader, variables=known))
    return lookup.run([str(ROLES / role / "templates" / template)], Shared(known))[0]


def site(app: dict[str, Any], servers: Sequence[str] = ()) -> str:
    """Return nginx's file of a complete app."""
    return render("flask_app", "site.conf.j2", site_variables(app, servers))


def units(app: dict[str, Any]) -> dict[str, str]:
    """Return systemd's units of a complete app, by their names."""
    [found] = app_units([{"name": app["name"], "action": "deploy", "description": app}])
    rendered = [render("flask_app", file["template"], file["vars"]) for file in found["files"]]
    return dict(zip(found["units"], rendered, strict=True))


def listener(app: dict[str, Any]) -> str:
    """Return the listener's file of a complete app."""
    return render("flask_app", "listener.ini.j2", {"app": app})


def nginx_files(app: dict[str, Any]) -> str:
    """Return all that nginx reads of a complete app."""
    given = [file for file in files_of(app) if "template" in file and file["path"].startswith("/etc/nginx/")]
    return "".join(render("flask_app", file["template"], file["vars"]) for file in given)


def vassal(app: dict[str, Any]) -> str:
    """Return uWSGI's file of a complete app."""
    return run_file("vassal.ini", app)


def run_file(name: str, app: dict[str, Any]) -> str:
    """Return one of the files that say how a complete app is run."""
    release = {"id": RELEASE, "path": f"{app['root']}/releases/{RELEASE}"}
    return render("flask_app", f"{name}.j2", {"app": app, "release": release})
