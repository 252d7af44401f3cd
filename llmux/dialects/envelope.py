"""Carries another maker's reasoning state through a client: sealed in one string that the client sends back unread.

It hides nothing and proves nothing: it only names the maker, so that no state ever goes to a backend that did not make
it.
"""

import base64

import msgspec

from llmux.ir.content import ReasoningState

PREFIX = "llmux1."


def seal(state: ReasoningState) -> str:
    """`state` as one string of letters, digits, `.`, `_` and `-`."""
    return PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(state)).decode().rstrip("=")


def unseal(text: str) -> ReasoningState | None:
    """The state that `text` carries; None if it is not one of ours, or damaged."""
    if not text.startswith(PREFIX):
        return None
    sealed = text.removeprefix(PREFIX)
    try:
        document = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(document, type=ReasoningState)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
