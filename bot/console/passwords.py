"""Passwords at rest: scrypt (RFC 7914) with a salt and its parameters beside the hash."""

import hashlib
import hmac
import secrets

PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200
COST, BLOCK, PARALLEL = 2**15, 8, 1  # 32 MiB and some 60 ms per try
MEMORY_BYTES_MAX = 128 * 1024 * 1024


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """``scrypt$32768$8$1$salt$hash``; slow on purpose, so call it in a thread."""
    salt = salt or secrets.token_bytes(16)
    digest = _scrypt(password, salt, COST, BLOCK, PARALLEL)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${salt.hex()}${digest.hex()}"


NOBODY = f"scrypt${COST}${BLOCK}${PARALLEL}${'00' * 16}${'00' * 32}"  # matches nothing, costs the same


def password_matches(password: str, stored: str | None) -> bool:
    """True when ``password`` made ``stored``. Without a stored hash the same work is done in vain."""
    _, cost, block, parallel, salt, digest = (stored or NOBODY).split("$")
    found = _scrypt(password, bytes.fromhex(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, bytes.fromhex(digest)) and stored is not None


def complaint(password: str) -> str:
    """What is wrong with a new password, or ""."""
    if len(password) < PASSWORD_LENGTH_MIN:
        return f"密码至少 {PASSWORD_LENGTH_MIN} 位，建议用几个不相干的词连起来。"
    if len(password) > PASSWORD_LENGTH_MAX:
        return f"密码最多 {PASSWORD_LENGTH_MAX} 位。"
    if len(set(password)) < 4:
        return "密码太简单，请至少用 4 种不同的字符。"
    return ""


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    raw = password[:PASSWORD_LENGTH_MAX].encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=cost, r=block, p=parallel, maxmem=MEMORY_BYTES_MAX, dklen=32)
