"""Field encryption by Twinkeep under the names that Digital Twin back ends use. Standard library only.

    fields = TwinkeepFields("http://127.0.0.1:8080", api_key, profile="digital-twin-v2")   # scopes: seal:fields, open:fields
    fields.encrypt_data("vera@twin.example")                       # -> "tk1.v_20261121_..."
    fields.decrypt_data(value)                                     # reads Fernet and AES-GCM values of before, too

A value is bound to the table, column and row that are given, and opens nowhere else; the old names, which carry no place,
bind the profile, as Twinkeep's own functions of these names do. Whatever does not open raises InvalidTag, as before;
nothing of it is ever returned. What cannot be sealed at all (too long, NUL) raises ValueError.
"""

import json
import os
import urllib.error
import urllib.request

MOST_ITEMS = 1_000
MOST_BYTES = 4_000_000  # of a request


DOES_NOT_OPEN = ("VAULT_UNREADABLE", "VAULT_KEY_UNKNOWN")


class InvalidTag(Exception):
    """The value does not open here: altered, moved, or sealed under a key that is not known."""


class Unavailable(Exception):
    """Twinkeep does not answer, or cannot at the moment; try again."""


class TwinkeepFields:
    def __init__(self, url, api_key, profile, timeout=10):
        self._url = url.rstrip("/")
        self._headers = {"x-api-key": api_key, "content-type": "application/json"}
        self._profile = profile
        self._timeout = timeout

    def seal(self, table, column, row, text):
        return self._call("seal", self._place(table, column, row, text=text))["sealed"]

    def open(self, table, column, row, sealed):
        return self._call("open", self._place(table, column, row, sealed=sealed))["text"]

    def seal_many(self, items):
        """items: (table, column, row, text) of each. Returns the sealed values in the same order."""
        return self._batch("seal", "sealed", [self._place(*item[:3], text=item[3]) for item in items])

    def open_many(self, items):
        """items: (table, column, row, sealed) of each. Returns the texts in the same order."""
        return self._batch("open", "text", [self._place(*item[:3], sealed=item[3]) for item in items])

    # The names of secure_database_manager.py and enhanced_encryption.py.

    def encrypt_data(self, data):
        return self.encrypt_sensitive_field(data, "data")

    def decrypt_data(self, encrypted_data):
        return self.decrypt_sensitive_field(encrypted_data, "data")

    def encrypt_sensitive_field(self, data, field_name):
        return self.seal("profile:" + self._profile, field_name, "", data)

    def decrypt_sensitive_field(self, encrypted, field_name):
        return self.open("profile:" + self._profile, field_name, "", encrypted)

    def _place(self, table, column, row, **value):
        return {"table": table, "column": column, "row": str(row), **value}

    def _batch(self, verb, member, items):
        answers = []
        for some in _portions(items):
            answers += self._call(verb + "/batch", {"items": some})["items"]
        for number, answer in enumerate(answers):
            if "error" in answer:
                code = answer["error"]["code"]
                raise (InvalidTag if code in DOES_NOT_OPEN else ValueError)(f"item {number}: {code}")
        return [answer[member] for answer in answers]

    def _call(self, verb, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/v1/vault/{verb}", data, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = _problem(error)
            if problem.get("code") in DOES_NOT_OPEN:
                raise InvalidTag(problem["code"]) from None
            if error.code in (429, 502, 503, 504):
                raise Unavailable(problem.get("title", f"answered {error.code}")) from None
            raise ValueError(problem.get("title", f"answered {error.code}")) from None
        except (urllib.error.URLError, TimeoutError) as error:
            raise Unavailable("Twinkeep does not answer") from error


def _portions(items):
    some, size = [], 0
    for item in items:
        length = len(json.dumps(item)) + 2
        if some and (len(some) == MOST_ITEMS or size + length > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(item)
        size += length
    if some:
        yield some


def _problem(error):
    try:
        return json.load(error)
    except ValueError:
        return {}


def from_environment():
    """TWINKEEP_URL, TWINKEEP_PROFILE and TWINKEEP_API_KEY; stops at once where the key is missing."""
    api_key = os.environ.get("TWINKEEP_API_KEY")
    if not api_key:
        raise SystemExit("Required secret TWINKEEP_API_KEY not found")
    url = os.environ.get("TWINKEEP_URL", "http://127.0.0.1:8080")
    return TwinkeepFields(url, api_key, os.environ.get("TWINKEEP_PROFILE", "digital-twin-v2"))
