# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Serves an app with the gunicorn of its own virtualenv.

The role uwsgi writes this file to hosts, where units of systemd start it with the app's Python, from 3.8 on: so it
needs nothing but the standard library of that, and gunicorn. All about one release stands in its gunicorn.conf.py, with
names that gunicorn does not know in capitals.
"""

from __future__ import annotations

import importlib
import importlib.util
import runpy
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What a preflight is told, on a line of its own.
LOADED = "serve: the app is loaded"
NO_GUNICORN = "serve: there is no gunicorn"
NO_CALLABLE = "serve: there is no such callable"
# A request that takes longer gets a line, as one that failed does.
_SLOW = 5.0

if TYPE_CHECKING:
    # In Python 3.8 there is nothing that this could be evaluated to.
    App = Callable[..., Iterable[bytes]]


def load_app(target: str, root: Path, paths: Sequence[str]) -> App:
    """Import what `wsgi` says, from the app's root and folders below it, and call it if it is a factory."""
    sys.path[:0] = [str(root), *(str(root / path) for path in paths)]
    name, _, attribute = target.partition(":")
    if name.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(name).stem, root / name)
        if spec is None or spec.loader is None:
            raise ImportError(f"{name} is no file of Python")
        module = importlib.util.module_from_spec(spec)
        # As uWSGI does: what is pickled, for one, is found there again.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(name)
    found = getattr(module, attribute.partition("(")[0], None)
    if not callable(found):
        sys.exit(NO_CALLABLE)
    return found() if attribute.endswith("()") else found


def bridge(app: App, release: str, mount: str) -> App:
    """Let an app see of a request what nginx says, and its answers name the release.

    Only nginx and root reach the socket, and nginx sets each of these headers or takes it away.
    """

    def bridged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begin, answered = time.monotonic(), [500]
        environ.update(_told_by_nginx(environ, mount))

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            answered[0] = int(status.split(" ", 1)[0])
            return start_response(status, [*headers, ("X-Emperor-Release", release)], *more)

        try:
            return app(environ, start)
        except Exception:
            # gunicorn would tell it too, but after the line below, which ends what is of this request.
            traceback.print_exc()
            start("500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info())
            return [b"Internal Server Error\n"]
        finally:
            took = time.monotonic() - begin
            if answered[0] >= 500 or took > _SLOW:
                # Leads from nginx's log to the worker, and so to what that wrote.
                request = environ.get("HTTP_X_REQUEST_ID", "-")
                sys.stderr.write(f"request {request}: status {answered[0]}, {took * 1000:.0f} ms\n")
                sys.stderr.flush()

    return bridged


def _told_by_nginx(environ: Mapping[str, Any], mount: str) -> dict[str, str]:
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    return {
        "REMOTE_ADDR": environ.get("HTTP_X_FORWARDED_FOR", ""),
        "REQUEST_SCHEME": scheme,
        "wsgi.url_scheme": scheme,
        **({"HTTPS": "on"} if scheme == "https" else {}),
        "SERVER_NAME": environ.get("HTTP_HOST", "").partition(":")[0],
        "SERVER_PORT": environ.get("HTTP_X_FORWARDED_PORT", "80"),
        "SCRIPT_NAME": mount,
        "REQUEST_URI": mount + environ.get("RAW_URI", ""),
    }


def main() -> None:
    """Take gunicorn.conf.py from the command line, and `check` for loading the app and no more."""
    file, check = sys.argv[1], sys.argv[2:] == ["check"]
    try:
        # The app's own, so nobody but the host has it.
        base: Any = importlib.import_module("gunicorn.app.base")
    except ImportError:
        sys.exit(NO_GUNICORN)
    own = runpy.run_path(file)

    class Served(base.Application):
        """The app of a release; the command line is ours."""

        def load_config(self) -> None:
            self.load_config_from_file(file)

        def load(self) -> App:
            return bridge(load_app(own["WSGI"], Path(own["chdir"]), own["PYTHON_PATH"]), own["RELEASE"], own["MOUNT"])

    sys.argv[1:] = []
    served = Served()
    if check:
        served.load()
        sys.stdout.write(f"{LOADED}\n")
    else:
        served.run()


if __name__ == "__main__":
    main()
