"""The event of a fan-out: small lists stand in the journal, large ones in the store by digest."""

import msgspec

from holdfast.engine.verdict import INLINE_OUTPUT_BYTES
from holdfast.ports import Artifacts
from holdfast.run import events as ev
from holdfast.run.choose import Expand


def expanded(store: Artifacts, expand: Expand) -> ev.StepExpanded:
    """What is to be journaled of a list; a large one is stored durably first."""
    body = expand.body()
    if body.items is None:
        return body
    data = msgspec.json.encode({"items": body.items})
    if len(data) <= INLINE_OUTPUT_BYTES:
        return body
    return msgspec.structs.replace(body, items=None, items_digest=store.put_bytes(data))
