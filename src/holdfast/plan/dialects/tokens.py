"""`provides` and `consumes` of the format `orchestrator`: a token is there when the step that provides it is ok."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from holdfast.plan.problems import Fault


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a plan: who provides each, and what each step waits for."""

    provided: Mapping[str, tuple[str, ...]]
    needs: Mapping[str, Collection[str]]

    def provider(self, step: str, token: str) -> str | Fault:
        """The one step before `step` that provides a token, or what is wrong with it."""
        makers = self.provided.get(token, ())
        if not makers:
            said = f': no step provides "{token}"'
            return Fault("token.unknown", said, near=(token, self.provided))
        if len(makers) == 1 and makers[0] in self.needs.get(step, ()):
            return makers[0]
        before = self._ancestors(step)
        found = [maker for maker in makers if maker in before]
        if len(found) == 1:
            return found[0]
        if found:
            which = " and ".join(f'"{maker}"' for maker in found)
            said = f': "{token}" is provided by {which}, which both come before this step'
            return Fault("token.ambiguous", said, "one step before it may provide a token")
        others = ", ".join(f'"{maker}"' for maker in makers)
        said = f': "{token}" is provided by {others}, which this step does not wait for'
        return Fault("token.unordered", said, f"add it to depends_on: {makers[0]}")

    def _ancestors(self, step: str) -> set[str]:
        seen: set[str] = set()
        waiting = [*self.needs.get(step, ())]
        while waiting:
            this = waiting.pop()
            if this not in seen:
                seen.add(this)
                waiting += self.needs.get(this, ())
        return seen - {step}
