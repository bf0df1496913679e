"""One word for one idea in every language: what the courses call it, and no synonym beside it."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

import profundo
from profundo.playground.playground_settings import LOSSES

# An idea in English → what its texts say in each language, as regular expressions.
GLOSSARY = {
    r"loss(es)?\b(?! of)": {"es": "cost", "ca": "cost", "pt": "custo"},
    "learning rate": {
        "es": "tasas? de aprendizaje",
        "ca": "tax(a|es) d[’']aprenentatge",
        "pt": "taxas? de aprendizado",
    },
    "hidden layer": {"es": "capas? ocultas?", "ca": "cap(a|es) ocult(a|es)", "pt": "camadas? ocultas?"},
    "back-?propagation": {"es": "retropropagación", "ca": "retropropagació", "pt": "retropropagação"},
    "overfit": {"es": "sobreajuste", "ca": "sobreajustament", "pt": "sobreajuste"},
    "epoch": {"es": "época", "ca": "èpo", "pt": "época"},
    "gradient": {"es": "gradiente", "ca": "gradient", "pt": "gradiente"},
    "saddle": {"es": "punto de silla", "ca": "punt de sella", "pt": "ponto de sela"},
    "sigmoid": {"es": "sigmoide", "ca": "sigmoide", "pt": "sigmoide"},
    "weight decay": {"es": "decaimiento de pesos", "ca": "decaïment de pesos", "pt": "decaimento de pesos"},
}
LOGISTIC = r"|(funci|ativa|activa|unida|unita)\w*\s+log[ií]sti"  # of the function: it is the sigmoid
FORBIDDEN = {
    "es": r"pérdida|\bcostos?\b|\bcorrida|silla de montar|\bbatch(es)?\b|(velocidad|ratio|tasa) de entrenamiento|capas? escondida"
    + r"|\b(el|un|del) softmax"
    + LOGISTIC,
    "ca": r"\bpèrdu|\bcorrida|sella de muntar|\bbatch(es)?\b|(velocitat|ràtio) d|cap(a|es) amagad"
    + r"|\b(el|un|del) softmax|\bvés\b|\w'\w"  # spelled as since 2017; apostrophes are ’
    + LOGISTIC,
    "pt": r"\bperdas?\b|rodada|no passo, \(0|\bbatch(es)?\b|taxa de aprendizagem|camadas? escondida|rede neuronal"
    + r"|\b(o|um|do) softmax|\bpenalidade|agenda da taxa"
    + LOGISTIC,
}
FORMAL = {  # where a text asks something of its reader, who is a tú in all of them
    "es": r"\busted(es)?\b|\b(abra|apunte|calcule|compruebe|elija|escriba|espere|haga clic|lea|mire|ponga|pruebe|pulse|quite|vea)\b",
    "ca": r"\bvostès?\b|\b(apunteu|calculeu|cliqueu|escriviu|espereu|feu clic|mireu|obriu|premeu|proveu|traieu|trieu|us)\b",
}
CODE = re.compile(r"\{\w+\}|--[\w-]+|`[^`]*`")  # what is filled in or typed is in no language


def texts():
    for entry in files("profundo").joinpath("texts").iterdir():
        room = entry.name.removesuffix(".json")
        for key, by_language in json.loads(entry.read_text("utf-8")).items():
            yield f"{room}.{key}", by_language


@pytest.mark.parametrize("language", FORBIDDEN)
def test_no_synonym_stands_beside_the_word_of_the_courses(language):
    used = {
        key: text[language] for key, text in texts() if re.search(FORBIDDEN[language], text[language], re.IGNORECASE)
    }
    assert used == {}


@pytest.mark.parametrize("language", FORMAL)
def test_the_reader_is_spoken_to_in_one_person(language):
    used = {key: text[language] for key, text in texts() if re.search(FORMAL[language], text[language], re.IGNORECASE)}
    assert used == {}


@pytest.mark.parametrize("idea", GLOSSARY)
def test_what_english_calls_by_a_term_is_called_by_the_same_word_everywhere(idea):
    told = [(key, text) for key, text in texts() if re.search(rf"\b{idea}", CODE.sub("", text["en"]), re.IGNORECASE)]
    assert told
    for key, text in told:
        for language, word in GLOSSARY[idea].items():
            assert re.search(word, text[language], re.IGNORECASE), f"{key}, {language}: {text[language]}"


@pytest.mark.parametrize("language", FORBIDDEN)
def test_decimals_are_written_as_the_language_writes_them(language):
    """What is typed stands in quotes or behind an option; sections of papers, as 4.2, are no numbers."""
    decimal = re.compile(r"(?<![\w.=\[(])(?<!: )\d+\.\d+(?![\w.])(?!\))")
    used = {key: text[language] for key, text in texts() if decimal.search(CODE.sub("", text[language]))}
    assert used == {}


def test_a_word_of_the_list_is_that_of_the_figures():
    """What the word list of the lab calls a thing, tables and charts call it, too."""
    listed = {text["en"]: text for key, text in texts() if key.startswith("glossary.") and not key.endswith("_is")}
    figures = {text["en"]: text for key, text in texts() if key.startswith("terms.")}
    both = listed.keys() & figures.keys()
    assert both >= {"accuracy", "precision", "recall", "loss", "learning rate", "epoch", "feature"}
    assert {word: listed[word] for word in both} == {word: figures[word] for word in both}


def test_where_the_doctor_finds_something_has_a_name_in_every_language():
    """A place that is written out in the source, such as "settings": the names of layers are a person's own."""
    source = Path(profundo.__file__).parent
    causes = [*(source / "doctor" / "causes").glob("*.py"), source / "runs" / "health" / "remedies.py"]
    places = {
        one
        for path in causes
        for one in re.findall(r'Suspicion\(\s*[\w".]+,\s*"([^"]+)"(?=\s*,)', path.read_text("utf-8"))
    }
    assert places >= {"settings", "loss", "optimizer", "metric"}
    assert places <= {key.split(".", 1)[1] for key, _ in texts() if key.startswith(("quantities.", "terms."))}


def test_every_loss_of_the_playground_has_a_name_and_suits_points():
    named = {key for key, _ in texts() if key.startswith("playground.objective_")}
    assert named == {f"playground.objective_{loss}" for loss in LOSSES}
