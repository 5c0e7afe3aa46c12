"""Whether a reply declines to answer.

A refusal is wrong without a comparison, so this module is sure before it says so. What always holds: a
reply that refuses and answers all the same is no refusal ("I am not sure, but I think it is Paris"), and
neither is one that quotes a refusal ("The sign says 'I don't know'"). A reference or an option may be such
a phrase itself ("cannot be determined"), so whoever grades compares with those first. Pure, bounded, raises
nothing.
"""

from __future__ import annotations

import re
from typing import Literal

from deepeyes.grading.notation import folded

_LONGEST = 4_000
"""Characters of a reply that are read, half of them from its beginning and half from its end."""

_HINT = re.compile(
    r"n't\b|\bnot\b|cannot|sorry|unable|unknown|unclear|unanswer|unavailable|unsure|determin|\bn/a\b|\bidk\b|"
    r"\bno (?:idea|clue|answer|info)|insufficient|impossible|hard to|difficult|declin|refuse|lacks|missing|"
    r"without|\bneed|incomplete|subjective|incorrect|invalid|ambiguous|provided|"
    r"nicht|keine|\bpas\b|\bno (?:lo )?s[eé]\b|\bno (?:puedo|hay|es)|\bnon\b|não|\bне|невозможно|"
    r"不|无|無|没|沒|ません|모르|없습니다"
)
"""One of these stands in every refusal that is known here; this one search lets most answers go."""

_QUOTED = re.compile(r"\"[^\"\n]{1,300}\"|(?<!\w)'[^'\n]{1,300}(?:(?<=\w)'(?=\w)[^'\n]{1,300}){0,9}'(?!\w)")
_REPORTS = re.compile(r"\b(?:says?|said|reads?|titled|called|named|replied|wrote|written|printed)\b")
"""After one of these, "I don't know" is what somebody else says."""

