#!/usr/bin/env python3
"""Fail if a file of inventory/ that is meant for secrets holds one in clear text.

tools/vaults.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".collections"))

# By the path above, so not at the top.
from ansible_collections.emperor.flask.plugins.plugin_utils.vaults import clear_vaults, remedy  # noqa: E402


def main() -> int:
    found = [path for folder in sorted((ROOT / "inventory").iterdir()) for path in clear_vaults(folder)]
    for path in found:
        print(f"error: {remedy(path.relative_to(ROOT))}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
