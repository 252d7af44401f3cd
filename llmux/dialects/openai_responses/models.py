"""Lists of models around OpenAI's Responses: the same as around its Chat Completions."""

from llmux.dialects.listing import Listing
from llmux.dialects.model_cards import read_page
from llmux.dialects.model_list import enquiries

LISTING = Listing(decode=read_page, enquiries=enquiries())
