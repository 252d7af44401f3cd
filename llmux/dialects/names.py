"""Tool names and tool ids that every API accepts, and the way back. Pure and stateless: equal input, equal output.

A client's id is its own identity and passes unchanged wherever it can. What must change is computed from the original
alone, so the next request, which brings it again, gives the same result and no table has to be remembered.
"""

import base64
import hashlib
import re
from collections.abc import Iterable

from llmux.ir.value import Value

ID_PREFIX = "tu_"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Alphabet(Value):
    """What a name may be made of.

    `characters` is the inside of a regular expression's class; `longest` counts characters; with `letter_first` the
    name begins with a letter or an underscore.
    """

    characters: str = "a-zA-Z0-9_-"
    longest: int = 64
    letter_first: bool = False


# https://docs.claude.com/en/api/messages: tools.name is ^[a-zA-Z0-9_-]{1,64}$
CLAUDE = Alphabet()
# https://platform.openai.com/docs/api-reference/chat/create: letters, digits, underscores and dashes, at most 64
OPENAI_CHAT = Alphabet()
# https://platform.openai.com/docs/api-reference/responses/create: likewise
OPENAI_RESPONSES = Alphabet()
# https://ai.google.dev/api/caching#FunctionDeclaration: letters, digits, _ . : -; newer models take 128
GEMINI = Alphabet(characters="a-zA-Z0-9_.:-", letter_first=True)


def legal_names(names: Iterable[str], alphabet: Alphabet) -> dict[str, str]:
    """Original -> legal name, for those of `names` that are not legal.

    No two names become one, and a name that is legal is never given to another. Where two would become the same, the
    earlier one keeps the plainer spelling: a tool added at the end renames none before it.
    """
    spelled = {name: _spell(name, alphabet) for name in names}
    taken = {name for name, spelling in spelled.items() if _fits(name, spelling, alphabet)}
    renamed: dict[str, str] = {}
    for name, spelling in spelled.items():
        if not _fits(name, spelling, alphabet):
            renamed[name] = _free(name, spelling, alphabet.longest, taken)
            taken.add(renamed[name])
    return renamed


def _fits(name: str, spelling: str, alphabet: Alphabet) -> bool:
    return name == spelling and len(name) <= alphabet.longest


def _spell(name: str, alphabet: Alphabet) -> str:
    """`name` in legal characters. It may still be too long."""
    spelling = re.sub(f"[^{alphabet.characters}]+", "_", name)
    if not spelling or (alphabet.letter_first and not re.match("[a-zA-Z_]", spelling)):
        return "t_" + spelling
    return spelling


def _free(name: str, spelling: str, longest: int, taken: set[str]) -> str:
    """`spelling` if it is short enough and free, else its beginning and a digest of `name`."""
    legal, digest = spelling, name
    while len(legal) > longest or legal in taken:
        digest = _sha256(digest)
        legal = f"{spelling[: longest - 9]}_{digest[:8]}"
    return legal


def legal_id(id: str, limit: int = 64) -> str:  # noqa: A002 - the word of both APIs
    """`id`, or what stands for it if it has other characters than letters, digits, `_` and `-`, or more than `limit`.

    A short one is spelled so that `original_id` can read it; a long one becomes a digest, of 27 characters.
    """
    if re.fullmatch(r"[a-zA-Z0-9_-]+", id) and len(id) <= limit:
        return id
    if id.isprintable() and len(readable := ID_PREFIX + _base64(id)) <= limit:
        return readable
    return ID_PREFIX + _sha256(id)[:24]


def exact_id(id: str, length: int) -> str:  # noqa: A002 - the word of both APIs
    """`id`, or the digest that stands for it if it is not made of exactly `length` ASCII letters and digits.

    The same for every request; the id cannot be read out of it.
    """
    if len(id) == length and id.isascii() and id.isalnum():
        return id
    number, spelled = int(_sha256(id), 16), ""
    while len(spelled) < length:
        number, digit = divmod(number, len(DIGITS))
        spelled += DIGITS[digit]
    return spelled


def original_id(id: str) -> str:  # noqa: A002 - the word of both APIs
    """The id that `legal_id` spelled as `id`; `id` itself when it did not, or when only a digest is left."""
    if not id.startswith(ID_PREFIX):
        return id
    spelled = id.removeprefix(ID_PREFIX)
    try:
        original = base64.urlsafe_b64decode(spelled + "=" * (-len(spelled) % 4)).decode()
    except ValueError:
        return id
    # A client's own id may begin with tu_ too: only what we would write exactly so is ours.
    return original if legal_id(original) == id else id


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()  # lone surrogates occur in what clients send
