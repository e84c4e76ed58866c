"""What stands around a hit: negation, other people, questions, quotations. Pure; works on folded text.

Every function takes the whole folded text and the hit's half-open span. The word lists are closed
classes of Chinese chat language, no shop's vocabulary; a rule decides which of the answers matter.
"""

import re
from typing import Final

REACH: Final = 18  # code points a function word governs at most
SENTENCE_REACH: Final = 80  # code points a sentence is followed to either side, so that no text is slow
_CLAUSE_END = re.compile(r"[,。!?;\n]")
_SENTENCE_END = re.compile(r"[。!?;\n]")

_NEGATORS = (
    r"(?:不是|不用|不要|不想|不会|不需要|不必|不打算|不准备|不考虑|不太|不怎么|不算|不属于|不存在|不(?!能|可|行|得|过|给|让)"
    r"|没有|没发现|没出现|没说|没想|没要|没打算|没(?!问题|事|关系)|并非|绝非|无需|毋需|无须|无(?!法)|未|勿|(?<![特区个分级性差])别(?!人|家|的)|非(?!常)|取消|撤销|撤回|打消)"
)
_TRANSPARENT = (
    r"(?:是|有|会|想|要|说过?|打算|准备|考虑|需要|申请|属于|算|什么|任何|那么|这么|太|很|特别|非常|怎么|再|去|做|办理?|选择?"
    r"|出现过?|发生过?|觉得|感觉|我们|我|咱们?|自己|的|那种|这种|一个|个|肤质|皮肤|啥|多|完全|真的|都|也|就|进行|因为|主动|修改|点|操作"
    r"|买|穿|容易|经常|过(?=敏)|对.{1,4}?|\s)*"
)
_NEGATED = re.compile(f"({_NEGATORS}){_TRANSPARENT}$")
_WHY_NOT = re.compile(
    r"(?:怎么|为什么|为何|为啥|咋|干嘛|凭什么|还|一直|迟迟|难道|是否|岂)(?:就|都|又|还|老是|总是|总|会|说)?(?:是|你们)?$"
)
_DOUBLE = re.compile(r"(?:不是|并非|不得|不能|没有|不会)$")
_LIST = re.compile(r"^\s*(?:、|和|或者?|跟|与|及|以及|还有|/|\s)\s*$")
_WAIVED = re.compile(r"^(?:货|款|的话|的事|申请)?(?:就|倒|也|先|我)?(?:不用|不必|不需要|不要|算|免|取消|撤销|不)了")

_KIN = (
    r"(?:妈|爸|老婆|老公|媳妇|丈夫|妻子|女朋友|男朋友|女友|男友|对象|朋友|闺蜜|同事|同学|姐|妹|哥|弟|嫂|奶奶|爷爷|姥姥|外婆|外公|婆婆"
    r"|公公|岳母|岳父|阿姨|舅|姑|侄|女儿|儿子|闺女|孩子|小孩|娃|宝宝|宝贝|老人|长辈|领导|客户|亲戚|邻居|老师|室友|别人|人家|家人|家里人)"
)
_OTHER_BEFORE = re.compile(
    rf"(?:(?:给|帮|替|为|送|送给|买给|我|他|她|俺|有个|一个){{1,2}}(?:家|的|们)?{_KIN}|{_KIN}(?:她|他)?(?:是|的|皮肤|说|用|要|怀孕|也|现在|今年|最近)"
    r"|(?<!其)他(?:们)?|她(?:们)?|(?<!迷)[你您](?!们?家|们?店|们?这|好|们)|(?:给|帮|替|送|送给|买给)$)"
)
_SELF = re.compile(
    r"我(?!们?家|妈|爸|老|媳|女|男|对|朋|闺|同|姐|妹|哥|弟|嫂|奶|爷|姥|外|婆|公|岳|阿|舅|姑|侄|儿|孩|娃|宝|的|给|帮|想给|要给)|本人|自己"
)
_OTHER_AFTER = re.compile(rf"^(?:的|体质的|皮肤的)(?:他|她|我)?{_KIN}")
_SAID = re.compile(
    r"(?:写着?的?是?|写明|说明书?上?|标注|标着|页面|详情页?|介绍|客服说|你们说|他们说|店家说|商家说|包装上?|宣传|网上说|听说|据说)[^我]{0,6}$"
)
_QUOTES = {"「": "」", "『": "』", "“": "”", "《": "》", "【": "】"}

