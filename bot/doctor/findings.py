"""What a check finds, and how checks depend on each other. Pure but for awaiting the checks it is given.

A check that needs another one is not run when that one failed: its finding says so instead of
repeating the same trouble in other words.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check saw (never a secret) and what a person should do about it (empty when nothing)."""

    state: State
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``name`` is for people, ``key`` for programs."""

    key: str
    name: str
    state: State
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One question. ``needs`` are keys of earlier checks that must not have failed or been skipped."""

    key: str
    name: str
    run: Callable[[], Awaitable[Outcome]]
    needs: tuple[str, ...] = ()


def ok(seen: str) -> Outcome:
    return Outcome(State.OK, seen)


def warn(seen: str, advice: str) -> Outcome:
    return Outcome(State.WARN, seen, advice)


def fail(seen: str, advice: str) -> Outcome:
    return Outcome(State.FAIL, seen, advice)


def skipped(reason: str) -> Outcome:
    return Outcome(State.SKIPPED, reason)


async def examine(checks: Sequence[Check]) -> list[Finding]:
    """Run the checks in order; one finding each. Assumes that ``needs`` point backwards."""
    findings: dict[str, Finding] = {}
    for check in checks:
        outcome = _blocked(check, findings) or await _run(check)
        findings[check.key] = Finding(check.key, check.name, outcome.state, outcome.seen, outcome.advice)
    return list(findings.values())


def worst(findings: Sequence[Finding]) -> State:
    """FAIL, WARN or OK; what was skipped does not count by itself."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAIL, State.WARN) if state in states), State.OK)


def _blocked(check: Check, findings: dict[str, Finding]) -> Outcome | None:
    for key in check.needs:
        needed = findings[key]
        if needed.state is State.FAIL:
            return skipped(f"因为「{needed.name}」没有通过")
        if needed.state is State.SKIPPED:
            return skipped(f"因为「{needed.name}」跳过了")
    return None


async def _run(check: Check) -> Outcome:
    try:
        return await check.run()
    except Exception as error:  # noqa: BLE001  # a doctor that dies at one check cannot report the others
        return fail(f"检查时出错：{type(error).__name__}", "这不在预料之中，请把这一行交给开发者")
