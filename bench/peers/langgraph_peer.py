"""The peer LangGraph with its SQLite saver, durability "sync": langgraph_peer.py SHAPE N CONCURRENCY."""

import operator
import sqlite3  # noqa: TID251 - the peer's own database
import sys
from pathlib import Path
from typing import Annotated, TypedDict

sys.path.insert(0, str(Path(__file__).parent.parent))
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from report import Phase
from shapes import SHAPES

shape, n, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class State(TypedDict):
    """What the graph passes on."""

    n: Annotated[int, operator.add]


def node(_state: State) -> dict[str, int]:
    """Do nothing."""
    return {"n": 1}


steps = 5 if shape == "runs" else n
graph = StateGraph(State)
for i, needs in enumerate(SHAPES["chain" if shape == "runs" else shape](steps)):
    graph.add_node(f"s{i}", node)
    graph.add_edge([f"s{j}" for j in needs] if needs else START, f"s{i}")
connection = sqlite3.connect("langgraph.sqlite", check_same_thread=False)
app = graph.compile(checkpointer=SqliteSaver(connection))
with Phase() as phase:
    for run in range(n if shape == "runs" else 1):
        config = {"configurable": {"thread_id": str(run)}, "recursion_limit": n + 100, "max_concurrency": concurrency}
        app.invoke({"n": 0}, config, durability="sync")
phase.tell(n)
