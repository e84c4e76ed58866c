"""Read and write scripts. Each save keeps a version; nothing here commits."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kernel.database import insert_once
from scripts_library.choose import Choice, Script, choose
from scripts_library.defaults import DEFAULTS
from scripts_library.errors import ChangedMeanwhile, CodeTaken
from scripts_library.render import check
from scripts_library.tables import ScriptRow, ScriptVersion

CONTENT = ("kind", "title", "body", "category", "keywords", "channel_state", "opens", "closes", "enabled")

log = structlog.get_logger()


async def current(db: AsyncSession, kind: str, channel_state: str | None = None, at: datetime | None = None) -> Choice:
    """The script a customer gets now, and why."""
    rows = await db.scalars(select(ScriptRow).where(ScriptRow.kind == kind))
    return choose([to_script(row) for row in rows], kind=kind, channel_state=channel_state, at=at)


async def list_scripts(db: AsyncSession) -> list[ScriptRow]:
    """All scripts, the latest saved first."""
    return list(await db.scalars(select(ScriptRow).order_by(ScriptRow.updated_at.desc(), ScriptRow.code)))


async def get_script(db: AsyncSession, code: str) -> ScriptRow | None:
    return await db.scalar(select(ScriptRow).where(ScriptRow.code == code))


async def add_script(db: AsyncSession, script: Script, *, by: str, now: datetime, note: str = "新建") -> ScriptRow:
    """Add a new script. Raises CodeTaken, or what ``render.check`` finds wrong."""
    check(script.body, kind=script.kind)
    values = {
        **_content(script),
        "code": script.code,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "updated_by": by,
    }
    if not await insert_once(db, ScriptRow, values, unique=("code",)):
        raise CodeTaken(script.code)
    row = await get_script(db, script.code)
    assert row is not None
    await _keep_version(db, row, note=note)
    return row


async def save_script(
    db: AsyncSession, script: Script, *, expected_version: int, by: str, now: datetime, note: str = "修改"
) -> ScriptRow:
    """Change a script; saving what is already there keeps the version.

    Raises ChangedMeanwhile when ``expected_version`` is not the newest any more, LookupError when the code is unknown.
    """
    check(script.body, kind=script.kind)
    chosen = select(ScriptRow).where(ScriptRow.code == script.code).with_for_update()
    row = await db.scalar(chosen)
    if row is None:
        raise LookupError(script.code)
    if row.version != expected_version:
        raise ChangedMeanwhile(row.updated_by)
    content = _content(script)
    if content == {name: getattr(row, name) for name in CONTENT}:
        return row
    for name, value in content.items():
        setattr(row, name, value)
    row.version, row.updated_at, row.updated_by = row.version + 1, now, by
    await _keep_version(db, row, note=note)
    log.info("script_saved", code=row.code, version=row.version)
    return row


async def set_enabled(db: AsyncSession, code: str, *, enabled: bool, by: str, now: datetime) -> ScriptRow | None:
    """Switch a script on or off; None when there is no such script."""
    row = await get_script(db, code)
    if row is None or row.enabled == enabled:
        return row
    row.enabled, row.version, row.updated_at, row.updated_by = enabled, row.version + 1, now, by
    await _keep_version(db, row, note="启用" if enabled else "停用")
    return row


async def versions_of(db: AsyncSession, code: str) -> list[ScriptVersion]:
    """Every version of a script, newest first."""
    chosen = select(ScriptVersion).where(ScriptVersion.code == code).order_by(ScriptVersion.version.desc())
    return list(await db.scalars(chosen))


async def restore_version(db: AsyncSession, code: str, version: int, *, by: str, now: datetime) -> ScriptRow | None:
    """Bring an old version back as a new one; None when there is none such."""
    chosen = select(ScriptVersion).where(ScriptVersion.code == code, ScriptVersion.version == version)
    old, row = await db.scalar(chosen), await get_script(db, code)
    if old is None or row is None:
        return None
    return await save_script(
        db, to_script(old), expected_version=row.version, by=by, now=now, note=f"恢复到第 {version} 版"
    )


async def seed_default_scripts(db: AsyncSession, now: datetime) -> int:
    """Add the scripts the product ships with, each once; what a shop has changed stays. The number added."""
    added = 0
    for script in DEFAULTS:
        if await get_script(db, script.code) is None:
            await add_script(db, script, by="小二", now=now, note="随产品提供")
            added += 1
    return added


def to_script(row: ScriptRow | ScriptVersion) -> Script:
    """A row as the engines see it."""
    return Script(code=row.code, version=row.version, **{name: getattr(row, name) for name in CONTENT})


def _content(script: Script) -> dict[str, object]:
    return {name: getattr(script, name) for name in CONTENT}


async def _keep_version(db: AsyncSession, row: ScriptRow, *, note: str) -> None:
    content = {name: getattr(row, name) for name in CONTENT}
    kept = ScriptVersion(
        code=row.code, version=row.version, saved_at=row.updated_at, saved_by=row.updated_by, note=note, **content
    )
    db.add(kept)
    await db.flush()
