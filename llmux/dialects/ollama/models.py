"""Lists of models around Ollama's API: what a backend has, and what our clients hear.

What changes a machine's models (pull, create, delete ...) is not offered here: 501.

Reference: https://docs.ollama.com/api
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
from msgspec.structs import replace

from llmux.dialects import document
from llmux.dialects.listing import Asked, Detail, Enquiry, Listing, Page, find
from llmux.dialects.shape import Fields
from llmux.errors import BackendGarbled, BadRequest, NotOffered
from llmux.ir.card import ModelCard

# What clients ask before they use something new; the API that this package speaks is that of this version.
VERSION = "0.12.6"
DETAILS = ("parent_model", "format", "family", "parameter_size", "quantization_level")
WORDS: Mapping[str, str] = {"tools": "tools", "vision": "vision", "thinking": "thinking"}  # our fact -> their word
ANSWERS, EMBEDS = "completion", "embedding"
CONTEXT = ".context_length"  # behind the architecture, in model_info
NOT_OFFERED = (
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("GET", "/api/blobs/*"),
    ("POST", "/api/blobs/*"),
)


# --- a backend's list ------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Page:
    """The answer of /api/tags.

    Raises:
        BackendGarbled: it is no list.
    """
    try:
        models = Fields(document.decode(data)).objects("models")
        return Page(tuple(card for told in models for card in _card(told)))
    except (ValueError, BadRequest) as error:
        raise BackendGarbled(f"The backend's answer is no list of models: {error}") from None


def decode_detail(card: ModelCard, data: bytes) -> ModelCard:
    """`card` with what /api/show tells of it.

    Raises:
        BackendGarbled: it is no description.
    """
    try:
        told = Fields(document.decode(data))
        info = told.object("model_info")
        sizes = [info.integer(name) for name in info.document if name.endswith(CONTEXT)] if info else []
        context = _set_context(told.text("parameters") or "") or next(filter(None, sizes), None)
        return replace(_able(card, told), context=context or card.context, details=_details(told) or card.details)
    except (ValueError, BadRequest) as error:
        raise BackendGarbled(f"The backend's answer describes no model: {error}") from None


def _card(told: Fields) -> Iterator[ModelCard]:
    name = told.text("model") or told.text("name")
    if name:
        card = ModelCard(
            id=name,
            owner="ollama",
            created=_seconds(told.text("modified_at") or ""),
            size=told.integer("size") or 0,
            details=_details(told),
        )
        yield _able(card, told)


def _able(card: ModelCard, told: Fields) -> ModelCard:
    """What a list of capabilities says. It is whole; old versions have none."""
    words = told.texts("capabilities")
    if not words:
        return card
    facts = {fact: word in words for fact, word in WORDS.items()}
    return replace(card, answers=ANSWERS in words, **facts)


def _details(told: Fields) -> Mapping[str, str]:
    details = told.object("details")
    return {name: text for name in DETAILS if (text := details.text(name))} if details else {}


def _set_context(parameters: str) -> int | None:
    """What the owner of the machine has set, a line of `parameters`: num_ctx 8192."""
    for line in parameters.splitlines():
        match line.split():
            case ["num_ctx", size] if size.isascii() and size.isdigit():
                return int(size)
    return None


def _seconds(text: str) -> int:
    try:
        return max(int(datetime.fromisoformat(text).timestamp()), 0) if text else 0
    except (ValueError, OverflowError):
        return 0


# --- our clients -----------------------------------------------------------------------------------------------------


def answer_tags(_asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """What there is."""
    return orjson.dumps({"models": [_encode(card) for card in cards]})


def answer_show(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """What one of them is. Raises ModelNotFound, or BadRequest: none is named."""
    body, _ = document.read(asked.body)
    told = Fields(body)
    card = find(cards, told.text("model") or told.need_text("name"))
    family = card.details.get("family", "llmux")
    info: dict[str, Any] = {"general.architecture": family, "general.basename": card.name or card.id}
    if card.context is not None:
        info[family + CONTEXT] = card.context
    shown = {
        "license": "",
        "modelfile": f"FROM {card.id}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _told_details(card),
        "model_info": info,
        "capabilities": _capabilities(card),
        "modified_at": _date(card),
    }
    return orjson.dumps(shown)


def answer_version(_asked: Asked, _cards: Sequence[ModelCard]) -> bytes:
    """Which API this is."""
    return orjson.dumps({"version": VERSION})


def answer_running(_asked: Asked, _cards: Sequence[ModelCard]) -> bytes:
    """What is in memory: nothing is in ours."""
    return orjson.dumps({"models": []})


def refusing(path: str) -> Callable[[Asked, Sequence[ModelCard]], bytes]:
    """An answer to what a gateway does not do."""
    verb = path.split("/")[2]

    def refuse(_asked: Asked, _cards: Sequence[ModelCard]) -> NoReturn:
        raise NotOffered(f"llmux: /api/{verb} is not offered: a gateway keeps no models. Ask the Ollama that does.")

    return refuse


def _encode(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.id,
        "model": card.id,
        "modified_at": _date(card),
        "size": card.size,
        "digest": hashlib.sha256(card.id.encode()).hexdigest(),  # of its name: it only has to tell two apart
        "details": _told_details(card),
        "capabilities": _capabilities(card),
        "llmux": {"capabilities": card.capabilities, **card.notes},
    }


def _told_details(card: ModelCard) -> dict[str, Any]:
    family = card.details.get("family", "")
    return {name: card.details.get(name, "") for name in DETAILS} | {"families": [family] if family else []}


def _capabilities(card: ModelCard) -> list[str]:
    return [ANSWERS if card.answers else EMBEDS, *(word for fact, word in WORDS.items() if getattr(card, fact))]


def _date(card: ModelCard) -> str:
    return datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


LISTING = Listing(
    decode=decode,
    detail=Detail("/api/show", lambda model: orjson.dumps({"model": model}), decode_detail),
    enquiries=(
        Enquiry("GET", "/api/tags", answer_tags),
        Enquiry("POST", "/api/show", answer_show),
        Enquiry("GET", "/api/version", answer_version),
        Enquiry("GET", "/api/ps", answer_running),
        *(Enquiry(method, path, refusing(path)) for method, path in NOT_OFFERED),
    ),
)
