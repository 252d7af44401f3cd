"""Plain words -> steps."""

import pytest

from llmux.demo.instructions import Read, Run, Step, Use, Write, turns, values, wording

TOOLS = ("bash", "get_weather", "get_time", "Read")

# What a person says -> the steps of each turn.
SAID: dict[str, list[list[Step]]] = {
    "Hello there.": [],
    "What is the weather in Paris?": [],
    "Write a file notes.txt with content `two words`, then run `cat notes.txt`.": [
        [Write("notes.txt", "two words")],
        [Run("cat notes.txt")],
    ],
    "Use your tools to create a file named a.txt in this folder that holds exactly the word hello and no newline.": [
        [Write("a.txt", "hello")]
    ],
    "Write a file X.md with content Hello there, then run ls -la and then read X.md": [
        [Write("X.md", "Hello there")],
        [Run("ls -la")],
        [Read("X.md")],
    ],
    "Create the file src/app.py with the following content: `print('hi')`\nthen execute python3 src/app.py.": [
        [Write("src/app.py", "print('hi')")],
        [Run("python3 src/app.py")],
    ],
    'Save "a b" to out/x.txt.': [[Write("out/x.txt", "a b")]],
    "Run the command: wc -l a.txt; it should say 1.": [[Run("wc -l a.txt")]],
    "When the file is there, run it.": [],
    "Look at the image picture.png with your tools.": [[Read("picture.png")]],
    "Create a file a.txt containing hi and run `ls`, in parallel.": [[Write("a.txt", "hi"), Run("ls")]],
    "Do it at the same time.": [],
    "Call get_weather.": [[Use("get_weather", {})]],
    "Please use the bash tool to run `ls`.": [[Run("ls")]],
    "call get_weather and get_time": [[Use("get_weather", {}), Use("get_time", {})]],
    "call get_weather, then call get_time": [[Use("get_weather", {})], [Use("get_time", {})]],
    'Call get_weather with city=Paris, unit="C" and get_weather with city=Rome.': [
        [Use("get_weather", {"city": "Paris", "unit": "C"}), Use("get_weather", {"city": "Rome"})]
    ],
    "Call my_get_weather or unknown_tool.": [],
}

WORDINGS = {
    "Answer with one line: the word DONE, a hyphen, and the word x1, with no spaces.": "DONE-x1",
    "It holds exactly the word x2. Then answer: the word DONE, a dash, and that word, with no spaces.": "DONE-x2",
    'Reply with two words: `Good`, "day", and its colour.': "Good day",
    "Answer with: that word": None,
    "Answer me: what is it?": None,
    "What is the answer?": None,
}


@pytest.mark.parametrize(("text", "steps"), SAID.items(), ids=range(len(SAID)))
def test_steps_are_read_in_the_order_of_the_text(text: str, steps: list[list[Step]]) -> None:
    assert turns(text, TOOLS) == tuple(tuple(turn) for turn in steps)


def test_without_tools_nobody_can_be_called() -> None:
    assert turns("Call get_weather.", ()) == ()


@pytest.mark.parametrize(("text", "words"), WORDINGS.items(), ids=range(len(WORDINGS)))
def test_an_answer_may_be_spelled_out(text: str, words: str | None) -> None:
    assert wording(text) == words


def test_values_are_told_as_name_equals_value() -> None:
    told = "With city=Paris, days=3 and title='a b', note=`x=y`."
    assert values(told) == {"city": "Paris", "days": "3", "title": "a b", "note": "x=y"}


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert turns("x " * 2_000 + "Run `ls`.", TOOLS) == ()
    assert wording("x " * 2_000 + "Answer: the word A.") is None
