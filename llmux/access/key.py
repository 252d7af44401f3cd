"""What an API key is: how its secret is written, what is kept of it, what may be wished for it, how it is told. Pure.

A secret is 256 random bits. SHA-256 alone, without salt or repetition, is the right thing to keep of it: slow hashes
protect what people think up, by making each guess dear, and nobody goes through 2**256 guesses at any price. And a key
can be looked up by its digest, in one step, on the path of a request.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import orjson

from llmux.config.problem import hint
from llmux.config.schema import Amount, Positive
from llmux.errors import BadRequest
from llmux.ir.value import Value
from llmux.responder import Client
from llmux.routing.assemble import WINDOWS, windows

PREFIX = "lmx-"
RANDOM_BYTES = 32  # of a secret; it prints them as 43 letters of base64url
SECRET = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
ID_DIGITS = 16  # of the digest's 64: it is long enough to be one key's alone, and tells nothing of the secret
SHOWN_FRONT, SHOWN_END = len(PREFIX) + 4, 4  # letters of a secret by which its owner knows it again

# A name is part of the client's: it stands in logs, metrics and names of counters.
NAME = re.compile(r"[\w.@-]([\w.@ -]{0,62}[\w.@-])?")
NAME_EXPECTED = "up to 64 letters, digits, spaces and . _ @ - are expected"
LONGEST_OWNER = 128  # characters of a user's or a project's id

LONGEST_LIFE = 100 * 365 * 86_400.0  # s; for which a key is kept that never expires
REMEMBERED_FOR = 30 * 86_400.0  # s after its end, in which a key is told to have expired, rather than to be unknown

LONGEST_QUOTED = 60  # characters of what a client has written, in an error
PLACE = re.compile(r" - at `\$\.?(?P<place>.*)`$")  # where msgspec says that something is wrong


def camel(name: str) -> str:
    """max_per_5hours -> maxPer5Hours."""
    return re.sub(r"_(\d*[a-z])", lambda found: found[1].upper(), name)


class Allowance(Value, kw_only=True, rename=camel):
    """What a key may use. The limits are those of a client in the configuration, by the same names; None: no limit."""

    # Written out, though `config.schema.Limited` has them: msgspec renames no field that is inherited.

    models: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()  # globs; none: every model
    max_per_hour: Amount | None = None  # requests
    max_per_5hours: Amount | None = None
    max_per_day: Amount | None = None
    max_tokens_per_hour: Amount | None = None  # of prompts and answers together
    max_tokens_per_day: Amount | None = None
    max_tokens_per_month: Amount | None = None  # of 30 days
    max_usd_per_day: Positive | None = None  # US dollars
    max_usd_per_month: Positive | None = None
    max_usd: Positive | None = None  # in all


class Wish(Allowance, kw_only=True, forbid_unknown_fields=True):
    """What an administrator says of a key that is to be made, or changed."""

    name: str = "key"
    user_id: str = ""
    project_id: str = ""
    expires_at: str | float | None = None  # ISO 8601 (without a zone: UTC), or Unix seconds
    expires_in: Positive | None = None  # s from now


class Key(Allowance, kw_only=True):
    """What is kept of a key. `hint` are a few letters of its secret. Times are Unix seconds."""

    id: str
    name: str
    hint: str
    created: float
    user_id: str = ""
    project_id: str = ""
    expires: float | None = None

    @property
    def client_name(self) -> str:
        """Who calls with it. The id makes it one key's alone, and the name is for people.

        Windows are counted by it: a second key of the same name, made after the first was revoked, begins at nothing.
        """
        return f"{self.name}-{self.id}"

    @property
    def client(self) -> Client:
        """Who calls with it, and what it may use."""
        return Client(self.client_name, self.models, windows(self), self.user_id, self.project_id)

    @property
    def kept_until(self) -> float:
        """When the store may forget it."""
        return self.created + LONGEST_LIFE if self.expires is None else self.expires + REMEMBERED_FOR

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= now


def digest(secret: str) -> str:
    """What a key is known by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def id_of(digested: str) -> str:
    """The name of a key for people: the beginning of its digest, so that either finds it."""
    return digested[:ID_DIGITS]


