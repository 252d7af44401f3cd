import errno
import ssl

import pytest

from llmux.cli.problems import in_words
from llmux.cli.terminal import Failure
from llmux.store.base import StoreNotOpenedError

MISMATCH = ssl.SSLError(1, "[X509: KEY_VALUES_MISMATCH] key values mismatch")
MISMATCH.reason = "KEY_VALUES_MISMATCH"

REFUSALS = {
    "in use": (OSError(errno.EADDRINUSE, "Address already in use"), "port 80 on ::1 is in use."),
    "not allowed": (PermissionError(errno.EACCES, "Permission denied"), "Ports under 1024 are for root: --port N."),
    "nowhere": (OSError(errno.EADDRNOTAVAIL, "?"), "::1 is no address of this machine."),
    "no file": (FileNotFoundError(errno.ENOENT, "No such file", "key.pem"), "key.pem: no such file."),
    "another": (OSError(errno.EMFILE, "Too many open files"), "Too many open files."),
    "without a number": (OSError("odd"), "odd."),
    "no pair": (MISMATCH, "the certificate and its key do not hold: KEY_VALUES_MISMATCH."),
    "no store": (StoreNotOpenedError("no such place"), "no such place"),
    "in a group": (ExceptionGroup("", [ExceptionGroup("", [OSError(errno.EADDRINUSE, "?")])]), "is in use."),
}


@pytest.mark.parametrize(("error", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_in_words(error: Exception, words: str) -> None:
    with pytest.raises(Failure) as failure, in_words("::1", 80):
        raise error
    assert words in failure.value.message


@pytest.mark.parametrize(
    "bug", [ExceptionGroup("", [KeyError("a")]), ExceptionGroup("", [OSError("a"), KeyError("b")])]
)
def test_a_bug_keeps_its_trace(bug: Exception) -> None:
    with pytest.raises(ExceptionGroup), in_words("::1", 80):
        raise bug
