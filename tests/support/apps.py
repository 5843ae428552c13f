"""App descriptions as people write them, and what the validation says about them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps

COLLECTION = Path(__file__).resolve().parents[2]
RELEASE = "3f9c2a71b04e"
# As openssl passwd -6 makes it.
HASH = "$6$abcdefgh$" + "yIZAF3gQ" * 10 + "yIZAF3"

_MINIMAL: dict[str, Any] = {
    "name": "shop",
    "source": {"git": "https://git.example.org/shop.git"},
    "wsgi": "shop.wsgi:app",
}
_FULL: dict[str, Any] = {
    "name": "shop",
    "source": {"git": "https://git.example.org/shop.git", "version": "v1.4.0"},
    "wsgi": "web/wsgi.py:application",
    "python_path": ["src", "vendor/lib"],
    "requirements": "requirements/production.txt",
    "installer": "pip",
    "python": "3.12",
    "uwsgi_engine": "app",
    "packages": ["libpq5"],
    "domains": ["shop.example.org", "xn--kufer-gra.example.org", "*.shop.example.org"],
    "redirect_domains": ["www.example.org", "*.example.net"],
    "tls": "acme",
    "headers": {"Content-Security-Policy": "default-src 'self'; img-src *", "X-Frame-Options": ""},
    "environment": {"LOG_LEVEL": "info", "RATE": 0.5, "TEMPLATE": "100% @(x) $(y)\nz"},
    "secrets": {"SECRET_KEY": "k%40y\n@(exec://id)"},
    "writable": ["instance", "var/cache"],
    "static": [
        {"url": "/static", "path": "shop/static"},
        {"url": "/assets/v1", "path": "dist", "expires": "7d", "immutable": True},
    ],
    "media": [{"url": "/media", "path": "media", "inline": ["jpeg", "mp4", "text"]}],
    "access": [
        {"deny": ["203.0.113.0/24"], "rate": "50r/s", "connections": 20},
        {"path": "/admin", "allow": ["192.0.2.0/24", "2001:db8::1"], "deny": ["192.0.2.66"], "auth_basic": True},
        {"path": "/admin/login", "rate": "6r/m", "burst": 3},
        {"path": "/admin/v1.2", "auth_basic": False},
    ],
    "auth_basic_users": {"ada": HASH},
    "max_body_size": "75m",
    "buffering": False,
    "error_pages": {"404": "errors/404.html", "502": "errors/down.html", "504": "errors/down.html"},
    "intercept_errors": True,
    "request_timeout": "2m",
    "buffer_size": 32768,
    "workers": {
        "processes": 4,
        "threads": 8,
        "cheaper": 1,
        "cheaper_initial": 2,
        "cheaper_algo": "busyness",
        "max_requests": 10000,
        "max_requests_delta": 500,
        "max_lifetime": "12h",
        "lazy_apps": True,
        "thunder_lock": True,
        "reload_on_rss": "300m",
        "evil_reload_on_rss": "500m",
        "memory_limit": "2g",
        "process_limit": 400,
        "open_files": 4096,
    },
    "isolation": "strict",
    "memory_max": "1g",
    "cpu_quota": "150%",
    "listen": {"http": "127.0.0.1:9090", "uwsgi": "192.0.2.7:3031", "public": True},
    "uwsgi_options": {"mule": ["sweeper.py", "mailer.py"], "ignore-sigpipe": True, "socket-timeout": 30},
    "idle": "15m",
    "health": {"path": "/healthz?full=1", "status": [200, 204], "text": "all well", "timeout": "45s"},
    "release_command": "flask --app shop db upgrade",
    "release_command_timeout": "1h",
    "daemons": [{"name": "mails", "command": 'celery -A "shop" worker -n 100%$HOME', "stop_timeout": "5m"}],
    "cron": [{"name": "nightly", "command": "flask --app shop tidy", "schedule": "Mon..Fri 03:30", "timeout": "2h"}],
    "drain_timeout": "90s",
    "rollback_window": "10m",
    "keep_releases": 9,
}


def minimal(**changes: Any) -> dict[str, Any]:
    """Return the shortest description that is valid, with some keys changed."""
    return {**copy.deepcopy(_MINIMAL), **changes}


def mounted() -> dict[str, Any]:
    """Return the app with every key that goes with a mount."""
    return full(mount="/shop")


def gunicorn(**changes: Any) -> dict[str, Any]:
    """Return the app with every key that goes with gunicorn."""
    ours = ("max_lifetime", "thunder_lock", "reload_on_rss", "evil_reload_on_rss")
    gone = (*ours, "cheaper", "cheaper_initial", "cheaper_algo")
    workers = {key: value for key, value in _FULL["workers"].items() if key not in gone}
    others = ("uwsgi_engine", "listen", "uwsgi_options", "idle", "buffer_size")
    app = {key: value for key, value in _FULL.items() if key not in others}
    return copy.deepcopy({**app, "server": "gunicorn", "workers": workers, **changes})


def full(**changes: Any) -> dict[str, Any]:
    """Return a description in which no key has its default, with some keys changed."""
    return {**copy.deepcopy(_FULL), **changes}


def complete(app: dict[str, Any]) -> dict[str, Any]:
    """Return the complete form of a valid app."""
    return read_apps([app])[0]


def mistakes(*apps: Any, search: list[str] | None = None) -> list[str]:
    """Return the lines that the validation has to say, without its headline."""
    try:
        read_apps(list(apps), search)
    except AppsError as error:
        return str(error).splitlines()[1:]
    return []
