"""What people read says the same in every language: the same things filled in, nothing empty, nothing left in English."""

import json
from importlib.resources import files
from string import Formatter

import pytest

from profundo.doctor.verdicts import PAGES
from profundo.languages import LANGUAGES, spoken, words
from profundo.playground.presets import PRESETS

ROOMS = sorted(entry.name.removesuffix(".json") for entry in files("profundo").joinpath("texts").iterdir())
ALIKE = 0.3  # share of a room's longer texts that may read as in English: names, formulas


def blanks(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_in_every_language_and_fills_in_the_same_things(room):
    texts = json.loads(files("profundo").joinpath("texts", f"{room}.json").read_text("utf-8"))
    assert texts
    for key, text in texts.items():
        assert tuple(text) == LANGUAGES, key
        assert all(one.strip() and blanks(one) == blanks(text["en"]) for one in text.values()), key


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_long_texts_are_translated(room, language):
    english, other = words(room, "en"), words(room, language)
    long = [key for key, text in english.items() if len(text.split()) > 3]
    assert sum(english[key] == other[key] for key in long) <= ALIKE * len(long)


def test_a_language_that_there_is_none_is_no_silent_english():
    with pytest.raises(KeyError):
        words("service", "de")
    assert spoken("de,ca;q=0.5") == "ca"


def test_every_preset_and_every_cause_has_its_words_and_nothing_else_has():
    assert set(words("presets", "en")) == {
        f"{name}_{part}" for name in PRESETS for part in ("title", "question", "seen")
    }
    assert set(words("findings", "en")) == {cause for causes in PAGES.values() for cause in causes}
