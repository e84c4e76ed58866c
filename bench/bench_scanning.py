"""Measure the compliance scanner: speed beside a bare matcher and a naive loop, and what evaded words it finds.

Reads the shared research data when it is there (environment XIAOER_SHARED, else ../shared beside the
repository); otherwise says so and uses made-up lines. Bounded to under a minute. Trust ratios, not absolutes:

    .venv/bin/python bench/bench_scanning.py
"""

import json
import os
import random
import resource
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import ahocorasick_rs
import jieba

from compliance import Lexicon, scan, shipped_lexicon
from compliance.categories import EITHER
from compliance.lexicon import Entry, has_default_phonetic
from compliance.matcher import matcher_for
from compliance.streams import letters_of
from kernel.text import to_syllables

SHARED = Path(os.environ.get("XIAOER_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
LINES_MAX = 10_000
LOOP_BUDGET_S = 1.5
ROUNDS = 3
WORD_COUNTS = (1_000, 10_000)


def main() -> None:
    lines, origin = read_lines()
    characters = sum(map(len, lines))
    print(f"lines: {len(lines):,} from {origin}, mean {characters / len(lines):.1f} characters\n")
    print("speed, one core, messages/s (median of 3); all folds on for words of 3 or more characters")
    for count in WORD_COUNTS:
        measure_speed(lines, dictionary_words(count))
    measure_shipped(lines)
    measure_evasion()
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def read_lines() -> tuple[list[str], str]:
    path = SHARED / "clean_chat.txt"
    if path.exists():
        return path.read_text(encoding="utf-8").splitlines()[:LINES_MAX], "clean_chat.txt"
    chooser = random.Random(1)
    pieces = [
        "您好",
        "什么时候",
        "发货",
        "呢",
        "订单",
        "可以",
        "退款",
        "吗",
        "，",
        "谢谢",
        "快递",
        "还没到",
        "帮我",
        "查一下",
    ]
    made_up = ["".join(chooser.choices(pieces, k=chooser.randint(2, 12))) for _ in range(LINES_MAX)]
    return made_up, f"made-up lines (no data under {SHARED})"


def dictionary_words(count: int) -> list[str]:
    """Random words of two to six characters from jieba's dictionary, always the same."""
    with jieba.get_dict_file() as file:
        words = [line.split(b" ", 1)[0].decode() for line in file]
    return random.Random(7).sample([w for w in words if 2 <= len(w) <= 6 and not w.isascii()], count)


def lexicon_of(words: Iterable[str], *, evaded: bool = False, two_by_sound: bool = False) -> Lexicon:
    entries = [
        Entry(
            category="abuse",
            word=word,
            severity="low",
            roles=EITHER,
            reason="bench",
            phonetic=has_default_phonetic(word) or two_by_sound,
            pinyin=evaded and (len(word) > 2 or two_by_sound),
            initials=evaded and len(word) > 2,
            split=evaded,
        )
        for word in dict.fromkeys(words)
        if "*" not in word and "…" not in word and "/" not in word and "(" not in word
    ]
    return Lexicon(tuple(entries), recognisers=False)


def messages_per_s(lines: Sequence[str], look: Callable[[str], object]) -> float:
    rates = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for line in lines:
            look(line)
        rates.append(len(lines) / (time.perf_counter() - begin))
    return statistics.median(rates)


def measure_speed(lines: list[str], words: list[str]) -> None:
    lexicon = lexicon_of(words)
    begin = time.perf_counter()
    matcher_for(lexicon, "staff")
    built_s = time.perf_counter() - begin
    ours = messages_per_s(lines, lambda line: scan(line, lexicon, role="staff"))
    matcher = ahocorasick_rs.AhoCorasick(words, implementation=ahocorasick_rs.Implementation.ContiguousNFA)
    raw = messages_per_s(lines, lambda line: matcher.find_matches_as_indexes(line, overlapping=True))
    sample = lines[: max(20, int(LOOP_BUDGET_S / ROUNDS / (len(words) * 60e-9)))]
    loop = messages_per_s(sample, lambda line: [word for word in words if word in line])
    hits = sum(bool(scan(line, lexicon, role="staff")) for line in lines)
    print(
        f"  {len(words):>6,} words: scan {ours:>9,.0f}   raw matcher {raw:>11,.0f}   contains loop {loop:>9,.0f}   "
        f"= {ours / raw:.3f} x raw, {ours / loop:,.0f} x loop; built in {built_s:.2f} s; {hits:,} lines with hits"
    )


def measure_shipped(lines: list[str]) -> None:
    lexicon = shipped_lexicon()
    print(f"\nshipped lexicon ({len(lexicon.entries)} entries, version {lexicon.version})")
    for role in ("staff", "customer"):
        rate = messages_per_s(lines, lambda line, role=role: scan(line, lexicon, role=role))  # type: ignore[misc]  # the loop's role, bound at once
        flags: Counter[str] = Counter()
        for line in lines:
            flags.update({hit.category for hit in scan(line, lexicon, role=role)})
        total = sum(flags.values())
        print(
            f"  as {role:<8} {rate:>9,.0f} messages/s; "
            f"{1000 * total / len(lines):.2f} flags per 1,000 lines {dict(flags)}"
        )


def measure_evasion() -> None:
    path = SHARED / "evasion_dev.jsonl"
    if not path.exists():
        print(f"\nevasion: not measured, {path} is missing")
        return
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    entities = {entity for row in rows for entity in row.get("entities", ())}
    words = [entity for entity in entities if len(letters_of(entity)) >= 2]
    print(f"\nevasion_dev: {len(rows):,} rows; its {len(words):,} evaded words of 2 or more characters as dictionary")
    naive = {word: word.lower() for word in words}
    safe = lexicon_of(words, evaded=True)
    bold = lexicon_of(words, evaded=True, two_by_sound=True)
    kinds: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "clean" or set(row.get("entities", ())) & set(words):
            kinds[row["kind"]].append(row)
    print(
        "  share of rows in which the row's own word is found   contains   shipped defaults   + 2 characters by sound"
    )
    for kind, some in kinds.items():
        shares = [share(some, finder) for finder in (in_finder(naive), scan_finder(safe), scan_finder(bold))]
        label = "clean rows flagged" if kind == "clean" else kind
        print(f"  {label:<20} {len(some):>5} rows {shares[0]:>32.3f} {shares[1]:>18.3f} {shares[2]:>24.3f}")
    print("  (clean: any word of this rude dictionary, many of them everyday words; judged flags are in the tests)")


Finder = Callable[[str], set[str]]


def in_finder(words: dict[str, str]) -> Finder:
    return lambda text: {word for word, lowered in words.items() if lowered in text.lower()}


def scan_finder(lexicon: Lexicon) -> Finder:
    return lambda text: {hit.word for hit in scan(text, lexicon, role="customer")}


def sounds(word: str) -> str:
    return to_syllables(letters_of(word))


def share(rows: list[dict[str, object]], finder: Finder) -> float:
    found = 0
    for row in rows:
        words = finder(str(row["text"]))
        wanted = row.get("entities")
        if isinstance(wanted, list):
            # a longer entry that covers the word, or one of equal sound, flags the row at the right place
            found += any(sounds(w) in sounds(one) for w in wanted for one in words)
        else:
            found += bool(words)
    return found / len(rows)


if __name__ == "__main__":
    main()
