"""The judges by the name of their dialect. One more dialect of llmux is one more row here."""

from collections.abc import Mapping

from tests.judges.claude import CLAUDE
from tests.judges.gemini import GEMINI
from tests.judges.heard import Judge
from tests.judges.ollama import OLLAMA
from tests.judges.openai_chat import OPENAI_CHAT
from tests.judges.openai_responses import OPENAI_RESPONSES

JUDGES: Mapping[str, Judge] = {
    "claude": CLAUDE,
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "gemini": GEMINI,
    "ollama": OLLAMA,
}
