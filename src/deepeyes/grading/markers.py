"""How answers are announced in the languages that models speak: the words that `reply` looks for.

What always holds: the patterns are for text in small letters, none of them can backtrack for long, and each
alternative begins with a letter of its own, so that a search skips what begins with another.
"""

from __future__ import annotations

import re

_ADJECTIVES = (
    *(
        "correct",
        "right",
        "best",
        "final",
        "closest",
        "appropriate",
        "suitable",
        "matching",
        "chosen",
        "selected",
    ),
    *(
        "accurate",
        "only valid",
        "my",
        r"most (?:\w+ )?(?:likely|appropriate|suitable|accurate|similar|probable)",
    ),
)
_CHOICE = r"(?:answer )?(?:options?|choices?|selection|letter|value|result|number|count|total|match|one)\b"
_NOUNS = "|".join(
    (
        r"answers?\b(?! (?:choices|options|key|sheet|format|depends))",
        *(f"{adjective} {_CHOICE}" for adjective in _ADJECTIVES),
        *(rf"{article} solution\b" for article in ("the", "final", "correct")),
        *(
            rf"{noun}\b"
            for noun in ("conclusion", "my pick", "my guess", "respuestas?", "reponse", "antwort")
        ),
        *(
            rf"{noun}\b"
            for noun in ("risposta", "resposta", "antwoord", "svar(?:et)?", "cevap", "jawaban(?:nya)?")
        ),
    )
)
_FOREIGN_NOUNS = "réponse|lösung|odpowiedź|đáp án|ответ|απάντηση|정답|답|الإجابة|الجواب|उत्तर"
_LINK = (
    r"(?:\b(?:is|are|was|will be|(?:should|must|would) be|equals|es|est|ist|lautet|è|é|adalah|là|είναι|هي|है)"
    r"(?![\w'’])|[:=：﹕|]|->|→|⇒|[은는이](?=\s)|\s[—–-](?=\s)"
    r"|(?=\s[(*]{0,3}[a-z][)*.]{0,4}[ \t]{0,9}(?:\n|$))|(?=[*_ ]{0,9}\n))"
)
_FILL = r"(?P<fill>[^\n.:=?!：]{0,80}?)"

SAID = re.compile(rf"(?:{_NOUNS}){_FILL}{_LINK}")
"""Such as "the correct answer to the question is", "answer:", "antwort lautet", "respuesta correcta es". "The
correct option is" needs its adjective: "option a: ..." is a listing.
"""
SAID_ABROAD = re.compile(rf"(?:{_FOREIGN_NOUNS})(?!\w{{3}}){_FILL}{_LINK}")
SAID_IN_CHINESE = re.compile(
    r"(?:答案|答え|正解|正确选项|正確選項|解答)(?P<fill>(?:应该|應該|应当|就)?)\s*(?:选择|选|是|为|為|は|：|:)+"
    r"|(?:故|应|應|所以|因此|我|该|因而)选(?:择|擇|项)?\s*(?:是|为|：|:)?|选项\s*(?:是|为|為)"
)
CHOSEN = re.compile(
    r"(?:choose|select|pick|chose|selected|picked|opt for|go with|going with|go for)(?: is)?\b"
)
CHOOSER = re.compile(
    r"\b(?:(?:i|we|you|one)(?:['’]d| would|['’]ll| will| should| must)?|let['’]s|let us|would|should|and|to"
    r"|therefore|so|thus),? $"
)
"""What stands before `CHOSEN`: in "the option they pick is", nobody chooses an answer."""

SUBJECT_CHOSEN = re.compile(
    r" (?:is|are|would be|must be|should be)(?: (?:indeed|therefore|thus|also|clearly))?(?: the| my| your)?"
    rf" (?:(?:more |most )?(?:{'|'.join(_ADJECTIVES)}) (?:answer|option|choice|match|one|selection|response)"
    r"|(?:correct|right|the answer))\b(?! (?:that|to say|angle|triangle|in|about|of|side))"
)
"""The rest of "option C is the correct answer"."""
SUBJECT_IN_CHINESE = re.compile(
    r"(?<![a-z])([a-z])(?![a-z])[)）]?\s*(?:选项)?(?:是|为|項|项)?(?:正确|正確|正解|对的)"
)

CORRECTION = re.compile(
    r"\b(?:wait|actually|correction|scratch that|on second thoughts?|hold on|hmm+|my mistake|apologies"
    r"|let me (?:re\w+|double|correct)|i made an? (?:mistake|error)|i was wrong"
    r"|that (?:is|was|isn['’]t)(?: not)? (?:wrong|right))\b"
    r"|(?:^|[.\n!] ?)(?:no|sorry|oops),|等等|不对|更正"
)
CORRECTED = re.compile(
    r"\b(?:it|that|this)(?:['’]s| is| should be| must be| would be)(?: actually| really)?\b"
)

SUPPOSED = re.compile(
    r"(?:\b(?:if|whether|suppose|supposing|assum\w{1,5}|unless|wrong|incorrect|previous|initial|first|earlier"
    r"|original|student's|user's|other|another|no|not|possible)(?: that)?"
    r"(?: the| an?)?(?: correct| right| final)?\s*)$"
)
"""What stands before an answer that nobody gives."""
HEDGED = re.compile(r"\b(?:could|might|may|possibly|perhaps)\b")
DENYING = re.compile(r"\b(?:not|never)\b|n['’]t\b")
DENIED = re.compile(
    r"(?:not|neither|none of|n['’]t|unlikely|wrong|incorrect|unclear|unknown|un?determin\w{1,6}|cannot"
    r"|can['’]t|impossible)\b",
    re.IGNORECASE,
)
"""The beginning of what is no answer."""
COPULA_AFTER = re.compile(r"(?:です|でした|だ|である|입니다|이다|예요|이에요)$")