_INFO = r"(?:information|info|data|context|details?|evidence)"
_SUPPLIED = (
    r"(?:values?|numbers?|lengths?|widths?|heights?|areas?|prices?|tables?|figures?|graphs?|charts?|images?|functions?|measurements?|dimensions?"
    rf"|quantit(?:y|ies)|sequences?|series|definition|{_INFO})"
)
"""What whoever asks should have supplied."""
_CANNOT = (
    r"(?:can(?: ?not|'t)|could(?: not|n't)|(?:am|are|is|was|'m|'re) (?:currently )?(?:unable|not able) to|"
    r"unable to|(?:will not|won't)(?: be able to)?|(?:do not|don't) have the ability to)(?: \w+ly)?"
)
_TELL = (
    r"(?:answer|tell|say|determine|provide|give|identify|help|assist|comply|fulfil\w*|execute|respond|"
    r"calculate|compute|solve|confirm|verify|infer|decide|conclude|predict|estimate|recogni[sz]e|find|"
    r"interpret|analy[sz]e|view|access|process|discern|make out|do (?:that|this)|"
    r"read (?:the|this|that|any|it)\b|see (?:or \w+ )?(?:(?:the|this|that|your|any|actual|physical) ){0,2}"
    r"(?:images?|pictures?|graphs?|charts?|figures?|photos?|diagrams?|tables?|text|it)\b)"
)
_ENGLISH = (
    rf"(?:\b(?:i|we|one)[ ']{{0,2}}|^){_CANNOT}(?: {_TELL}|$)",
    rf"(?:\b(?:i|we)[ ']{{0,2}}|^){_CANNOT} see the .{{1,60}}\byou(?: are|'re) (?:referring|asking)\b",
    r"\b(?:i|we) (?:do not|don't) know\b",
    rf"\b(?:i|we) (?:do not|don't) have (?:access|any idea|(?:an|the) answer|(?:\w+ ){{0,2}}{_INFO})",
    r"\b(?:i|we) have no (?:idea|clue|way|information|knowledge)\b",
    r"\bi(?:'m| am) (?:not (?:sure|certain|aware|familiar)|unsure|uncertain|unaware)\b",
    r"\bi (?:did not|didn't) find\b",
    rf"\b(?:not|n't|no|insufficient|lacks?)\b(?: \w+){{0,4}} {_INFO}\b.{{0,80}}"
    r"\b(?:to|available|provided|given|about)\b",
    r"\b(?:does not|doesn't|do not|don't) (?:provide|contain|give|include|mention|specify|offer|show)"
    rf"(?: \w+){{0,4}} {_INFO}\b",
    rf"\b{_INFO}\b.{{0,60}}\b(?:not (?:enough|sufficient|available|given|provided)|insufficient|missing)\b",
    rf"\b(?:not possible|impossible|hard|difficult)(?: for me)? to(?: \w+ly)? (?:know|{_TELL})",
    r"\b(?:can(?: ?not|'t)|could(?: not|n't)) be(?: \w+ly)? "
    r"(?:determined|answered|provided|inferred|known|identified|calculated|decided|concluded|told|established)\b",
    r"\bnot clear (?:from|what|which|who|how|where)\b",
    r"\banswer (?:is|remains) (?:unknown|unclear|not (?:known|clear|available|given|provided))\b",
    r"\bquestion (?:is|seems|appears)(?: to be)? (?:incomplete|unclear|unanswerable|ambiguous|invalid"
    r"|subjective|incorrect|missing|not (?:clear|specific))\b",
    r"\b(?:question|problem|prompt|you) (?:(?:does|do|did|has|have) not|(?:does|do|did|has|have)n't) "
    r"(?:provided?|give|given|specify|specified|define|defined|mention|mentioned)\b",
    rf"\b{_SUPPLIED}\b(?: \w+){{0,6}} (?:is|are|was|were|has|have)(?: not|n't) (?:been )?(?:readily )?"
    r"(?:provided|given|specified|defined|available)\b",
    rf"\bno (?:\w+ ){{0,3}}{_SUPPLIED}(?: or \w+)? (?:is|are|was|were|has been|have been) "
    r"(?:provided|given|specified)\b",
    r"\bas an? (?:ai|artificial|large|language)\b.{0,30}?\bi(?:(?:'m| am) (?:unable|not able)"
    r"| (?:do not|don't) have| cannot| can't| lack| (?:would )?need)\b",
    rf"\bneed (?:more|additional|further) (?:\w+ )?{_INFO}\b",
    r"^(?:therefore|thus|so|hence)\b.{0,80}\b(?:is|are|remains?) (?:unknown|undetermined)$",
    r"\b(?:i|we) (?:must |have to )?(?:decline|refuse) to\b",
)
_OTHERS = (
    r"\bich wei(?:ß|ss) (?:es |das )?(?:leider )?nicht\b",
    r"\b(?:kann|lässt)\b.{0,60}\bnicht (?:beantworte|bestimm|erkenne|sage|helfe|feststelle)",
    r"\b(?:nicht (?:genügend|genug|ausreichend)|keine ausreichenden) informationen\b",
    r"\bje ne (?:le )?(?:sais|peux) pas\b",
    r"\bpas (?:assez|suffisamment) d'informations?\b",
    r"\bimpossible de (?:le )?(?:répondre|déterminer|dire|savoir)\b",
    r"^(?:yo )?no (?:lo )?s[eé]$|\bno (?:puedo|es posible) (?:responder|determinar|saber|ayudar|identificar)",
    r"\bno hay suficiente información\b",
    r"^non (?:lo )?so$|\bnon (?:posso|è possibile) (?:rispondere|determinar|aiutar|identificare)",
    r"^(?:eu )?não sei$|\bnão (?:posso|é possível) (?:responder|determinar|saber|ajudar|identificar)",
    r"^(?:я )?не знаю$|\bне могу (?:ответить|определить|помочь)\b|\bневозможно (?:определить|ответить)\b",
    r"^我?(?:不知道|不清楚|不确定|不確定)",
    r"(?:无法|無法|不能)(?:\w{0,3})(?:确定|確定|回答|判断|判斷|识别|識別|得知|提供|知道|看到|辨认|辨認|推断|推斷)",
    r"(?:没有|沒有)(?:足够|足夠)|(?:信息|資訊|资料|資料)不足",
    r"(?:わかりません|分かりません|答えられません|判断できません|特定できません)",
    r"모르겠습니다|알 수 없습니다|답변할 수 없습니다",
)
_REFUSES = re.compile("|".join((*_ENGLISH, *_OTHERS)))
_BARE = re.compile(
    r"(?:the answer is |answer: ?|it is |it's )?(?:unknown|not known|unanswerable|unclear|undetermined|n/a|"
    r"not (?:applicable|available|sure|certain|enough (?:info|data))|no (?:answer|idea|clue)|idk|"
    rf"(?:insufficient|not enough|no) {_INFO}|"
    r"(?:cannot|can't|can not|impossible to|unable to) (?:be )?"
    r"(?:determined?|answer(?:ed)?|tell|told|say|said|infer(?:red)?|decide|conclude))"
)
"""A refusal that is no sentence."""

