"""Dates as people write them in four languages.

    written_date(date(2024, 5, 3), "es", 2)  # viernes, 3 de mayo de 2024

Of dates in figures alone the day stands before the month, as in all four (of English, the British). Years of two digits are
those of POSIX: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068; so are all that are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from profundo.data.text.number_words import words

__all__ = ["FIRST_DAY", "FORMS", "LAST_DAY", "written_date"]

FIRST_DAY, LAST_DAY = date(1969, 1, 1), date(2068, 12, 31)
MONTHS: Mapping[str, Sequence[str]] = {
    "es": words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    "ca": words("gener febrer març abril maig juny juliol agost setembre octubre novembre desembre"),
    "pt": words("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    "en": words("January February March April May June July August September October November December"),
}
WEEKDAYS: Mapping[str, Sequence[str]] = {
    "es": words("lunes martes miércoles jueves viernes sábado domingo"),
    "ca": words("dilluns dimarts dimecres dijous divendres dissabte diumenge"),
    "pt": words("segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"),
    "en": words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
}
ORDINALS = {1: "st", 2: "nd", 3: "rd"}
Form = Callable[[date], str]


def month_of(day: date, language: str) -> str:
    return MONTHS[language][day.month - 1]


def weekday_of(day: date, language: str) -> str:
    return WEEKDAYS[language][day.weekday()]


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st: of a day of a month."""
    return f"{number}{'th' if number // 10 == 1 else ORDINALS.get(number % 10, 'th')}"


def catalan(day: date) -> str:
    """3 de maig, 3 d'abril."""
    month = month_of(day, "ca")
    return f"{day.day} d'{month}" if month[0] in "ao" else f"{day.day} de {month}"


def catalan_the(day: date) -> str:
    """el 3 de maig, l'1 de maig (l'u), l'11 de maig (l'onze)."""
    return f"l'{catalan(day)}" if day.day in (1, 11) else f"el {catalan(day)}"


def portuguese(day: date) -> str:
    """1º de maio, 2 de maio."""
    return f"{day.day}{'º' * (day.day == 1)} de {month_of(day, 'pt')}"


FIGURES: tuple[Form, ...] = (
    lambda day: f"{day.day}/{day.month}/{day.year}",
    lambda day: f"{day:%d.%m.%Y}",
    lambda day: f"{day.day}-{day.month}-{day:%y}",
)
FORMS: Mapping[str, Sequence[Form]] = {
    "es": (
        lambda day: f"{day.day} de {month_of(day, 'es')} de {day.year}",
        lambda day: f"el {day.day} de {month_of(day, 'es')} del {day.year}",
        lambda day: f"{weekday_of(day, 'es')}, {day.day} de {month_of(day, 'es')} de {day.year}",
        lambda day: f"{day.day} {month_of(day, 'es')[:3]} {day.year}",
        *FIGURES,
    ),
    "ca": (
        lambda day: f"{catalan(day)} de {day.year}",
        lambda day: f"{catalan_the(day)} del {day.year}",
        lambda day: f"{weekday_of(day, 'ca')}, {catalan(day)} de {day.year}",
        *FIGURES,
    ),
    "pt": (
        lambda day: f"{portuguese(day)} de {day.year}",
        lambda day: f"{weekday_of(day, 'pt')}, {portuguese(day)} de {day.year}",
        lambda day: f"{day:%d}/{month_of(day, 'pt')[:3]}/{day.year}",
        *FIGURES,
    ),
    "en": (
        lambda day: f"{month_of(day, 'en')} {day.day}, {day.year}",
        lambda day: f"{day.day} {month_of(day, 'en')} {day.year}",
        lambda day: f"{weekday_of(day, 'en')}, {day.day} {month_of(day, 'en')} {day.year}",
        lambda day: f"the {ordinal(day.day)} of {month_of(day, 'en')}, {day.year}",
        lambda day: f"{month_of(day, 'en')[:3]} {ordinal(day.day)} {day.year}",
        *FIGURES,
    ),
}


def written_date(day: date, language: str, form: int) -> str:
    """The day in one of the language's forms, FORMS[language]."""
    return FORMS[language][form](day)
