"""The small doors of the engine: requests as JSON, host facts, spending and declared outputs."""

import json
from pathlib import Path

import pytest

from holdfast import __version__
from holdfast.engine.host import Host, is_alive, is_held
from holdfast.engine.keeper.attempt import NotStartedError, find_program
from holdfast.engine.keeper.record import read_fence, write_fence
from holdfast.engine.keeper.wire import encode, parse
from holdfast.ports import Lease, Owner
from tests.unit.engine.workshop import Workshop

ELSEWHERE = Owner("another-host", "boot", 1, "1", "0")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.parametrize("value", [None, True, False, 'é\n"', 7, 1.5, {"a": [1, None], "b": {}}, [], (1, "x")])
def test_what_the_keeper_writes_is_json(value: object) -> None:
    assert json.loads(encode(value)) == json.loads(json.dumps(value))


def test_what_is_no_data_is_not_written() -> None:
    with pytest.raises(TypeError, match="object"):
        encode(object())


@pytest.mark.parametrize("line", [b"", b"[1]", b"7", b"{", b"\xff"])
def test_a_request_that_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        parse(line)


def test_a_request_is_a_json_object() -> None:
    assert parse(b'{"op": "bye"}') == {"op": "bye"}


def test_host_facts_are_taken_by_name(tmp_path: Path) -> None:
    host = Host(__version__, tmp_path, tmp_path / "not" / "there")
    facts = host.facts(["now_utc", "network.online", "disk.free", "disk.store_free"])
    assert str(facts["now_utc"]).endswith("Z")
    assert facts["network.online"] in {True, False}
    assert isinstance(facts["disk.free"], int)
    assert isinstance(facts["disk.store_free"], int)


def test_an_owner_elsewhere_is_believed_until_its_lease_ends() -> None:
    # semantics C4
    assert is_alive(ELSEWHERE) is None
    assert is_held(Lease("r", ELSEWHERE, 1, 0, 2**62))
    assert not is_held(Lease("r", ELSEWHERE, 1, 0, 1))


@pytest.mark.parametrize("line", ["cost_usd=much", "tokens=-1", "calls.web=x", "cost_usd=inf"])
def test_spending_that_is_no_amount_fails_the_step(shop: Workshop, line: str) -> None:
    end = shop.run(f"steps: {{a: {{run: 'echo {line} >> $HOLDFAST_OUTPUT'}}}}")
    assert shop.error(end, "a").code == "output.invalid"


def test_calls_are_spent_by_capability(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'echo calls.web.fetch=3 >> $HOLDFAST_OUTPUT; echo n=1 >> $HOLDFAST_OUTPUT'}}")
    assert shop.outputs(end, "a") == {"n": "1"}


@pytest.mark.parametrize(("kind", "text", "value"), [
    ("bool", "true", True), ("float", "1.5", 1.5), ("list", "[1]", [1]), ("map", "{}", {}), ("duration", "2m", 120.0),
    ("string", "x", "x"),
])  # fmt: skip
def test_text_is_read_as_its_declared_type(shop: Workshop, kind: str, text: str, value: object) -> None:
    end = shop.run(f"""
        steps:
          a:
            outputs: {{v: {{type: {kind}}}}}
            run: "echo 'v={text}' >> $HOLDFAST_OUTPUT"
        """)
    assert shop.outputs(end, "a") == {"v": value}


def test_an_output_file_that_is_a_folder_fails_the_step(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'rm -f $HOLDFAST_OUTPUT; mkdir $HOLDFAST_OUTPUT'}}")
    assert shop.error(end, "a").code == "output.invalid"


def test_a_program_is_looked_up_in_the_path_of_its_command(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    with pytest.raises(NotStartedError, match="not executable"):
        find_program("tool", str(tmp_path))
    tool.chmod(0o755)
    assert find_program("tool", f"/nowhere:{tmp_path}") == str(tool)
    assert find_program("./tool", "") == "./tool"
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotStartedError, match="no program folder"):
        find_program("folder", str(tmp_path))


def test_a_fence_is_kept_in_the_runs_folder(tmp_path: Path) -> None:
    assert read_fence(str(tmp_path)) == 0
    write_fence(str(tmp_path), 7)
    assert read_fence(str(tmp_path)) == 7
