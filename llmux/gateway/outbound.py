"""A request in the words of one backend: the lane, the body, the headers. Pure: it opens nothing.

The verbatim lane keeps the client's JSON, byte for byte below its top level; the translated lane goes through the IR.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from llmux.dialects.base import SAME, Dialect, Metering, Names, backend_path
from llmux.dialects.names import exact_id
from llmux.errors import Unsupported
from llmux.ir.capability import Profile, Target
from llmux.ir.content import ToolCall
from llmux.ir.request import Original, ReasoningControl, Request
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.cache_marks import marked
from llmux.routing.catalog import Backend, Transforms, backend_model
from llmux.routing.transforms import apply, leave_out

USAGE_WISH = "stream_options"  # what a server that refuses the wish for usage names
# Values below the top level keep their bytes: spacing, number spelling, the order of keys.
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Outgoing(Value):
    """What is sent to a backend, but for the credential. `names` undoes the renaming of tools in the answer."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    verbatim: bool
    names: Names = SAME
    warnings: tuple[str, ...] = ()
    replays: bool = False  # see Opened
    unstopped: tuple[str, ...] = ()  # see Outbound
    metering: Metering | None = None  # the backend tells the usage, which its client did not ask for


class Recipient(Value):
    """Who a request is prepared for. `without` are fields that it has refused before, and that are left out.

    `otherwise` are those of what it has refused that can be said in another way: `profile` says how. See `recipient`.
    """

    backend: Backend
    dialect: Dialect
    profile: Profile = Profile()
    maker: str = ""
    without: frozenset[str] = frozenset()
    otherwise: frozenset[str] = frozenset()

    @property
    def replays(self) -> bool:
        """Whether the model wants the reasoning of earlier turns back."""
        return self.profile.reasoning_replay != "never" or self.profile.signed_calls


def recipient(backend: Backend, dialect: Dialect, profile: Profile, maker: str, refused: frozenset[str]) -> Recipient:
    """`backend`, whose model accepts what `profile` says, but for the fields that it has `refused`."""
    otherwise = refused & dialect.otherwise.keys()
    for field in sorted(otherwise):
        profile = msgspec.structs.replace(profile, **dialect.otherwise[field])
    return Recipient(backend, dialect, profile, maker, refused - otherwise, otherwise)


def prepare(request: Request, context: Context, to: Recipient) -> Outgoing:
    """`request` as `to` is to hear it.

    Raises:
        GatewayError: it cannot be said in the backend's dialect.
    """
    model, dialect = backend_model(to.backend, request.model), to.dialect
    if request.original is not None and is_verbatim(request, to):
        form = dialect.form(request.form)
        metering = form.metering if _is_metered(request, to) else None
        body = _kept(request, request.original, model if form.model_in_body else None, to, metering)
        headers = {**dialect.headers, **_forwarded(dialect, context)}
        path = backend_path(form, model, stream=request.stream, query=context.query)
        return Outgoing(path, headers, body, verbatim=True, replays=to.replays, metering=metering)
    if request.bound:
        raise Unsupported(
            f"'{request.bound}' can only be passed on as it came, to a backend of the same API.", param=request.bound
        )
    if not request.messages and dialect.name != request.dialect:
        raise Unsupported("There is nothing to ask this backend: it loads no models.", param="messages")
    if _reasons(request) and not to.profile.thinking:
        request = msgspec.structs.replace(request, reasoning=ReasoningControl())
    if dialect.caches_marked and to.backend.auto_cache and dialect.name != request.dialect:
        request = marked(request)
    outbound = dialect.encode_request(request, Target(model, to.profile, to.maker))
    body = msgspec.json.encode(changed(outbound.body, to))
    forwarded = _forwarded(dialect, context) if dialect.name == request.dialect else {}
    headers = {**dialect.headers, **forwarded, **outbound.headers}
    path = backend_path(dialect, model, stream=request.stream)
    return Outgoing(path, headers, body, False, outbound.names, outbound.warnings, to.replays, outbound.unstopped)


def is_verbatim(request: Request, to: Recipient) -> bool:
    """Whether `to` is told what the client said as it said it, and the client what `to` says.

    Both speak the same dialect, and nothing is to be left out, put back or put right.
    """
    original = request.original
    same = to.backend.verbatim and to.dialect.name == request.dialect
    if not same or original is None or (original.restored and to.replays) or _must_be_read(request, to):
        return False
    if to.profile.call_id_length is not None and _has_other_ids(request, to.profile.call_id_length):
        return False
    if any(f'"{field.rpartition(".")[2]}"'.encode() in original.body for field in to.otherwise):
        return False
    return (to.profile.thinking or not _reasons(request)) and not _is_contradicted(request, to)


def _reasons(request: Request) -> bool:
    return request.reasoning.mode in {"on", "auto"}


def _is_contradicted(request: Request, to: Recipient) -> bool:
    """Whether the model would take an effort that comes with "off" for a wish to reason."""
    return to.profile.off_switch and request.reasoning.mode == "off" and request.reasoning.effort is not None


def _has_other_ids(request: Request, length: int) -> bool:
    """Whether a call's id would be refused: it came from another backend, earlier in the conversation."""
    parts = (part for message in request.messages for part in message.parts)
    return any(isinstance(part, ToolCall) and exact_id(part.id, length) != part.id for part in parts)


def _must_be_read(request: Request, to: Recipient) -> bool:
    """Whether the answer cannot pass as it comes, because something in it is to be put right."""
    calls = to.backend.tool_text or to.backend.tool_repair == "always"
    return to.profile.think_tags or (calls and bool(request.tools))


def _is_metered(request: Request, to: Recipient) -> bool:
    """Whether a stream's usage must be asked for: its client did not, and the model's server knows the wish."""
    wanted = request.stream and not request.include_usage
    return wanted and to.profile.stream_usage and USAGE_WISH not in to.without


def _kept(request: Request, original: Original, model: str | None, to: Recipient, metering: Metering | None) -> bytes:
    """The client's own JSON, with the backend's name of the model, if it stands there, and the owner's changes."""
    same = model in {None, request.model} and to.backend.transforms == Transforms()
    if same and not (original.repaired or to.without):
        return original.body if metering is None else _asking(original, metering)
    document: Mapping[str, Any] = to.dialect.repair(original.document) if original.repaired else _raw(original.body)
    named = document if model is None else {**document, "model": model}
    asked = named if metering is None else {**named, **metering.ask(original.document)}
    return msgspec.json.encode(changed(asked, to))


def _asking(original: Original, metering: Metering) -> bytes:
    """The client's JSON with a wish of ours in front, where the client has nothing of that name."""
    wish = metering.ask(original.document)
    if wish.keys() & original.document.keys():
        return msgspec.json.encode({**_raw(original.body), **wish})
    return msgspec.json.encode(wish)[:-1] + b"," + original.body.lstrip()[1:]


def changed(body: Mapping[str, Any], to: Recipient) -> Mapping[str, Any]:
    """What the owner wants otherwise, and without what the backend refuses."""
    changed = body if to.backend.transforms == Transforms() else apply(body, to.backend.transforms)
    return leave_out(changed, to.without) if to.without else changed


def _forwarded(dialect: Dialect, context: Context) -> Mapping[str, str]:
    return {name: context.headers[name] for name in dialect.forwarded if name in context.headers}
