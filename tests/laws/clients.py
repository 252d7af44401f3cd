"""Requests that were recorded: what clients sent to the providers, and what real clients send to a gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from msgspec.structs import replace

from llmux.dialects.base import Address, Form
from llmux.dialects.paths import Paths
from llmux.dialects.registry import TABLE
from llmux.ir.request import Request
from tests import corpus
from tests.judges.recordings import ANSWERING, KINDS

CLIENTS = corpus.ROOT.parent / "clients" / "recorded"


class Sent(NamedTuple):
    """A request as it was recorded. `dialect` is "" where only its path tells it."""

    name: str
    dialect: str
    path: str
    body: Any

    def decode(self) -> Request:
        """The request in neutral words, without the client's own document: nothing of it may be needed."""
        form = self.form
        assert form is not None
        body = {"model": "m", **self.body} if form.model_in_body else self.body  # Bedrock and Vertex name it elsewhere
        url = urlsplit(self.path)
        request = form.decode_request(orjson.dumps(body), Address(unquote(url.path), dict(parse_qsl(url.query))))
        return replace(request, original=None)

    @property
    def form(self) -> Form | None:
        """The form that the path asks for; the dialect's main one where the provider has another path for it."""
        found = Paths((path, form) for form in _forms(self.dialect) for path in form.inbound).find(_path(self.path))
        return found or TABLE.get(self.dialect)


def _path(path: str) -> str:
    return unquote(urlsplit(path).path)


def _forms(dialect: str) -> list[Form]:
    return [form for name, each in TABLE.items() if dialect in {"", name} for form in each.every_form()]


def sent_to_providers() -> Iterator[Sent]:
    """The requests of the corpus that ask for an answer."""
    for dialect in TABLE:
        for kind in KINDS:
            for name in corpus.names(dialect, kind):
                row = corpus.row(dialect, kind, name)
                if row.request and row.document["operation"] in ANSWERING:
                    yield Sent(f"{kind}-{name}", dialect, row.document["request"]["path"] or "", row.request)


def sent_to_gateways() -> Iterator[Sent]:
    """The requests of real clients that ask for an answer in a dialect of the table."""
    for file in sorted(CLIENTS.glob("*/*.json")):
        document = json.loads(file.read_bytes())
        sent = Sent(_named(file), "", f"{document['path']}?{document['query'] or ''}", document["body"])
        if sent.body and sent.form:
            yield sent


def _named(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"
