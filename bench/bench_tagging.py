"""How fast is tagging, beside the matcher alone, jieba alone, and the naive pipeline everybody writes first?

Run: ``python bench/bench_tagging.py`` (less than a minute). Real chat is read from ``$XIAOER_SHARED/data``
(default ``../shared`` beside the repository) when it is there, synthetic lines otherwise. Trust ratios, not absolutes.
"""

import json
import os
import platform
import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import ahocorasick_rs
import jieba
import rjieba
from rapidfuzz import process

from tagger import TagRule, compile_library, shipped_library, shipped_rules, suggest

SHARED = Path(os.environ.get("XIAOER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SIZES = (100, 1_000, 10_000)
ROUNDS = 3
LINES_MAX = 10_000
SECONDS_PER_MEASURE = 1.0  # slow methods see fewer lines
WORDS_PER_RULE = 10


def read_lines(rng: random.Random) -> tuple[str, list[str]]:
    """Chat lines: real ones when they are on this machine."""
    path = SHARED / "data" / "clean_chat.txt"
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
        return "JDDC chat", rng.sample(lines, min(LINES_MAX, len(lines)))
    pieces = [word.replace("…", "") for rule in shipped_rules() for word in rule.keywords]
    pieces += list("你好请问这个那个什么时候可以我的订单今天明天收到谢谢吗呢啊了的是在有") * 20
    return "synthetic", ["".join(rng.choices(pieces, k=rng.randint(2, 9))) for _ in range(LINES_MAX)]


def make_rules(size: int, rng: random.Random) -> list[TagRule]:
    """A library of ``size`` keywords: the shipped words first, then words that jieba's dictionary knows."""
    words = list(dict.fromkeys(word for rule in shipped_rules() for word in rule.keywords if "…" not in word))
    rng.shuffle(words)
    known = [word for word in jieba.dt.FREQ if 2 <= len(word) <= 6 and jieba.dt.FREQ[word]]
    words = list(dict.fromkeys(words[: size // 2] + rng.sample(known, size)))[:size]
    groups = [words[at : at + WORDS_PER_RULE] for at in range(0, size, WORDS_PER_RULE)]
    return [
        TagRule(f"rule-{number}", "类", "组", f"标签{number}", tuple(group), about_self=True, question="weaker")
        for number, group in enumerate(groups)
    ]


def measure(work: Callable[[str], object], lines: Sequence[str]) -> float:
    """Messages per second: the median of ROUNDS, each of about SECONDS_PER_MEASURE / ROUNDS."""
    for line in lines[:20]:
        work(line)
    rates = []
    for _ in range(ROUNDS):
        done, began = 0, time.perf_counter()
        deadline = began + SECONDS_PER_MEASURE / ROUNDS
        while (now := time.perf_counter()) < deadline:
            batch = lines[done % len(lines) :][:200]
            for line in batch:
                work(line)
            done += len(batch)
            if len(batch) and (time.perf_counter() - now) > SECONDS_PER_MEASURE:
                break
        rates.append(done / (time.perf_counter() - began))
    return statistics.median(rates)


def measure_naive(keywords: Sequence[str], lines: Sequence[str]) -> float:
    """Jieba + extractOne on every token: so slow that it is timed line by line."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS_PER_MEASURE:
        for token in jieba.lcut(lines[done % len(lines)]):
            process.extractOne(token, keywords, score_cutoff=80)
        done += 1
    return done / (time.perf_counter() - began)


def main() -> None:
    rng = random.Random(7)
    jieba.setLogLevel("ERROR")
    jieba.initialize()
    source, lines = read_lines(rng)
    length = statistics.mean(map(len, lines))
    print(f"{platform.machine()}, {platform.python_version()}; {len(lines)} lines, {source}, {length:.1f} characters")
    jieba_rate = measure(jieba.lcut, lines)
    rjieba_rate = measure(rjieba.Jieba().cut, lines)
    library = shipped_library()
    shipped = measure(lambda line: suggest(line, library, speaker="customer"), lines)
    print(f"jieba.lcut {jieba_rate:,.0f}/s, rjieba {rjieba_rate:,.0f}/s; shipped library {shipped:,.0f}/s\n")
    print("keywords  tagger/s  matcher/s  naive/s   of matcher  x jieba  x naive  compile s")
    results = []
    for size in SIZES:
        rules = make_rules(size, rng)
        keywords = [word for rule in rules for word in rule.keywords]
        began = time.perf_counter()
        compiled = compile_library(rules)
        compile_s = time.perf_counter() - began
        automaton = ahocorasick_rs.AhoCorasick(keywords)
        tagger = measure(lambda line, lib=compiled: suggest(line, lib, speaker="customer"), lines)  # type: ignore[misc]  # bound now
        matcher = measure(lambda line, ac=automaton: ac.find_matches_as_indexes(line, overlapping=True), lines)  # type: ignore[misc]  # bound now
        naive = measure_naive(keywords, lines)
        results.append({"keywords": size, "tagger": tagger, "matcher": matcher, "jieba": jieba_rate, "naive": naive})
        print(
            f"{size:>8,}  {tagger:>8,.0f}  {matcher:>9,.0f}  {naive:>7,.0f}   "
            f"{tagger / matcher:>10.2f}  {tagger / jieba_rate:>7.1f}  {tagger / naive:>7,.0f}  {compile_s:>9.2f}"
        )
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
