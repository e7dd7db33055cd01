"""Artifacts that must match a JSON Schema (semantics S20)."""

import json
import sys
from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.engine.schemas import DOCUMENT_BYTES_MAX, UncheckedError, faults_of
from holdfast.errors import RequestError
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop
from tests.unit.plan.plans import plan

ROW = {"required": ["price"], "properties": {"price": {"type": "number"}}}
ROWS = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": ROW}}}
HANGING = {"pattern": "^(a+)+$"}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(ROWS))
    return path


@pytest.fixture
def shop(tmp_path: Path, schema: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_document_that_matches_has_no_faults(schema: Path) -> None:
    assert faults_of(b'{"rows": [{"price": 1.5}]}', "doc.json", schema) is None


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        (b'{"rows": [{"price": "x"}]}', "d.json", 'at /rows/0/price: "x" is not of type "number"'),
        (b"[]", "d.json", 'at /: [] is not of type "object"'),
        (b"{", "d.json", "it is not JSON: Input data was truncated"),
        (b'{"rows": NaN}', "d.json", "it is not JSON: JSON is malformed: invalid character (byte 9)"),
        (b'{"rows": []}\n\n{}\n', "d.jsonl", 'line 3, at /: "rows" is a required property'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(schema: Path, data: bytes, path: str, said: str) -> None:
    assert faults_of(data, path, schema) == said


def test_of_many_faults_three_are_shown_and_the_rest_counted_and_long_ones_cut(schema: Path) -> None:
    said = faults_of(json.dumps({"rows": [{"price": "x" * 9_000}] * 50}).encode(), "d.json", schema)
    assert said is not None
    assert said.endswith("…; and 47 more")
    assert len(said) < 1_200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "the schema s.json cannot be read: No such file or directory"),
        ("type: object", "the schema s.json is not JSON: "),
        ('{"type": "thing"}', 'the schema s.json is no JSON Schema: "thing" is not valid'),
        ('{"$ref": "http://127.0.0.1:1/x.json"}', "Retrieval is disabled"),
        ('{"$ref": "other.json"}', "is no JSON Schema: "),
    ],
)
def test_a_schema_that_says_nothing_is_told(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "s.json"
    if text is not None:
        path.write_text(text)
    (tmp_path / "other.json").write_text("true")
    with pytest.raises(UncheckedError) as raised:
        faults_of(b"1", "d.json", path)
    assert said in str(raised.value)


def test_no_pattern_of_a_schema_hangs_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(HANGING))
    assert "does not match" in (faults_of(json.dumps("a" * 200 + "!").encode(), "d.json", path) or "")


def test_a_document_that_is_too_large_is_refused(schema: Path) -> None:
    with pytest.raises(UncheckedError, match="more than can be checked"):
        faults_of(b" " * (DOCUMENT_BYTES_MAX + 1), "d.json", schema)


def test_a_step_whose_artifact_does_not_match_fails(shop: Workshop) -> None:
    # semantics S20
    end = shop.run("""
        defaults: {on_failure: continue}
        steps:
          good:
            run: "echo '{\\"rows\\": []}' > good.json"
            produces: {doc: good.json}
            expect: [{valid: doc, schema: schema.json}]
          bad:
            run: "echo '{}' > bad.json"
            produces: {doc: bad.json}
            expect: [{valid: doc, schema: "sch${{ 'ema' }}.json"}]
          other: {run: "true", expect: [{valid: good.doc, schema: schema.json}]}
          folder: {run: mkdir f, produces: {doc: f}, expect: [{valid: doc, schema: schema.json}]}
          none:
            run: "true"
            produces: {doc: {path: x, optional: true}}
            expect: [{valid: doc, schema: schema.json}]
          once:
            run: echo 1 > 1
            effect: once
            retry: 3
            produces: {doc: "1"}
            expect: [{valid: doc, schema: schema.json}]
        """)
    assert shop.statuses(end) == {
        "good": "succeeded",
        "bad": "failed",
        "other": "succeeded",
        "folder": "failed",
        "none": "failed",
        "once": "failed",
    }
    wrong = 'expected doc to match schema.json: bad.json: at /: "rows" is a required property'
    assert shop.error(end, "bad") == ev.Error("expect.failed", wrong)
    assert shop.error(end, "folder").message == "expected doc to match a schema: it is a folder"
    assert shop.error(end, "none").message == "expected doc to match a schema: it is not there"
    assert shop.starts(end)["once"] == 1  # the effect is applied all the same


def test_without_the_extra_nothing_is_run_and_the_extra_is_named(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "plan: p\nsteps: {a: {run: echo 1 > d, produces: {doc: d}, expect: [{valid: doc, schema: schema.json}]}}"
    shop.plan.write_text(text)
    assert shop.app.run(shop.plan, {}, Request()).status == "failed"
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RequestError, match='needs the extra "schema"') as raised:
        shop.app.run(shop.plan, {}, Request())
    assert (raised.value.code, raised.value.exit_code) == ("E_EXTRA", 3)
    with pytest.raises(UncheckedError, match=r"pip install 'holdfast\[schema\]'"):
        faults_of(b"1", "d.json", shop.folder / "schema.json")


@pytest.mark.parametrize(
    ("made", "expect"),
    [
        ("d: d.json", "{valid: d, schema: t.json}"),
        ("d: d.json", "{valid: made.d, schema: t.json}"),
        ("s: s.json", "{valid: own, schema: s.json}"),
        ("s: schemas", "{valid: own, schema: schemas/s.json}"),
    ],
)
def test_what_another_step_makes_of_document_and_schema_is_waited_for(made: str, expect: str) -> None:
    found = plan(f"""
        plan: p
        steps:
          made: {{run: x, produces: {{{made}}}}}
          a: {{run: x, produces: {{own: o.json}}, expect: [{expect}]}}
        """)
    assert found.steps[1].needs == ("made",)
