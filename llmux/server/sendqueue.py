"""What a client has not taken yet of what was sent: with us, and in the kernel on the way to it. It sends nothing."""

import asyncio
import struct
from contextlib import suppress

INT = struct.calcsize("i")


def untaken(link: asyncio.Transport) -> int:
    """Bytes that wait for the client. 0 when none waits with us: what the kernel holds, it sends by itself.

    Without the kernel's part a slow reader looks dead: megabytes leave the kernel before it takes more of ours.
    """
    waiting = link.get_write_buffer_size()
    return waiting + _in_kernel(link) if waiting else 0


def _in_kernel(link: asyncio.Transport) -> int:
    with suppress(ImportError, OSError, ValueError):  # no Unix, or closed by now
        import fcntl
        import termios

        queued = fcntl.ioctl(link.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(INT))
        return int(struct.unpack("i", queued)[0])
    return 0
