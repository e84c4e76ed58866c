"""Order reading against one compiled regex that finds digit runs, and the import against ``csv`` alone.

Run: .venv/bin/python bench/bench_orders.py [CHAT.txt]. Without a file the lines are made from a seed:
nine of ten hold no number, as in real chat. Ratios are taken in one run on one machine.
"""

import asyncio
import csv
import io
import random
import re
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bot.orders.importing import import_file
from bot.orders.reading import extract
from bot.orders.samples import SampleOrder, taobao_csv
from bot.orders.tables import OrderRecord
from kernel.database import Database

LINES = 40_000
IMPORT_ROWS = 10_000
DIGIT_RUNS = re.compile(r"\d{9,}")
WORDS = (
    "什么时候发货", "亲", "收到了", "谢谢", "这个颜色还有吗", "麻烦帮我查一下", "退款",
    "好的", "快递到哪了", "可以便宜点吗", "我要两件", "129元", "明天能到吗",
)  # fmt: skip


def chat(dice: random.Random) -> list[str]:
    lines = []
    for _ in range(LINES):
        words = " ".join(dice.choices(WORDS, k=dice.randint(1, 4)))
        kind = dice.random()
        if kind < 0.05:
            words += f" 订单号：{dice.randint(10**18, 9 * 10**18)}"
        elif kind < 0.08:
            words += f" {dice.randint(3 * 10**11, 4 * 10**11)}"
        elif kind < 0.10:
            words += f" 电话1{dice.randint(3 * 10**9, 10**10 - 1)}"
        lines.append(words)
    return lines


def per_second(work: Callable[[str], object], lines: list[str]) -> float:
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        for line in lines:
            work(line)
        best = max(best, len(lines) / (time.perf_counter() - started))
    return best


async def import_rate(folder: Path, data: bytes) -> tuple[float, int]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'bench.sqlite3'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(OrderRecord.metadata.create_all)
    path = folder / "orders.csv"
    path.write_bytes(data)
    started = time.perf_counter()
    await import_file(database, path, by="bench", now=datetime.now(UTC))
    took = time.perf_counter() - started
    tracemalloc.start()
    await import_file(database, path, by="bench", now=datetime.now(UTC))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await database.close()
    return IMPORT_ROWS / took, peak


def main() -> None:
    dice = random.Random(20250601)
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines() if len(sys.argv) > 1 else chat(dice)
    ours, naive = per_second(extract, lines), per_second(DIGIT_RUNS.findall, lines)
    quiet = [line for line in lines if not DIGIT_RUNS.search(line)]
    loud = [line for line in lines if DIGIT_RUNS.search(line)]
    print(f"reading         {ours:>12,.0f} messages/s")
    print(f"one regex       {naive:>12,.0f} messages/s   ratio {naive / ours:.1f}")
    print(f"without numbers {per_second(extract, quiet):>12,.0f} messages/s   ({len(quiet)} lines)")
    if loud:
        print(f"with numbers    {per_second(extract, loud):>12,.0f} messages/s   ({len(loud)} lines)")
    paid = datetime(2025, 6, 1, tzinfo=UTC)
    orders = (SampleOrder(f"22266{n:013d}1", 100 + n, paid) for n in range(IMPORT_ROWS))
    data = taobao_csv(orders)
    started = time.perf_counter()
    for _row in csv.reader(io.StringIO(data.decode("gb18030"))):
        pass
    alone = IMPORT_ROWS / (time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        rate, peak = asyncio.run(import_rate(Path(folder), data))
    print(f"import          {rate:>12,.0f} rows/s         csv alone {alone:,.0f} rows/s, ratio {alone / rate:.1f}")
    print(f"import, peak    {peak / 1e6:>12.1f} MB of Python memory for a file of {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
