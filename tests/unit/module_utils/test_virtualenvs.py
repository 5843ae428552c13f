"""What goes into a virtualenv, its name, and how it is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import (
    CANDIDATES,
    RequirementsError,
    build_commands,
    find_requirements,
    has_hashes,
    marker,
    needs_source,
    read_inputs,
    virtualenv_id,
)

UV, TARGET = Path("/opt/uv"), Path("/v")
VENV = ["/opt/uv", "venv", "--allow-existing", "--python", "/usr/bin/python3", "/v"]
INSTALL = ["/opt/uv", "pip", "install", "--compile-bytecode", "--python", "/v/bin/python"]


def write(root: Path, **contents: str) -> None:
    for name, text in contents.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def name(root: Path, requirements: str | None = "requirements.txt", installer: str = "uv", python: str = "3.11") -> str:
    files = read_inputs(root, root / requirements) if requirements else {}
    return virtualenv_id(root, files, installer, python)


@pytest.mark.parametrize("index", range(len(CANDIDATES)))
def test_the_file_that_says_most_is_taken(tmp_path: Path, index: int) -> None:
    for candidate in CANDIDATES[index:]:
        (tmp_path / candidate).touch()
    assert find_requirements(tmp_path, None, "uv") == tmp_path / CANDIDATES[index]


def test_a_named_file_wins_and_must_exist(tmp_path: Path) -> None:
    write(tmp_path, uv_lock="", reqs__prod_txt="")
    assert find_requirements(tmp_path, "reqs/prod.txt", "uv") == tmp_path / "reqs/prod.txt"
    with pytest.raises(RequirementsError, match=r"^requirements reqs/dev.txt does not exist in the source$"):
        find_requirements(tmp_path, "reqs/dev.txt", "uv")


def test_an_app_may_need_nothing(tmp_path: Path) -> None:
    assert find_requirements(tmp_path, None, "uv") is None
    assert find_requirements(tmp_path, None, "pip") is None
    assert build_commands(TARGET, None, "uv", UV) == [VENV]
    assert build_commands(TARGET, None, "pip", UV) == [["/usr/bin/python3", "-m", "venv", "/v"]]


def test_pip_reads_requirements_only(tmp_path: Path) -> None:
    write(tmp_path, uv_lock="")
    with pytest.raises(RequirementsError, match=r"^installer pip cannot read uv.lock; use uv, or add"):
        find_requirements(tmp_path, None, "pip")
    write(tmp_path, requirements_txt="")
    assert find_requirements(tmp_path, None, "pip") == tmp_path / "requirements.txt"


def test_the_same_requirements_share_one_virtualenv(tmp_path: Path) -> None:
    for app in ("a", "b"):
        write(tmp_path / app, requirements_txt="flask==3.1\n", app_py=app)
    assert name(tmp_path / "a") == name(tmp_path / "b")


def test_whatever_counts_names_another_virtualenv(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="flask\n", other_txt="flask\n")
    names = {
        name(tmp_path),
        name(tmp_path, installer="pip"),
        name(tmp_path, python="3.13"),
        name(tmp_path, "other.txt"),
        name(tmp_path, None),
    }
    write(tmp_path, requirements_txt="flask>3\n")
    assert len(names | {name(tmp_path)}) == 6


@pytest.mark.parametrize(
    "line",
    [
        "-r base.txt", "  -r base.txt", "--requirement base.txt", "--requirement=base.txt", "-c base.txt",
        "--constraint=base.txt", "-r ../reqs/base.txt", "-rbase.txt", "-r base.txt # all", "-r between.txt",
    ],
)  # fmt: skip
def test_an_included_file_counts(tmp_path: Path, line: str) -> None:
    write(tmp_path, reqs__all_txt=f"flask\n{line}\n", reqs__base_txt="a\n", reqs__between_txt="-r base.txt\n")
    before = name(tmp_path, "reqs/all.txt")
    write(tmp_path, reqs__base_txt="b\n")
    assert name(tmp_path, "reqs/all.txt") != before


def test_a_comment_includes_nothing(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="# -r base.txt\nflask-r base\n")
    assert len(name(tmp_path)) == 12


def test_files_that_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="-r b.txt\n", b_txt="-r requirements.txt\n")
    assert len(name(tmp_path)) == 12


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-r ../../etc/passwd", "is outside the source"),
        ("-r /etc/passwd", "is outside the source"),
        ("-r gone.txt", "gone.txt does not exist in the source"),
    ],
)
def test_an_included_file_must_be_there_and_inside(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, app__requirements_txt=line)
    with pytest.raises(RequirementsError, match=message):
        name(tmp_path / "app")


def test_a_lock_counts_with_its_project(tmp_path: Path) -> None:
    write(tmp_path, uv_lock="1", pyproject_toml="a")
    before = name(tmp_path, "uv.lock")
    write(tmp_path, pyproject_toml="b")
    assert name(tmp_path, "uv.lock") != before


def test_a_lock_without_its_project_is_refused(tmp_path: Path) -> None:
    write(tmp_path, uv_lock="1")
    with pytest.raises(RequirementsError, match=r"pyproject.toml"):
        name(tmp_path, "uv.lock")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(RequirementsError, match=r"requirements\.txt"):
        name(tmp_path)


@pytest.mark.parametrize("file", ["pylock.toml", "pyproject.toml", "requirements.txt"])
def test_uv_installs_from_the_file(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("flask\n")
    preview = ["--preview-features", "pylock"] if file == "pylock.toml" else []
    given = [*preview, "--requirement", str(tmp_path / file)]
    assert build_commands(TARGET, tmp_path / file, "uv", UV) == [VENV, [*INSTALL, *given]]


def test_pip_installs_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.touch()
    assert build_commands(TARGET, file, "pip", UV, hashed=True)[1] == [
        "/v/bin/python", "-m", "pip", "install", "--no-input", "--requirement", str(file),
    ]  # fmt: skip


def install_options(requirements: Path) -> list[str]:
    """Return what uv is told besides the file, as the module virtualenv calls it."""
    hashed = has_hashes(read_inputs(requirements.parent, requirements))
    command = build_commands(TARGET, requirements, "uv", UV, hashed)[1]
    assert command[: len(INSTALL)] == INSTALL
    assert command[-2:] == ["--requirement", str(requirements)]
    return command[len(INSTALL) : -2]


@pytest.mark.parametrize("text", ["flask --hash=sha256:0", "flask \\\n    --hash sha512:0"])
def test_one_hash_obliges_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{text}\nclick\n")
    assert install_options(tmp_path / "requirements.txt") == ["--require-hashes"]


def test_no_hash_obliges_none(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="flask  # see --hash\nclick --hash=md5:0\n", pylock_toml="--hash=sha256:0")
    assert install_options(tmp_path / "requirements.txt") == []
    assert install_options(tmp_path / "pylock.toml") == ["--preview-features", "pylock"]


def test_a_hash_in_an_included_file_obliges_all_too(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="-r locked.txt\nclick\n", locked_txt="flask --hash=sha256:0\n")
    assert install_options(tmp_path / "requirements.txt") == ["--require-hashes"]


def test_a_lock_is_exported_as_it_is_and_installed(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()
    venv, export, install = build_commands(TARGET, tmp_path / "uv.lock", "uv", UV)
    exported = "/v/requirements.txt"  # the builder can write there, and nowhere else
    assert venv == VENV
    assert export[:2] == ["/opt/uv", "export"]
    assert {"--frozen", "--no-dev", "--no-emit-project"} <= set(export)
    assert export[-2:] == ["--output-file", exported]
    assert install == [*INSTALL, "--requirement", exported]


LOCAL: list[Any] = ["./wheels/a.whl", "../a", "  ./a", "/opt/a", "file:a", "a @ file:./a", "flask\n./a"]
LOCAL += [".", ".[extra]", "lib/pkg", "a @ ./lib", "wheels/a.whl"]


@pytest.mark.parametrize("text", LOCAL)
def test_a_requirement_of_the_source_itself_is_told(tmp_path: Path, text: str) -> None:
    write(tmp_path, requirements_txt=f"{text}\n")
    assert needs_source(read_inputs(tmp_path, tmp_path / "requirements.txt"))


@pytest.mark.parametrize("text", ["flask", "# ./a", "a @ https://a.test/a.whl", "flask>=3.1,<4", "-i https://a.test/"])
def test_any_other_requirement_needs_no_source(tmp_path: Path, text: str) -> None:
    write(tmp_path, requirements_txt=f"{text}\n", pyproject_toml="./a")
    assert not needs_source(read_inputs(tmp_path, tmp_path / "requirements.txt"))
    assert not needs_source(read_inputs(tmp_path, tmp_path / "pyproject.toml"))


def test_a_requirement_of_the_source_makes_the_whole_source_count(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="./lib\n", lib__a_py="a = 1\n")
    before = name(tmp_path)
    write(tmp_path, lib__a_py="a = 2\n")
    assert name(tmp_path) != before


@pytest.mark.parametrize(
    "text", ["-e .", "-e ./a", "  -e a", "--editable .", "--editable=./a", "-e git+https://a.test/a"]
)
@pytest.mark.parametrize("file", ["requirements.txt", "base.txt"])
def test_an_editable_install_is_refused(tmp_path: Path, text: str, file: str) -> None:
    write(tmp_path, requirements_txt="-r base.txt\n", base_txt="")
    with (tmp_path / file).open("a") as opened:
        opened.write(f"{text}\n")
    with pytest.raises(RequirementsError, match=f"^{file} asks for an editable install; write the path without -e$"):
        read_inputs(tmp_path, tmp_path / "requirements.txt")


def test_what_only_looks_like_an_editable_install_is_none(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="# -e .\n--extra-index-url https://a.test/\nflask-e\n")
    assert read_inputs(tmp_path, tmp_path / "requirements.txt")


def test_the_mark_of_completion_stands_beside_the_virtualenv() -> None:
    assert marker(Path("/srv/apps/shop/venvs/77ab")) == Path("/srv/apps/shop/venvs/77ab.complete")
