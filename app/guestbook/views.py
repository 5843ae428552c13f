"""The pages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from . import pictures
from .database import db
from .forms import MESSAGE_MAX, NAME_MAX, EntryForm
from .models import Entry

LIBRARIES = ("Flask", "Werkzeug", "Jinja2", "MarkupSafe", "ItsDangerous", "Click")

bp = Blueprint("guestbook", __name__)


@bp.get("/")
def index() -> str:
    """Show the form and one page of entries, the newest first."""
    return render_book(EntryForm(name=session.get("name", "")))


@bp.post("/")
def sign() -> ResponseReturnValue:
    """Add an entry, or show the form again with what is wrong."""
    form = EntryForm.from_request(request)
    if not form.validate(current_app.config["MAX_PICTURE_BYTES"]):
        return render_book(form), 422
    create_entry(form)
    session["name"] = form.name
    session.permanent = True
    flash(f"Thank you, {form.name}. Your entry is in the book.")
    return redirect(url_for("guestbook.index"), 303)


@bp.post("/forget")
def forget() -> ResponseReturnValue:
    """Forget the visitor's name."""
    session.pop("name", None)
    session.permanent = False
    flash("Your name is forgotten.")
    return redirect(url_for("guestbook.index"), 303)


@bp.get("/about")
def about() -> str:
    """Show what is running."""
    return render_template(
        "about.html",
        versions={library: version(library) for library in LIBRARIES},
        python=platform.python_version(),
        pid=os.getpid(),
        release=current_app.config["RELEASE"],
    )


@bp.get("/media/<name>")
def media(name: str) -> ResponseReturnValue:
    """Serve a stored picture; in production nginx answers before this is reached."""
    if not pictures.exists(name):
        abort(404)
    extension = name.rpartition(".")[2]
    return send_from_directory(
        pictures.directory().absolute(), name, mimetype=pictures.TYPES[extension]
    )


def render_book(form: EntryForm) -> str:
    """Render the main page; 404 for a page number that does not exist."""
    entries = db.paginate(
        select(Entry).order_by(Entry.created_at.desc(), Entry.id.desc()),
        per_page=current_app.config["ENTRIES_PER_PAGE"],
    )
    return render_template(
        "index.html", entries=entries, form=form, name_max=NAME_MAX, message_max=MESSAGE_MAX
    )


def create_entry(form: EntryForm) -> Entry:
    """Store a valid form: the picture first, then the row that refers to it."""
    entry = Entry(name=form.name, message=form.message)
    if form.picture and form.picture_type:
        entry.picture = pictures.store(form.picture, form.picture_type)
    try:
        db.session.add(entry)
        db.session.commit()
    except BaseException:
        if entry.picture:
            pictures.remove(entry.picture)
        raise
    current_app.logger.info(
        "entry %d created %s", entry.id, "with a picture" if entry.picture else "without a picture"
    )
    return entry
