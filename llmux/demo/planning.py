"""Which tools are called in this turn. Pure: the steps that were asked for, less those that have been done."""

import msgspec

from llmux.demo import instructions
from llmux.demo.conversation import Conversation
from llmux.demo.instructions import Step, Use
from llmux.demo.toolbox import Toolbox
from llmux.ir.content import ToolCall
from llmux.ir.request import Request, Tool

Turns = tuple[tuple[Step, ...], ...]


def calls(request: Request, talk: Conversation) -> tuple[ToolCall, ...]:
    """The calls of this turn. After the last turn that was asked for there are none."""
    offered = _offered(request)
    turns = _turns(request, talk, offered)
    if talk.rounds >= len(turns):
        return ()
    box = Toolbox(offered, instructions.values(talk.said), talk.folder)
    made = [call for step in turns[talk.rounds] if (call := box.call(step))]
    return tuple(
        msgspec.structs.replace(call, id=f"call_demo_{number}") for number, call in enumerate(made, talk.calls + 1)
    )


def lacking(request: Request, talk: Conversation) -> str:
    """A sentence about the steps that no tool on offer can do; "" when there are none, or no tools at all."""
    offered = _offered(request)
    box = Toolbox(offered)
    steps = (step for turn in _asked(talk, offered) for step in turn)
    verbs = dict.fromkeys(type(step).__name__.lower() for step in steps if box.call(step) is None)
    return f"I was given no tool to {' or '.join(verbs)} with." if verbs and offered else ""


def _asked(talk: Conversation, offered: tuple[Tool, ...]) -> Turns:
    return instructions.turns(talk.said, (tool.name for tool in offered))


def _turns(request: Request, talk: Conversation, offered: tuple[Tool, ...]) -> Turns:
    """The turns with what can be done in each; one of a forced call when nothing was asked for."""
    box = Toolbox(offered)
    possible = (tuple(step for step in turn if box.call(step)) for turn in _asked(talk, offered))
    turns = tuple(turn for turn in possible if turn)
    if request.parallel_tools is False:
        turns = tuple((step,) for turn in turns for step in turn)
    choice = request.tool_choice
    forced = choice is not None and (choice.mode in {"required", "named"} or choice.required)
    return turns or (((Use(offered[0].name, {}),),) if forced and offered else ())


def _offered(request: Request) -> tuple[Tool, ...]:
    """The tools that may be called: not those that a backend runs itself, and only those that the choice allows."""
    choice = request.tool_choice
    tools = tuple(tool for tool in request.tools if tool.kind != "server")
    if choice is None or choice.mode in {"auto", "required"}:
        return tools
    return tuple(tool for tool in tools if tool.name in choice.names)
