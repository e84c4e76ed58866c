"""What order numbers look like, platform by platform. The data is ``shapes.yaml``; a shop may pass its own book. Pure.

A shape never decides the platform: 12 digits may be JD or a waybill, 19 may be Taobao, Douyin or a
WeChat shop. It says which platforms are worth a look-up, and whether the number needs a label.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Literal

import yaml

Alone = Literal["A", "B", "C", "label", "named"]
FIRST_YEAR, LAST_YEAR = 2003, 2035  # the oldest shop platform here; far enough ahead to notice nonsense


@dataclass(frozen=True, slots=True)
class Shape:
    platform: str
    least: int
    most: int
    prefix: str
    starts: tuple[str, ...]
    check: str
    alone: Alone

    def fits(self, prefix: str, digits: str, *, today: date | None) -> bool:
        """True when a number may be of this platform. ``today`` rules out dates in the future."""
        return (
            prefix == self.prefix
            and self.least <= len(digits) <= self.most
            and (not self.starts or digits.startswith(self.starts))
            and _CHECKS[self.check](digits, today)
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """The platforms whose shape a number has, best first, and how sure a bare number would be."""

    platforms: tuple[str, ...]
    alone: Alone


@dataclass(frozen=True, slots=True)
class ShapeBook:
    shapes: tuple[Shape, ...]
    names: tuple[tuple[str, str], ...]  # (what people call it, platform), longest first

    def fit(
        self,
        prefix: str,
        digits: str,
        *,
        labelled: bool = False,
        named: frozenset[str] = frozenset(),
        today: date | None = None,
    ) -> Fit | None:
        """The platforms a number may belong to, or None. A named platform comes first when it fits."""
        if digits.startswith("0"):
            return None
        found: dict[str, Alone] = {}
        for shape in self.shapes:
            wanted = (
                shape.alone not in {"label", "named"}
                or (shape.alone == "label" and labelled)
                or (shape.alone == "named" and shape.platform in named)
            )
            if wanted and shape.fits(prefix, digits, today=today):
                found.setdefault(shape.platform, shape.alone)
        if not found:
            return None
        platforms = sorted(found, key=lambda platform: platform not in named)  # stable: the file's order otherwise
        return Fit(tuple(platforms), min(found.values()))

    def named_in(self, text: str) -> frozenset[str]:
        """The platforms a text calls by name."""
        lowered = text.lower()
        return frozenset(platform for name, platform in self.names if name in lowered)


def parse_shapes(text: str) -> ShapeBook:
    """Read a shape book from YAML; raises ValueError naming the entry that is wrong."""
    data = yaml.safe_load(text)
    shapes = []
    for at, entry in enumerate(data["shapes"], start=1):
        least, most = entry["digits"]
        check, alone = str(entry.get("check", "")), entry["alone"]
        if check not in _CHECKS or alone not in {"A", "B", "C", "label", "named"} or not 1 <= least <= most:
            raise ValueError(f"shape {at} ({entry.get('platform')}): check, alone or digits is not one we know")
        starts = tuple(str(start) for start in entry.get("starts", ()))
        shapes.append(
            Shape(str(entry["platform"]), least, most, str(entry.get("prefix", "")).upper(), starts, check, alone)
        )
    names = [(str(name).lower(), str(platform)) for platform, names in data["names"].items() for name in names]
    return ShapeBook(tuple(shapes), tuple(sorted(names, key=lambda pair: (-len(pair[0]), pair[0]))))


@cache
def shipped_shapes() -> ShapeBook:
    """The book that ships with the product."""
    return parse_shapes(resources.files(__package__).joinpath("shapes.yaml").read_text(encoding="utf-8"))


def order_key(platform: str, number: str) -> str:
    """The unique key of an order: the same for every way of writing its number."""
    return f"{platform}:{number}"


def is_date(year: int, month: int, day: int, today: date | None = None) -> bool:
    try:
        found = date(year, month, day)
    except ValueError:
        return False
    return FIRST_YEAR <= year <= LAST_YEAR and (today is None or found <= today)


def is_date_time(digits: str) -> bool:
    """True for yyyymmddhhmm or yyyymmddhhmmss."""
    form = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    if form is None:
        return False
    try:
        found = datetime.strptime(digits, form)  # noqa: DTZ007 - only asks whether it is a moment at all
    except ValueError:
        return False
    return FIRST_YEAR <= found.year <= LAST_YEAR


def _yymmdd(digits: str, today: date | None) -> bool:
    return is_date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]), today)


def _date_time(digits: str, today: date | None) -> bool:
    return is_date_time(digits[:14]) and is_date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]), today)


def _two_digit_year(digits: str, today: date | None) -> bool:
    return 8 <= int(digits[:2]) <= (today.year - 2000 if today else LAST_YEAR - 2000)


_CHECKS = {"": lambda _digits, _today: True, "yymmdd": _yymmdd, "yyyymmddhhmmss": _date_time, "yy": _two_digit_year}
