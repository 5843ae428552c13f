# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Pages of an app that nginx sends with an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.domains import mount_of
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import check_path

# Not 444 and 494 to 499, which nginx has for itself: https://nginx.org/en/docs/http/ngx_http_core_module.html
_STATUS = re.compile(r"[45][0-9]{2}(?<!444)(?<!49[4-9])")
# No address of an app's own begins with a dot, see `check_prefix`.
_FOLDER = "/.errors"


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    for status, page in app["error_pages"].items():
        where = f"{path}.error_pages.{status}"
        if not _STATUS.fullmatch(status):
            problems.add(where, f"'{status}' is no status of an error page; use 400 to 599, none of 444, 494 to 499")
        elif not isinstance(page, str):
            problems.add(where, "is not a text; give a file of the app such as errors/404.html")
        elif not page.endswith(".html"):
            problems.add(where, f"{page!r} is not HTML; give a file whose name ends in .html")
        else:
            check_path(page, "error page", where, problems)
    if app["intercept_errors"] and not app["error_pages"]:
        problems.add(f"{path}.intercept_errors", "goes with error_pages, of which there are none")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pages as a list: the status, the address that nginx asks itself for, the file of the app."""
    return {
        "error_pages": [
            {"status": int(status), "url": f"{mount_of(app)}{_FOLDER}/{status}.html", "path": page}
            for status, page in sorted(app["error_pages"].items())
        ]
    }
