"""What an app may say, value by value."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.tests.support.apps import HASH, complete, minimal, mistakes

SHA = "sha256:" + "0" * 64
REST = "give a path below its root, without '..'"
CHARACTERS = "use letters, digits, '.', '_', '-', '@', '+' and '/'"
NAME_RULE = "use a-z, 0-9 and '-', at most 23 characters"
OVER_SSH = "goes with git over ssh only; give git: ssh://git@… or git@…:…"
KEY_FORM = "it begins with '-----BEGIN … PRIVATE KEY-----' and keeps its line breaks; write it into the vault as a block, after 'key: |'"
KNOWN_FORM = "is no line of ssh's known_hosts, such as 'git.example.org ssh-ed25519 AAAA…'; ssh-keyscan prints them"
KNOWN = "git.example.org ssh-ed25519 AAAA"
# The form is all that is looked at.
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
ONE_LINE = "is more than one line or holds a control character; put it into a script of the app"
SCHEDULE = "is not a schedule; try daily, *:0/15 or Mon..Fri 03:30"
NETWORK = "is no address or network; try"
NO_HASH = "is no hash of a password that nginx should take: sha512-crypt ($6$), sha256-crypt ($5$), yescrypt ($y$) or bcrypt of cost 4 to 10; openssl passwd -6 asks for a password and prints one"
BCRYPT = "abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
ENV_RULE = "use A-Z, 0-9 and '_', none of UWSGI_*, LD_*"

SWAPPED = "so anybody on the way could say what {} is; give https://… or ssh://…, or a full commit id as version"


def git(**changes: Any) -> dict[str, Any]:
    return {"source": {"git": "https://git.example.org/a.git", **changes}}


def ssh(**changes: Any) -> dict[str, Any]:
    return {"source": {"git": "git@git.example.org:a.git", **changes}}


def archive(address: str, **changes: Any) -> dict[str, Any]:
    return {"source": {"archive": address, **changes}}


def daemon(**changes: Any) -> dict[str, Any]:
    return {"daemons": [{"name": "mails", "command": "rq worker", **changes}]}


def cron(**changes: Any) -> dict[str, Any]:
    return {"cron": [{"name": "tidy", "command": "flask tidy", "schedule": "daily", **changes}]}


def access(**entry: Any) -> dict[str, Any]:
    """Return an entry, and a user so that one may ask for passwords."""
    users = {"ada": HASH} if entry.get("auth_basic") else {}
    return {"access": [entry], "auth_basic_users": users}


def user(hashed: Any, name: str = "ada") -> dict[str, Any]:
    return {"access": [{"auth_basic": True}], "auth_basic_users": {name: hashed}}


def static(url: str = "/static", path: str = "static", **more: Any) -> dict[str, Any]:
    return {"static": [{"url": url, "path": path, **more}]}


REFUSED = [
    # name
    ({"name": "My App"}, f"name: app 'My App': {NAME_RULE}"),
    ({"name": "my app"}, f"name: app 'my app': {NAME_RULE}"),
    ({"name": ""}, f"name: app '': {NAME_RULE}"),
    ({"name": "1shop"}, f"name: app '1shop': {NAME_RULE}"),
    ({"name": "-shop"}, f"name: app '-shop': {NAME_RULE}"),
    ({"name": "shop_2"}, f"name: app 'shop_2': {NAME_RULE}"),
    ({"name": "shöp"}, f"name: app 'shöp': {NAME_RULE}"),
    ({"name": "a" * 24}, f"name: app '{'a' * 24}': {NAME_RULE}"),
    # state
    ({"state": False}, "state: false is not one of present, absent; did you mean 'absent'?"),
    ({"state": "Removed"}, "state: 'Removed' is not one of present, absent; did you mean 'absent'?"),
    ({"state": "started"}, "state: 'started' is not one of present, absent; did you mean 'present'?"),
    ({"state": "stopped"}, "state: 'stopped' is not one of present, absent"),
    ({"server": 1}, "server: 1 is not one of uwsgi, gunicorn"),
    # source
    ({"source": {}}, "source: give exactly one of path, git and archive; found: none"),
    ({"source": {"path": "a", "git": "/b"}}, "source: give exactly one of path, git and archive; found: path and git"),
    ({"source": {"path": ""}}, "source.path: is empty or contains a control character"),
    ({"source": {"path": "a\nb"}}, "source.path: is empty or contains a control character"),
    ({"source": {"path": "a", "version": "v1"}}, "source.version: goes with git only; this source is a path"),
    ({"source": {"path": "a", "checksum": SHA}}, "source.checksum: goes with archive only; this source is a path"),
    ({"source": {"git": "shop"}}, "source.git: 'shop' is no address of a git repository; try https://…"),
    ({"source": {"git": "--upload-pack=x"}}, "source.git: '--upload-pack=x' is no address of a git repository; try https://…"),
    ({"source": {"git": "ext::sh -c id"}}, "source.git: 'ext::sh -c id' is no address of a git repository; try https://…"),
    (git(git="http://a.test/a", version="v1"), f"source.git: 'http://a.test/a' is not encrypted, {SWAPPED.format('v1')}"),
    (git(git="git://a.test/a"), f"source.git: 'git://a.test/a' is not encrypted, {SWAPPED.format('HEAD')}"),
    (git(version="-x"), "source.version: '-x' is not a branch, a tag or a commit id"),
    (git(version="a..b"), "source.version: 'a..b' is not a branch, a tag or a commit id"),
    (git(version="a b"), "source.version: 'a b' is not a branch, a tag or a commit id"),
    (git(checksum=SHA), "source.checksum: goes with archive only; this source is a git"),
    (archive("https://a.test/a.zip"), "source.checksum: is missing; an archive from an address needs sha256:<64 hex digits>"),
    (archive("a.zip", checksum="md5:0"), "source.checksum: must be 'sha256:' and 64 hex digits; sha256sum prints them"),
    (archive("http://a.test/a.zip", checksum=SHA), "source.archive: 'http://a.test/a.zip' is not https"),
    (
        archive("https://me:word@a.test/a.zip", checksum=SHA),
        "source.archive: holds a password, which logs would show; fetch it to the controller",
    ),
    ({"source": {"git": "https://a.test/a", "key": KEY}}, f"source.key: {OVER_SSH}"),
    ({"source": {"git": "/a", "known_hosts": [KNOWN]}}, f"source.known_hosts: {OVER_SSH}"),
    ({"source": {"path": "a", "key": KEY}}, f"source.key: {OVER_SSH}"),
    (ssh(key=""), f"source.key: app shop: source.key is no private key: {KEY_FORM}"),
    (ssh(key="canary"), f"source.key: app shop: source.key is no private key: {KEY_FORM}"),
    (ssh(key=4711), "source.key: the value is not a text; write it in quotes"),
    (ssh(key=["canary"]), "source.key: must be a text, not something else"),
    (ssh(known_hosts=[KNOWN, "a.test ssh-ed25519"]), f"source.known_hosts[1]: {KNOWN_FORM}"),
    (ssh(known_hosts=[KNOWN + "\n" + KNOWN]), f"source.known_hosts[0]: {KNOWN_FORM}"),
    (ssh(known_hosts=["a.test ssh-ed25519 AAAA\x1b"]), f"source.known_hosts[0]: {KNOWN_FORM}"),
    (ssh(known_hosts=KNOWN), f"source.known_hosts: must be a list, not {KNOWN!r}"),
    ({"source": {"git": "https://me:canary@a.test/a"}}, "source.git: holds a password, which logs would show; use ssh and source.key"),
    # wsgi
    ({"wsgi": "shop"}, "wsgi: 'shop' is not module:callable or file.py:callable; try app:app"),
    ({"wsgi": "shop:"}, "wsgi: 'shop:' is not module:callable or file.py:callable; try app:app"),
    ({"wsgi": "shop:app('x')"}, "wsgi: 'shop:app('x')' is not module:callable or file.py:callable; try app:app"),
    ({"wsgi": "../app.py:app"}, f"wsgi: wsgi file ../app.py is outside the app; {REST}"),
    ({"wsgi": "/app.py:app"}, f"wsgi: wsgi file /app.py is outside the app; {REST}"),
    # domains
    ({"domains": ["a b"]}, "domains[0]: 'a b' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["ok.test", ""]}, "domains[1]: '' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["*"]}, "domains[0]: '*' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["*a.test"]}, "domains[0]: '*a.test' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["*.*.a.test"]}, "domains[0]: '*.*.a.test' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"redirect_domains": ["a b"]}, "redirect_domains[0]: 'a b' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"redirect_domains": ["shop.localhost"]}, "redirect_domains[0]: domain shop.localhost is among domains, too; keep it in one of the two"),
    (
        {"domains": ["*.a.test"], "redirect_domains": ["b.test"]},
        "domains[0]: redirect_domains cannot lead to *.a.test; list a name without '*' first",
    ),
    ({"domains": ["a.*.test"]}, "domains[0]: 'a.*.test' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["a.test:80"]}, "domains[0]: 'a.test:80' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["a.test."]}, "domains[0]: 'a.test.' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["-a.test"]}, "domains[0]: '-a.test' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["a" * 64]}, f"domains[0]: '{'a' * 64}' is not a host name; try shop.example.org or *.shop.example.org"),
    ({"domains": ["A.test"]}, "domains[0]: 'A.test' has capital letters; write a.test"),
    ({"domains": ["käufer.test"]}, "domains[0]: 'käufer.test' is not ASCII; write it in punycode (xn--…)"),
    ({"domains": ["256.0.0.1"]}, "domains[0]: '256.0.0.1' is no IPv4 address"),
    ({"domains": ["\u0661.\u0661.\u0661.\u0661"]}, "domains[0]: '\u0661.\u0661.\u0661.\u0661' is not ASCII; write it in punycode (xn--…)"),
    ({"domains": ["a.test", "a.test"]}, "domains[1]: domain a.test is listed twice"),
    # paths
    (static(path="../x"), f"static[0].path: static path ../x is outside the app; {REST}"),
    ({"media": [{"url": "/m", "path": "/etc"}]}, f"media[0].path: media path /etc is outside the app; {REST}"),
    ({"writable": ["a/../b"]}, f"writable[0]: writable path a/../b is outside the app; {REST}"),
    ({"python_path": ["a", ".."]}, f"python_path[1]: import path .. is outside the app; {REST}"),
    ({"requirements": "/r.txt"}, f"requirements: requirements path /r.txt is outside the app; {REST}"),
    ({"writable": ["."]}, f"writable[0]: writable path '.': {CHARACTERS}"),
    ({"writable": ["a b"]}, f"writable[0]: writable path 'a b': {CHARACTERS}"),
    ({"writable": ["a\n"]}, f"writable[0]: writable path 'a\\n': {CHARACTERS}"),
    ({"writable": ["a", "a/b"]}, "writable path a/b is inside a; list only a"),
    (
        {"writable": ["media"], "media": [{"url": "/m", "path": "media"}]},
        "a folder is listed twice under writable and media; media folders are writable anyway",
    ),
    # addresses
    (static(url="static"), "static[0].url: 'static' is not a prefix such as /static; it starts with '/' and ends without"),
    (static(url="/static/"), "static[0].url: '/static/' ends with '/'; write /static"),
    (static(url="/"), "static[0].url: '/' is not a prefix such as /static; it starts with '/' and ends without"),
    (static(url="/a/../b"), "static[0].url: '/a/../b' is not a prefix such as /static; it starts with '/' and ends without"),
    ({"media": [{"url": "/a b", "path": "m"}]}, "media[0].url: '/a b' is not a prefix such as /media; it starts with '/' and ends without"),
    ({**static(url="/a"), "media": [{"url": "/a", "path": "m"}]}, "media[0].url: /a is served by static[0] already"),
    ({"mount": "shop"}, "mount: 'shop' is not a prefix such as /shop; it starts with '/' and ends without"),
    ({"mount": "/shop/"}, "mount: '/shop/' ends with '/'; write /shop"),
    ({"mount": "//"}, "mount: '//' is not a prefix such as /shop; it starts with '/' and ends without"),
    ({"mount": "/.well-known/x"}, "mount: '/.well-known/x' has a name that begins with '.'; nginx keeps such names to itself, as /.errors"),
    ({"mount": "/a/../b"}, "mount: '/a/../b' is not a prefix such as /shop; it starts with '/' and ends without"),
    ({"health": {"path": "healthz"}}, "health.path: 'healthz' is not a path such as /healthz"),
    # environment
    ({"environment": {"ld_preload": "x"}}, f"environment.ld_preload: env name 'ld_preload' is not allowed; {ENV_RULE}"),
    ({"environment": {"LD_PRELOAD": "x"}}, f"environment.LD_PRELOAD: env name 'LD_PRELOAD' is not allowed; {ENV_RULE}"),
    ({"environment": {"UWSGI_UID": "0"}}, f"environment.UWSGI_UID: env name 'UWSGI_UID' is not allowed; {ENV_RULE}"),
    ({"secrets": {"PYTHONPATH": "x"}}, f"secrets.PYTHONPATH: env name 'PYTHONPATH' is not allowed; {ENV_RULE}"),
    ({"environment": {"A/B": "x"}}, f"environment.A/B: env name 'A/B' is not allowed; {ENV_RULE}"),
    ({"secrets": {"DB_URL": ""}}, "secrets.DB_URL: app shop: secret DB_URL is not set"),
    ({"secrets": {"A": "replace-me"}}, "secrets.A: app shop: secret A is still the example, replace-me; put yours into the vault"),
    ({"secrets": {"A": "x://me:replace-me@db"}}, "secrets.A: app shop: secret A is still the example, replace-me; put yours into the vault"),
    ({"secrets": {"DB_URL": None}}, "secrets.DB_URL: app shop: secret DB_URL is not set"),
    ({"environment": {"A": ""}}, "environment.A: app shop: environment A is not set"),
    ({"environment": {"A": True}}, "environment.A: app shop: environment A is not a text; put it in quotes"),
    ({"environment": {"A": ["x"]}}, "environment.A: app shop: environment A is not a text; put it in quotes"),
    ({"environment": {"A": "x\0"}}, "environment.A: app shop: environment A contains a NUL character, which no environment variable can hold"),
    ({"secrets": {"A": "x\n"}}, "secrets.A: app shop: secret A ends with a blank or a new line, which the envdir would drop; remove it, or encode the value"),
    ({"environment": {"A": "\udcff"}}, "environment.A: app shop: environment A is no valid UTF-8"),
    ({"environment": {"A": "ä" * 70_000}}, "environment.A: app shop: environment A is longer than 131000 bytes"),
    ({"environment": {"A": "x"}, "secrets": {"A": "y"}}, "secrets.A: A stands under environment too; keep it here alone"),
    # numbers, sizes, times
    ({"buffer_size": 65536}, "buffer_size: 65536 is not between 4096 and 65535"),
    ({"health": {"status": [200, 99]}}, "health.status[1]: 99 is not between 100 and 599"),
    ({"max_body_size": "10mb"}, "max_body_size: '10mb' is not a size; try 10m"),
    ({"max_body_size": "-1"}, "max_body_size: '-1' is not a size; try 10m"),
    ({"max_body_size": "\u06610m"}, "max_body_size: '\u06610m' is not a size; try 10m"),
    ({"request_timeout": "60"}, "request_timeout: '60' is not a time; try 1m"),
    ({"request_timeout": "90 sec"}, "request_timeout: '90 sec' is not a time; try 90s"),
    ({"request_timeout": "\u0661m"}, "request_timeout: '\u0661m' is not a time; try 30s"),
    ({"request_timeout": "0s"}, "request_timeout: 0s is not between 1s and 300s"),
    ({"request_timeout": "6m"}, "request_timeout: 6m is not between 1s and 300s"),
    ({"drain_timeout": "301s"}, "drain_timeout: 301s is not between 1s and 300s"),
    ({"health": {"timeout": "2h"}}, "health.timeout: 2h is not between 1s and 3600s"),
    ({"release_command_timeout": "2d"}, "release_command_timeout: 2d is not between 1s and 86400s"),
    ({"idle": 1800}, "idle: 1800 has no unit; try 30m"),
    ({"idle": 0}, "idle: 0 has no unit; try 0s"),
    ({"idle": -1}, "idle: -1 is not a text; write it in quotes"),
    ({"idle": 1e300}, "idle: 1e+300 is not a text; write it in quotes"),
    ({"idle": float("inf")}, "idle: inf is not a text; write it in quotes"),
    ({"idle": True}, "idle: true is not a text; write it in quotes"),
    (daemon(stop_timeout=60), "daemons[0].stop_timeout: 60 has no unit; try 1m"),
    (access(rate=10), "access[0].rate: 10 has no unit; try 10r/s"),
    ({"max_body_size": 10_485_760}, "max_body_size: 10485760 has no unit; try 10m"),
    ({"max_body_size": 10_240}, "max_body_size: 10240 is not a text; write it in quotes"),
    ({"idle": "-1s"}, "idle: '-1s' is not a time; try 30s"),
    (static(expires="never"), "static[0].expires: 'never' is not a time; try 30s"),
    (static(expires="00h", immutable=True), "static[0].immutable: goes with a time for which files are kept; try expires: 365d"),
    ({"media": [{"url": "/m", "path": "m", "inline": ["svg"]}]}, "media[0].inline[0]: 'svg' is not one of avif, gif, jpeg, mp3, mp4, ogg, png, text, wav, webm, webp"),
    # access
    (access(path="admin", rate="1r/s"), "access[0].path: 'admin' is not a prefix such as /admin; it starts with '/' and ends without"),
    (access(path="/admin/", rate="1r/s"), "access[0].path: '/admin/' ends with '/'; write /admin"),
    (access(path="/a(b", rate="1r/s"), "access[0].path: '/a(b' is not a prefix such as /admin; it starts with '/' and ends without"),
    (access(path="/admin"), "access[0]: says nothing about /admin; add one of allow, deny, auth_basic, rate, connections"),
    (access(allow=[], deny=[]), "access[0]: says nothing about /; add one of allow, deny, auth_basic, rate, connections"),
    ({"access": [{"deny": ["::1"]}, {"rate": "1r/s"}]}, "access[1].path: / has an entry already; put all of it into that"),
    (access(allow=["192.0.2.1/24"]), f"access[0].allow[0]: '192.0.2.1/24' {NETWORK} 192.0.2.0/24"),
    (access(deny=["::1", "all"]), f"access[0].deny[1]: 'all' {NETWORK} 0.0.0.0/0 and ::/0"),
    (access(deny=["fe80::1%;x"]), f"access[0].deny[0]: 'fe80::1%;x' {NETWORK} 192.0.2.0/24 or 198.51.100.7"),
    (access(allow=["::1"], deny=["0::1/128"]), "access[0].deny[0]: 0::1/128 stands in allow[0] already"),
    ({"access": [{"auth_basic": True}]}, "access[0].auth_basic: nobody could log in; give names and hashes in auth_basic_users"),
    ({"access": [{"auth_basic": "yes"}]}, "access[0].auth_basic: must be true or false, not 'yes'; the realm that is shown is the app's name"),
    ({"auth_basic_users": {"ada": HASH}}, "auth_basic_users: is asked for nowhere; add access: [{auth_basic: true}]"),
    (user(HASH, name="a:b"), "auth_basic_users: user 'a:b': use letters, digits, '.', '_', '-', '@' and '+', at most 64"),
    (user(HASH, name="#a"), "auth_basic_users: user '#a': use letters, digits, '.', '_', '-', '@' and '+', at most 64"),
    *((user(value), f"auth_basic_users.ada: {NO_HASH}") for value in (
        "canary", "", None, 4711, ["canary"], HASH + "\n", f"{HASH}\neve:{HASH}", "{PLAIN}canary", "{SHA}2kuSN7rMzfGcB2DKt67EqDWQELA=",
        "$apr1$abcdefgh$6Ht4vTCMTs8Hm8gJhWcOt/", "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80", "rqXexS6ZhobKA", f"$2y$11${BCRYPT}", f"$2x$05${BCRYPT}",
        HASH.replace("$6$", "$6$rounds=100000$"), "$y$jET$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79",
    )),
    (access(rate="10"), "access[0].rate: '10' is not a rate; try 10r/s, or 30r/m for a minute"),
    (access(rate="0r/s"), "access[0].rate: '0r/s' is not a rate; try 10r/s, or 30r/m for a minute"),
    (access(rate="10r/h"), "access[0].rate: '10r/h' is not a rate; try 10r/s, or 30r/m for a minute"),
    (access(rate="1r/s", burst=-1), "access[0].burst: -1 is not between 0 and 99999"),
    (access(connections=1, burst=5), "access[0].burst: goes with rate only; add rate: 10r/s"),
    (access(connections=0), "access[0].connections: 0 is not between 1 and 65535"),
    # error pages
    ({"error_pages": {200: "a.html"}}, "error_pages.200: '200' is no status of an error page; use 400 to 599, none of 444, 494 to 499"),
    ({"error_pages": {499: "a.html"}}, "error_pages.499: '499' is no status of an error page; use 400 to 599, none of 444, 494 to 499"),
    ({"error_pages": {"4\u066104": "a.html"}}, "error_pages.4\u066104: '4\u066104' is no status of an error page; use 400 to 599, none of 444, 494 to 499"),
    ({"error_pages": {404: ["a.html"]}}, "error_pages.404: is not a text; give a file of the app such as errors/404.html"),
    ({"error_pages": {404: "a.htm"}}, "error_pages.404: 'a.htm' is not HTML; give a file whose name ends in .html"),
    ({"error_pages": {404: "../a.html"}}, f"error_pages.404: error page ../a.html is outside the app; {REST}"),
    ({"error_pages": {404: "a;.html"}}, f"error_pages.404: error page 'a;.html': {CHARACTERS}"),
    ({"intercept_errors": True}, "intercept_errors: goes with error_pages, of which there are none"),
    # commands
    ({"release_command": " "}, "release_command: is empty or contains a NUL character"),
    ({"release_command": "a\0b"}, "release_command: is empty or contains a NUL character"),
    (daemon(timeout="1m"), "daemons[0].timeout: is not a key of a daemon; did you mean 'stop_timeout'?"),
    (cron(scedule="daily"), "cron[0].scedule: is not a key of a command on a schedule; did you mean 'schedule'?"),
    (daemon(name="Mails"), "daemons[0].name: daemon 'Mails': use a-z, 0-9 and '-', at most 23 characters"),
    (daemon(name="a.b"), "daemons[0].name: daemon 'a.b': use a-z, 0-9 and '-', at most 23 characters"),
    (cron(name="a" * 24), f"cron[0].name: cron '{'a' * 24}': use a-z, 0-9 and '-', at most 23 characters"),
    ({"daemons": daemon()["daemons"] * 2}, "daemons[1].name: daemons[0] has the name 'mails' already"),
    ({**daemon(), **cron(name="mails")}, "cron[0].name: daemons[0] has the name 'mails' already"),
    (daemon(command=" "), "daemons[0].command: is empty"),
    (daemon(command="a\nb"), f"daemons[0].command: {ONE_LINE}"),
    (daemon(command="a\n\n"), f"daemons[0].command: {ONE_LINE}"),
    (daemon(command="\n"), "daemons[0].command: is empty"),
    (cron(command="a\x1b"), f"cron[0].command: {ONE_LINE}"),
    (cron(command="\udcff"), f"cron[0].command: {ONE_LINE}"),
    (daemon(command="x" * 8001), "daemons[0].command: is longer than 8000 characters; put it into a script of the app"),
    (daemon(stop_timeout="0s"), "daemons[0].stop_timeout: 0s is not between 1s and 3600s"),
    (cron(timeout="2d"), "cron[0].timeout: 2d is not between 1s and 86400s"),
    (cron(schedule="*/5 * * * *"), f"cron[0].schedule: '*/5 * * * *' {SCHEDULE}"),
    (cron(schedule=""), f"cron[0].schedule: '' {SCHEDULE}"),
    (cron(schedule="daily\n"), f"cron[0].schedule: 'daily\\n' {SCHEDULE}"),
    (cron(schedule="@daily"), "cron[0].schedule: '@daily' is not a schedule; try daily"),
    (cron(schedule="@Weekly"), "cron[0].schedule: '@Weekly' is not a schedule; try weekly"),
    (cron(schedule="@reboot"), f"cron[0].schedule: '@reboot' {SCHEDULE}"),
    (cron(schedule="wee\u212aly"), "cron[0].schedule: 'wee\u212aly' is not a schedule; try weekly"),
    (cron(schedule="%i"), f"cron[0].schedule: '%i' {SCHEDULE}"),
    (cron(schedule=750), "cron[0].schedule: 750 is not a text; write it in quotes"),
    ({"packages": ["libpq5", "-y"]}, "packages[1]: '-y' is not the name of a package; try libpq5"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(changes: dict[str, Any], message: str) -> None:
    where = "flask_apps[0]: " if message.startswith(("writable path", "a folder")) else "flask_apps[0]."
    assert mistakes(minimal(**changes)) == [where + message]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a"},
        {"name": "a" + "-" * 21 + "9"},
        {"source": {"git": "git@git.example.org:shop.git"}},
        {"source": {"git": "ssh://git@git.example.org:2222/~me/shop.git", "version": "feature/a+b_c.1"}},
        ssh(key=KEY, known_hosts=[KNOWN, f"@cert-authority *.{KNOWN}", "|1|aGFzaA==|c2FsdA== ssh-rsa AAAA"]),
        ssh(key=KEY.strip()),
        {"source": {"git": "file:///srv/git/shop.git", "version": "0" * 40}},
        {"source": {"archive": "dist/shop.tar.gz"}},
        {"source": {"archive": "https://a.test/shop.zip", "checksum": SHA}},
        {"source": {"path": "my shop/käse"}},
        {"wsgi": "shop:create_app()"},
        {"wsgi": "wsgi/app.py:application"},
        {"domains": ["a.test", "127.0.0.1", "localhost", "xn--kufer-gra.test", "1.a-b.test"]},
        {"domains": ["a.test", "*.a.test"], "redirect_domains": ["b.test", "*.b.test", "192.0.2.7"]},
        {"domains": [("a" * 63 + ".") * 3 + "a" * 61]},
        {"writable": ["a", "ab", "b/c", "b/d"]},
        {"writable": []},
        static(url="/a-b/c.d/e~", path="a_b/c.d/e@2+x", expires="0s"),
        {"health": {"path": "/h?a=b&c=%20", "status": [100, 599], "timeout": "1h"}},
        {"environment": {"A": "new\nline %(x) $(y) @(z) ;"}, "secrets": {"_B": "p%40ss"}},
        {"environment": {"A": "ä" * 65_000, "B": 0, "C": 1.5}},
        {"error_pages": {"400": "a.html", 404: "a.html", 443: "b/c.html", 500: "a.html", 599: "a.html"}},
        {"max_body_size": "0"},
        {"max_body_size": "1g", "request_timeout": "5m", "drain_timeout": "1s", "idle": "1d"},
        {**daemon(stop_timeout="1h", command="a \"b\" 'c' %h $X \\ ä"), **cron(timeout="1d")},
        {"daemons": [{"name": name, "command": "x"} for name in ("a", "a-b", "a" * 23)]},
        cron(schedule="Mon,Wed *-*-1..7 12,14:10 Europe/Berlin"),
        cron(schedule="*-*~01"),
        cron(schedule="*:*:0/5"),
        cron(schedule="weekly UTC"),
        cron(schedule="Daily"),
        cron(schedule="mon..FRI 03:30 Europe/Berlin"),
        access(path="/a-b/c.d~", allow=["192.0.2.7", "2001:db8::/32"], deny=["192.0.2.6/31"], rate="1r/m", burst=0),
        access(path="/", auth_basic=False, connections=1),
        user(f"$2y$10${BCRYPT}", name="ada.l+x@a-b.test"),
        user(HASH.replace("$6$", "$6$rounds=5000$")),
        user("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79"),
        user("$5$Yx0yWq1hKp9ZsLbT$0SOCTIOcX0F8IjfObWHOra3JjAbYTvk91J5U6VjxccA"),
        {"packages": ["libpq5", "g++", "libc6:amd64", "python3.11-dev"]},
    ],
    ids=str,
)
def test_accepted(changes: dict[str, Any]) -> None:
    assert mistakes(minimal(**changes)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": {"A" * 300: "x"}},
        {"writable": ["a" * 300]},
        {"python_path": ["a/" * 3000 + "b"]},
        static(url="/" + "a" * 5000),
        static(path="a" * 300),
        {"wsgi": "a" * 300 + ".py:app"},
        {"max_body_size": "999999999g"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_too_long_or_too_large_for_the_host_is_refused(changes: dict[str, Any]) -> None:
    """A file name ends at 255 bytes, a path and a word of nginx's at 4095."""
    assert len(mistakes(minimal(**changes))) == 1


