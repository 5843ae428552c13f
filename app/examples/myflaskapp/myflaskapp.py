"""The smallest Flask app."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    """Say which app this is."""
    return "I am app 1"
