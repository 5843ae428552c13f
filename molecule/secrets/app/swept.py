"""Says which secret it has by a digest, and fails if it is told to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if "FAIL" in os.environ:
        raise RuntimeError("as it was told")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hashlib.sha256(os.environ["SECRET_KEY"].encode()).hexdigest().encode()]
