"""Store of the console's people: who may sign in, who is signed in, how often somebody tried.

Functions take ``db`` and ``now`` and never commit. Tokens leave this module once, in clear, and are kept as hashes.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.tables import ConsoleAccount, ConsoleAttempt, ConsoleLogin, ConsoleOneTime
from kernel.database import insert_once
from kernel.pages import ROLE_NAMES

LOGIN_LIFETIME = timedelta(hours=12)
ONE_TIME_LIFETIME = timedelta(hours=24)
ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_NAME_AND_ADDRESS_MAX = 6
ATTEMPTS_PER_NAME_MAX = 60  # from anywhere: slows a guess from many addresses without locking people out at once
ATTEMPTS_PER_ADDRESS_MAX = 60  # a whole shop may share one address
NAME_LENGTH_MAX = 40
ADDRESS_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a valid cookie stands for."""

    account_id: int
    name: str
    roles: frozenset[str]
    csrf_token: str


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def add_account(
    db: AsyncSession, name: str, roles: Iterable[str], *, password_hash: str | None, now: datetime
) -> bool:
    """Create an account; False when the name is taken. ``password_hash`` comes from passwords.hash_password."""
    values = {
        "name": name,
        "password": password_hash,
        "roles": sorted(set(roles) & ROLE_NAMES.keys()),
        "disabled": False,
        "created_at": now,
    }
    return await insert_once(db, ConsoleAccount, values, unique=("name",))


async def get_account(db: AsyncSession, account_id: int) -> ConsoleAccount | None:
    return await db.get(ConsoleAccount, account_id)


async def get_by_name(db: AsyncSession, name: str) -> ConsoleAccount | None:
    return (await db.scalars(select(ConsoleAccount).where(ConsoleAccount.name == name))).one_or_none()


async def list_accounts(db: AsyncSession) -> Sequence[ConsoleAccount]:
    return (await db.scalars(select(ConsoleAccount).order_by(ConsoleAccount.disabled, ConsoleAccount.name))).all()


async def is_last_admin(db: AsyncSession, account_id: int) -> bool:
    """True when nobody else could manage accounts. Roles are a JSON list, so they are read and not queried."""
    people = await list_accounts(db)
    admins = {person.id for person in people if "admin" in person.roles and not person.disabled}
    return admins == {account_id}


async def set_roles(db: AsyncSession, account_id: int, roles: Iterable[str]) -> None:
    chosen = sorted(set(roles) & ROLE_NAMES.keys())
    await db.execute(update(ConsoleAccount).where(ConsoleAccount.id == account_id).values(roles=chosen))


async def set_disabled(db: AsyncSession, account_id: int, *, disabled: bool) -> None:
    """A disabled account is signed out everywhere, and its unused links die."""
    await db.execute(update(ConsoleAccount).where(ConsoleAccount.id == account_id).values(disabled=disabled))
    if disabled:
        await sign_out_everywhere(db, account_id)


async def set_password(db: AsyncSession, account_id: int, password_hash: str) -> None:
    """Set a new password; whoever was signed in with the old one must sign in again."""
    await db.execute(update(ConsoleAccount).where(ConsoleAccount.id == account_id).values(password=password_hash))
    await sign_out_everywhere(db, account_id)


async def record_attempt(db: AsyncSession, name: str, address: str, *, now: datetime) -> int | None:
    """Note a try before its password is looked at. None when there were too many: refuse without looking."""
    name_key, place, since = token_hash(name), address[:ADDRESS_LENGTH_MAX], now - ATTEMPT_WINDOW
    await db.execute(delete(ConsoleAttempt).where(ConsoleAttempt.at <= since))
    same_name, same_address = ConsoleAttempt.name_hash == name_key, ConsoleAttempt.address == place
    counts = select(
        func.count().filter(same_name, same_address), func.count().filter(same_name), func.count().filter(same_address)
    ).where(or_(same_name, same_address))
    here, by_name, by_address = (await db.execute(counts)).one()
    if (
        here >= ATTEMPTS_PER_NAME_AND_ADDRESS_MAX
        or by_name >= ATTEMPTS_PER_NAME_MAX
        or by_address >= ATTEMPTS_PER_ADDRESS_MAX
    ):
        return None
    attempt = ConsoleAttempt(name_hash=name_key, address=place, at=now)
    db.add(attempt)
    await db.flush()
    return attempt.id


async def forget_attempts(db: AsyncSession, name: str, address: str) -> None:
    """The person got in: earlier slips of theirs from this address no longer count."""
    await db.execute(
        delete(ConsoleAttempt).where(
            ConsoleAttempt.name_hash == token_hash(name), ConsoleAttempt.address == address[:ADDRESS_LENGTH_MAX]
        )
    )


async def sign_in(db: AsyncSession, account_id: int, *, now: datetime) -> str:
    """Open a login and return the cookie's token."""
    await db.execute(delete(ConsoleLogin).where(ConsoleLogin.expires_at <= now))
    token = secrets.token_urlsafe(32)
    db.add(
        ConsoleLogin(
            token_hash=token_hash(token),
            account_id=account_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            expires_at=now + LOGIN_LIFETIME,
        )
    )
    await db.execute(update(ConsoleAccount).where(ConsoleAccount.id == account_id).values(signed_in_at=now))
    return token


async def get_signed_in(db: AsyncSession, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this token, unless it is unknown, expired, or the account is disabled."""
    query = (
        select(ConsoleAccount.id, ConsoleAccount.name, ConsoleAccount.roles, ConsoleLogin.csrf_token)
        .join(ConsoleLogin, ConsoleLogin.account_id == ConsoleAccount.id)
        .where(ConsoleLogin.token_hash == token_hash(token), ConsoleLogin.expires_at > now)
        .where(ConsoleAccount.disabled.is_(False))
    )
    row = (await db.execute(query)).one_or_none()
    return None if row is None else SignedIn(row.id, row.name, frozenset(row.roles), row.csrf_token)


async def sign_out(db: AsyncSession, token: str) -> None:
    await db.execute(delete(ConsoleLogin).where(ConsoleLogin.token_hash == token_hash(token)))


async def sign_out_everywhere(db: AsyncSession, account_id: int) -> None:
    await db.execute(delete(ConsoleLogin).where(ConsoleLogin.account_id == account_id))
    await db.execute(delete(ConsoleOneTime).where(ConsoleOneTime.account_id == account_id))


async def add_one_time(
    db: AsyncSession, account_id: int, *, now: datetime, lifetime: timedelta = ONE_TIME_LIFETIME
) -> str:
    """A token for ``/login/once?token=…``; it signs in once, within ``lifetime``."""
    await db.execute(delete(ConsoleOneTime).where(ConsoleOneTime.expires_at <= now))
    token = secrets.token_urlsafe(32)
    db.add(ConsoleOneTime(token_hash=token_hash(token), account_id=account_id, expires_at=now + lifetime))
    await db.flush()
    return token


async def use_one_time(db: AsyncSession, token: str, *, now: datetime) -> int | None:
    """Spend a one-time token: the account's id for the first who asks, None for everybody else."""
    spend = (
        update(ConsoleOneTime)
        .where(ConsoleOneTime.token_hash == token_hash(token))
        .where(ConsoleOneTime.used_at.is_(None), ConsoleOneTime.expires_at > now)
        .values(used_at=now)
        .returning(ConsoleOneTime.account_id)
    )
    account_id = (await db.scalars(spend)).one_or_none()
    if account_id is None:
        return None
    account = await db.get(ConsoleAccount, account_id)
    return None if account is None or account.disabled else account_id
