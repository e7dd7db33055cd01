"""Whether a step has an attempt left once a person says that its effect did not happen (semantics E4, S9)."""

import apsw
import msgspec

from holdfast.journal.packing import unpacked
from holdfast.journal.statements import sql
from holdfast.plan.model import Plan
from holdfast.run import events as ev
from holdfast.run.growth import template_id
from holdfast.run.policy import UNCOUNTED_CODES, may_retry


def retries_spent(connection: apsw.Connection, key: tuple[int, str]) -> bool:
    """Whether the uncertain attempt of step `key` was its last."""
    row = connection.execute(sql("uncertain_step"), key).fetchone()
    assert row is not None, "an uncertain step has a row, its run a plan"
    digest, size, data, ended, attempts, uncounted = row
    plan = msgspec.json.decode(unpacked(digest, size, data), type=Plan)
    step = next(step for step in plan.steps + plan.finally_ if step.id == template_id(key[1]))
    body = ev.decode(ev.AttemptEnded.kind, ended)
    assert isinstance(body, ev.AttemptEnded)
    code = body.error.code if body.error else "uncertain"
    return code not in UNCOUNTED_CODES and not may_retry(step.retry, code, attempts - uncounted)
