"""Numbers in words against grammars of the four languages, and against a reader that only adds and multiplies."""

import pytest

from profundo.data.text.number_words import LANGUAGES, in_words
from profundo.records import ProfundoError

KNOWN = {  # the awkward ones, as dictionaries and grammars have them
    "es": {
        0: "cero",
        1: "uno",
        16: "dieciséis",
        21: "veintiuno",
        22: "veintidós",
        30: "treinta",
        31: "treinta y uno",
        100: "cien",
        101: "ciento uno",
        500: "quinientos",
        777: "setecientos setenta y siete",
        1000: "mil",
        1001: "mil uno",
        1100: "mil cien",
        9_900: "nueve mil novecientos",
        21_000: "veintiún mil",
        21_021: "veintiún mil veintiuno",
        31_031: "treinta y un mil treinta y uno",
        100_000: "cien mil",
        101_000: "ciento un mil",
        121_115: "ciento veintiún mil ciento quince",
        500_100: "quinientos mil cien",
    },
    "ca": {
        0: "zero",
        1: "u",
        17: "disset",
        21: "vint-i-u",
        22: "vint-i-dos",
        31: "trenta-u",
        88: "vuitanta-vuit",
        100: "cent",
        101: "cent u",
        110: "cent deu",
        200: "dos-cents",
        1000: "mil",
        2000: "dos mil",
        10_009: "deu mil nou",
        19_000: "dinou mil",
        21_000: "vint-i-un mil",
        101_000: "cent un mil",
        221_221: "dos-cents vint-i-un mil dos-cents vint-i-u",
        999_999: "nou-cents noranta-nou mil nou-cents noranta-nou",
    },
    "pt": {
        0: "zero",
        16: "dezesseis",
        21: "vinte e um",
        100: "cem",
        101: "cento e um",
        1000: "mil",
        1001: "mil e um",
        1100: "mil e cem",
        1101: "mil cento e um",
        1200: "mil e duzentos",
        1999: "mil novecentos e noventa e nove",
        2001: "dois mil e um",
        2024: "dois mil e vinte e quatro",
        21_000: "vinte e um mil",
        100_100: "cem mil e cem",
        101_101: "cento e um mil cento e um",
        999_999: "novecentos e noventa e nove mil novecentos e noventa e nove",
    },
    "en": {
        0: "zero",
        14: "fourteen",
        40: "forty",
        99: "ninety-nine",
        100: "one hundred",
        101: "one hundred and one",
        1000: "one thousand",
        1001: "one thousand and one",
        1100: "one thousand one hundred",
        12_345: "twelve thousand three hundred and forty-five",
        100_010: "one hundred thousand and ten",
        101_000: "one hundred and one thousand",
        999_999: "nine hundred and ninety-nine thousand nine hundred and ninety-nine",
    },
}
VALUES = {  # of each word by itself, in the order of 1 … 19, 20 … 90, 100 … 900
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa ciento doscientos trescientos cuatrocientos "
    "quinientos seiscientos setecientos ochocientos novecientos",
    "ca": "u dos tres quatre cinc sis set vuit nou deu onze dotze tretze catorze quinze setze disset divuit dinou vint trenta "
    "quaranta cinquanta seixanta setanta vuitanta noranta",
    "pt": "um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove "
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cento duzentos trezentos quatrocentos quinhentos "
    "seiscentos setecentos oitocentos novecentos",
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety",
}
FURTHER = {
    "es": {"cero": 0, "un": 1, "cien": 100},
    "ca": {"zero": 0, "un": 1},
    "pt": {"zero": 0, "cem": 100},
    "en": {"zero": 0},
}
TWENTIES = {"veintiún": 21} | {
    word: 21 + at
    for at, word in enumerate(
        [
            "veintiuno",
            "veintidós",
            "veintitrés",
            "veinticuatro",
            "veinticinco",
            "veintiséis",
            "veintisiete",
            "veintiocho",
            "veintinueve",
        ]
    )
}
NUMBERS = [*range(20), *range(20, 100, 10), *range(100, 1000, 100)]


def value_of(words: str, language: str) -> int:
    """By adding what words stand for; "hundred" and "cents" multiply what is before them, "mil" and "thousand" all of it."""
    values = dict(zip(VALUES[language].split(), NUMBERS[1:], strict=False)) | FURTHER[language] | TWENTIES
    total, group = 0, 0
    for word in words.replace("-", " ").split():
        if word in ("mil", "thousand"):
            total, group = 1000 * (group or 1), 0
        elif word in ("cent", "cents", "hundred"):
            group = 100 * (group or 1)
        elif word not in ("y", "i", "e", "and"):
            group += values[word]
    return total + group


@pytest.mark.parametrize("language", KNOWN)
def test_awkward_numbers_are_what_grammars_say(language):
    assert {number: in_words(number, language) for number in KNOWN[language]} == KNOWN[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_words_stand_for_comes_to_the_number(language):
    for number in [*range(1200), *range(1200, 1_000_000, 257), 999_999]:
        assert value_of(in_words(number, language), language) == number


def test_other_numbers_and_languages_are_refused():
    with pytest.raises(ProfundoError, match="from 0 to 999,999, got 1000000"):
        in_words(1_000_000, "es")
    with pytest.raises(ProfundoError, match="got -1"):
        in_words(-1, "es")
    with pytest.raises(ProfundoError, match="language 'fr' is unknown"):
        in_words(1, "fr")
