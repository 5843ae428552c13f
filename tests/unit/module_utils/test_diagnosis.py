"""What to do about a release that fails, from what it wrote."""

from __future__ import annotations

import errno
from time import process_time

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis

UWSGI = """\
*** Starting uWSGI 2.0.28-debian (64bit) on [Fri Nov 20 10:00:00 2026] ***
[uWSGI] getting INI configuration from shop.0123456789ab.ini
uwsgi socket 0 inherited UNIX address /run/flask-emperor/sockets/shop.0123456789ab.socket fd 0
Python version: 3.13.5 (main, Jun 25 2025, 18:55:22) [GCC 14.2.0]
mapped 333504 bytes (325 KB) for 4 cores
*** Operational MODE: preforking+threaded ***
"""


def trace(error: str, *more: str) -> str:
    """Return what uWSGI and the app write when an import fails."""
    lines = [
        "Traceback (most recent call last):",
        '  File "shop/wsgi.py", line 3, in <module>',
        "    app = create_app()",
        "          ^^^^^^^^^^^^",
        error,
        *more,
        "unable to load app 0 (mountpoint='') (callable not found or import error)",
        "*** no app loaded. GAME OVER ***",
    ]
    return UWSGI + "\n".join(lines)


IMPORT = trace("ModuleNotFoundError: No module named 'flask_sqlalchemy'")
NO_ANSWER = "no answer ([Errno 111] Connection refused)"


@pytest.mark.parametrize(
    ("cause", "log", "advice"),
    [
        ("timed out", IMPORT, "flask_sqlalchemy is neither in the source nor installed: add it to the requirements"),
        ("timed out", trace("ModuleNotFoundError: No module named 'shop.db'"), "shop.db is neither in the source"),
        (
            "timed out",
            trace("KeyError: 'DATABASE_URL'"),
            "if DATABASE_URL is an environment variable, set it under environment or secrets",
        ),
        (
            "timed out",
            trace("PermissionError: [Errno 13] Permission denied: '/srv/apps/shop/releases/0123456789ab/src/up/a'"),
            "list the folder of srv/apps/shop/releases/0123456789ab/src/up/a under writable",
        ),
        (
            "timed out",
            trace("OSError: [Errno 30] Read-only file system: '/srv/apps/shop/releases/0123456789ab/src/x.db'"),
            "under writable",
        ),
        ("answered 500", trace("psycopg.OperationalError: connection failed: Connection refused"), "a service that"),
        ("answered 500", trace('OperationalError: could not translate host name "db" to address'), "a service that"),
        ("answered 500", trace("socket.gaierror: [Errno -2] Name or service not known"), "a service that"),
        ("answered 500", trace("sqlite3.OperationalError: no such table: page"), "let release_command make it"),
        ("answered 500", trace('psycopg.errors.UndefinedTable: relation "page" does not exist'), "release_command"),
        ("module shop.wsgi has no callable 'app'; found: application", "", "write one of the names that were found"),
        ("shop:app was not loaded within 30 s; the import does not end", "", "import must not wait or loop"),
        ("answered by release ba9876543210", "", "it must not"),
        ("answered by release unknown", IMPORT, "flask_sqlalchemy"),
        ("answered 302, expected 200", "", "set health.path to one that answers by itself"),
        ("answered 401, expected 200 to 399", "", "the app wants a login for this request"),
        ("answered 403, expected 200 to 399", "", "the app wants a login for this request"),
        ("answered 404, expected 200 to 399", "", "set health.path to an address that the app has"),
        ("answered 502, expected 200 to 399", "", "the app failed at this request"),
        ("answered 200, but the answer does not contain 'x'", "", "set health.text to a text that the page has"),
        ("timed out", "DAMN ! worker 1 (pid: 7) died, killed by signal 9 :( trying respawn ...", "for its memory"),
        ("timed out", trace("IndentationError: unexpected indent"), "the lines above name the file and the line"),
        ("timed out", trace("OSError: [Errno 28] No space left on device: 'x'"), "make room: df -h /srv/apps"),
        ("timed out", trace("ZeroDivisionError: division by zero"), "the traceback says where the app fails"),
        ("timed out", "", "the lines above are all there is"),
    ],
)
def test_each_failure_has_its_remedy(cause: str, log: str, advice: str) -> None:
    assert advice in diagnosis.remedy(cause, log)


def test_the_cause_counts_before_the_log() -> None:
    assert "import must not wait" in diagnosis.remedy("the import does not end", IMPORT)


def test_a_page_that_fails_is_told_by_what_it_wrote() -> None:
    """Its status says only that it failed; the log says why."""
    assert "release_command" in diagnosis.remedy("answered 500", trace("OperationalError: no such table: page"))
    assert "DB_URL" in diagnosis.remedy("answered 500", trace("KeyError: 'DB_URL'"))


def test_a_vassal_that_does_not_answer_is_no_service_that_the_app_needs() -> None:
    """It is our own question that was refused."""
    assert "flask_sqlalchemy" in diagnosis.remedy(NO_ANSWER, IMPORT)
    assert "a service" not in diagnosis.remedy(NO_ANSWER, "")


