"""Write the table of docs/settings.md from the settings themselves: ``python tests/docs/settings_table.py``."""

from dataclasses import fields
from pathlib import Path

from bot.settings import PREFIX, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
BEGIN = "<!-- settings: made by tests/docs/settings_table.py, do not edit -->"
END = "<!-- settings: end -->"


def table() -> str:
    """One row for each setting, in the order of the dataclass."""
    rows = ["| variable | default | secret | what it is |", "| --- | --- | --- | --- |"]
    for field in fields(Settings):
        default = f"`{field.default}`" if field.default else "—"
        secret = "yes" if field.metadata["secret"] else ""
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {secret} | {field.metadata['about']} |")
    return "\n".join(rows)


def renew(page: str) -> str:
    """The page with today's table between the marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
