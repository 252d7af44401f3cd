"""A request in the words of one backend: the lane, the body, the headers. Pure: it opens nothing.

The verbatim lane keeps the client's JSON, byte for byte below its top level; the translated lane goes through the IR.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from llmux.dialects.base import SAME, Dialect, Names
from llmux.ir.capability import Profile, Target
from llmux.ir.request import ReasoningControl, Request
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.catalog import Backend, Transforms, backend_model
from llmux.routing.transforms import apply

# A field without which there is no request: leaving it out cannot be what the backend means.
ESSENTIAL = frozenset({"model", "messages", "max_tokens", "stream"})

_top_level = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Outgoing(Value):
    """What is sent to a backend, but for the credential. `names` undoes the renaming of tools in the answer."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    verbatim: bool
    names: Names = SAME
    warnings: tuple[str, ...] = ()


class Recipient(Value):
    """Who a request is prepared for. `without` are fields that it has refused before."""

    backend: Backend
    dialect: Dialect
    profile: Profile = Profile()
    maker: str = ""
    without: frozenset[str] = frozenset()


def prepare(request: Request, context: Context, to: Recipient) -> Outgoing:
    """`request` as `to` is to hear it.

    Raises:
        GatewayError: it cannot be said in the backend's dialect.
    """
    model = backend_model(to.backend, request.model)
    transforms = _transforms(to)
    reasons = request.reasoning.mode in {"on", "auto"}
    if (
        to.backend.verbatim
        and to.dialect.name == request.dialect
        and request.original
        and not (reasons and not to.profile.thinking)
    ):
        return _verbatim(request, context, to.dialect, model, transforms)
    if reasons and not to.profile.thinking:
        request = msgspec.structs.replace(request, reasoning=ReasoningControl())
    outbound = to.dialect.encode_request(request, Target(model, to.profile, to.maker))
    return Outgoing(
        to.dialect.path,
        {**to.dialect.headers, **outbound.headers},
        msgspec.json.encode(apply(outbound.body, transforms)),
        verbatim=False,
        names=outbound.names,
        warnings=outbound.warnings,
    )


def _verbatim(request: Request, context: Context, dialect: Dialect, model: str, transforms: Transforms) -> Outgoing:
    original = request.original
    assert original is not None
    body: Mapping[str, Any]
    if original.repaired:
        body = dialect.repair(original.document) | {"model": model}
    elif model == request.model and transforms == Transforms():
        return Outgoing(_path(dialect, context), _forwarded(dialect, context), original.body, verbatim=True)
    else:
        body = {**_top_level.decode(original.body), "model": model}
    return Outgoing(
        _path(dialect, context),
        _forwarded(dialect, context),
        msgspec.json.encode(apply(body, transforms)),
        verbatim=True,
    )


def _transforms(to: Recipient) -> Transforms:
    without = to.without - ESSENTIAL
    if not without:
        return to.backend.transforms
    changes = to.backend.transforms
    return msgspec.structs.replace(changes, delete=(*changes.delete, *sorted(without)))


def _path(dialect: Dialect, context: Context) -> str:
    return f"{dialect.path}?{context.query}" if context.query else dialect.path


def _forwarded(dialect: Dialect, context: Context) -> Mapping[str, str]:
    return dialect.headers | {name: context.headers[name] for name in dialect.forwarded if name in context.headers}
