"""The answers that a talking reply states: why "so the answer is (B)." and "**Final answer:** 12 m" can be graded.

A reply states an answer by marking it (a box, an answer tag, a JSON field), by saying so ("the answer is", "答案是",
"option C is correct"), by putting it alone on its first or last line, or by ending with a sentence that can only
mean one thing. What always holds: the clearer way counts more and the later one of the same clearness; what is
asked, denied or supposed states nothing; thoughts in front of an answer are no answer. This module finds bare
answers as text and does not know what is right. Time is linear in the length of the reply.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD, _TAIL, _LONGEST = 600, 4_000, 400
"""Characters read at the beginning and at the end of a reply, and of one statement."""

_THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("◁think▷", "◁/think▷"),
)
_TAGS = (
    ("<answer>", "</answer>"),
    ("<final_answer>", "</final_answer>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{")
_BRACE = re.compile(r"(?<!\\)[{}]")
_JOINED = re.compile(r"[\s$}\\().,]*(?:and|,|或|和)?[\s$\\(]*")
_DENYING = re.compile(r"\b(?:not|never)\b|n't\b")
_CLAUSE_START = re.compile(r"[\n:;]|[.!?]\s|,\s(?!\w\s?[,)])|\b(?:that|so|thus|hence|therefore),?\s", re.IGNORECASE)
_FIELD = re.compile(
    r"[\"'](?:final[_ ]?)?answer[\"']\s*:\s*(\"(?:[^\"\\\n]|\\.){1,300}\"|'[^'\n]{1,300}'|\[[^\]\n]{1,300}\]"
    r"|-?\d[\d.,]*|true|false)",
    re.IGNORECASE,
)

# "The correct answer to this question is", "Answer:", "Antwort lautet", "respuesta correcta es"; a plain colon or
# copula after the noun. "The correct option is" needs its adjective: "Option A: ..." is a listing.
_GOOD = (
    r"(?:correct|right|best|final|closest|most (?:\w+ )?(?:likely|appropriate|suitable|accurate|similar|probable)"
    r"|appropriate|suitable|matching|chosen|selected|accurate|only valid|my)"
)
_NOUN = (
    rf"(?:answers?\b(?! (?:choices|options|key|sheet|format|depends))|solution\b"
    rf"|{_GOOD} (?:answer )?(?:options?|choices?|selection|letter|value|result|number|count|total|match|one)\b"
    r"|conclusion\b|my (?:choice|pick|guess)\b|respuestas?\b|r[ée]ponse\b|antwort\b|lösung\b|risposta\b|resposta\b"
    r"|antwoord\b|svar(?:et)?\b|odpowiedź\b|cevap\b|jawaban(?:nya)?\b|đáp án\b|ответ\b|απάντηση\b"
    r"|정답|답|الإجابة|الجواب|उत्तर)"
)
_LINK = (
    r"(?:(?:is|are|was|will be|(?:should|must|would) be|equals|es|est|ist|lautet|è|é|adalah|là|είναι|هي|है)"
    r"(?![\w'’])|[:=：﹕]|->|→|⇒|[은는이](?=\s)|\s[—–-](?=\s)|(?=\s?\(?[A-Z]\)?[*.\s]*(?:\n|$))|(?=[*_ ]*\n))"
)
_SAID = re.compile(rf"\b(?P<noun>{_NOUN})(?P<fill>[^\n.:=?!：]{{0,80}}?)(?P<link>{_LINK})", re.IGNORECASE)
_SAID_CJK = re.compile(
    r"(?:答案|答え|正解|正确选项|正確選項|解答)(?:应该|應該|应当|就)?\s*(?:选择|选|是|为|為|は|：|:)+"
    r"|(?:故|应|應|所以|因此|我|该|因而)选(?:择|擇|项)?\s*(?:是|为|：|:)?|选项\s*(?:是|为|為)"
)
_CHOSEN = re.compile(
    r"\b(?:(?:i|we|you|one)(?:'d| would|'ll| will| should| must)?|let's|let us|would|should|and|to|therefore|so|thus,?)"
    r" (?:choose|select|pick|chose|selected|picked|opt for|answer|go(?:ing)? (?:with|for))(?: is)?\b",
    re.IGNORECASE,
)
_REVERSED = re.compile(
    rf"\s(?:is|are|would be|must be|should be)(?: (?:indeed|therefore|thus|also|clearly))?(?: the| my| your)?"
    rf" {_GOOD}(?: (?:answer|option|choice|match|one|statement|response))?\b(?! (?:that|to say))",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"\b(?:wait|actually|correction|scratch that|on second thoughts?|hold on|hmm+|my mistake|apologies|let me re\w+"
    r"|let me (?:double|correct)|i made an? (?:mistake|error)|i was wrong|that (?:is|was|isn't)(?: not)? (?:wrong|right))\b"
    r"|(?:^|[.\n!] ?)(?:no|sorry|oops),|等等|不对|更正",
    re.IGNORECASE,
)
_CORRECTED = re.compile(r"\b(?:it|that|this)(?:['’]s| is| should be| must be| would be)(?: actually| really)?\b", re.IGNORECASE)
_SUPPOSED = re.compile(
    r"(?:\b(?:if|whether|suppose|supposing|assum\w+|unless|wrong|incorrect|previous|initial|first|earlier|original"
    r"|student's|user's|other|another|is|no|not|possible|an?)(?: that)?(?: the| an?)?(?: correct| right| final)?\s*)$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:not|neither|none of|n't|unlikely|wrong|incorrect|unclear|unknown|un?determin\w+|cannot|can't|impossible)\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"not\b[^.\n]{1,80}?\bbut\s+", re.IGNORECASE)

_STOP = re.compile(
    r"(?<!\b[A-Za-z])(?<!\bMr)(?<!\bDr)(?<!\bSt)(?<!\bNo)(?<!\bMrs)(?<!\bvs)(?<!pprox)[.!?](?=[*_\"'”’)\]$]*(?:\s|$))"
    r"|[。！？]|\n"
)
_LEAD = re.compile(r"(?:[\s*_`#>:：~]|[-–—](?=\s)|\\\[|\$\$)*")
_REASON = re.compile(r",?\s+(?:because|since|which|where|given|due to|based on)\b|\s[—–-]\s|;\s|\.\s|，|。", re.IGNORECASE)
_CUT = re.compile(r"\s(?:as|so|with|when|for|and (?:not|the)|if|in|on|at|is|are)\s|,\s|\s\((?=\w{2})", re.IGNORECASE)
_HEDGE = re.compile(
    r"(?:(?:approximately|approx\.|about|around|roughly|nearly|exactly|only|simply|just|therefore|thus|hence|so"
    r"|likely|probably|indeed|clearly|given by|equal to)\s*,?\s+|[≈~]\s?|\\approx\s?)+",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"\W*(?:i hope (?:this|that|it)|let me know|is there anything|if you (?:have|need|want)|feel free|hope this"
    r"|please (?:note|let|feel)|would you like|do you have|note\b|thank|remember\b)",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?])[*_\"”')\]]*\s+(?=[A-Z\"“*(\\$])|\s*\n+\s*|(?<=[。！？])")
_LISTED = re.compile(r"^\s*(?:[-•]\s|\d+[.)]\s|\W{0,3}[A-J][).:])", re.MULTILINE)
_LONGEST_ALONE = 120


class Statement(NamedTuple):
    """An answer that a reply states."""

    text: str
    """The bare answer, with what follows it in the same sentence."""
    at: int
    marked: bool = False
    """Whether it stands in a box, a tag or a field, and not in a sentence."""
    denied: bool = False
    """Whether it says what the answer is not, or that there is none."""


class Stated(NamedTuple):
    """What a reply states, clearest first."""

    explicit: tuple[Statement, ...]
    """Marked or said, in the order of the reply."""
    alone: tuple[str, ...]
    """The last and the first line, where it holds nothing but a short text."""
    sentences: tuple[str, ...]
    """The last sentence, and the first one of a reply of several."""
    corrects: bool
    """Whether the reply takes something back after the last explicit statement."""


def stated(reply: str) -> Stated:
    """The answers in `reply`, clearest first."""
    text = without_thoughts(reply)
    offset = max(0, len(text) - _TAIL)
    window = text[offset:]
    explicit = sorted((*_marked(text, offset), *_said(window, offset)), key=lambda one: one.at)
    corrects = bool(explicit) and _CORRECTION.search(window, max(0, explicit[-1].at - offset)) is not None
    sentences = [part for part in _SENTENCES.split(window) if part.strip()]
    while len(sentences) > 1 and _COURTESY.match(sentences[-1]):
        sentences.pop()
    first = next((part for part in _SENTENCES.split(text[:_HEAD]) if part.strip()), "")
    return Stated(tuple(explicit), _alone(text), tuple(dict.fromkeys((*sentences[-1:], first))), corrects)


def without_thoughts(reply: str) -> str:
    """What comes after the thoughts; nothing if they never end."""
    for opening, closing in _THOUGHTS:
        if (end := reply.rfind(closing)) >= 0:
            reply = reply[end + len(closing) :]
        if (start := reply.find(opening)) >= 0:
            reply = reply[:start]
    return reply


def _marked(text: str, offset: int) -> list[Statement]:
    """What stands in answer tags, fields and boxes; of a long text, the last box wherever it is."""
    found: list[Statement] = []
    lowered = text.lower() if "<" in text else ""
    for opening, closing in _TAGS if lowered else ():
        end = lowered.rfind(closing)
        start = lowered.rfind(opening, 0, end if end >= 0 else None)
        if start >= 0:
            inside = text[start + len(opening) : end if end >= 0 else None].strip()
            found.append(Statement(inside[:_LONGEST], start, marked=True))
    if "nswer" in text or "NSWER" in text:
        for field in _FIELD.finditer(text, offset):
            found.append(Statement(field[1].strip("\"'"), field.start(), marked=True))
    if "boxed" in text or "\\fbox" in text:
        found += _boxes(text, offset)
    return found


def _boxes(text: str, offset: int) -> list[Statement]:
    """The boxes of the tail, or else the last one; neighbours joined by "and" or a comma are one answer."""
    starts = [found.end() for found in _BOX.finditer(text, offset)]
    if not starts:
        last = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
        starts = [found.end()] if last >= 0 and (found := _BOX.match(text, last)) else []
    boxes: list[Statement] = []
    end = -1
    for start in starts:
        if start < end:
            continue
        before, end = end, _closing(text, start)
        inside = text[start:end].strip()
        if boxes and before >= 0 and _JOINED.fullmatch(text[before : start][:_LONGEST]):
            boxes[-1] = boxes[-1]._replace(text=f"{boxes[-1].text}, {inside}")
        elif inside:
            boxes.append(Statement(inside, start, marked=True))
    return boxes


def _closing(text: str, start: int) -> int:
    """Where the brace that was opened before `start` closes, or the end of the longest statement."""
    depth = 1
    for found in _BRACE.finditer(text, start, start + _LONGEST):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return found.start()
    return min(len(text), start + _LONGEST)


def _said(window: str, offset: int) -> list[Statement]:
    """What the sentences of `window` say the answer is."""
    found: list[Statement] = []
    for pattern in (_SAID, _SAID_CJK, _CHOSEN):
        for marker in pattern.finditer(window):
            if pattern is _SAID and _SUPPOSED.search(window, max(0, marker.start() - 40), marker.start()):
                continue
            if statement := _statement(window, marker.end(), offset):
                denied = statement.denied or (pattern is _SAID and bool(_DENYING.search(marker["fill"])))
                found.append(statement._replace(denied=denied))
    for marker in _REVERSED.finditer(window):
        before = window[max(0, marker.start() - 100) : marker.start()]
        subject = _CLAUSE_START.split(before)[-1].strip()
        if subject and "?" not in window[marker.end() : marker.end() + 2]:
            found.append(Statement(subject, offset + marker.start(), denied=bool(_DENIED.match(subject))))
    if correction := _CORRECTION.search(window):
        for marker in _CORRECTED.finditer(window, correction.end()):
            if statement := _statement(window, marker.end(), offset):
                found.append(statement)
    return found


def _statement(window: str, start: int, offset: int) -> Statement | None:
    """The rest of the sentence from `start`, without markup in front; None if it asks."""
    lead = _LEAD.match(window, start, start + 40)
    start = lead.end() if lead else start
    stop = _STOP.search(window, start, start + _LONGEST)
    if stop and stop[0] == "?":
        return None
    text = window[start : stop.start() if stop else start + _LONGEST].strip()
    if but := _BUT.match(text):
        text = text[but.end() :]
    return Statement(text, offset + start, denied=bool(_DENIED.match(text))) if text else None


def _alone(text: str) -> tuple[str, ...]:
    """The last and the first line of a text of several lines, if short and no part of a listing."""
    lines = [line for line in text[-_TAIL:].split("\n") if line.strip()]
    if len(text) > _TAIL:
        lines[:0] = [line for line in text[:_HEAD].split("\n") if line.strip()][:1]
    if len(lines) < 2:
        return ()
    listed = sum(1 for line in lines if _LISTED.match(line)) > 1
    apart = text.lstrip().partition("\n")[2].startswith("\n")
    ends = (lines[-1], lines[0]) if apart else (lines[-1],)
    return tuple(
        line.strip() for line in ends if len(line) <= _LONGEST_ALONE and not (listed and _LISTED.match(line))
    )


def shortened(text: str, words: bool = False) -> list[str]:
    """`text` and what is left of it without hedges, reasons and additions, longest first.

    `words` keeps additions: "red for the left one" is not "red".
    """
    texts = [text]
    hedge = _HEDGE.match(text)
    text = text[hedge.end() :] if hedge else text
    texts.append(text)
    if reason := _REASON.search(text):
        text = text[: reason.start()]
        texts.append(text)
    if not words and (addition := _CUT.search(text)):
        texts.append(text[: addition.start()])
    return list(dict.fromkeys(part for part in texts if part.strip()))