def test_addresses_of_a_mounted_app_are_whole_paths() -> None:
    entries = {"static": [{"url": "/s", "path": "s"}], "media": [{"url": "/m", "path": "m"}]}
    app = complete(minimal(mount="/shop", error_pages={404: "errors/404.html"}, **entries))
    assert app["mount"] == "/shop"
    assert [entry["url"] for entry in (*app["static"], *app["media"])] == ["/shop/s", "/shop/m"]
    assert app["error_pages"] == [{"status": 404, "url": "/shop/.errors/404.html", "path": "errors/404.html"}]


def test_what_follows_from_an_app_is_added() -> None:
    app = complete(minimal(idle="2h", environment={"N": 3}, secrets={"S": 1.5}, static=[{"url": "/s", "path": "s"}]))
    assert (app["user"], app["root"]) == ("app-shop", "/srv/apps/shop")
    assert app["domains"] == ["shop.localhost"]
    assert (app["idle"], app["request_timeout"], app["drain_timeout"]) == (7200, 60, 60)
    assert (app["health"]["timeout"], app["release_command_timeout"]) == (30, 600)
    assert app["static"] == [{"url": "/s", "path": "s", "expires": 3600, "immutable": False}]
    assert (app["environment"], app["secrets"]) == ({"N": "3"}, {"S": "1.5"})
    # As a block of YAML gives it.
    beside = complete(minimal(**daemon(command="rq worker\n"), **cron(timeout="10m")))
    assert [work["command"] for work in (*beside["daemons"], *beside["cron"])] == ["rq worker", "flask tidy"]
    assert (beside["daemons"][0]["stop_timeout"], beside["cron"][0]["timeout"]) == (60, 600)
    app = complete(
        minimal(access=[{"rate": "30r/m", "deny": ["192.0.2.7"]}, {"path": "/a", "rate": "9r/s", "burst": 0}])
    )
    assert [(entry["burst"], entry["deny"]) for entry in app["access"]] == [(30, ["192.0.2.7/32"]), (0, [])]


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ({"path": "a"}, ["libpq5"]),
        ({"git": "https://a.test/a.git"}, ["libpq5", "git"]),
        ({"git": "ssh://a.test/a.git"}, ["libpq5", "git", "openssh-client"]),
        ({"git": "git@a.test:a.git"}, ["libpq5", "git", "openssh-client"]),
        ({"git": "/srv/a.git"}, ["libpq5", "git"]),
    ],
)
def test_a_source_brings_the_packages_it_needs(source: dict[str, str], packages: list[str]) -> None:
    assert complete(minimal(source=source, packages=["libpq5"]))["packages"] == packages


def test_a_key_gets_the_line_end_that_ssh_insists_on() -> None:
    assert complete(minimal(**ssh(key=KEY.strip())))["source"]["key"] == KEY


def test_a_key_is_in_no_message() -> None:
    broken = KEY.replace("MIIB", "canary!")
    assert "canary" not in "".join(mistakes(minimal(**ssh(key=broken)), minimal(**ssh(key={"a": "canary"}))))


def test_a_password_is_in_no_message() -> None:
    said = mistakes(minimal(**user("canary")), minimal(**user({"a": "canary"})), minimal(auth_basic_users=["canary"]))
    assert len(said) > 2
    assert "canary" not in "".join(said)
