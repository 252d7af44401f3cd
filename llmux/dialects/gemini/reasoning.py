"""thoughtSignature: Google's proof of reasoning, and what carries other makers' proofs through a client. Both ways.

It is base64, and Google's Python SDK takes nothing else: a foreign proof travels as the base64 of its envelope.
"""

import base64
from typing import Any

from llmux.dialects.envelope import PREFIX, seal, unseal
from llmux.dialects.gemini.schema import DUMMY, MAKER, standard_base64
from llmux.ir.content import ReasoningState

# What clients put where they have lost a proof, as they send it and as it looks after its way through base64. It
# proves nothing, and is put anew where a backend wants one.
DUMMIES = frozenset(
    spelled for dummy in (DUMMY, "context_engineering_is_the_way_to_go") for spelled in (dummy, standard_base64(dummy))
)
# The base64 of everything that begins with the envelope's mark begins so.
SEALED = base64.b64encode(PREFIX.encode()[: len(PREFIX) // 3 * 3]).decode()


def decode_signature(signature: Any, kind: str = "signature") -> tuple[ReasoningState, ...]:
    """The proof in a thoughtSignature, if any: Google's own, of the given `kind`, or that of another maker."""
    if not isinstance(signature, str) or not signature or signature in DUMMIES:
        return ()
    spelled = standard_base64(signature)
    if spelled.startswith(SEALED) and (state := _unseal(spelled)):
        return (state,)
    return (ReasoningState(MAKER, kind, spelled),)


def encode_signature(state: ReasoningState) -> str:
    """The thoughtSignature that a client holds for us: Google's own as it came."""
    if state.maker == MAKER and isinstance(state.data, str):
        return state.data
    return base64.b64encode(seal(state).encode()).decode()


def is_foreign(signature: Any) -> bool:
    """Whether it is the proof of another maker, which no backend of Google's takes."""
    return any(state.maker != MAKER for state in decode_signature(signature))


def _unseal(spelled: str) -> ReasoningState | None:
    try:
        return unseal(base64.b64decode(spelled, validate=True).decode())
    except ValueError:
        return None
