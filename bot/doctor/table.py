"""The report on a terminal: one row for each finding, its advice beneath what was seen."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.doctor.findings import Finding, State

LOOKS = {
    State.OK: ("✓ 正常", "green"),
    State.WARN: ("! 注意", "yellow"),
    State.FAIL: ("✗ 不通", "bold red"),
    State.SKIPPED: ("– 跳过", "dim"),
}


def print_findings(findings: Sequence[Finding], *, simulated: bool, console: Console | None = None) -> None:
    """Print to standard output, or to ``console``. What was seen is text, never markup."""
    console = console or Console(highlight=False)
    if simulated:
        console.print(Text("企业微信和微信支付是模拟的：下面说的是模拟环境", style="yellow"))
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("检查", no_wrap=True)
    table.add_column("看到的 / 怎么办", overflow="fold")
    for finding in findings:
        word, style = LOOKS[finding.state]
        said = Text(finding.seen, style=style if finding.state is not State.OK else "")
        if finding.advice:
            said.append(f"\n→ {finding.advice}", style="default not dim not bold")
        table.add_row(Text(word, style=style), Text(finding.name), said)
    console.print(table)
    counted = Counter(finding.state for finding in findings)
    console.print(
        f"\n{counted[State.OK]} 项正常，{counted[State.WARN]} 项注意，"
        f"{counted[State.FAIL]} 项不通，{counted[State.SKIPPED]} 项跳过"
    )
