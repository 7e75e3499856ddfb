"""What the old Flask back ends do with passwords and tokens, by the libraries that they do it with.

Reads one JSON list of questions from standard input and writes one list of answers: {"value": ...} or {"error": ...}.
"""

import hashlib
import hmac
import json
import sqlite3
import sys

import jwt
import werkzeug.security


def make_hash(password, method):
    return werkzeug.security.generate_password_hash(password, method=method)


def check_hash(hash, password):
    """`check_password_hash`; for the forms that this version of Werkzeug has not yet, or no more, what others do."""
    method, salt, digest = hash.split("$", 2)
    try:
        return werkzeug.security.check_password_hash(hash, password)
    except ValueError:
        if method == "sha256":  # Werkzeug 3 took it out
            made = hmac.new(salt.encode(), password.encode(), "sha256").hexdigest()
        elif method.startswith("scrypt:"):  # Werkzeug 2.3 brought it
            n, r, p = map(int, method.split(":")[1:])
            made = hashlib.scrypt(
                password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p
            ).hex()
        else:
            raise
        return hmac.compare_digest(made, digest)


def users_db(path, people):
    """`users.db` as Flask-SQLAlchemy makes it; each person has a name, a hash and an e-mail address or none."""
    with sqlite3.connect(path) as db:
        db.execute(
            "create table user (id integer primary key, username varchar(80) not null unique,"
            " email varchar(120) unique, password_hash varchar(128) not null)"
        )
        db.executemany("insert into user (username, password_hash, email) values (?, ?, ?)", people)
    return True


def decode_token(token, secret):
    """As flask-jwt-extended's `_decode_jwt` with its defaults, and the claims that it then looks for."""
    claims = jwt.decode(
        token, secret, algorithms=["HS256"], audience=None, issuer=None, options={"verify_aud": True}, leeway=0
    )
    return {"fresh": False, "type": "access", **claims, "identity": claims["sub"], "jti": claims["jti"]}


def answer(question):
    try:
        return {"value": globals()[question.pop("do")](**question)}
    except Exception as error:  # whatever it is, the test is told
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
