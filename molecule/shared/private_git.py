"""Makes a private git server's repositories and keys, in the folder that is named as the argument."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

PROBE = '''
import importlib.metadata
import json
import os

VERSION = "{version}"


def application(environ, start_response):
    """Answer with all that reaches an app."""
    start_response("{status}", [("Content-Type", "application/json")])
    answer = {{
        "version": VERSION,
        "environ": {{key: value for key, value in environ.items() if isinstance(value, str)}},
        "environment": dict(os.environ),
        "packages": {{found.name: found.version for found in importlib.metadata.distributions()}},
    }}
    return [json.dumps(answer).encode()]


def create():
    return application
'''


def run(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def probe(folder: Path, version: str, status: str = "200 OK") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "probe.py").write_text(PROBE.format(version=version, status=status), encoding="utf-8")


def make_private(root: Path) -> None:
    """A repository with a submodule beside it, and the keys of a server that lets one deploy key in."""
    git = ["git", "-c", "user.name=probe", "-c", "user.email=probe@example.org", "-c", "commit.gpgsign=false"]
    library, shop = root / "library", root / "shop"
    for work in (library, shop):
        work.mkdir()
        run(*git, "init", "--quiet", "--initial-branch=main", cwd=work)
    (library / "__init__.py").write_text('VERSION = "from the submodule"\n', encoding="utf-8")
    run(*git, "add", "--all", cwd=library)
    run(*git, "commit", "--quiet", "--message=library", cwd=library)
    probe(shop, "from the app itself")
    with (shop / "probe.py").open("a", encoding="utf-8") as code:
        code.write("\n\nfrom library import VERSION\n")
    described = '[submodule "library"]\n\tpath = vendor/library\n\turl = ../library.git\n'
    (shop / ".gitmodules").write_text(described, encoding="utf-8")
    run(*git, "add", "--all", cwd=shop)
    commit = run("git", "rev-parse", "HEAD", cwd=library).strip()
    run(*git, "update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/library", cwd=shop)
    run(*git, "commit", "--quiet", "--message=shop", cwd=shop)
    with tarfile.open(root / "private.tar", "w") as archive:
        for work in (library, shop):
            bare = root / f"{work.name}.git"
            run("git", "clone", "--quiet", "--bare", str(work), str(bare), cwd=root)
            archive.add(bare, arcname=bare.name)
    for name in ("deploy_key", "server_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name, cwd=root)
    server = (root / "server_key.pub").read_text(encoding="utf-8")
    (root / "known_hosts").write_text(f"[127.0.0.1]:2222 {server}", encoding="utf-8")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    make_private(folder)
