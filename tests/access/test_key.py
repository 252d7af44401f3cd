"""What may be wished for a key, what is refused and in which words, and how a key is told."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.access.key import ID_DIGITS, SECRET, Allowance, asked, changed, digest, id_of, limits, made, told
from llmux.access.register import draw
from llmux.config.schema import Limited
from llmux.errors import BadRequest
from llmux.responder import FOREVER, Window
from llmux.routing.assemble import WINDOWS

NOW = 1_750_000_000.0  # 2025-06-15T15:06:40Z
SECRET_ONE = "lmx-" + "abcd" * 10 + "xyz"


def key(**wished: Any) -> Any:
    return made(asked(orjson.dumps(wished)), SECRET_ONE, NOW)


def test_a_key_has_the_limits_of_a_client() -> None:
    assert {*Allowance.__struct_fields__} - {"models"} == {*Limited.__struct_fields__} == {*WINDOWS}


def test_a_secret_is_256_bits_that_no_other_has() -> None:
    secrets = {draw() for _ in range(100)}
    assert len(secrets) == 100
    assert all(SECRET.fullmatch(secret) for secret in secrets)


def test_nothing_that_is_kept_or_told_opens_the_door() -> None:
    one = key(name="ci")
    assert one.hint == "lmx-abcd...dxyz"
    for said in (repr(one), repr(told(one, NOW, {})), repr(one.client)):
        assert SECRET_ONE not in said
        assert digest(SECRET_ONE) not in said
        assert not SECRET.search(said)


def test_the_id_is_the_beginning_of_the_digest() -> None:
    assert digest(SECRET_ONE).startswith(id_of(digest(SECRET_ONE)))
    assert re.fullmatch(r"[0-9a-f]{16}", id_of(digest(SECRET_ONE)))
    assert ID_DIGITS == 16


def test_who_calls_is_called_by_the_name_and_the_id() -> None:
    client = key(name="ci", userId="u", projectId="p", models=["a*"], maxPerHour=3, maxUsd=0.5).client
    assert client.name == f"ci-{id_of(digest(SECRET_ONE))}"
    assert (client.user, client.project, client.models) == ("u", "p", ("a*",))
    assert client.windows == (Window(3, 3600), Window(0.5, FOREVER, unit="usd"))


def test_every_limit_of_a_client_is_one_of_a_key() -> None:
    names = ["maxPerHour", "maxPer5Hours", "maxPerDay", "maxTokensPerHour", "maxTokensPerDay", "maxTokensPerMonth",
             "maxUsdPerDay", "maxUsdPerMonth", "maxUsd"]  # fmt: skip
    one = key(**dict.fromkeys(names, 7))
    assert list(limits(one)) == names
    assert [(w.unit, w.seconds) for w in one.client.windows] == list(WINDOWS.values())
    assert limits(key()) == {}


ENDS = {
    "never": ({}, None),
    "null": ({"expiresAt": None, "expiresIn": None}, None),
    "in a minute": ({"expiresIn": 60}, NOW + 60),
    "at a Unix time": ({"expiresAt": NOW + 1}, NOW + 1),
    "at a moment": ({"expiresAt": "2025-06-15T15:06:41Z"}, NOW + 1),
    "at a moment elsewhere": ({"expiresAt": "2025-06-15T17:06:41+02:00"}, NOW + 1),
    "at a moment without a zone": ({"expiresAt": "2025-06-15T15:06:41"}, NOW + 1),
    "on a day": ({"expiresAt": "2025-06-16"}, 1_750_032_000.0),
}


@pytest.mark.parametrize("case", ENDS)
def test_when_a_key_ends(case: str) -> None:
    wished, end = ENDS[case]
    one = key(**wished)
    assert one.expires == end
    assert not one.expired(NOW)
    assert one.expired(4e9) is (end is not None)
    assert one.kept_until > (end or NOW + 50 * 365 * 86_400)


REFUSED = {
    b"[": "The body is not JSON: ",
    b"\xff": "The body is not JSON: ",
    b"[]": "A JSON object is expected",
    b"null": "A JSON object is expected",
    b'{"maxPrHour": 1}': 'maxPrHour: unknown field; did you mean "maxPerHour"?',
    b'{"max_per_hour": 1}': 'max_per_hour: unknown field; did you mean "maxPerHour"?',
    b'{"key": "lmx-mine"}': "key: unknown field; known: expiresAt, expiresIn, maxPer5Hours",
    b'{"' + b"x" * 1000 + b'": 1}': "x" * 60 + ": unknown field",
    b'{"maxPerHour": "1"}': "maxPerHour: expected int | null, got str",
    b'{"maxPerHour": 1.5}': "maxPerHour: expected int | null, got float",
    b'{"maxPerHour": true}': "maxPerHour: expected int | null, got bool",
    b'{"maxPerHour": 0}': "maxPerHour: expected int >= 1",
    b'{"maxPerHour": 1000000000000000000000}': "maxPerHour: expected int | null, got float",
    b'{"maxUsd": -1}': "maxUsd: expected float > 0.0",
    b'{"maxUsd": 0}': "maxUsd: expected float > 0.0",
    b'{"models": "a"}': "models: expected array, got str",
    b'{"models": [""]}': "models[0]: expected str of length >= 1",
    b'{"models": ["a", 1]}': "models[1]: expected str, got int",
    b'{"name": ""}': "name: up to 64 letters",
    b'{"name": "a/b"}': "name: up to 64 letters",
    b'{"name": "a\\n"}': "name: up to 64 letters",
    b'{"name": " a"}': "name: up to 64 letters",
    b'{"name": null}': "name: expected str, got null",
    b'{"userId": "a\\u0000"}': "userId: up to 128 printable characters are expected",
    b'{"projectId": 7}': "projectId: expected str, got int",
    b'{"expiresAt": "tomorrow"}': 'expiresAt: "2027-01-31"',
    b'{"expiresAt": true}': "expiresAt: expected float | str | null, got bool",
    b'{"expiresAt": "2025-06-15"}': "expiresAt: a time within the next hundred years",
    b'{"expiresAt": "0001-01-01"}': "expiresAt: a time within the next hundred years",
    b'{"expiresAt": 1760000000000}': "expiresAt: a time within the next hundred years",
    b'{"expiresIn": 0}': "expiresIn: expected float > 0.0",
    b'{"expiresIn": 1e18}': "expiresIn: a time within the next hundred years",
    b'{"expiresIn": 9, "expiresAt": 1760000000}': "expiresAt, expiresIn: only one of the two is expected",
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: body.decode(errors="replace"))
def test_what_does_not_hold_is_named(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        made(asked(body), SECRET_ONE, NOW)
    assert str(refused.value).startswith(REFUSED[body])


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(-(2**63), 2**63),
                    lambda inner: st.lists(inner, max_size=2)), st.sampled_from(["name", "models", "expiresAt", "expiresIn", "maxUsd", "maxPerDay", "userId"]))  # fmt: skip  # noqa: E501
def test_whatever_is_wished_makes_a_key_or_is_refused(value: Any, field: str) -> None:
    try:
        one = made({field: value}, SECRET_ONE, NOW)
    except BadRequest:
        return
    assert orjson.loads(orjson.dumps(told(one, NOW)))["id"] == one.id


def test_a_change_leaves_the_rest_alone() -> None:
    one = key(name="ci", userId="u", maxPerHour=3, maxPer5Hours=4, expiresIn=60)
    two = changed(one, {"maxPerHour": None, "maxUsd": 2, "models": ["a"]}, NOW + 5)
    assert limits(two) == {"maxPer5Hours": 4, "maxUsd": 2}
    assert (two.id, two.name, two.hint, two.user_id, two.created, two.expires) == (
        one.id, "ci", one.hint, "u", NOW, NOW + 60,
    )  # fmt: skip
    assert changed(one, {"expiresAt": None}, NOW).expires is None
    assert changed(one, {"expiresIn": 10}, NOW + 5).expires == NOW + 15
    assert changed(one, {"maxUsd": 1}, NOW + 100).expires == NOW + 60  # it has ended, and stays so


def test_a_name_is_not_changed() -> None:
    with pytest.raises(BadRequest, match="name: cannot be changed: what a key has used is counted by its name"):
        changed(key(), {"name": "other"}, NOW)


def test_how_a_key_is_told() -> None:
    assert told(key(name="ci", models=["a"], maxUsd=2, expiresIn=60), NOW + 61, {"maxUsd": 0.5}) == {
        "id": id_of(digest(SECRET_ONE)), "name": "ci", "client": f"ci-{id_of(digest(SECRET_ONE))}",
        "hint": "lmx-abcd...dxyz", "userId": "", "projectId": "", "models": ["a"], "maxUsd": 2.0,
        "createdAt": "2025-06-15T15:06:40Z", "expiresAt": "2025-06-15T15:07:40Z", "expired": True,
        "used": {"maxUsd": 0.5},
    }  # fmt: skip
