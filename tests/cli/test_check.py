from pathlib import Path

import pytest

DEMO = '[[backend]]\nmodel = "demo:echo"\n'


def test_without_a_file_it_says_what_was_found(call) -> None:
    told = call("check")
    assert told.exit_code == 0
    assert "demo: no key and no model server was found" in told.output
    assert "It would listen on http://127.0.0.1:8082" in told.output


def test_it_names_the_file_and_the_backends_in_order(call, home: Path) -> None:
    (home / "config.toml").write_text("""
port = 9000
[provider.box]
base_url = "http://127.0.0.1:1"
rpm = 30
[[backend]]
model = "box:large"
context = 200000
vision = true
thinking = true
max_per_hour = 10
max_per_day = 100
window = "calendar"
concurrent = 2
model_match = ["*opus*", "gpt-4*"]
[[backend]]
model = "box:small"
name = "little"
enabled = false
tools = false
rps = 0.5
""")
    told = call("check")
    assert told.exit_code == 0
    assert f"Configuration: {home / 'config.toml'}" in told.output
    large, small = (line.split("  ") for line in told.output.splitlines() if "box:large" in line or "little" in line)
    assert [cell.strip() for cell in large if cell] == [
        "1",
        "box:large",
        "openai_chat",
        "200,000",
        "vision, thinking, tools",
        "*opus* gpt-4*",
        "10 requests per hour of the calendar, 100 requests per day of the calendar, 2 at once, 30 a minute at box",
    ]
    assert [cell.strip() for cell in small if cell] == [
        "2",
        "little (disabled)",
        "openai_chat",
        "any",
        "text",
        "any name",
        "0.5 a second, 30 a minute at box",
    ]
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:9000 ANTHROPIC_AUTH_TOKEN=any claude" in told.output
    assert "OPENAI_BASE_URL=http://127.0.0.1:9000/v1 OPENAI_API_KEY=any" in told.output


def test_a_token_is_asked_for_and_never_shown(call, home: Path) -> None:
    (home / "config.toml").write_text(f'host = "::"\n[tokens]\nme = "very-secret"\n{DEMO}')
    told = call("check")
    assert told.exit_code == 0
    assert "ANTHROPIC_BASE_URL=http://[::1]:8082 ANTHROPIC_AUTH_TOKEN=YOUR_TOKEN claude" in told.output
    assert "very-secret" not in told.output


def test_one_problem_is_one_line(call, home: Path) -> None:
    (home / "config.toml").write_text("prot = 1\n")
    told = call("check")
    assert told.exit_code == 2
    assert told.output == f'llmux: {home / "config.toml"}: prot: unknown key; did you mean "port"?\n'


def test_every_problem_is_listed(call, home: Path) -> None:
    (home / "config.toml").write_text('prot = 1\nport = "x"\n[[backend]]\nmodel = "nobody:x"\n')
    told = call("check")
    assert told.exit_code == 2
    assert told.output.startswith("llmux: the configuration has 3 problems:\n  ")
    assert all(word in told.output for word in ("prot", "port", "nobody"))


def test_a_file_that_is_not_there(call) -> None:
    told = call("check", "--config", "nowhere.toml")
    assert told.exit_code == 2
    assert "nowhere.toml" in told.output


@pytest.mark.parametrize("extra", ["https_enabled = true\n"])
def test_https_without_a_certificate(call, home: Path, extra: str) -> None:
    (home / "config.toml").write_text(extra + DEMO)
    told = call("check")
    assert told.exit_code == 2
    assert "bin/cert makes a pair" in told.output


def test_it_says_what_backends_cost_and_how_those_of_a_role_answer(call, home: Path) -> None:
    roles = """
[role.panel]
backends = ["demo:echo", "x"]
execution = "parallel"
join = "x"
[role.share]
backends = ["demo:echo", "x"]
execution = "weighted"
weights = { x = 3 }
[role.quick]
backends = ["demo:echo", "x"]
execution = "hedge"
policy = "latency"
"""
    other = '[[backend]]\nmodel = "demo:think"\nname = "x"\n[routing]\npolicy = "round_robin"\n'
    (home / "config.toml").write_text(f'{DEMO}cost = "free"\n{other}{roles}')
    told = call("check").output
    assert "Backends, by round_robin" in told
    rows = [line.split() for line in told.splitlines()]
    assert [row[-1] for row in rows if "demo:echo" in row and "openai_chat" in row] == ["free"]
    assert [row[-2:] for row in rows if row[1:2] == ["x"] and "openai_chat" in row] == [["not", "said"]]
    assert "all at once, x makes one answer of all" in told
    assert "one after the other, by weighted, x 3" in told
    assert "the next one too where the first is silent, by latency" in told
