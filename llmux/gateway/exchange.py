"""One request's tries as a machine: told what failed, it says what is next. Pure: no socket, no clock, no sleep."""

from llmux.ir.value import Value


class Try(Value):
    """Ask `backend` after `after` seconds. `without` names the fields that it has just refused."""

    backend: str
    after: float = 0.0
    without: tuple[str, ...] = ()
