"""Pack a Python of the controller that no distribution of the hosts has.

    python pack_python.py 3.12 TARGET.tar

It is one that pyenv or uv has made, which runs wherever it stands; EMPEROR_FLASK_OTHER_PYTHON names another folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from bootstrap import candidates, probe

# Not needed to run an app, and most of the size.
LEFT_OUT = {"__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "share"}


def prefixes(version: str) -> Iterator[Path]:
    """Yield the folders of such Pythons."""
    if named := os.environ.get("EMPEROR_FLASK_OTHER_PYTHON"):
        yield Path(named)
    for path in candidates():
        python = probe(path)
        if python and ".".join(map(str, python.version)) == version:
            out = subprocess.run([path, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True)
            yield Path(out.stdout.strip())


def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(member.name).parts
    return None if LEFT_OUT.intersection(parts) or parts[-1].endswith(".a") else member


def main() -> None:
    version, target = sys.argv[1:]
    found = next((prefix for prefix in prefixes(version) if prefix.parts[:2] != ("/", "usr")), None)
    if found is None:
        sys.exit(
            f"this machine has no Python {version} that could be copied: pyenv install {version}, or name the "
            "folder of one with EMPEROR_FLASK_OTHER_PYTHON"
        )
    with tarfile.open(target, "w") as archive:
        for part in ("bin", "lib"):
            archive.add(found / part, part, filter=wanted)


main()
