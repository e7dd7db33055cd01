"""The hash chain: what was written holds, and any change is found where it was made."""

import pytest

from holdfast.journal.chain import FIRST, Chained, breaks, link

RUN = "20260101-000000-aaaaaaaa"
FIELDS = ("seq", "at", "kind", "step", "attempt", "data", "hash")


def chain(*data: str) -> list[Chained]:
    """A run's stored events, one for each text."""
    rows: list[Chained] = []
    last = FIRST
    for seq, text in enumerate(data, 1):
        step, attempt = ("fetch é", 1) if seq > 1 else (None, None)
        last = link(last, RUN, seq, (seq * 10, "attempt.ended", step, attempt, text.encode()))
        rows.append((seq, seq * 10, "attempt.ended", step, attempt, text, last))
    return rows


WRITTEN = chain('{"status":"succeeded"}', "{}", '{"outputs":{"a":"é\\n"}}', "{}")


def test_what_was_written_holds() -> None:
    assert list(breaks(RUN, WRITTEN, 4)) == []
    assert list(breaks(RUN, [])) == []


@pytest.mark.parametrize("at", range(len(WRITTEN)))
@pytest.mark.parametrize(
    ("field", "value"),
    [("at", 7), ("kind", "step.failed"), ("step", "other"), ("attempt", 3), ("data", '{"a":1}'), ("hash", FIRST)],
)
def test_a_change_is_found_where_it_was_made(at: int, field: str, value: str | int | bytes) -> None:
    rows = list(WRITTEN)
    changed: list[object] = list(rows[at])
    changed[FIELDS.index(field)] = value
    rows[at] = (*changed,)  # type: ignore[assignment]  # a row of the same shape with one other value
    assert next(breaks(RUN, rows))[0] == at + 1


@pytest.mark.parametrize("at", range(len(WRITTEN)))
def test_a_line_break_that_was_put_in_is_found(at: int) -> None:
    rows = list(WRITTEN)
    seq, when, kind, step, attempt, data, stored = rows[at]
    rows[at] = (seq, when, kind, step, attempt, f"{data[:-1]}\n{data[-1]}", stored)
    assert next(breaks(RUN, rows))[0] == at + 1


def test_what_was_written_with_a_line_break_holds() -> None:
    assert list(breaks(RUN, chain("{}", '{"a":\n1}', "{}"))) == []


@pytest.mark.parametrize("at", range(len(WRITTEN)))
def test_an_event_that_is_missing_is_found(at: int) -> None:
    rows = WRITTEN[:at] + WRITTEN[at + 1 :]
    assert next(breaks(RUN, rows, 4)) == (at + 1, f"event {at + 1} is missing")


def test_events_that_changed_places_are_found() -> None:
    rows = [WRITTEN[0], WRITTEN[2], WRITTEN[1], WRITTEN[3]]
    assert next(breaks(RUN, rows))[0] == 2


def test_a_chain_of_another_run_is_found() -> None:
    assert next(breaks("20260101-000000-bbbbbbbb", WRITTEN))[0] == 1
