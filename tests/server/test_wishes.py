"""What a client says to llmux itself in a body, and that no backend hears of it."""

import orjson
import pytest

from llmux.errors import BadRequest
from llmux.server.wishes import take_wishes

TAKEN = {
    "nothing is said": (b'{"model":"m"}', b'{"model":"m"}', True),
    "not from the cache": (b'{"model":"m","options":{"useCache":false}}', b'{"model":"m"}', False),
    "from the cache": (b'{"options":{"useCache":true},"model":"m"}', b'{"model":"m"}', True),
    "other options stay": (
        b'{"options":{"num_ctx":1.50,"useCache": false,"a":[1 ,2]}}',
        b'{"options":{"num_ctx":1.50,"a":[1 ,2]}}',
        False,
    ),
    "it is spoken of": (b'{"messages":["\\"useCache\\""]}', b'{"messages":["\\"useCache\\""]}', True),
    "it stands elsewhere": (b'{"useCache":false}', b'{"useCache":false}', True),
    "no options": (b'{"options":7,"a":"useCache"}', b'{"options":7,"a":"useCache"}', True),
    "no JSON": (b'{"useCache"', b'{"useCache"', True),
    "a list": (b'["useCache"]', b'["useCache"]', True),
}


@pytest.mark.parametrize(("body", "left", "cached"), TAKEN.values(), ids=TAKEN)
def test_a_wish_is_heard_and_taken_away(body: bytes, left: bytes, cached: bool) -> None:
    assert take_wishes(body) == (left, cached)


@pytest.mark.parametrize("said", ["null", '"no"', "0", "{}"])
def test_a_wish_is_yes_or_no(said: str) -> None:
    with pytest.raises(BadRequest, match=r"options\.useCache: true or false is expected") as caught:
        take_wishes(b'{"options":{"useCache":%s}}' % said.encode())
    assert caught.value.param == "options.useCache"


def test_what_is_left_is_json() -> None:
    body, _ = take_wishes('{"a":"\u00e9","options":{"useCache":true,"b":{"c":[]}}}'.encode())
    assert orjson.loads(body) == {"a": "\u00e9", "options": {"b": {"c": []}}}
