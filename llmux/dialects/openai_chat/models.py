"""Lists of models around OpenAI's Chat Completions: what compatible servers list, and what our clients hear."""

from llmux.dialects.listing import Listing
from llmux.dialects.model_cards import read_page
from llmux.dialects.model_list import enquiries

# Anybody asks like OpenAI's clients who does not ask like another's.
LISTING = Listing(decode=read_page, enquiries=enquiries())
