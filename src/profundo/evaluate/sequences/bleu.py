"""BLEU: how much of what a translator writes stands in the reference, by runs of one to four words (Papineni et al. 2002).

    BLEU = 100 · BP · (p₁ p₂ p₃ p₄)^¼,   BP = min(1, exp(1 − r / c))

pₙ: the share of the runs of n words written that are in the reference, each counted no oftener than there; c and r: words
written and words of the references; all of them over the whole corpus. Where no run of n words is right, pₙ is 1/(2ᵏ · runs) at
the k-th such n ("exponential" smoothing, as of NIST's mteval). Words are cut as mteval-v13a cuts them, so that figures are those
of sacrebleu (Post 2018) with its defaults.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["LONGEST", "bleu", "cut"]

LONGEST = 4
ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
STEPS = [  # of mteval-v13a, one after another: what they do to signs in a row hangs on their order
    (re.compile(r"[!-&(-+/:-@\[-`{-~]"), r" \g<0> "),  # signs but the apostrophe, the hyphen, the point and the comma
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
]


def cut(text: str) -> list[str]:
    """The words and signs of a sentence."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in ENTITIES.items():
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, apart in STEPS:
        text = pattern.sub(apart, text)
    return text.split()


def runs(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """From 0 to 100, of a corpus with one reference each."""
    pairs = [(cut(made), cut(wanted)) for made, wanted in zip(translations, references, strict=True)]
    written, meant = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    shares, halved = [], 1
    for length in range(1, LONGEST + 1):
        counts = [(runs(made, length), runs(wanted, length)) for made, wanted in pairs]
        total = sum(made.total() for made, _ in counts)
        right = sum((made & wanted).total() for made, wanted in counts)
        if not total or (length == 1 and not right):
            return 0.0
        halved *= 1 if right else 2
        shares.append(right / total if right else 1 / (halved * total))
    shorter = min(0.0, 1 - meant / written)
    return 100 * math.exp(shorter + sum(map(math.log, shares)) / LONGEST)
