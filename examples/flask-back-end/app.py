"""A Flask back end behind Twinkeep's gateway: it hears nobody but the gateway, and knows who calls.

    pip install -r requirements.txt && flask run --port 9001
"""

import os
from functools import wraps

import jwt
from flask import Flask, abort, g, jsonify, request

ISSUER = os.environ.get("TWINKEEP_ISSUER", "http://127.0.0.1:8080") + "/gateway"
JWKS_URL = os.environ.get("TWINKEEP_JWKS_URL", "http://127.0.0.1:8080/.well-known/assertion-jwks.json")
AUDIENCE = os.environ.get("TWINKEEP_AUDIENCE", "flask-back-end")  # its name in the gateway's configuration
TYPE = "twinkeep-assertion+jwt"

# Kept for five minutes; made-up key ids become at most one request to Twinkeep in five seconds.
keys = jwt.PyJWKClient(JWKS_URL, lifespan=300, timeout=2, cooldown_duration=5)
app = Flask(__name__)


def caller_of(assertion):
    """The claims of a genuine assertion. Raises jwt.PyJWTError otherwise."""
    if jwt.get_unverified_header(assertion).get("typ") != TYPE:  # signed with the rest, so it is checked below
        raise jwt.InvalidTokenError("another kind of token")
    key = keys.get_signing_key_from_jwt(assertion)
    required = ["iss", "aud", "sub", "iat", "exp", "tenant"]
    return jwt.decode(
        assertion,
        key.key,
        algorithms=["EdDSA"],  # ours to say, never the token's
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=5,
        options={"require": required},
    )


def twinkeep_identity(view):
    """Lets a request in that the gateway vouches for; `g.caller` then has sub, name, tenant, roles."""

    @wraps(view)
    def guarded(*args, **kwargs):
        try:
            g.caller = caller_of(request.headers.get("twinkeep-assertion", ""))
        except jwt.exceptions.PyJWKClientConnectionError:
            abort(503)  # the keys cannot be had: nobody is let in unseen
        except jwt.PyJWTError:
            abort(401)
        return view(*args, **kwargs)

    return guarded


@app.get("/healthz")
def health():
    return jsonify(status="ok")


@app.get("/api/hello")
@twinkeep_identity
def hello():
    return jsonify(hello=g.caller.get("name", g.caller["sub"]), tenant=g.caller["tenant"], roles=g.caller.get("roles", []))


@app.delete("/api/turbines/<turbine>")
@twinkeep_identity
def stop_turbine(turbine):
    if "admin" not in g.caller.get("roles", []):  # the gateway has asked already; this is the second lock
        abort(403)
    return jsonify(stopped=turbine, by=g.caller["sub"])
