"""The callback URL, asked as WeCom asks it: a signed GET with an encrypted echo, against our own running server."""

import asyncio
import hmac
import ipaddress
import secrets
import socket

from yarl import URL

from bot.doctor.findings import Outcome, fail, ok, skipped, warn
from bot.doctor.services import DoctorServices
from bot.doctor.transport import NoAnswer, Reply, request
from bot.settings import Settings
from bot.wecom.envelope import seal

CALLBACK_PATH = "/wecom/callback/main"
ECHO_S_MAX = 1.0  # how long WeCom waits for the echo
ECHO_BYTES = 9


async def check_public_url(services: DoctorServices) -> Outcome:
    """An address that WeCom, from outside, could reach at all."""
    settings = services.settings
    url = _parse(settings.public_url)
    if not settings.public_url and settings.is_simulated:
        return skipped("模拟环境只在本机，用不着对外地址")
    if url is None:
        said = "XIAOER_PUBLIC_URL 不是一个网址" if settings.public_url else "没有设置 XIAOER_PUBLIC_URL"
        return fail(said, "填客户和企业微信访问小二的地址，例如 https://xiaoer.example.com")
    return ok(str(url)) if settings.is_simulated else await asyncio.to_thread(_judge_address, url)


async def check_echo(services: DoctorServices) -> Outcome:
    """What the admin page does when the URL is saved. Our own token and key sign it."""
    settings = services.settings
    base = settings.public_url or str(_local(settings))
    echo = secrets.token_hex(ECHO_BYTES).encode()
    sealed = seal(
        echo,
        token=settings.wecom_token,
        aes_key=settings.callback_aes_key,
        receive_id=settings.wecom_corpid,
        timestamp=str(int(services.clock().timestamp())),
        nonce=str(secrets.randbelow(10**10)),
        random16=secrets.token_bytes(16),
    )
    query = {
        "msg_signature": sealed.msg_signature,
        "timestamp": sealed.timestamp,
        "nonce": sealed.nonce,
        "echostr": sealed.encrypt,
    }
    url = base.rstrip("/") + CALLBACK_PATH
    try:
        reply = await request(services.session, "GET", url, params=query)
    except NoAnswer as trouble:
        advice = "确认 xiaoer serve 正在运行"
        if settings.public_url:
            advice += "，域名解析到这台机器，防火墙放行，反向代理把 /wecom/callback/ 转发过来"
        return fail(f"{url}：{trouble.reason}", advice)
    return _judge(url, reply, echo)


def _judge_address(url: URL) -> Outcome:
    """Looks the name up, so not on the event loop."""
    inside = _inside(url.host or "")
    if inside:
        return fail(f"{url.host} 是内网地址（{inside}）", "企业微信从公网来：换成公网能访问的域名，并转发到本机")
    if url.path not in {"", "/"}:
        return warn(f"对外地址带着路径 {url.path}", "小二的页面都在根路径下，请用单独的域名")
    if url.scheme != "https":
        return warn(f"{url.host} 用的是 http", "给域名配上证书，改用 https：登录和回调都不该明文传")
    return ok(str(url))


def _judge(url: str, reply: Reply, echo: bytes) -> Outcome:
    if reply.status != 200:
        return _judge_status(url, reply.status)
    if not hmac.compare_digest(reply.body, echo):
        return fail("回显的内容被改动了", "这个地址前面有别的程序在回答（拦截页、缓存、WAF）：让它放行回调路径")
    if reply.took_s > ECHO_S_MAX:
        return warn(f"回显用了 {reply.took_s:.1f} 秒", "企业微信只等 1 秒：检查机器负载和到这台机器的网络")
    return ok(f"{url} 回显正确，{reply.took_s * 1000:.0f} 毫秒")


def _judge_status(url: str, status: int) -> Outcome:
    match status:
        case 301 | 302 | 303 | 307 | 308:
            return fail(f"{url} 转到了别处（HTTP {status}）", "企业微信不跟随跳转：直接填跳转后的地址（通常是 https）")
        case 400:
            return fail(
                "正在运行的小二解不开我们的信封（HTTP 400）",
                "它用的 EncodingAESKey 与这里的设置不同：核对 XIAOER_WECOM_AES_KEY，与管理后台「接收消息」里的一致，"
                "再重启 xiaoer serve",
            )
        case 403:
            return fail(
                "正在运行的小二不认我们的签名（HTTP 403）",
                "它用的 Token 或企业ID 与这里的设置不同，或两边时钟相差一小时以上：核对 XIAOER_WECOM_TOKEN，"
                "与管理后台「接收消息」里的一致，再重启 xiaoer serve",
            )
        case 404:
            return fail(f"{url} 不存在（HTTP 404）", f"反向代理要原样转发 {CALLBACK_PATH}，不改路径")
        case _:
            return fail(f"{url} 回答 HTTP {status}", "看反向代理和 xiaoer serve 的日志；502、504 表示小二没有运行")


def _local(settings: Settings) -> URL:
    """Our own server from here; "every address" is no address to connect to."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # not bound here
    return URL.build(scheme="http", host=host, port=int(settings.port))


def _parse(address: str) -> URL | None:
    try:
        url = URL(address)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None


def _inside(host: str) -> str:
    """The private address behind a name; empty when it is public, or when the name says nothing here."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return ""  # the echo test will say so
    private = [one for one in sorted(found) if not ipaddress.ip_address(one.partition("%")[0]).is_global]
    return private[0] if len(private) == len(found) and private else ""
