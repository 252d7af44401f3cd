"""The table of dialects, by name. A dialect is in it because it stands here: importing one registers nothing."""

from collections.abc import Mapping
from types import MappingProxyType

from llmux.dialects.base import Dialect
from llmux.dialects.claude import CLAUDE
from llmux.dialects.gemini import GEMINI
from llmux.dialects.ollama import OLLAMA
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.dialects.openai_responses import OPENAI_RESPONSES

DIALECTS = (CLAUDE, OPENAI_CHAT, OPENAI_RESPONSES, GEMINI, OLLAMA)
TABLE: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in DIALECTS})
