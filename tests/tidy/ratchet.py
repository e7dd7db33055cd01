"""A limit with written exceptions that may only shrink."""

from collections.abc import Mapping


def strays(measured: Mapping[str, int], limit: int, exceptions: Mapping[str, int]) -> list[str]:
    """What breaks the ratchet: over the limit and not listed, over its listed length, or listed higher than it is."""
    found: list[str] = []
    for name, length in sorted(measured.items()):
        listed = exceptions.get(name)
        if listed is None and length > limit:
            found.append(f"{name} has {length} lines, the limit is {limit}: split it by noun")
        elif listed is not None and length > listed:
            found.append(f"{name} grew from {listed} to {length} lines: the ratchet only goes down")
        elif listed is not None and length <= limit:
            found.append(f"{name} fits now: take it out of ratchet.toml")
        elif listed is not None and length < listed:
            found.append(f"{name} shrank to {length} lines: write that into ratchet.toml")
    found += [f"{name} is gone: take it out of ratchet.toml" for name in sorted(exceptions.keys() - measured.keys())]
    return found
