"""The command ``xiaoer``."""

from bot.cli import cli


def main() -> None:
    cli(prog_name="xiaoer")


if __name__ == "__main__":
    main()
