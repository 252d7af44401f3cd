"""Which vocabulary a model cuts words by, as far as its maker has published it: a table. Pure."""

import re

# https://github.com/openai/tiktoken: what its table of models says, by the first pattern that fits.
VOCABULARIES = (
    ("o200k", re.compile(r"(^|[/:])(gpt-4o|gpt-4\.[15]|gpt-[5-9]|gpt-oss|chatgpt-4o|codex-|o[1-9]($|-))")),
    ("cl100k", re.compile(r"(^|[/:])(gpt-4|gpt-3\.5|text-embedding-(3|ada-002))")),
)


def vocabulary(model: str) -> str:
    """The name of the vocabulary; "" when it is not published, or not known here."""
    return next((name for name, pattern in VOCABULARIES if pattern.search(model.lower())), "")
