"""What can go wrong in this room, named after what the caller should do next."""


class ComplianceError(Exception):
    """Base of the room's errors."""


class LexiconError(ComplianceError):
    """A lexicon line cannot be read. Correct the file at ``source:line``; ``problem`` is said in Chinese."""

    def __init__(self, source: str, line: int, problem: str) -> None:
        super().__init__(f"{source} 第 {line} 行：{problem}")
        self.source, self.line, self.problem = source, line, problem


class UnknownFlag(ComplianceError):
    """No flag has this id: it was erased, or the address is wrong."""

    def __init__(self, flag_id: int) -> None:
        super().__init__(f"flag {flag_id} does not exist")
        self.flag_id = flag_id


class NothingToUndo(ComplianceError):
    """The flag carries no verdict that could be taken back."""
