"""Whole numbers as words in four languages, from 0 to 999,999.

    in_words(21_022, "es")  # veintiún mil veintidós
    in_words(1_100, "pt")  # mil e cem

A number is so many thousands and a rest, each below a thousand: hundreds, and a rest below a hundred, which has a name of its
own or is made of tens and units. What differs is in the table: which numbers have names, what stands between the parts, and
what "one" becomes before "thousand".

Spanish and Catalan follow their academies (RAE and ASALE, Ortografía, 2010; IEC, Gramàtica, 2016: the number itself is "u", as in
vint-i-u, before what it counts "un", vint-i-un mil), Portuguese is Brazil's (dezesseis), with "e" before a last group below 100 or
of whole hundreds (Cunha and Cintra, Nova gramática do português contemporâneo), English has the British "and".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from profundo.data.dataset_names import nearest
from profundo.records import ProfundoError

__all__ = ["LANGUAGES", "LARGEST", "in_words", "words"]

LARGEST = 999_999


@dataclass(frozen=True, slots=True)
class Numerals:
    """names: of 0, 1, 2 …, as far as each has its own. tens: 20, 30 … 90; tens_with: as they stand before units.

    hundreds: 100, 200 … 900; hundreds_with: as they stand before a rest. thousand: 1,000; thousands: what follows their count, of
    which the ending becomes another by `counting`. link: between thousands and a rest that `linked` says, a blank for others.
    """

    names: Sequence[str]
    tens: Sequence[str]
    tens_with: Sequence[str]
    hundreds: Sequence[str]
    hundreds_with: Sequence[str]
    thousand: str = "mil"
    thousands: str = " mil"
    counting: Sequence[tuple[str, str]] = ()
    link: str = " "
    linked: Callable[[int], bool] = lambda rest: rest > 0


def words(text: str) -> list[str]:
    return text.split()


ES_TENS = words("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")
CA_TENS = words("vint trenta quaranta cinquanta seixanta setanta vuitanta noranta")
PT_TENS = words("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
EN_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
ES_HUNDREDS = words("doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos")
CA_HUNDREDS = words("cent dos-cents tres-cents quatre-cents cinc-cents sis-cents set-cents vuit-cents nou-cents")
PT_HUNDREDS = words("duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos")
EN_UNITS = words("one two three four five six seven eight nine")
LANGUAGES: dict[str, Numerals] = {
    "es": Numerals(
        names=words(
            "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
            "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
            "veintisiete veintiocho veintinueve"
        ),
        tens=ES_TENS,
        tens_with=[f"{ten} y " for ten in ES_TENS],
        hundreds=["cien", *ES_HUNDREDS],
        hundreds_with=[f"{hundred} " for hundred in ("ciento", *ES_HUNDREDS)],
        counting=[("veintiuno", "veintiún"), ("uno", "un")],
    ),
    "ca": Numerals(
        names=words(
            "zero u dos tres quatre cinc sis set vuit nou deu onze dotze tretze catorze quinze setze disset divuit "
            "dinou"
        ),
        tens=CA_TENS,
        tens_with=["vint-i-", *(f"{ten}-" for ten in CA_TENS[1:])],
        hundreds=CA_HUNDREDS,
        hundreds_with=[f"{hundred} " for hundred in CA_HUNDREDS],
        counting=[("-u", "-un"), (" u", " un")],  # not the u of deu and nou
    ),
    "pt": Numerals(
        names=words(
            "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete "
            "dezoito dezenove"
        ),
        tens=PT_TENS,
        tens_with=[f"{ten} e " for ten in PT_TENS],
        hundreds=["cem", *PT_HUNDREDS],
        hundreds_with=[f"{hundred} e " for hundred in ("cento", *PT_HUNDREDS)],
        link=" e ",
        linked=lambda rest: rest < 100 or rest % 100 == 0,
    ),
    "en": Numerals(
        names=[
            "zero",
            *EN_UNITS,
            *words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
        ],
        tens=EN_TENS,
        tens_with=[f"{ten}-" for ten in EN_TENS],
        hundreds=[f"{unit} hundred" for unit in EN_UNITS],
        hundreds_with=[f"{unit} hundred and " for unit in EN_UNITS],
        thousand="one thousand",
        thousands=" thousand",
        link=" and ",
        linked=lambda rest: rest < 100,
    ),
}


def in_words(number: int, language: str) -> str:
    """The cardinal number in "es", "ca", "pt" or "en". Raises ProfundoError for other numbers and languages."""
    if language not in LANGUAGES:
        raise ProfundoError(f"language {language!r} is unknown; {nearest(language, LANGUAGES)}")
    if not 0 <= number <= LARGEST:
        raise ProfundoError(f"number: expected a whole one from 0 to {LARGEST:,}, got {number!r}")
    own = LANGUAGES[language]
    count, rest = divmod(number, 1000)
    if not count:
        return below_thousand(rest, own)
    told = own.thousand if count == 1 else counting(below_thousand(count, own), own) + own.thousands
    if not rest:
        return told
    return told + (own.link if own.linked(rest) else " ") + below_thousand(rest, own)


def below_thousand(number: int, own: Numerals) -> str:
    count, rest = divmod(number, 100)
    if not count:
        return below_hundred(rest, own)
    return own.hundreds_with[count - 1] + below_hundred(rest, own) if rest else own.hundreds[count - 1]


def below_hundred(number: int, own: Numerals) -> str:
    if number < len(own.names):
        return own.names[number]
    count, rest = divmod(number, 10)
    return own.tens_with[count - 2] + own.names[rest] if rest else own.tens[count - 2]


def counting(told: str, own: Numerals) -> str:
    """A number as it stands before what it counts."""
    for ending, instead in own.counting:
        if told.endswith(ending):
            return told.removesuffix(ending) + instead
    return told
