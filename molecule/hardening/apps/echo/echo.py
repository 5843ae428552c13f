"""Says what it was told of a request, and how many there were."""

import json

COUNT = [0]


def application(environ, start_response):
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * (4 << 20)]
    COUNT[0] += 1
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"environ": told, "body": body.decode("latin-1"), "count": COUNT[0]}).encode()]
