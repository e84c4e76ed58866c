"""WeCom's API from outside to inside: address, clock, token, trusted address, permission, scope, 微信客服."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.doctor.findings import Outcome, fail, ok, skipped, warn
from bot.doctor.services import DoctorServices
from bot.doctor.transport import NoAnswer, our_address, request

SKEW_MAX = timedelta(seconds=60)
TOKEN_FAULTS = {
    40001: ("Secret 不对", "到管理后台 →「应用管理」→ 自建应用，重新查看 Secret，改 XIAOER_WECOM_SECRET"),
    40013: ("企业ID 不对", "到管理后台 →「我的企业」→「企业ID」核对，改 XIAOER_WECOM_CORPID（以 ww 开头）"),
    40091: ("Secret 无效或已被重置", "到管理后台 → 自建应用重新查看 Secret，改 XIAOER_WECOM_SECRET 后重启"),
    50003: ("应用被停用", "到管理后台 → 自建应用，启用它"),
    60020: ("出口地址不可信", "到管理后台 → 自建应用 →「企业可信IP」加上这台机器的出口地址"),
}
PERMISSION_FAULTS = {
    48001: "应用没有这个接口的权限",
    48002: "应用没有「客户联系」的接口权限",
    84074: "没有使用「客户联系」功能的权限",
}
KF_FAULTS = {
    48001: "应用没有「微信客服」的接口权限",
    48002: "应用没有「微信客服」的接口权限",
    48007: "微信客服没有交给这个应用管理",
    60030: "应用不在微信客服的可调用范围里",
}


async def check_address(services: DoctorServices) -> Outcome:
    """The API host answers; its Date header is kept for the clock."""
    base = services.settings.wecom_base_url
    try:
        reply = await request(services.session, "GET", f"{base.rstrip('/')}/cgi-bin/gettoken")
    except NoAnswer as trouble:
        return fail(f"{base}：{trouble.reason}", "检查这台机器能否上网、DNS、代理和防火墙（要能访问 443 端口）")
    services.chart.wecom_date = reply.date
    if reply.status != 200 or reply.fields() is None:
        return fail(
            f"{base} 回答 HTTP {reply.status}，但不是企业微信的样子",
            "XIAOER_WECOM_BASE_URL 应为 https://qyapi.weixin.qq.com；中间的代理可能拦截了请求",
        )
    return ok(f"{base}，{reply.took_s * 1000:.0f} 毫秒")


async def check_clock(services: DoctorServices) -> Outcome:
    return judge_clock(services.clock(), services.chart.wecom_date, of="企业微信")


def judge_clock(now: datetime, theirs: datetime | None, *, of: str) -> Outcome:
    """Signatures and order numbers carry our time: it must agree with theirs."""
    if theirs is None:
        return warn(f"{of}的回答里没有时间", "中间的代理删掉了 Date 头：请另行确认本机时间准确")
    skew_s = (now - theirs).total_seconds()
    if abs(skew_s) > SKEW_MAX.total_seconds():
        side = "快" if skew_s > 0 else "慢"
        return fail(
            f"本机时间比{of}{side} {abs(skew_s):.0f} 秒", "打开系统的自动对时（NTP，例如 chrony），误差要在 60 秒以内"
        )
    return ok(f"与{of}相差不到 {max(round(abs(skew_s)), 1)} 秒")


async def check_token(services: DoctorServices) -> Outcome:
    settings = services.settings
    params = {"corpid": settings.wecom_corpid, "corpsecret": settings.wecom_secret}
    answer = await _call(services, "GET", "gettoken", params)
    if isinstance(answer, Outcome):
        return answer
    errcode = answer["errcode"]
    if errcode != 0:
        said, advice = TOKEN_FAULTS.get(errcode, ("拿不到 access_token", "按错误码到企业微信文档查全局错误码"))
        return fail(f"{said}（{errcode}）", advice)
    services.chart.access_token = str(answer.get("access_token", ""))
    return ok("拿到 access_token")


async def check_trusted_address(services: DoctorServices) -> Outcome:
    """60020 is WeCom's word for a caller whose address is not on the app's list; it quotes the address."""
    chart = services.chart
    answer = await _call(services, "GET", "externalcontact/get_follow_user_list", {})
    if isinstance(answer, Outcome):
        return answer
    chart.follow_users_errcode = answer["errcode"]
    chart.follow_users = [str(one) for one in answer.get("follow_user", ())]
    if answer["errcode"] == 60020:
        address = our_address(str(answer.get("errmsg", "")))
        return fail(
            f"企业微信不信任这台机器的出口地址{f' {address}' if address else ''}（60020）",
            f"到管理后台 →「应用管理」→ 自建应用 →「企业可信IP」，加上{address or '这台机器的公网出口地址'}",
        )
    return ok("出口地址被信任")


async def check_permission(services: DoctorServices) -> Outcome:
    """Judges the answer that ``check_trusted_address`` has brought."""
    chart = services.chart
    if chart.follow_users_errcode != 0:
        said = PERMISSION_FAULTS.get(chart.follow_users_errcode, "读不到可以联系客户的成员")
        return fail(
            f"{said}（{chart.follow_users_errcode}）",
            "到管理后台 →「客户与上下游」→「客户联系」→「API」，在「可调用接口的应用」里勾选这个自建应用",
        )
    if not chart.follow_users:
        return warn(
            "没有一个成员能联系客户",
            "到管理后台 →「客户联系」→「权限配置」→「使用范围」，加上服务客户的员工",
        )
    return ok(f"{len(chart.follow_users)} 位成员可以联系客户")


async def check_scope(services: DoctorServices) -> Outcome:
    """The app must see the staff it works for."""
    if not services.chart.follow_users:
        return skipped("还没有可以查看的成员")
    unseen = 0
    for userid in services.chart.follow_users[:3]:
        answer = await _call(services, "GET", "user/get", {"userid": userid})
        if isinstance(answer, Outcome):
            return answer
        if answer["errcode"] in {60011, 60111, 48002}:
            unseen += 1
        elif answer["errcode"] != 0:
            return fail(f"读不到成员资料（{answer['errcode']}）", "按错误码到企业微信文档查全局错误码")
    if unseen:
        return fail(
            "有能联系客户的成员不在应用的可见范围里",
            "到管理后台 →「应用管理」→ 自建应用 →「可见范围」，加上这些员工所在的部门",
        )
    return ok("成员在应用的可见范围里")


async def check_kf(services: DoctorServices) -> Outcome:
    answer = await _call(services, "POST", "kf/account/list", {"offset": 0, "limit": 100})
    if isinstance(answer, Outcome):
        return answer
    errcode = answer["errcode"]
    if errcode != 0:
        said = KF_FAULTS.get(errcode, "读不到微信客服账号")
        return fail(
            f"{said}（{errcode}）",
            "到管理后台 →「应用管理」→「微信客服」→「API」，把客服账号交给这个自建应用管理",
        )
    accounts = answer.get("account_list", ())
    if not accounts:
        return warn("没有微信客服账号归这个应用管理", "到「微信客服」里创建账号，并在「API」里选上这个应用")
    managed = sum(bool(one.get("manage_privilege", True)) for one in accounts)
    if managed < len(accounts):
        return warn(
            f"{len(accounts)} 个客服账号里只有 {managed} 个可以代客服回复",
            "到「微信客服」→「API」→ 可调用接口的账号，勾选其余的",
        )
    return ok(f"{len(accounts)} 个微信客服账号")


async def _call(
    services: DoctorServices, method: str, path: str, fields: Mapping[str, Any]
) -> dict[str, Any] | Outcome:
    """The answer's fields, or what to say when there is none."""
    url = f"{services.settings.wecom_base_url.rstrip('/')}/cgi-bin/{path}"
    token = {"access_token": services.chart.access_token} if services.chart.access_token else {}
    try:
        if method == "GET":
            reply = await request(services.session, method, url, params={**fields, **token})
        else:
            reply = await request(services.session, method, url, params=token, json_body=fields)
    except NoAnswer as trouble:
        return fail(f"{path}：{trouble.reason}", "网络不稳定：过一会儿再检查一次")
    answer = reply.fields()
    if reply.status != 200 or answer is None:
        return fail(f"{path} 回答 HTTP {reply.status}，读不懂", "过一会儿再检查一次；一直这样时检查中间的代理")
    if answer["errcode"] in {-1, 6000, 45009, 45033}:
        return fail(f"{path}：企业微信忙或限频（{answer['errcode']}）", "过几分钟再检查一次")
    return answer
