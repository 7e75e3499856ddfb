"""An old digital twin: Flask-SocketIO as its documentation shows it, which trusts whoever reaches it.

Writes one JSON line for whatever happens to it; the tests count them. Usage: flask-twin.py threading|eventlet
"""

import json
import sys

if sys.argv[1] == "eventlet":
    import eventlet

    eventlet.monkey_patch()

from flask import Flask, request
from flask_socketio import SocketIO, disconnect, emit


def tell(what, **facts):
    sys.stdout.write(json.dumps({"what": what, **facts}) + "\n")
    sys.stdout.flush()


app = Flask(__name__)
socketio = SocketIO(app, async_mode=sys.argv[1], cors_allowed_origins=[], ping_interval=2, ping_timeout=2)
inner = app.wsgi_app


def counted(environ, start_response):
    query = environ.get("QUERY_STRING", "")
    tell("request", method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"], sid="sid=" in query)
    return inner(environ, start_response)


app.wsgi_app = counted


def joined(namespace, auth):
    tell(
        "connect",
        namespace=namespace,
        auth=auth,
        token=request.headers.get("Authorization"),
        assertion=request.headers.get("Twinkeep-Assertion") is not None,
    )
    emit("twin_update", {"meter": "STEEL-01", "kwh": 12.5})


@socketio.on("connect")
def on_connect(auth=None):
    joined("/", auth)


@socketio.on("connect", namespace="/alerts")
def on_alerts(auth=None):
    joined("/alerts", auth)


@socketio.on("disconnect")
def on_disconnect():
    tell("disconnect")


@socketio.on("echo")
def on_echo(value):
    tell("event", name="echo")
    return value


@socketio.on("leave")
def on_leave():
    disconnect()


@socketio.on("*")
def on_any(name, *_):
    tell("event", name=name)


if __name__ == "__main__":
    port = int(sys.argv[2])
    tell("ready", port=port)
    options = {"allow_unsafe_werkzeug": True} if sys.argv[1] == "threading" else {}
    socketio.run(app, host="127.0.0.1", port=port, **options)
