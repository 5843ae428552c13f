"""An app with data, uploads, a secret and a temporary file, as most have them."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

for folder in ("instance", "media"):
    Path(folder, "data.txt").write_text("the data of the victim")
TEMPORARY = Path(tempfile.gettempdir(), "session.txt")
TEMPORARY.write_text("a session of the victim")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    start_response("200 OK", [("Content-Type", "application/json")])
    told = {"release": os.environ["EMPEROR_RELEASE"], "temporary": str(TEMPORARY), "user": os.geteuid()}
    return [json.dumps(told).encode()]
