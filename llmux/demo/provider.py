"""The demo provider: a call -> everything that is done for it, in whatever dialect it came. No I/O, no time.

The same call always gets the same bytes, ids and dates too; only `flaky` counts.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import msgspec

from llmux.demo import naming, speak
from llmux.demo.faults import FAULTS, Fault, Scene
from llmux.demo.listing import CREATED, listed
from llmux.demo.model import answer, input_tokens
from llmux.demo.naming import Name
from llmux.demo.script import beats
from llmux.demo.speak import Act, Acts
from llmux.dialects.base import AnswerForm, Dialect
from llmux.errors import BadRequest, GatewayError, NotFound
from llmux.ir.request import Request
from llmux.transports.base import Call

HEADER = "x-llmux-demo"
Play = Callable[[Call], Iterator[Act]]

NO_FAULT = Fault("the answer as it should be", lambda scene: scene.complete)


class Provider:
    """Speaks every dialect that it is given. It remembers only how often each fault was asked for."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._asked = Counter[str]()
        self._paths: dict[str, tuple[Dialect, Play]] = {}
        for dialect in dialects:
            self._paths[dialect.path] = dialect, partial(self._chat, dialect)
            if (counting := dialect.counting) is not None:
                self._paths[counting.path] = dialect, partial(_count, dialect.decode_request, counting.encode_response)

    def perform(self, call: Call) -> Acts:
        """Everything that is done for `call`. It never raises: an error is an answer."""
        path = call.path.partition("?")[0]
        routes = (route for known, route in self._paths.items() if path.endswith(known))
        dialect, play = next(routes, (next(iter(self._paths.values()))[0], _list if "/models" in path else _nowhere))
        try:
            return tuple(play(call))
        except GatewayError as error:
            told = dialect.encode_error(error, _id(call))
            return tuple(speak.document(told.body, told.status, told.headers))

    def _chat(self, dialect: Dialect, call: Call) -> Iterator[Act]:
        request = dialect.decode_request(call.body)
        name, fault = self._casting(request.model, call)
        response = answer(request, name.word, name.settings)
        scene = Scene(beats(response, name.settings.chunk), name.settings, self._asked[name.word])
        self._asked[name.word] += 1
        form = AnswerForm(
            _id(call), request.model, CREATED, request.include_usage, request.legacy_functions, input_tokens(request)
        )
        if request.stream:
            return speak.stream(fault.play(scene), dialect, form)
        return speak.whole(fault.play(scene), response, dialect, form)

    def _casting(self, model: str, call: Call) -> tuple[Name, Fault]:
        """Which model plays, and how it goes wrong: as the header says, else as the model's name says.

        Raises:
            BadRequest: the header names no fault, or a setting is wrong.
        """
        name, wished = naming.read(model), call.headers.get(HEADER, "")
        if not wished:
            return name, FAULTS.get(name.word, NO_FAULT)
        fault = naming.read(wished, HEADER)
        if fault.word not in FAULTS:
            raise BadRequest(f"{HEADER}: one of {', '.join(FAULTS)} is expected.", param=HEADER)
        return msgspec.structs.replace(fault, word=name.word), FAULTS[fault.word]


def _count(decode: Callable[[bytes], Request], encode: Callable[[int], bytes], call: Call) -> Iterator[Act]:
    return speak.document(encode(input_tokens(decode(call.body))))


def _list(call: Call) -> Iterator[Act]:
    return speak.document(msgspec.json.encode(listed(call.path.partition("?")[0])))


def _nowhere(call: Call) -> Iterator[Act]:
    raise NotFound(f"The demo provider has no {call.method} {call.path}.")


def _id(call: Call) -> str:
    return f"demo{hashlib.sha256(call.body).hexdigest()[:20]}"
