"""What the machine refuses, in words: a port in use, a certificate that does not hold. A table and its reader."""

import errno
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from llmux.cli.terminal import Failure
from llmux.store.base import StoreNotOpenedError

# errno -> what happened, and what to do.
SENTENCES = {
    errno.EADDRINUSE: "port {port} on {host} is in use. Stop what uses it, or choose another: --port N.",
    errno.EACCES: "this person may not listen at port {port} on {host}. Ports under 1024 are for root: --port N.",
    errno.EPERM: "this person may not listen at port {port} on {host}. Choose another: --port N.",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine. --host 127.0.0.1 is always one.",
}


@contextmanager
def in_words(host: str, port: int) -> Iterator[None]:
    """Turns what the machine refuses, while something starts to listen at `host` and `port`, into a Failure."""
    try:
        yield
    except (OSError, StoreNotOpenedError, ExceptionGroup) as error:
        sentence = _sentence(_only(error), host, port)
        if not sentence:
            raise
        raise Failure(sentence) from None


def _only(error: Exception) -> Exception:
    """The error that a group of tasks has wrapped, where it is alone in it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _sentence(error: Exception, host: str, port: int) -> str:
    """What happened; "" for what is not the machine's refusal but a bug of ours."""
    if isinstance(error, StoreNotOpenedError):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return f"the certificate and its key do not hold: {error.reason or error}. bin/cert makes a pair that does."
    if not isinstance(error, OSError):
        return ""
    if error.filename:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}."
    known = SENTENCES.get(error.errno or 0)
    return known.format(host=host, port=port) if known else f"{error.strerror or error}."
