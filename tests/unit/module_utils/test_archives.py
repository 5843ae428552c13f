"""Archives, honest and hostile."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    SourceError,
    unpack,
    verify_checksum,
)

# Name, content (or what a link points to), tar type, mode.
Entry = tuple[str, str, bytes, int]
Pack = Callable[[Path, list[Entry]], Path]
FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def pack_tar(folder: Path, entries: list[Entry], form: str = "w:gz") -> Path:
    path = folder / "a.tar"
    with tarfile.open(path, form) as archive:  # type: ignore[call-overload]
        for name, content, kind, mode in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, mode
            if kind in (LINK, HARD):
                entry.linkname = content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content.encode()))
    return path


def pack_zip(folder: Path, entries: list[Entry]) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, kind, mode in entries:
            entry = zipfile.ZipInfo(name + "/" if kind == FOLDER else name)
            unix = {LINK: stat.S_IFLNK, FOLDER: stat.S_IFDIR, tarfile.CHRTYPE: stat.S_IFCHR}.get(kind, stat.S_IFREG)
            entry.external_attr = (unix | mode) << 16
            archive.writestr(entry, content)
    return path


def file(name: str, content: str = "x", mode: int = 0o644) -> Entry:
    return (name, content, FILE, mode)


def link(name: str, target: str) -> Entry:
    return (name, target, LINK, 0o777)


both = pytest.mark.parametrize("pack", [pack_tar, pack_zip])


def tree(root: Path) -> dict[str, Any]:
    """Return what is below a folder: text of files, arrow and target of links, None for folders."""
    return {
        str(path.relative_to(root)): f"-> {path.readlink()}"
        if path.is_symlink()
        else (path.read_text() if path.is_file() else None)
        for path in root.rglob("*")
    }


@both
def test_files_folders_and_inner_links_come_out(pack: Pack, tmp_path: Path) -> None:
    entries = [
        link("early/link", "../a.py"),
        file("a.py", "1"),
        ("empty", "", FOLDER, 0o700),
        file("sub/deep/b.py", "2"),
        link("sub/up", "../empty"),
    ]
    unpack(pack(tmp_path, entries), tmp_path / "out", strip=False)
    assert tree(tmp_path / "out") == {
        "early": None, "early/link": "-> ../a.py", "a.py": "1", "empty": None,
        "sub": None, "sub/deep": None, "sub/deep/b.py": "2", "sub/up": "-> ../empty",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_tar_is_read(form: str, tmp_path: Path) -> None:
    unpack(pack_tar(tmp_path, [file("a.py", "1")], form), tmp_path / "out", strip=False)
    assert tree(tmp_path / "out") == {"a.py": "1"}


@both
def test_modes_are_plain(pack: Pack, tmp_path: Path) -> None:
    entries = [file("run", mode=0o4777), file("text", mode=0o666), file("closed", mode=0o000)]
    unpack(pack(tmp_path, entries), tmp_path / "out", strip=False)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {"run": 0o755, "text": 0o644, "closed": 0o644}


@both
@pytest.mark.parametrize(
    ("entries", "strip", "names"),
    [
        ([file("shop-1.0/a.py"), file("shop-1.0/b/c.py")], True, {"a.py", "b", "b/c.py"}),
        ([file("shop-1.0/a.py")], False, {"shop-1.0", "shop-1.0/a.py"}),
        ([file("shop-1.0/a.py"), file("README")], True, {"shop-1.0", "shop-1.0/a.py", "README"}),
        ([file("a.py")], True, {"a.py"}),
        ([file("shop-1.0/shop-1.0/a.py")], True, {"shop-1.0", "shop-1.0/a.py"}),
    ],
)
def test_one_folder_that_holds_all_is_stripped(
    pack: Pack, entries: list[Entry], strip: bool, names: set[str], tmp_path: Path
) -> None:
    unpack(pack(tmp_path, entries), tmp_path / "out", strip)
    assert tree(tmp_path / "out").keys() == names
    assert not (tmp_path / "out.strip").exists()


HOSTILE: list[tuple[str, list[Entry]]] = [
    ("parent", [file("../evil")]),
    ("inner parent", [file("a/../../evil")]),
    ("absolute", [file("/tmp/ef-evil/evil")]),
    ("folder above", [("../evil", "", FOLDER, 0o755)]),
    ("absolute link", [link("a", "/etc/passwd")]),
    ("link above", [link("a/b", "../../evil")]),
    ("link through a link", [link("a/b/up", "../.."), link("out", "a/b/up/../evil")]),
    ("link below a link", [link("a/b/up", "../.."), link("a/b/up/c", "../../evil")]),
    ("link at the root", [link(".", "/etc")]),
]


@both
@pytest.mark.parametrize("entries", [entries for _, entries in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_nothing_leaves_the_folder(pack: Pack, entries: list[Entry], tmp_path: Path) -> None:
    archive = pack(tmp_path, entries)
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "in/out", strip=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([archive.name, "in"])
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    assert not Path("/tmp/ef-evil").exists()


# Each link by itself stays inside; what is made through them would not.
CHAIN = [link("d", "."), link("e", "d/d"), link("up", "d/e/..")]
THROUGH: list[tuple[str, list[Entry]]] = [
    ("file", [*CHAIN, file("up/x")]),
    ("file first", [file("up/x"), *CHAIN]),
    ("link", [*CHAIN, link("up/x", "d")]),
    ("link first", [link("up/x", "d"), *CHAIN]),
    ("folder", [*CHAIN, ("up/x", "", FOLDER, 0o755)]),
    ("deeper", [*CHAIN, link("up/a/b/x", "d")]),
    ("twice", [*CHAIN, link("up/d", "."), link("up/d/x", "d")]),
    ("nothing", CHAIN),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@both
@pytest.mark.parametrize("entries", [entries for _, entries in THROUGH], ids=[name for name, _ in THROUGH])
def test_nothing_is_made_through_a_chain_of_links(pack: Pack, entries: list[Entry], tmp_path: Path) -> None:
    archive = pack(tmp_path, entries)
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "in/out", strip=False)
    # What is below in/out itself goes with the failed release.
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {name for name in found if not name.startswith("in/out/")} == {archive.name, "in", "in/out"}


@both
def test_a_link_below_a_link_is_refused_even_to_the_inside(pack: Pack, tmp_path: Path) -> None:
    archive = pack(tmp_path, [file("real/a"), link("d", "real"), link("d/b", "a")])
    with pytest.raises(SourceError, match=r"^d/b stands below a link$"):
        unpack(archive, tmp_path / "out", strip=False)
    assert [path.name for path in (tmp_path / "out/real").iterdir()] == ["a"]


@both
def test_an_absolute_link_is_refused_even_to_the_inside(pack: Pack, tmp_path: Path) -> None:
    """The folder will bear another name."""
    archive = pack(tmp_path, [file("a"), link("b", f"{tmp_path}/out/a")])
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "out", strip=False)


@both
def test_a_file_does_not_go_through_a_link(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    archive = pack(tmp_path, [link("a", "../theirs"), file("a/evil")])
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "out", strip=False)
    assert list((tmp_path / "theirs").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_or_a_pipe_is_refused(kind: bytes, tmp_path: Path) -> None:
    archive = pack_tar(tmp_path, [("dev", "", kind, 0o666)])
    with pytest.raises(SourceError, match=r"^dev is a device or a pipe$"):
        unpack(archive, tmp_path / "out", strip=False)


def test_a_device_of_a_zip_is_a_plain_file(tmp_path: Path) -> None:
    unpack(pack_zip(tmp_path, [("dev", "x", tarfile.CHRTYPE, 0o666)]), tmp_path / "out", strip=False)
    assert (tmp_path / "out/dev").read_text() == "x"


def test_a_hard_link_is_a_copy(tmp_path: Path) -> None:
    archive = pack_tar(tmp_path, [file("a.py", "1"), ("b.py", "a.py", HARD, 0o644)])
    unpack(archive, tmp_path / "out", strip=False)
    assert tree(tmp_path / "out") == {"a.py": "1", "b.py": "1"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../theirs", "missing"])
def test_a_hard_link_to_nothing_of_the_archive_is_refused(target: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    archive = pack_tar(tmp_path, [("b.py", target, HARD, 0o644)])
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "out", strip=False)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@both
@pytest.mark.parametrize(
    "entries",
    [
        [file("a"), file("a/b")],
        [file("a/b"), file("a")],
        [file("a"), link("a", "b")],
    ],
    ids=["below a file", "over a folder", "link over a file"],
)
def test_entries_that_contradict_each_other_are_refused(pack: Pack, entries: list[Entry], tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        unpack(pack(tmp_path, entries), tmp_path / "out", strip=False)


def test_the_last_of_two_files_of_one_name_counts(tmp_path: Path) -> None:
    unpack(pack_tar(tmp_path, [file("a", "1"), file("a", "2")]), tmp_path / "out", strip=False)
    assert tree(tmp_path / "out") == {"a": "2"}


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("pack", "damage"),
    # Tar itself has no checksum over contents, and its reader stops before that of gzip.
    [(pack_tar, cut), (pack_zip, cut), (pack_zip, flipped)],
)
def test_a_damaged_archive_is_refused(pack: Pack, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    noise = "".join(hashlib.sha256(bytes([i % 256, i // 256])).hexdigest() for i in range(2000))
    archive = pack(tmp_path, [file("a", noise)])
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(SourceError, match="not a readable tar or zip archive"):
        unpack(archive, tmp_path / "out", strip=False)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>"])
def test_no_archive_at_all_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SourceError, match="not a readable tar or zip archive"):
        unpack(tmp_path / "a", tmp_path / "out", strip=False)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = pack_zip(tmp_path, [file("a")])
    data = bytearray(archive.read_bytes())
    # Bit 0 of the flags, in the local header and in the directory at the end.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(SourceError):
        unpack(archive, tmp_path / "out", strip=False)


def test_a_checksum_is_compared(tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(b"content")
    right = f"sha256:{hashlib.sha256(b'content').hexdigest()}"
    wrong = f"sha256:{'0' * 64}"
    verify_checksum(archive, right)
    with pytest.raises(SourceError) as caught:
        verify_checksum(archive, wrong)
    assert str(caught.value) == f"the archive's checksum is {right}, not {wrong}"
