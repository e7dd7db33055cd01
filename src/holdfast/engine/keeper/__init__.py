"""The keeper: a small process that owns a run's commands, so that they survive the engine.

Its modules use the standard library only, and of it only what starts fast: the keeper is up before
the engine's first step is journaled. `holdfast.engine.keeper_client` is the other end of its socket.
"""
