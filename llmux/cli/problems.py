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
    """Turns a refusal of the machine, while something starts to listen at `host` and `port`, into a Failure."""
    try:
        yield
    except ssl.SSLError as error:
        raise Failure(
            f"the certificate and its key do not hold: {error.reason or error}. bin/cert makes a pair that does."
        ) from None
    except OSError as error:
        raise Failure(_sentence(error, host, port)) from None
    except StoreNotOpenedError as error:
        raise Failure(str(error)) from None


def _sentence(error: OSError, host: str, port: int) -> str:
    sentence = SENTENCES.get(error.errno or 0)
    if error.filename:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}."
    return sentence.format(host=host, port=port) if sentence else f"{error.strerror or error}."