def test_the_last_mistake_of_a_log_counts() -> None:
    log = trace("KeyError: 'OLD'") + "\n" + trace("KeyError: 'NEW'")
    assert diagnosis.remedy("timed out", log).startswith("if NEW is")


def test_what_visitors_wrote_into_a_log_is_no_answer_of_the_check() -> None:
    assert "the lines above are all" in diagnosis.remedy("timed out", "the shop answered 404 to a robot")


def test_without_words_what_runs_the_app_helps() -> None:
    assert diagnosis.remedy("timed out", "", "look there") == "look there"
    assert diagnosis.remedy("timed out", "").startswith("the lines above are all there is")


@pytest.mark.parametrize("text", ["PermissionError " * 15_000, "PermissionError '/srv/apps/a/releases/" * 6_000])
def test_a_line_of_any_length_takes_no_time(text: str) -> None:
    """Root reads it, with the app's lock in hand."""
    begin = process_time()
    diagnosis.remedy("", text)
    diagnosis.remedy(text, "")
    assert process_time() - begin < 1


def test_a_mistake_that_a_person_does_not_see_any_more_counts_for_nothing() -> None:
    mistake = "KeyError: 'DB_URL'"
    assert diagnosis.known_remedy("", mistake + "\n" + "more\n" * 1000).startswith("if DB_URL is")
    assert diagnosis.known_remedy("", mistake + "\n" + "more\n" * 10_000) == ""


def test_remedies_are_one_sentence_without_an_end() -> None:
    """The report goes on with a semicolon."""
    for _pattern, advice in diagnosis._REMEDIES:
        assert not advice.endswith((".", ";", "\n"))


def test_a_traceback_ends_with_its_error() -> None:
    assert diagnosis.traceback_of(IMPORT).splitlines() == [
        "Traceback (most recent call last):",
        '  File "shop/wsgi.py", line 3, in <module>',
        "    app = create_app()",
        "          ^^^^^^^^^^^^",
        "ModuleNotFoundError: No module named 'flask_sqlalchemy'",
    ]


def test_the_last_of_several_tracebacks_is_the_one() -> None:
    """Python shows the first cause first, and what it led to last."""
    log = trace("KeyError: 'A'") + "\n\nDuring handling of the above exception:\n\n" + trace("RuntimeError: b")
    assert diagnosis.traceback_of(log).splitlines()[-1] == "RuntimeError: b"


@pytest.mark.parametrize("log", ["", "hello\nworld", "Traceback"])
def test_without_a_traceback_there_is_none(log: str) -> None:
    assert diagnosis.traceback_of(log) == ""


def test_a_traceback_that_was_cut_off_is_shown_as_far_as_it_goes() -> None:
    log = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    import b'
    assert diagnosis.traceback_of(log) == log


def test_one_that_is_being_written_gives_way_to_a_whole_one() -> None:
    """The journal is read while the app goes on failing."""
    cut = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>'
    assert diagnosis.traceback_of(f"{trace('KeyError: 1')}\n{cut}").splitlines()[-1] == "KeyError: 1"


def test_the_apps_own_words_are_without_uwsgis() -> None:
    said = UWSGI + "loading plugins\n" + IMPORT.partition("threaded ***\n")[2] + "\nWSGI app 0 (mountpoint='') ready"
    words = diagnosis.own_words(said).splitlines()
    assert words[0] == "loading plugins"
    assert words[-1] == "ModuleNotFoundError: No module named 'flask_sqlalchemy'"
    assert len(words) == 6


def test_words_before_the_last_start_belong_to_an_earlier_one() -> None:
    assert diagnosis.own_words(f"{UWSGI}old\n{UWSGI}new\n") == "new"


def test_words_that_uwsgi_did_not_begin_are_all_the_apps() -> None:
    assert diagnosis.own_words("one\n\ntwo\n") == "one\n\ntwo"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room: df -h /srv/apps"),
        (errno.EDQUOT, "make room: df -h /srv/apps"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "look at the path that is named"),
    ],
)
def test_errors_of_the_system_have_a_remedy(number: int, advice: str) -> None:
    assert diagnosis.of_os_error(OSError(number, "why", "/srv/apps/x")).startswith(advice)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[2Jall fine\r", "\\x1b[2Jall fine\\r"),
        ("\x9b31m \u202egpj.exe", "\\x9b31m \\u202egpj.exe"),
        ("ü {{ 1 + 1 }}", "ü {{ 1 + 1 }}"),
        ("x" * 400, "x" * 400),
        ("x" * 401, "x" * 399 + "…"),
    ],
)
def test_a_terminal_shows_what_an_app_wrote_and_obeys_none_of_it(text: str, shown: str) -> None:
    assert diagnosis.readable(text) == shown


def test_of_a_flood_the_end_is_read() -> None:
    assert diagnosis.readable("\n".join(map(str, range(100)))) == "\n".join(map(str, range(40, 100)))


def test_no_part_of_a_secret_is_left_where_a_line_is_cut() -> None:
    text = f"key1 key12 {'x' * 385}key12"
    assert "key" not in diagnosis.readable(text, ["key1", "", "key12"])
    assert diagnosis.readable("key1 key12", ["key1", "key12"]) == "******** ********"
