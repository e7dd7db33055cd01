"""The kinds of events that few journals hold; whoever reads one loads them."""

from holdfast.run.alarms import Escalated
from holdfast.run.events import Body
from holdfast.run.goal import GOAL_BODIES
from holdfast.run.project import PROJECT_BODIES
from holdfast.run.reused import StepReused
from holdfast.run.shortages import BudgetAsked

RUN_BODIES: tuple[type[Body], ...] = (*GOAL_BODIES, Escalated, BudgetAsked, StepReused)
RARE_BODIES: tuple[type[Body], ...] = (*PROJECT_BODIES, *RUN_BODIES)
