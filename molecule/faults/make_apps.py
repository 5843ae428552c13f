"""Writes the apps that the scenario begins with, for each host that is named as an argument."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from faults import BAD, GIT_PORT, TIMEOUT, VICTIM, small_app
from owner import Owner
from pairs import make_pair


def make(owner: Owner) -> None:
    owner.start_afresh()
    for app in (VICTIM, *BAD):
        owner.source(app).mkdir()
        if app != "git":
            owner.write(app, {"small.py": small_app("good")})
        owner.describe(
            app,
            wsgi="small:application",
            workers={"processes": 1, "threads": 4},
            health={"timeout": f"{TIMEOUT}s"},
            release_command="true migration",
        )
    owner.describe("git", source={"git": f"https://localhost:{GIT_PORT}/git.git", "version": "good"})
    make_repository(owner.source("git"), owner.folder)


def make_repository(work: Path, folder: Path) -> None:
    """A repository for a web server with a certificate, with a tag for a release that is there and one to come."""
    git = ["git", "-c", "user.name=faults", "-c", "user.email=faults@example.org", "-c", "commit.gpgsign=false"]

    def run(*command: str) -> None:
        subprocess.run([*git, *command], cwd=work, check=True, capture_output=True)

    run("init", "--quiet", "--initial-branch=main")
    for version in ("good", "mended"):
        (work / "small.py").write_text(small_app(version), encoding="utf-8")
        run("add", "--all")
        run("commit", "--quiet", f"--message={version}")
        run("tag", version)
    run("clone", "--quiet", "--bare", ".", str(folder / "git.git"))
    subprocess.run([*git, "update-server-info"], cwd=folder / "git.git", check=True)
    server = make_pair("localhost")
    (folder / "git-server.crt").write_text(server.certificate, encoding="utf-8")
    (folder / "git-server.pem").write_text(server.certificate + server.key, encoding="utf-8")
    with tarfile.open(folder / "git.tar", "w") as archive:
        archive.add(folder / "git.git", arcname="git.git")


for name in sys.argv[1:]:
    make(Owner(name))