def asked(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body.

    Raises:
        BadRequest: there is none, or it has a field that no key has.
    """
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise BadRequest('A JSON object is expected, such as {"name": "ci", "maxPerDay": 500}.')
    known = [field.encode_name for field in msgspec.structs.fields(Wish)]
    for name in (name[:LONGEST_QUOTED] for name in document if name not in known):
        raise BadRequest(f"{name}: unknown field; {hint(name, known)}", param=name)
    return document


def made(document: Mapping[str, Any], secret: str, now: float) -> Key:
    """A new key, as `document` wishes it.

    Raises:
        BadRequest: a field does not hold; says which, and what is expected.
    """
    return _key(_wish(document), id_of(digest(secret)), f"{secret[:SHOWN_FRONT]}...{secret[-SHOWN_END:]}", now)


def changed(key: Key, document: Mapping[str, Any], now: float) -> Key:
    """`key` with what `document` says in place of what it had; null takes a limit, or the end, away.

    Raises:
        BadRequest: as `made`; or its name would change.
    """
    if "name" in document:
        raise BadRequest("name: cannot be changed: what a key has used is counted by its name", param="name")
    held = msgspec.to_builtins(key)
    fields = {field.encode_name for field in msgspec.structs.fields(Wish)}
    wish = _wish({name: value for name, value in held.items() if name in fields} | dict(document))
    new = _key(wish, key.id, key.hint, now)
    expires = new.expires if {"expiresAt", "expiresIn"} & document.keys() else key.expires
    return msgspec.structs.replace(new, created=key.created, expires=expires)


def told(key: Key, now: float, used: Mapping[str, float] | None = None) -> dict[str, Any]:
    """A key as its administrator sees it: only the limits that it has. `used`: what of each, by the limit's name."""
    document: dict[str, Any] = {"id": key.id, "name": key.name, "client": key.client_name, "hint": key.hint}
    document |= {"userId": key.user_id, "projectId": key.project_id, "models": list(key.models), **limits(key)}
    document |= {"createdAt": iso(key.created), "expired": key.expired(now)}
    document["expiresAt"] = None if key.expires is None else iso(key.expires)
    return document if used is None else document | {"used": {limit: round(spent, 6) for limit, spent in used.items()}}


def limits(key: Allowance) -> Mapping[str, float]:
    """The limits that are set, by their names in JSON, in the order of `windows`."""
    values = ((name, getattr(key, name)) for name in WINDOWS)
    return {camel(name): value for name, value in values if value is not None}


def _wish(document: Mapping[str, Any]) -> Wish:
    try:
        wish = msgspec.convert(document, Wish)
    except msgspec.ValidationError as error:
        found = PLACE.search(str(error))
        place = found["place"] if found else ""
        said = PLACE.sub("", str(error)).replace("`", "")
        raise BadRequest(f"{place}: {said[0].lower()}{said[1:]}", param=place or None) from None
    if not NAME.fullmatch(wish.name):
        raise BadRequest(f"name: {NAME_EXPECTED}", param="name")
    for field, text in (("userId", wish.user_id), ("projectId", wish.project_id)):
        if len(text) > LONGEST_OWNER or not text.isprintable():
            raise BadRequest(f"{field}: up to {LONGEST_OWNER} printable characters are expected", param=field)
    return wish


def _key(wish: Wish, key_id: str, shown: str, now: float) -> Key:
    return Key(
        id=key_id,
        hint=shown,
        created=now,
        expires=_end(wish, now),
        **{
            field.name: getattr(wish, field.name)
            for field in msgspec.structs.fields(Wish)
            if not field.name.startswith("expires")
        },
    )


def _end(wish: Wish, now: float) -> float | None:
    """The Unix time at which a key ends, if it does."""
    if wish.expires_in is not None and wish.expires_at is not None:
        raise BadRequest("expiresAt, expiresIn: only one of the two is expected", param="expiresIn")
    if wish.expires_in is not None:
        field, end = "expiresIn", now + wish.expires_in
    elif wish.expires_at is not None:
        field, end = "expiresAt", _moment(wish.expires_at)
    else:
        return None
    if not now < end < now + LONGEST_LIFE:
        raise BadRequest(f"{field}: a time within the next hundred years is expected", param=field)
    return end


def _moment(written: str | float) -> float:
    if isinstance(written, float):
        return written
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        expected = 'expiresAt: "2027-01-31" or "2027-01-31T12:00:00Z" is expected, or Unix seconds'
        raise BadRequest(expected, param="expiresAt") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(seconds: float) -> str:
    """A Unix time as it is told."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
