"""A FastAPI back end behind Twinkeep's gateway: it hears nobody but the gateway, and knows who calls.

    pip install -r requirements.txt && uvicorn app:app --port 9002
"""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException

ISSUER = os.environ.get("TWINKEEP_ISSUER", "http://127.0.0.1:8080") + "/gateway"
JWKS_URL = os.environ.get("TWINKEEP_JWKS_URL", "http://127.0.0.1:8080/.well-known/assertion-jwks.json")
AUDIENCE = os.environ.get("TWINKEEP_AUDIENCE", "fastapi-back-end")  # its name in the gateway's configuration
TYPE = "twinkeep-assertion+jwt"

# Kept for five minutes; made-up key ids become at most one request to Twinkeep in five seconds.
keys = jwt.PyJWKClient(JWKS_URL, lifespan=300, timeout=2, cooldown_duration=5)
app = FastAPI(title="A back end behind Twinkeep", docs_url=None, redoc_url=None, openapi_url=None)


# Not `async`: FastAPI then runs it beside the event loop, which a fetch of the keys must not hold up.
def identity(twinkeep_assertion: Annotated[str, Header()] = "") -> dict:
    """Who the gateway vouches for: sub, name, tenant, roles."""
    try:
        if jwt.get_unverified_header(twinkeep_assertion).get("typ") != TYPE:  # signed, so it is checked below
            raise jwt.InvalidTokenError("another kind of token")
        key = keys.get_signing_key_from_jwt(twinkeep_assertion)
        required = ["iss", "aud", "sub", "iat", "exp", "tenant"]
        return jwt.decode(
            twinkeep_assertion,
            key.key,
            algorithms=["EdDSA"],  # ours to say, never the token's
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=5,
            options={"require": required},
        )
    except jwt.exceptions.PyJWKClientConnectionError:
        raise HTTPException(503, "The keys of the gateway cannot be had.") from None  # nobody is let in unseen
    except jwt.PyJWTError:
        raise HTTPException(401, "Only the gateway is heard here.") from None


Caller = Annotated[dict, Depends(identity)]


@app.get("/healthz")
def health():
    return {"status": "ok"}


@app.get("/api/hello")
def hello(caller: Caller):
    return {"hello": caller.get("name", caller["sub"]), "tenant": caller["tenant"], "roles": caller.get("roles", [])}


@app.delete("/api/turbines/{turbine}")
def stop_turbine(turbine: str, caller: Caller):
    if "admin" not in caller.get("roles", []):  # the gateway has asked already; this is the second lock
        raise HTTPException(403, "Stopping a turbine needs the role admin.")
    return {"stopped": turbine, "by": caller["sub"]}
