"""Events go into the journal and come out as they were."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import IntegrityError
from holdfast.run import events as ev
from holdfast.run.goal import GoalAnswered
from holdfast.run.machine import Run
from holdfast.run.rare import RUN_BODIES

texts = st.text(st.characters(codec="utf-8"), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
errors = st.builds(ev.Error, texts, texts)
ended = st.builds(
    ev.AttemptEnded,
    st.sampled_from(get_args(ev.AttemptStatus)),
    st.none() | st.integers(0, 255),
    st.none() | errors,
    outputs=st.dictionaries(texts, plain, max_size=3),
    artifacts=st.dictionaries(texts, st.builds(ev.ArtifactRef, texts, texts, st.integers(0, 2**40)), max_size=2),
    spent=st.none() | st.builds(ev.Spent, st.floats(0, 1e9), st.integers(0, 10**9)),
    retry_at=st.none() | st.integers(0, 2**53),
    notes=st.lists(texts, max_size=2).map(tuple),
)
bodies = st.one_of(
    ended,
    st.builds(ev.RunCreated, texts, texts, texts, texts, inputs=st.dictionaries(texts, plain, max_size=3)),
    st.builds(ev.StepSkipped, st.just("condition"), st.none() | texts, st.dictionaries(texts, plain, max_size=2)),
    st.builds(
        ev.StepResolved, st.sampled_from(get_args(ev.Resolution)), outputs=st.dictionaries(texts, plain, max_size=2)
    ),
    st.builds(ev.RunPausing, stop=st.booleans(), reason=st.none() | texts),
)


@given(bodies)
def test_an_event_comes_back_as_it_was(body: ev.Body) -> None:
    data = ev.encode(body)
    assert ev.decode(body.kind, data) == body
    assert ev.decode(body.kind, data.decode()) == body


@given(bodies)
def test_the_stored_form_is_canonical(body: ev.Body) -> None:
    data = ev.encode(body)
    assert ev.encode(ev.decode(body.kind, data)) == data


@given(st.dictionaries(texts, plain, max_size=5))
def test_the_order_of_keys_does_not_show(outputs: dict[str, object]) -> None:
    turned = dict(reversed(outputs.items()))
    one, other = ev.AttemptEnded("succeeded", outputs=outputs), ev.AttemptEnded("succeeded", outputs=turned)
    assert ev.encode(one) == ev.encode(other)


def test_defaults_are_left_out() -> None:
    assert ev.encode(ev.AttemptEnded("succeeded")) == b'{"status":"succeeded"}'
    assert ev.encode(ev.RunPaused()) == b"{}"


@pytest.mark.parametrize("kind", ["", "run.exploded", "RUN.PAUSED"])
def test_an_unknown_kind_is_damage(kind: str) -> None:
    with pytest.raises(IntegrityError, match="unknown kind") as damage:
        ev.decode(kind, b"{}")
    assert damage.value.code == "E_JOURNAL_DAMAGED"


@pytest.mark.parametrize("data", ['{"status":"exploded"}', "{}", "[]", '{"status":"lost","outputs":7}'])
def test_a_body_of_another_shape_is_damage(data: str) -> None:
    with pytest.raises(IntegrityError, match="does not have its shape"):
        ev.decode("attempt.ended", data)


@pytest.mark.parametrize(
    "data", ["", "{", '{"status":"lost"', b"\xff", b'{"status":"\xff"}', "[" * 10**5, '{"status":"lost"} {}']
)
def test_a_torn_body_is_damage(data: str | bytes) -> None:
    with pytest.raises(IntegrityError) as damage:
        ev.decode("attempt.ended", data)
    assert damage.value.code == "E_JOURNAL_DAMAGED"


def test_a_key_that_a_later_version_added_is_passed_over() -> None:
    assert ev.decode("run.paused", '{"new":1}') == ev.RunPaused()


def test_kinds_are_unique_and_name_their_subject() -> None:
    kinds = [body.kind for body in ev.BODIES]
    assert len(set(kinds)) == len(kinds)
    assert {kind.partition(".")[0] for kind in kinds} == {"run", "step", "attempt", "budget"}
    assert all(body.version == 1 for body in ev.BODIES)


def test_every_kind_is_known_to_the_fold() -> None:
    assert set(Run._APPLY) == {body.kind for body in (*ev.BODIES, *RUN_BODIES)}


def test_a_kind_that_few_journals_hold_is_read_all_the_same() -> None:
    body = GoalAnswered("it is nice", "reject", 7, reason="not yet")
    assert ev.decode(body.kind, ev.encode(body)) == body