_QUESTION = re.compile(
    r"[?]|吗|嘛|么\s*$|呢|是不是|是否|能否|(\w)[不没]\1|(?<!不)怎么|咋|什么(?!都)|啥|哪|多少|几(?:天|时|号)|多久|行不$"
)
_IF = re.compile(r"如果|要是|假如|万一|倘若|若是|的话|假设")
# Wording that only service staff and system notices use: text that a customer pasted or that was misattributed.
_SERVICE = re.compile(
    r"为您|帮您|祝您|建议您|您稍等|您的(?:订单|问题|反馈|支持|心情|商品|包裹|退款|售后)|您需要|您申请|感谢您的|(?:小妹|妹子|客服)这边"
    r"|(?:小妹|妹子)(?:帮|为|给)|亲亲|客官|小主|欢迎光临|还有.{0,8}可以帮到|很高兴为|竭诚|尊敬的|还请您|万分抱歉|自签收|\d-\d个工作日"
    r"|(?:可以|会|能|是|已经|目前|预计)[^?]{0,24}(?:的呢|的哦|完成哦|购买哦|的哈|呢亲)[~。!]*\s*$"
)


def clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of the clause around a hit, cut at commas and sentence ends."""
    return _around(text, start, end, _CLAUSE_END)


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of the sentence around a hit; its closing mark belongs to it."""
    first, last = _around(text, start, end, _SENTENCE_END)
    return first, min(last + 1, len(text))


def _around(text: str, start: int, end: int, border: re.Pattern[str]) -> tuple[int, int]:
    far_first, far_last = max(0, start - SENTENCE_REACH), min(len(text), end + SENTENCE_REACH)
    first = far_first
    for mark in border.finditer(text, far_first, start):
        first = mark.end()
    found = border.search(text, end, far_last)
    return first, found.start() if found else far_last


def negation(text: str, start: int, end: int) -> str:
    """The word that negates the hit, or ``""``. 怎么还不, A-not-A and 不是…吗 do not negate."""
    first, last = clause(text, start, end)
    before = text[max(first, start - REACH) : start]
    found = _NEGATED.search(before)
    if found:
        at = found.start()
        if at > 0 and at + 1 < len(before) + 1 and _is_a_not_a(before + text[start:end], at):
            return ""
        lead = before[:at]
        if _WHY_NOT.search(lead) or _DOUBLE.search(lead):
            return ""
        if found[1] in {"不是", "没有"} and re.search(r"[吗嘛么]\s*$", text[end:last]):
            return ""
        return found[1]
    waived = _WAIVED.match(text[end:last])
    return waived[0] if waived else ""


def _is_a_not_a(text: str, at: int) -> bool:
    return text[at] in "不没" and at + 1 < len(text) and text[at - 1] == text[at + 1]


def joins_list(text: str, start: int, end: int) -> bool:
    """Is ``text[start:end]``, between two hits, only a list connector (油皮、干皮)?"""
    return end - start <= 4 and _LIST.match(text[start:end]) is not None


def other_person(text: str, start: int, end: int) -> str:
    """The words that say the hit is about somebody other than the speaker, or ``""``."""
    first, _last = sentence(text, start, end)
    before = text[max(first, start - 2 * REACH) : start]
    others = list(_OTHER_BEFORE.finditer(before))
    if others and not _SELF.search(before, others[-1].end()):
        return others[-1][0]
    after = _OTHER_AFTER.match(text[end : end + 8])
    return after[0] if after else ""


def quotation(text: str, start: int, end: int) -> str:
    """The sign that the hit is quoted (页面写着…, 「…」), or ``""``."""
    first, _last = clause(text, start, end)
    said = _SAID.search(text[max(first, start - REACH) : start])
    if said:
        return said[0]
    for opening, closing in _QUOTES.items():
        at = text.rfind(opening, 0, start)
        if at >= 0 and closing not in text[at:start] and closing in text[end:]:
            return opening
    return ""


def is_question(text: str, start: int, end: int) -> bool:
    """Is the sentence around the hit asked, not said?"""
    first, last = sentence(text, start, end)
    return _QUESTION.search(text[first:last]) is not None


def is_hypothetical(text: str, start: int, end: int) -> bool:
    """Is the sentence around the hit an *if* (如果, 万一, …的话)?"""
    first, last = sentence(text, start, end)
    return _IF.search(text[first:last]) is not None


def sounds_like_service(text: str) -> str:
    """The wording that shows service staff or a notice speaks (为您, 还请您…), or ``""``."""
    found = _SERVICE.search(text)
    return found[0] if found else ""
