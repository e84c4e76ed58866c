"""How checks depend on each other, what an address or a certificate is worth, and how the report reads."""

import logging
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rich.console import Console

from bot.doctor import Finding, State, print_findings, worst
from bot.doctor.findings import Check, Outcome, examine, fail, ok, warn
from bot.doctor.pay import _look_at
from bot.doctor.transport import our_address
from bot.doctor.wecom import judge_clock

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def check(key: str, outcome: Outcome, *needs: str) -> Check:
    async def run() -> Outcome:
        return outcome

    return Check(key, f"「{key}」".strip("「」"), run, needs)


async def test_what_depends_on_a_failure_is_skipped_and_says_on_what() -> None:
    """One cause, one failure: the rest of the table must not shout about the same thing."""
    findings = await examine(
        [
            check("a", fail("坏了", "修")),
            check("b", ok("好"), "a"),
            check("c", ok("好"), "b"),
            check("d", warn("慢", "等")),
            check("e", ok("好"), "d"),
        ]
    )
    assert [(one.key, one.state, one.seen) for one in findings] == [
        ("a", State.FAIL, "坏了"),
        ("b", State.SKIPPED, "因为「a」没有通过"),
        ("c", State.SKIPPED, "因为「b」跳过了"),
        ("d", State.WARN, "慢"),
        ("e", State.OK, "好"),
    ]


async def test_a_check_that_breaks_does_not_stop_the_others_and_quotes_nothing() -> None:
    async def broken() -> Outcome:
        raise RuntimeError("the secret is 12345")

    findings = await examine([Check("a", "甲", broken), check("b", ok("好"))])
    assert [one.state for one in findings] == [State.FAIL, State.OK]
    assert "12345" not in findings[0].seen + findings[0].advice


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((State.OK, State.SKIPPED), State.OK),
        ((State.OK, State.WARN), State.WARN),
        ((State.WARN, State.FAIL), State.FAIL),
        ((), State.OK),
    ],
)
def test_the_worst_decides_and_a_skip_is_no_trouble(states: tuple[State, ...], expected: State) -> None:
    assert worst([Finding(str(n), "", state, "") for n, state in enumerate(states)]) is expected


@pytest.mark.parametrize(
    ("skew_s", "state", "seen"),
    [(0, State.OK, "1 秒"), (60, State.OK, "60 秒"), (61, State.FAIL, "快 61 秒"), (-300, State.FAIL, "慢 300 秒")],
)
def test_a_minute_of_skew_is_the_limit(skew_s: int, state: State, seen: str) -> None:
    outcome = judge_clock(NOW + timedelta(seconds=skew_s), NOW, of="企业微信")
    assert (outcome.state, seen in outcome.seen) == (state, True)


def test_an_answer_without_a_date_is_no_proof() -> None:
    assert judge_clock(NOW, None, of="企业微信").state is State.WARN


def test_the_address_wecom_saw_is_read_from_its_own_words() -> None:
    """60020 tells which address to add: a person would have to search for it otherwise."""
    said = "not allow to access from your ip, hint: [1690], from ip: 203.0.113.9, more info at https://…"
    assert our_address(said) == "203.0.113.9"
    assert our_address("from ip: 2001:db8::1, more") == "2001:db8::1"
    assert our_address("no right to call this api") == ""


def _certificate(folder: Path, *, days: int, stranger: bool = False) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "1900000109")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key((ec.generate_private_key(ec.SECP256R1()) if stranger else key).public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    file = folder / "merchant.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    ("days", "stranger", "state", "seen"),
    [
        (100, False, State.OK, "2027-03-02"),
        (10, False, State.WARN, "10 天到期"),
        (-1, False, State.FAIL, "已经到期"),
        (100, True, State.FAIL, "不是一对"),
    ],
)
def test_a_merchant_certificate_is_looked_at_before_it_fails_a_payment(
    tmp_path: Path, days: int, stranger: bool, state: State, seen: str
) -> None:
    outcome = _look_at(_certificate(tmp_path, days=days, stranger=stranger), now=NOW)
    assert (outcome.state, seen in outcome.seen) == (state, True), outcome


def test_a_private_key_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    file = _certificate(tmp_path, days=100)
    file.chmod(0o644)
    assert "chmod 600" in _look_at(file, now=NOW).advice


def test_a_file_that_is_no_certificate_says_what_belongs_in_it(tmp_path: Path) -> None:
    file = tmp_path / "merchant.pem"
    file.write_text("hello", "ascii")
    assert "apiclient_key.pem" in _look_at(file, now=NOW).advice


def test_the_report_shows_each_advice_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    out = StringIO()
    findings = [
        Finding("a", "数据库", State.OK, "sqlite"),
        Finding("b", "微信客服", State.FAIL, "不行 [bold]48007[/bold]", "到管理后台"),
    ]
    with caplog.at_level(logging.DEBUG):
        print_findings(findings, simulated=True, console=Console(file=out, width=100))
    said = out.getvalue()
    assert "模拟" in said.splitlines()[0]
    assert "[bold]48007[/bold]" in said, "what was seen is text, not markup"
    assert "→ 到管理后台" in said
    assert "1 项正常，0 项注意，1 项不通，0 项跳过" in said
    assert caplog.records == []
