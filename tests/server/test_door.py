"""Who comes in: tokens, API keys, both, neither; from an address that waits; while nobody can say whose a key is."""

import pytest

from llmux.errors import Forbidden, GatewayError, StoreAway, TooManyAttempts, Unauthenticated, WrongKey
from llmux.responder import Client
from llmux.server.auth import Door, digest

TOKENS = {digest("token"): Client("front")}
LOCAL, ELSEWHERE = {"host": "localhost:8082"}, {"host": "llm.example.com"}


WHOSE = {"lmx-seen": Client("seen"), "lmx-new": Client("new")}


class Keys:
    """Keys begin with "lmx-". One was right before, one is right, one has ended; of one nobody can say."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ours(self, token: str) -> bool:
        return token.startswith("lmx-")

    def seen(self, token: str) -> bool:
        return token == "lmx-seen"

    async def find(self, token: str) -> Client | None:
        self.asked.append(token)
        if token == "lmx-ended":
            raise Unauthenticated("it has expired")
        if token == "lmx-away":
            raise StoreAway("away")
        return WHOSE.get(token)


# How the door is made; what a client brings -> who it is, or what it hears.
DOORS = {
    "tokens": {"clients": TOKENS},
    "required": {"clients": {}, "keys_required": True},
    "open": {"clients": {}},
    "anonymous": {"clients": {}, "allow_anonymous": True},
}
COMES: dict[tuple[str, str], object] = {
    ("tokens", "token"): "front",
    ("tokens", "lmx-new"): "new",
    ("tokens", "lmx-nobody"): WrongKey,
    ("tokens", "any"): WrongKey,
    ("tokens", "lmx-ended"): Unauthenticated,
    ("tokens", "lmx-away"): StoreAway,
    ("tokens", ""): Unauthenticated,
    ("required", "lmx-new"): "new",
    ("required", "lmx-nobody"): WrongKey,
    ("required", "any"): WrongKey,
    ("required", ""): Unauthenticated,
    ("open", "lmx-new"): "new",
    ("open", "lmx-nobody"): WrongKey,  # revoked, perhaps: its owner is to know, and it is to spend nothing unnoticed
    ("open", "lmx-ended"): Unauthenticated,
    ("open", "any"): "anonymous",  # clients insist on sending something
    ("open", ""): "anonymous",
    ("anonymous", "lmx-new"): "new",
    ("anonymous", "lmx-nobody"): WrongKey,
    ("anonymous", "any"): "anonymous",
}
# The same from an address that waits.
WAITS: dict[tuple[str, str], object] = {
    ("tokens", "token"): "front",  # who is let in then, `Attempts` says
    ("tokens", "any"): WrongKey,
    ("tokens", "lmx-seen"): "seen",
    ("tokens", "lmx-new"): TooManyAttempts,
    ("tokens", "lmx-nobody"): TooManyAttempts,
    ("tokens", ""): Unauthenticated,
    ("required", "lmx-seen"): "seen",
    ("required", "lmx-new"): TooManyAttempts,
    ("open", "lmx-seen"): "seen",
    ("open", "lmx-nobody"): TooManyAttempts,
    ("open", "any"): "anonymous",
    ("open", ""): "anonymous",
}


def door(name: str, keys: Keys) -> Door:
    return Door(**{"allow_anonymous": False, "keys": keys, **DOORS[name]})  # type: ignore[arg-type]


async def comes(door: Door, headers: dict[str, str], wait: float = 0.0) -> object:
    try:
        return (await door.admit(headers, {}, wait)).name
    except GatewayError as error:
        return type(error)


def bringing(token: str) -> dict[str, str]:
    return LOCAL | ({"x-api-key": token} if token else {})


@pytest.mark.parametrize("case", COMES, ids=" ".join)
async def test_who_comes_in(case: tuple[str, str]) -> None:
    name, token = case
    assert await comes(door(name, Keys()), bringing(token)) == COMES[case]


@pytest.mark.parametrize("case", WAITS, ids=" ".join)
async def test_who_comes_in_from_an_address_that_waits(case: tuple[str, str]) -> None:
    name, token = case
    keys = Keys()
    assert await comes(door(name, keys), bringing(token), wait=7.0) == WAITS[case]
    assert keys.asked in ([], ["lmx-seen"])


async def test_tokens_come_first_and_what_is_no_key_asks_nobody() -> None:
    for name in DOORS:
        keys = Keys()
        await comes(door(name, keys), bringing("token"))
        await comes(door(name, keys), bringing("any"))
        assert keys.asked == []


TWO = {
    ("any", "token"): "front",
    ("lmx-nobody", "token"): "front",
    ("lmx-away", "token"): "front",
    ("lmx-ended", "lmx-new"): "new",
    ("any", "lmx-away"): StoreAway,  # never called wrong while nobody can say
    ("lmx-away", "any"): StoreAway,
    ("lmx-ended", "any"): Unauthenticated,
}


@pytest.mark.parametrize("pair", TWO, ids=" ".join)
async def test_of_two_the_one_that_is_right_counts(pair: tuple[str, str]) -> None:
    headers = LOCAL | {"x-api-key": pair[0], "authorization": f"Bearer {pair[1]}"}
    heard = await comes(door("tokens", Keys()), headers)
    assert heard == TWO[pair] or issubclass(heard, TWO[pair])  # type: ignore[arg-type]


async def test_who_brings_a_key_may_come_under_any_name() -> None:
    """A page that a browser has loaded has none."""
    closed = door("open", Keys())
    assert await comes(closed, ELSEWHERE) is Forbidden
    assert await comes(closed, ELSEWHERE | {"x-api-key": "any"}) is Forbidden
    assert await comes(closed, ELSEWHERE | {"x-api-key": "lmx-new"}) == "new"


async def test_an_api_key_goes_to_no_backend() -> None:
    brought = {"x-api-key": "lmx-new", "authorization": "Bearer sk-mine"}
    passing = Door({}, allow_anonymous=False, passes_keys_on=True, keys=Keys())
    assert passing.passes_on(brought, {}) == "sk-mine"
    assert passing.passes_on({"x-api-key": "lmx-new"}, {}) == ""
    required = Door({}, allow_anonymous=False, passes_keys_on=True, keys=Keys(), keys_required=True)
    assert required.passes_on(brought, {}) == ""


async def test_a_token_of_any_bytes() -> None:
    assert await comes(door("tokens", Keys()), bringing("t\udcff\u00e9")) is WrongKey