_AROUND = re.compile(
    r"(?:i'm |i am |we are )?(?:so |very )?sorry\b|(?:my )?apologi|unfortunately$|please\b|"
    r"let me know|feel free|(?:could|can|would) you\b|if (?:you|there)\b|you (?:may|might|could|can) |"
    r"as an? (?:ai|artificial|large|language)\b|i(?:'d| would|'ll| will) be (?:happy|glad)|"
    r"i (?:can|could) (?:help|assist|try|only)|"
    r"(?:however, )?(?:the|its?|this)\b.{0,80}\b(?:depends? on|(?:can|could|may|will|would) vary)\b|"
    r"i (?:recommend|suggest|hope)\b|"
    r"(?:je suis )?désolé|lo siento|leider$|es tut mir leid|entschuldigung|mi dispiace|извините|"
    r"很?抱歉|对不起|對不起|申し訳|请|請"
)
"""What is said around a refusal and answers nothing: apologies, requests and offers."""

_STATES = re.compile(
    r"\banswer:|\\boxed|^\(?[a-j]\)|\b(?:maybe|probably|likely|guess)\b|"
    r"\b(?:answer|choice|option) (?:is|was|(?:would|must|should) be)\b"
    r"(?! (?:not|unknown|unclear|insufficient))|"
    r"\b(?:seems|appears) to be\b(?! (?:in|un|missing|ambiguous|subjective))|"
    r"\bi (?:think|believe|would say|assume)\b|\bich glaube\b|\bje (?:pense|crois)\b|\bcreo que\b|"
    r"我(?:认为|認為|猜)|可能是"
)
"""The mark of an answer, which no refusal outweighs."""

_CLAUSES = re.compile(
    r"(?<=[.!?])\s+|\n|; |[.,](?=[^\x00-\x7f])|,? \bbut\b(?! (?:without|fewer|less|more|not)\b),? |"
    r",? \bhowever\b,? |"
    r"(?<=know), |(?<=sure), |(?<=idea), |(?<=idk), "
)
_CONCLUDES = re.compile(
    r"(?:(?:unfortunately|however), )?"
    r"(?:therefore|thus|so|hence|in conclusion|overall|consequently|as a result|without|since)\b,? ?"
)

_NEEDS = re.compile(r"\b(?:i|we|you) (?:would |will |do )?need (?!to (?!know|see|have))")
_REQUESTS = re.compile(r"\bplease (?:provide|specify|clarify|give|share|upload|send|supply)\b")
"""Together a refusal: "To find it, we need the prices. Please provide them." """

_Clause = Literal["refuses", "concludes", "around", "says"]


def is_refusal(text: str) -> bool:
    """Whether `text`, a whole reply, has no answer because it declines, cannot tell or does not know."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}\n{text[-_LONGEST // 2 :]}"
    plain = folded(text).casefold().strip()
    if not _HINT.search(plain):
        return False
    if plain[0] == plain[-1] == '"' and plain.count('"') == 2:
        plain = plain[1:-1]
    if _BARE.fullmatch(plain.strip(" .!?*_()[]'")):
        return True
    told = _QUOTED.sub('""', plain)
    if _STATES.search(told):
        return False
    asks = _REQUESTS.search(told) is not None
    kinds = [
        _kind_of(clause, asks) for part in _CLAUSES.split(told) if (clause := part.strip(" \t*_.,!?:;-"))
    ]
    spoken = [kind for kind in kinds if kind != "around"]
    if not spoken or spoken[-1] not in ("refuses", "concludes"):
        return False
    return spoken[0] != "says" or spoken[-1] == "concludes"


def _kind_of(clause: str, asks: bool) -> _Clause:
    found = _REFUSES.search(clause) if _HINT.search(clause) else None
    found = found or (_NEEDS.search(clause) if asks else None)
    if found and not _REPORTS.search(clause, 0, found.start()):
        return "concludes" if _CONCLUDES.match(clause) else "refuses"
    return "around" if _AROUND.match(clause) else "says"
