"""Paying: the merchant's certificate, WeChat Pay's opinion of number and key, its clock, the switch, the ledger.

Nothing here sends money: WeChat Pay is asked about a number that cannot exist.
"""

import asyncio
import os
import secrets
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.doctor.findings import Outcome, fail, ok, skipped, warn
from bot.doctor.ground import not_configured
from bot.doctor.services import DoctorServices
from bot.doctor.transport import NoAnswer, request
from bot.doctor.wecom import judge_clock
from bot.red_packets.campaigns import get_switch
from bot.red_packets.ledger import check_invariants
from bot.wechat_pay.answers import QueryClass
from bot.wechat_pay.client import WeChatPayClient

EXPIRES_SOON = timedelta(days=30)
OTHERS_MAY_READ = 0o077
SHOWN_MAX = 3  # broken promises quoted in one line
_MERCHANT = "微信支付商户平台 →「账户中心」→「API安全」"
FAULTS = {
    "SIGN_ERROR": ("API 密钥不对", f"{_MERCHANT}→ 核对 APIv2 密钥，改 XIAOER_PAY_API_KEY"),
    "CA_ERROR": ("商户证书不对", f"{_MERCHANT}→ 重新申请 API 证书，改 XIAOER_PAY_CERTIFICATE"),
    "NO_AUTH": (
        "没有红包权限，或 IP 不在白名单",
        "商户平台 →「产品中心」→「现金红包」：开通，并在产品设置里加上调用 IP",
    ),
    "PARAM_ERROR": ("商户号或 appid 不对", "核对 XIAOER_PAY_MCH_ID、XIAOER_PAY_WXAPPID，两者要已绑定"),
    "XML_ERROR": ("请求没有被看懂", "中间的代理可能改动了请求"),
}


async def check_certificate(services: DoctorServices) -> Outcome:
    settings = services.settings
    if not settings.pays:
        return not_configured("微信支付商户号", "pay_mch_id")
    if settings.pay_certificate:
        return await asyncio.to_thread(_look_at, Path(settings.pay_certificate), now=services.clock())
    if settings.is_simulated:
        return skipped("模拟的微信支付不验证商户证书")
    return fail("没有设置 XIAOER_PAY_CERTIFICATE", f"{_MERCHANT}→ 申请 API 证书，把证书和私钥合成一个 PEM 文件")


async def check_merchant(services: DoctorServices) -> Outcome:
    """Address, number, key and certificate in one question; NOT_FOUND is the answer we hope for."""
    settings = services.settings
    if not settings.pays:
        return not_configured("微信支付商户号", "pay_mch_id")
    try:
        services.chart.pay_date = (await request(services.session, "GET", settings.pay_base_url)).date
    except NoAnswer as trouble:
        return fail(f"{settings.pay_base_url}：{trouble.reason}", "检查这台机器到微信支付的网络（443 端口）和 DNS")
    tls = None
    if settings.pay_certificate:
        tls = ssl.create_default_context()
        tls.load_cert_chain(settings.pay_certificate)
    client = WeChatPayClient(
        base_url=settings.pay_base_url,
        mch_id=settings.pay_mch_id,
        api_key=settings.pay_api_key,
        wxappid=settings.pay_wxappid,
        session=services.session,
        client_ip=settings.pay_client_ip,
        tls=tls,
    )
    number = f"{settings.pay_mch_id}{services.clock():%Y%m%d}{secrets.randbelow(10**10):010d}"
    answer = await client.query_red_packet(number)
    if answer.kind is QueryClass.NOT_FOUND:
        return ok(f"商户号 {settings.pay_mch_id}，签名被接受")
    if answer.err_code in FAULTS:
        said, advice = FAULTS[answer.err_code]
        return fail(f"{said}（{answer.err_code}）", advice)
    if answer.kind is QueryClass.BLOCKED_CONFIG:
        return fail(f"微信支付拒绝了我们（{answer.err_code or '没有错误码'}）", "核对商户号、密钥、证书和 appid")
    return warn(f"没有得到明确的回答（{answer.err_code or '读不懂'}）", "过几分钟再检查一次")


async def check_clock(services: DoctorServices) -> Outcome:
    if not services.settings.pays:
        return not_configured("微信支付商户号", "pay_mch_id")
    return judge_clock(services.clock(), services.chart.pay_date, of="微信支付")


async def check_switch(services: DoctorServices) -> Outcome:
    if not services.settings.pays:
        return not_configured("微信支付商户号", "pay_mch_id")
    async with services.database.read() as db:
        switch = await get_switch(db)
    if switch is None:
        return warn("红包从来没有打开过发放", "控制台「红包」：核对活动和预算，再点「打开发放」")
    if not switch.open:
        return warn(
            f"{switch.changed_at:%Y-%m-%d %H:%M}（UTC）起停止发放", "查清停发的原因以后，在控制台「红包」点「打开发放」"
        )
    return ok("红包发放已打开")


async def check_ledger(services: DoctorServices) -> Outcome:
    """Every promise about money, whether or not money is sent today."""
    async with services.database.read() as db:
        broken = await check_invariants(db)
    if broken:
        shown = "；".join(broken[:SHOWN_MAX])
        more = f"……共 {len(broken)} 处" if len(broken) > SHOWN_MAX else ""
        return fail(
            f"账本对不上：{shown}{more}",
            "先在控制台「红包」点「紧急停发」，备份数据库，与商户平台的资金流水对账，再联系开发者",
        )
    return ok("红包、预算和账本互相对得上")


def _look_at(file: Path, *, now: datetime) -> Outcome:
    try:
        expires_at = _expiry(file)
    except ssl.SSLError:
        return fail(f"{file.name} 里的证书和私钥不是一对", f"{_MERCHANT}下载的证书要和同一次申请的私钥放在一起")
    except OSError:
        return fail(f"{file.name} 读不了", "确认 XIAOER_PAY_CERTIFICATE 指向的文件存在，小二的账号可以读")
    except (ValueError, TypeError):
        return fail(f"{file.name} 不是证书加私钥的 PEM", "把 apiclient_cert.pem 和 apiclient_key.pem 的内容接在一起")
    return _judge_expiry(file, expires_at, now=now)


def _judge_expiry(file: Path, expires_at: datetime, *, now: datetime) -> Outcome:
    left = expires_at - now
    if left < timedelta(0):
        return fail(f"商户证书 {expires_at:%Y-%m-%d} 已经到期", f"{_MERCHANT}→ 更换 API 证书")
    if left < EXPIRES_SOON:
        return warn(f"商户证书还有 {left.days} 天到期", f"{_MERCHANT}→ 提前更换 API 证书")
    if os.name == "posix" and file.stat().st_mode & OTHERS_MAY_READ:
        return warn(f"别的账号也能读 {file.name}", f"里面有私钥：chmod 600 {file.name}")
    return ok(f"有效期到 {expires_at:%Y-%m-%d}")


def _expiry(file: Path) -> datetime:
    """When the first certificate in the file ends. Raises OSError (ssl.SSLError: not a pair), ValueError, TypeError."""
    pem = file.read_bytes()
    expires_at = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(pem))
    load_pem_private_key(pem, password=None)
    ssl.create_default_context().load_cert_chain(file)
    return expires_at
