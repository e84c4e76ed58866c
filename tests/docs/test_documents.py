"""What the documents promise is true of the code: commands, examples, links, settings, tables, names of files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from settings_table import PAGE, renew

from bot.cli import cli
from bot.kinds import InboxKind, OutboxKind
from bot.mailbox import Lane
from bot.schema import METADATA

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
DECISION_HEADINGS = ["Context", "Choice", "Price", "What we refused"]
FRAGMENT = re.compile(r"\d+\.(?:feature|fix|security|data)(?:\.\d+)?\.md")
EXAMPLE_S = 30


def tracked() -> list[Path]:
    """Files that are in the repository, or will be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # git of the machine
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def slug(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return kept.replace(" ", "-")


# -- settings --------------------------------------------------------------------------------------


def test_the_table_of_settings_is_what_the_code_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renew(page) == page, "run python tests/docs/settings_table.py"


# -- commands --------------------------------------------------------------------------------------


def command(words: list[str]) -> click.Command:
    """The command that ``words`` name, without options and arguments. Raises LookupError."""
    found: click.Command = cli
    for word in words:
        if not isinstance(found, click.Group):
            break
        if word not in found.commands:
            raise LookupError(word)
        found = found.commands[word]
    return found


@pytest.mark.parametrize("readme", READMES)
def test_every_command_named_in_the_readme_exists(readme: str) -> None:
    text = read(readme)
    mentions = re.findall(r"xiaoer((?: [a-z][a-z]*)+)((?: (?:--[a-z-]+|[A-Z]+))*)", text)
    assert len(mentions) > 10
    for words, rest in mentions:
        found = command(words.split())
        options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        asked = set(re.findall(r"--[a-z-]+", rest))
        assert asked <= options, f"xiaoer{words}: {asked - options}"
    every = {name for name in cli.commands if name != "orders"} | {"orders import", "orders extract"}
    named = {words.strip() for words, _rest in mentions}
    assert every <= named, f"not in {readme}: {every - named}"


@pytest.mark.parametrize("document", [*READMES, "docs/design.md", "docs/quality.md"])
def test_every_make_target_named_in_a_document_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", read(document), re.MULTILINE))
    assert named
    assert named <= targets


def examples() -> dict[str, str]:
    """Command → output, from the ```console blocks of both READMEs."""
    found: dict[str, str] = {}
    for readme in READMES:
        for block in re.findall(r"^```console\n(.*?)^```", read(readme), re.MULTILINE | re.DOTALL):
            for line, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
                assert found.setdefault(line, output) == output, f"the READMEs differ about: {line}"
    return found


def test_the_readme_s_examples_give_the_output_they_show() -> None:
    """Started together, because each takes a second to load its tables."""
    shown = examples()
    assert {line.rsplit("| ", 1)[1] for line in shown} == {"xiaoer orders extract", "xiaoer tag", "xiaoer scan"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    running = {
        line: subprocess.Popen(  # noqa: S603  # the lines are ours
            ["bash", "-c", line],  # noqa: S607  # the shell a reader would use
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for line in shown
    }
    given = {line: process.communicate(timeout=EXAMPLE_S)[0] for line, process in running.items()}
    assert given == shown


# -- links -----------------------------------------------------------------------------------------


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for document in documents():
        text = without_code(document.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^()\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (document.parent / name) if name else document
            if not file.exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
            elif anchor and anchor not in anchors(file):
                broken.append(f"{document.relative_to(ROOT)}: {target}: no such heading")
    assert broken == []


def anchors(file: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)}


# -- the design page -------------------------------------------------------------------------------


def test_the_seven_stops_name_files_and_functions_that_exist() -> None:
    page = read("docs/design.md")
    stops = re.findall(r"^ (?:[1-7]| ) {1,2}(bot/\S+\.py) +((?:\w+\(\) ?)+)", page, re.MULTILINE)
    assert len(stops) >= 7
    for name, functions in stops:
        source = read(name)
        for function in re.findall(r"(\w+)\(\)", functions):
            assert re.search(rf"def {function}\(", source), f"{name} has no {function}()"


def test_every_file_the_documents_name_exists() -> None:
    named = {
        (document.name, name)
        for document in documents()
        for name in re.findall(
            r"`((?:bot|tagger|scripts_library|compliance|kernel|tests|bench)/[\w./]+)`",
            document.read_text(encoding="utf-8"),
        )
    }
    assert named
    assert [one for one in sorted(named) if not (ROOT / one[1]).exists()] == []


def test_the_glossary_s_code_names_are_in_the_code() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in tracked() if path.parts[-2:][0] != "docs" and path.suffix == ".py"
    )
    rows = [line.split("|") for line in read("docs/design.md").splitlines() if re.match(r"\| [\u4e00-\u9fff]", line)]
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row[2])]
    assert len(names) > 30
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


def test_every_lane_and_every_kind_of_item_is_explained() -> None:
    page = read("docs/design.md")
    assert [str(one) for one in (*Lane, *InboxKind, *OutboxKind) if f"`{one}`" not in page] == []


def test_the_page_of_what_is_stored_where_names_exactly_the_tables_there_are() -> None:
    rows = [line.split("|")[1] for line in read("docs/security.md").splitlines() if line.startswith("| `")]
    named = sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))
    assert named == sorted(name for metadata in METADATA for name in metadata.tables)


# -- habits ----------------------------------------------------------------------------------------


def test_every_decision_has_its_four_headings() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert files
    for number, file in enumerate(files, start=1):
        text = file.read_text(encoding="utf-8")
        assert file.name.startswith(f"{number:04d}-"), f"{file.name}: numbers have a gap"
        assert text.startswith(f"# {number:04d} · ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == DECISION_HEADINGS, file.name


def test_every_change_is_one_sentence_in_a_file_of_its_own() -> None:
    for file in (ROOT / "changes").glob("*"):
        text = file.read_text(encoding="utf-8")
        assert FRAGMENT.fullmatch(file.name), file.name
        assert re.fullmatch(r"[^\n]+\.\n", text), f"{file.name}: one line, one sentence"


def test_the_repository_names_no_registry_and_no_workplace() -> None:
    """Locks carry hashes and no addresses; nothing may depend on the machine it was written on."""
    package_index = "py" + "pi."
    forbidden = [
        package_index + "org",
        package_index + "tuna",
        "files.python" + "hosted",
        "registry.n" + "pmjs",
        "npm" + "mirror",
        "deb.de" + "bian",
        "mirrors.aliyun" + ".com",
        "/" + "work/",
        "/." + "library",
    ]
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{path.relative_to(ROOT)}: {word}" for word in forbidden if word in text]
    assert found == []
