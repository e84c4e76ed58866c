"""Failures of the archive's library, named after what the caller should do next (platform reference 5.3).

They extend the words of ``bot.wecom.errors``, so whoever retries a WeCom call retries these too. Each
carries a Chinese sentence for the person who reads the doctor or the console. Imported by the decoder
process as well: keep it light.
"""

from bot.wecom.errors import Busy, Misconfigured, Refused, Unreachable, WeComError, refused


class Undecryptable(Exception):
    """An envelope that cannot be opened, and why: it goes to quarantine and stops nothing."""


class LibraryAbsent(WeComError):
    """The library cannot be loaded here. Alert: a person has to install the right file."""


class Again(Busy):
    """10001, 10002, 10003: the network or the platform. Repeat later, with the same arguments."""


class WrongArguments(Refused):
    """10000: our fault. Repeating does not help; fix the call."""


class Alert(Misconfigured):
    """Nothing will work until a person acts (address, certificate, service, secret)."""


class Gone(Refused):
    """10005, 10010, 301048: past its five days. Skip it and record the gap."""


class TooBig(Refused):
    """301058: the answer is too big. Ask for fewer at once."""


class WillNotOpen(Refused):
    """10004, 10006, 10007, 10008: wrong key or damaged. Quarantine this one and go on."""


class DecoderDied(Unreachable):
    """The decoder process ended during a call. A new one starts by itself: repeat."""


class DecoderHung(DecoderDied):
    """No answer within the call's limit; the process was ended. Repeat."""


class DecoderResting(Unreachable):
    """The decoder died too often lately; it may start again in a while. Repeat later."""


_ADDRESS = "本机出口地址不在会话存档的可信地址里:到管理后台→会话内容存档→可信IP 添加"
REACTIONS: dict[int, tuple[type[Refused], str]] = {
    10000: (WrongArguments, "调用参数不对,请把日志交给开发者"),
    10001: (Again, "网络不通或代理有误,会自动重试;一直出现时检查代理和出口网络"),
    10002: (Again, "企业微信的回答读不懂,会自动重试"),
    10003: (Again, "企业微信系统故障,会自动重试"),
    10004: (WillNotOpen, "密钥有误:确认这一版私钥与上传的公钥是一对"),
    10005: (Gone, "文件编号无效,这个文件取不回来了"),
    10006: (WillNotOpen, "解密失败:私钥版本不符,或数据损坏"),
    10007: (WillNotOpen, "没有这一版的私钥:把它放进密钥目录后重试"),
    10008: (WillNotOpen, "随机密钥不是库要的样子:确认这一版私钥与上传的公钥是一对"),
    10009: (Alert, _ADDRESS),
    10010: (Gone, "已超过五天保留期,取不回来了"),
    10011: (Alert, "TLS 证书有问题:检查系统证书、时间,以及代理是否拦截 HTTPS"),
    40001: (Alert, f"密钥(secret)不对,或{_ADDRESS}"),
    40013: (Alert, "企业编号(corpid)不对"),
    40211: (Alert, "公钥格式不对:需要 RSA 2048 的 PEM"),
    40212: (Alert, "公钥版本不存在"),
    41001: (Alert, _ADDRESS),
    301042: (Alert, _ADDRESS),
    301048: (Gone, "文件编号缺失或已过期,这个文件取不回来了"),
    301052: (Alert, "会话存档服务已到期:到管理后台续期"),
    301053: (Alert, "会话存档没有开通:到管理后台开通并设置公钥"),
    301058: (TooBig, "一次要得太多,会自动减少"),
}


def failure(call: str, code: int) -> Refused:
    """The error for a return code or an errcode. One that nobody describes may pass: ``Again``."""
    if code in REACTIONS:
        return REACTIONS[code][0](call, code)
    general = refused(call, code)  # for example 45009
    return Again(call, code) if type(general) is Refused else general


def advice(error: WeComError) -> str:
    """What a person can do, in a sentence."""
    if isinstance(error, Refused) and error.errcode in REACTIONS:
        return REACTIONS[error.errcode][1]
    if isinstance(error, LibraryAbsent):
        return f"加载不了会话存档的库({error}):确认路径、CPU 架构,系统需为 glibc(不是 Alpine)"
    if isinstance(error, DecoderResting):
        return "解密进程反复退出,已暂停一会儿再试;可减少每次条数或升级官方库"
    if isinstance(error, DecoderDied):
        return "解密进程意外退出,已自动重启"
    return "会自动重试"
