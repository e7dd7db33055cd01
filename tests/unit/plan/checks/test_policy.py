"""What a policy refuses when a plan is checked, with its place."""

import pytest

from tests.unit.plan.plans import parsed


def refusals(policy: str, step: str) -> list[str]:
    made = parsed(f"plan: p\npolicy: {policy}\nsteps:\n  a: {step}\n")
    return [f"{it.line}:{it.column} {it.code}: {it.message}" for it in made.problems if it.severity == "error"]


@pytest.mark.parametrize(
    ("policy", "step", "said"),
    [
        (
            "{hosts: {allow: [a.org]}}",
            "{uses: http, with: {url: 'https://b.org/x'}}",
            '4:31 policy.host: step "a": with.url is on "b.org", which policy.hosts does not allow',
        ),
        (
            "{hosts: {deny: ['*.b.org:8080']}}",
            "{uses: http, with: {url: 'http://me@X.b.org:8080/'}}",
            '4:31 policy.host: step "a": with.url is on "x.b.org", which policy.hosts denies',
        ),
        (
            "{hosts: {allow: [a.org]}}",
            "{uses: git, with: {op: push, remote: 'ssh://git@b.org/x'}}",
            '4:43 policy.host: step "a": with.remote is on "b.org", which policy.hosts does not allow',
        ),
        (
            "{capabilities: {deny: [web.*]}}",
            "{uses: http, with: {url: 'https://b.org/x'}}",
            '4:13 policy.capability: step "a": uses needs "web.fetch", which policy.capabilities denies',
        ),
        (
            "{capabilities: {allow: [web.fetch]}}",
            "{uses: git, with: {op: push}}",
            '4:13 policy.capability: step "a": uses needs "git.push", which policy.capabilities does not allow',
        ),
        (
            "{capabilities: {deny: [db.write]}}",
            "{run: x, capabilities: [db.read, db.write]}",
            '4:39 policy.capability: step "a": capabilities[1] uses "db.write", which policy.capabilities denies',
        ),
        (
            "{write_roots: [out]}",
            "{uses: file, with: {op: delete, path: src/x}}",
            '4:44 path.outside: step "a": with.path is "src/x", which lies outside of policy.write_roots',
        ),
        (
            "{write_roots: [out]}",
            "{uses: file, with: {op: move, from: src/x, path: out/x}}",
            '4:42 path.outside: step "a": with.from is "src/x", which lies outside of policy.write_roots',
        ),
        (
            "{}",
            "{uses: http, with: {url: 'https://b.org', to: ../x}}",
            '4:52 path.outside: step "a": with.to is "../x", which leaves the project',
        ),
        (
            "{}",
            "{uses: file, with: {op: write, content: x, path: .holdfast/x}}",
            '4:55 path.reserved: step "a": with.path is ".holdfast/x", inside .holdfast, the engine\'s folder',
        ),
        ("{write_roots: [., ../o]}", "{uses: file, with: {op: write, content: x, path: ../o/x}}", None),
        ("{write_roots: [out]}", "{uses: file, with: {op: copy, from: src/x, path: out/x}}", None),
        ("{hosts: {allow: [a.org]}}", "{uses: http, with: {url: 'https://${{ run.id }}.b.org/x'}}", None),
        ("{hosts: {allow: [a.org]}}", "{uses: http, with: {url: 'https://A.ORG'}}", None),
        ("{hosts: {allow: []}}", "{uses: git, with: {op: push}}", None),
        ("{capabilities: {allow: [net.get]}}", "{uses: http, capabilities: [net.get], with: {url: 'http://a'}}", None),
        ("{capabilities: {allow: []}}", "{uses: git, with: {op: status}}", None),
    ],
)
def test_what_is_known_when_the_plan_is_checked_is_refused_there(policy: str, step: str, said: str | None) -> None:
    assert refusals(policy, step) == ([] if said is None else [said])
