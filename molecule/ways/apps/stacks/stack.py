"""Tells what it runs on; the same code for Flask 1 and Flask 3."""

import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import flask

try:
    import uwsgi
except ImportError:  # with gunicorn
    uwsgi = None

PACKAGES = ("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "pyuwsgi")
shop = flask.Blueprint("shop", __name__)
if os.environ.get("TROUBLE") == "import":
    raise LookupError("no luck with the import")


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@shop.route("/")
def about():
    time.sleep(float(flask.request.args.get("sleep", 0)))
    return flask.jsonify(
        packages={name: installed(name) for name in PACKAGES},
        python=".".join(map(str, sys.version_info[:2])),
        base=sys.base_prefix,
        virtualenv=sys.prefix,
        uwsgi=uwsgi and uwsgi.version.decode(),
        process=os.getpid(),
        user=os.getuid(),
        temporary=os.environ.get("TMPDIR"),
        release=os.environ["EMPEROR_RELEASE"],
        text=os.environ.get("TEXT"),
        secret=os.environ.get("SECRET"),
    )


@shop.route("/page/<int:number>")
def page(number):
    flask.session["seen"] = flask.session.get("seen", 0) + 1
    template = "{% for i in range(number) %}{{ i }},{% endfor %}{{ text }} {{ url_for('shop.page', number=9) }} "
    return flask.render_template_string(template + "{{ session.seen }}", number=number, text="<&>")


@shop.route("/health")
def health():
    if os.environ.get("TROUBLE") == "health":
        raise LookupError("no luck with the answer")
    return "well"


@shop.route("/wait_for_a_database/<int:seconds>")
def wait_for_a_database(seconds):
    time.sleep(seconds)
    return "at last"


def create_app():
    app = flask.Flask(__name__)
    app.secret_key = "not so secret"
    app.register_blueprint(shop)
    return app
