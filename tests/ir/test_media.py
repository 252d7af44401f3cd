"""What some base64 is, by how it begins."""

import base64

import pytest

from llmux.ir.media import UNKNOWN, media_type
from tests.strategies import PIXEL

KINDS = {
    "PNG": (b"\x89PNG\r\n\x1a\n1234", "image/png"),
    "JPEG": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    "GIF": (b"GIF89a123456", "image/gif"),
    "WebP": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
    "a sound, which begins as WebP does": (b"RIFF\x24\x00\x00\x00WAVEfmt ", UNKNOWN),
    "bitmap": (b"BM1234567890", "image/bmp"),
    "PDF": (b"%PDF-1.7\n123", "application/pdf"),
    "a few bytes": (b"\xff\xd8\xff", "image/jpeg"),
    "nothing": (b"", UNKNOWN),
}


@pytest.mark.parametrize("case", KINDS)
@pytest.mark.parametrize("told", ["", UNKNOWN])
def test_who_says_nothing_is_looked_at(case: str, told: str) -> None:
    data, kind = KINDS[case]
    assert media_type(base64.b64encode(data).decode(), told) == kind


def test_who_says_something_is_believed() -> None:
    assert media_type(PIXEL, "image/heic") == "image/heic"


def test_what_is_no_base64_is_unknown() -> None:
    assert media_type("%%%", "") == UNKNOWN
