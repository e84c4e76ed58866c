"""What can be wrong with a script. Messages are Chinese: they stand beside the field."""


class ScriptError(Exception):
    """A script cannot be used as it is; ``str`` says what to change."""


class UnknownPlaceholder(ScriptError):
    """A {placeholder} that does not exist here."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"没有「{{{name}}}」这个变量。可以用的有：{'、'.join('{' + one + '}' for one in known)}")
        self.name, self.known = name, known


class BrokenPlaceholder(ScriptError):
    """A brace without its partner, or nothing between the two."""

    def __init__(self, near: str) -> None:
        super().__init__(f"「{near}」附近的花括号不成对。要写花括号本身，请写两个：{{{{ 或 }}}}")
        self.near = near


class TextTooLong(ScriptError):
    """More bytes than WeCom accepts."""

    def __init__(self, size: int, size_max: int) -> None:
        super().__init__(f"内容有 {size} 字节，超过了上限 {size_max} 字节（一个汉字 3 字节）")
        self.size, self.size_max = size, size_max


class CodeTaken(ScriptError):
    """Another script has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"编码「{code}」已经有话术在用，换一个吧")
        self.code = code


class ChangedMeanwhile(ScriptError):
    """Somebody saved a newer version since the form was opened."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by} 刚刚也改了这条话术。请先看看最新版本，再决定要不要保存")
        self.by = by
