"""The three engines as filters: JSON Lines in, one answer line for each line in, on standard output.

A line that cannot be read is answered too (``{"id": null, "error": …}``), so that nothing is lost
and lines can be matched up again.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import compliance
import tagger
from bot.orders import reading

Answer = dict[str, Any]
Role = Literal["customer", "staff"]
Engine = Callable[[str, Role], Answer]

CHARS_MAX = 4_000  # what an engine reads of one line; longer ones are answered with a note
ROLES: tuple[Role, ...] = ("customer", "staff")


def extract_orders(text: str, role: Role) -> Answer:
    read = reading.extract(text, role=role)
    return {
        "orders": [
            {
                "number": one.number,
                "platforms": list(one.platforms),
                "confidence": one.confidence,
                "span": list(one.span),
                "reasons": list(one.reasons),
            }
            for one in read.orders
        ],
        "refused": [{"kind": one.kind, "span": list(one.span), "why": one.why} for one in read.refused],
    }


def tag_text(text: str, role: Role) -> Answer:
    return {
        "tags": [
            {
                "group": one.group,
                "tag": one.tag,
                "score": round(one.score, 4),
                "evidence": [
                    {
                        "rule": proof.rule_id,
                        "keyword": proof.keyword,
                        "matched": proof.matched,
                        "span": [proof.start, proof.end],
                        "weight": proof.weight,
                        "how": list(proof.how),
                    }
                    for proof in one.evidence
                ],
            }
            for one in tagger.suggest(text, tagger.shipped_library(), speaker=role)
        ]
    }


def scan_text(text: str, role: Role) -> Answer:
    return {
        "hits": [
            {
                "category": hit.category,
                "severity": hit.severity,
                "word": hit.word,
                "matched": hit.matched,
                "span": [hit.start, hit.end],
                "how": list(hit.how),
                "reason": hit.reason,
            }
            for hit in compliance.scan(text, compliance.shipped_lexicon(), role=role)
        ]
    }


ENGINES: dict[str, Engine] = {"orders": extract_orders, "tags": tag_text, "hits": scan_text}  # by the answer's field


def run(lines: Iterable[str], engine: Engine) -> Iterator[str]:
    """One answer line for each line that is not blank."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield json.dumps(_answer(line, number, engine), ensure_ascii=False)


def _answer(line: str, number: int, engine: Engine) -> Answer:
    try:
        record = json.loads(line)
    except ValueError as error:
        return {"id": None, "error": f"line {number} is not JSON: {error}"}
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return {"id": _id(record), "error": f'line {number}: needs an object with "id", "text" and "role"'}
    role = record.get("role", "customer")
    if role not in ROLES:
        return {"id": _id(record), "error": f'line {number}: "role" must be customer or staff'}
    text = record["text"]
    answer = {"id": _id(record), **engine(text[:CHARS_MAX], role)}
    if len(text) > CHARS_MAX:
        answer["note"] = f"only the first {CHARS_MAX} of {len(text)} characters were read"
    return answer


def _id(record: object) -> object:
    return record.get("id") if isinstance(record, dict) else None
