"""Makes the sources that the scenario deploys, in the folder that is named as the argument."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from private_git import make_private, probe, run

CLONE = Path(__file__).resolve().parents[2]
# Small, without dependencies, and not what the apps' code needs: only its version is looked at.
REQUIREMENT = "itsdangerous==2.2.0"


def make_repository(root: Path) -> None:
    """A bare repository with a branch, and tags for a bad and a better version."""
    work = root / "work"
    git = ["git", "-c", "user.name=probe", "-c", "user.email=probe@example.org", "-c", "commit.gpgsign=false"]
    work.mkdir()
    run(*git, "init", "--quiet", "--initial-branch=main", cwd=work)
    for version, status, mark in (
        ("good", "200 OK", ["branch", "keep"]),
        ("bad", "500 Internal Server Error", ["tag", "bad"]),
        ("better", "200 OK", ["tag", "--annotate", "--message=better", "better"]),
    ):
        probe(work, version, status)
        run(*git, "add", "--all", cwd=work)
        run(*git, "commit", "--quiet", f"--message={version}", cwd=work)
        run(*git, *mark, cwd=work)
    run(*git, "reset", "--quiet", "--hard", "keep", cwd=work)
    run(*git, "clone", "--quiet", "--bare", str(work), str(root / "probe.git"), cwd=root)
    with tarfile.open(root / "probe.git.tar", "w") as archive:
        archive.add(root / "probe.git", arcname="probe.git")


def make_archives(root: Path) -> None:
    """One with hashed requirements, one with a pylock; the tar has a folder around all."""
    folder = root / "probe-1.0"
    probe(folder, "tar")
    (root / "requirements.in").write_text(REQUIREMENT, encoding="utf-8")
    compiled = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "requirements.in"]
    run(*compiled, "--output-file", str(folder / "requirements.txt"), cwd=root)
    archive = root / "probe.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, arcname=folder.name)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_suffix(".gz.sha256").write_text(digest, encoding="utf-8")

    zipped = root / "zipped"
    probe(zipped, "zip")
    universal = ["--universal", "--python-version=3.10", "--format=pylock.toml"]
    run(*compiled, *universal, "--output-file", str(zipped / "pylock.toml"), cwd=root)
    with zipfile.ZipFile(root / "probe.zip", "w") as packed_zip:
        for file in sorted(zipped.iterdir()):
            packed_zip.write(file, file.name)


def make_folder(root: Path) -> None:
    """A src layout with a uv.lock, and files that must not be deployed."""
    folder = root / "folder"
    probe(folder / "src/layout", "folder")
    (folder / "src/layout/__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "layout"\nversion = "1"\nrequires-python = ">=3.10"\n'
        f'dependencies = ["{REQUIREMENT}"]\n\n[dependency-groups]\ndev = ["blinker"]\n',
        encoding="utf-8",
    )
    run("uv", "lock", "--quiet", cwd=folder)
    (folder / ".gitignore").write_text("*.local\n", encoding="utf-8")
    (folder / "settings.local").write_text("mine alone", encoding="utf-8")
    (folder / "instance").mkdir()
    (folder / "instance/developer.sqlite").write_text("mine alone", encoding="utf-8")


STAYS = """
import subprocess
from setuptools import setup

nothing = subprocess.DEVNULL
subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing)
setup(name="stays", version="1", py_modules=[])
"""


def make_lingering(root: Path) -> None:
    """An app whose build leaves a process behind, out of its session and its process group."""
    folder = root / "lingering"
    probe(folder, "lingering")
    (folder / "pkg").mkdir()
    (folder / "pkg/setup.py").write_text(STAYS, encoding="utf-8")
    (folder / "requirements.txt").write_text("./pkg\n", encoding="utf-8")


def make_tutorial(root: Path) -> None:
    """The tutorial out of the very Flask that our lock names, checked by its hash."""
    lock = (CLONE / "requirements-dev.lock").read_text(encoding="utf-8")
    entry = re.search(r"^flask==[^\n]*\\\n(?:    --hash=\S+(?: \\)?\n)+", lock, re.MULTILINE)
    if entry is None:
        raise SystemExit("requirements-dev.lock names no flask")
    (root / "flask.txt").write_text(entry[0], encoding="utf-8")
    options = ["--quiet", "--no-deps", "--no-binary=:all:", "--require-hashes", "--requirement=flask.txt"]
    run("uv", "tool", "run", "pip", "download", *options, f"--dest={root}", cwd=root)
    with tarfile.open(next(root.glob("flask-*.tar.gz"))) as archive:
        archive.extractall(root / "flask", filter="data")
    shutil.copytree(next((root / "flask").glob("*/examples/tutorial")), root / "tutorial")


def main() -> None:
    root = Path(sys.argv[1]).absolute()
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    make_repository(root)
    make_private(root)
    make_archives(root)
    make_folder(root)
    make_lingering(root)
    make_tutorial(root)


main()
