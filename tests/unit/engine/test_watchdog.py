"""A function that was quick and hangs the next time does not keep the engine."""

import threading
import time
from pathlib import Path

import pytest

from holdfast.engine.inline import Call, Target
from holdfast.engine.watchdog import Watchdog
from tests.unit.engine.workshop import Workshop

HANGS = {"sleeping": "time.sleep(600)", "computing": "\n        while True: len('x')"}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.parametrize("how", HANGS)
def test_a_quick_function_that_hangs_is_ended_by_its_timeout(shop: Workshop, how: str) -> None:  # semantics S10
    hang = HANGS[how].replace("True", "not over")
    name = f"hang_{how}"
    shop.module(f"import time\nover = []\ndef work(n):\n    if n == 9:\n        {hang}\n    return n\n", name)
    step = "uses: python, with: {{call: '{0}:work', inline: true, args: {{n: {1}}}}}"
    chain = "\n".join(
        f"  s{n}: {{{step.format(name, n)}, depends_on: [{f's{n - 1}' if n else ''}], timeout: 1s}}" for n in range(10)
    )
    began = time.monotonic()
    end = shop.run(f"steps:\n{chain}\n")
    assert time.monotonic() - began < 15
    assert (end.status, shop.error(end, "s9").code) == ("failed", "timeout")
    assert shop.outputs(end, "s8") == {"result": 8}
    __import__(name).over.append("the thread may end")


def test_a_function_that_takes_its_time_once_is_made_anew_and_succeeds(shop: Workshop) -> None:  # semantics C1
    shop.module("import time\ndef work(n):\n    time.sleep(n)\n    return n\n", "slow_once")
    step = "uses: python, with: {{call: 'slow_once:work', inline: true, args: {{n: {0}}}}}"
    chain = "\n".join(
        f"  s{n}: {{{step.format(1 if n == 9 else 0)}, depends_on: [{f's{n - 1}' if n else ''}]}}" for n in range(10)
    )
    end = shop.run(f"steps:\n{chain}\n")
    assert end.status == "succeeded"
    assert shop.outputs(end, "s9") == {"result": 1}
    assert shop.starts(end)["s9"] == 1


def test_only_the_main_thread_makes_calls_on_the_spot() -> None:
    found: list[bool] = []
    watchdog = Watchdog()
    assert watchdog.can_watch
    thread = threading.Thread(target=lambda: found.append(watchdog.can_watch))
    thread.start()
    thread.join()
    assert found == [False]
    assert watchdog.run(Call(Target(lambda: 7), {}, None, 0, 1, {}))
    watchdog.close()
    watchdog.close()
