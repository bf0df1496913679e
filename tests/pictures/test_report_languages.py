"""The report speaks four languages, all of it: what is left in English is listed here, and the list may only become shorter.

To see it, each text of a language is put in brackets. What a page shows outside of them was written by no translator: it has to be
a name (of data, a class, a layer, a setting), a sign that all languages share, or one of ENGLISH.
"""

import dataclasses
import re
from string import Formatter

import numpy as np
import polars
import pytest
import torch
from PIL import Image

import profundo as pf
from made_reports import REPORTS, image_report, real_report
from pages import parse
from profundo.cli import main
from profundo.languages import LANGUAGES, counted, language, local, say, speaking, term, words
from profundo.pictures import report_html
from profundo.pictures.run_page.report_content import Checkup, Found
from profundo.records import ProfundoError
from profundo.runs.report_facts import report_of

SPOKEN = (
    "report",
    "objects",
    "terms",
    "training",
    "figures",
    "findings",
    "readings",
    "remedies",
    "quantities",
)  # the files of texts that a report is made of
# What a report shows in English in every language, by where it comes from. Take out what is translated.
ENGLISH = {
    "notes on the data as they were read": lambda report: report.notes,
    "what features are made of": lambda report: [n for n in report.spec.inputs.names if ", " in n or " missing" in n],
    "the doctor’s evidence": lambda report: [
        w for one in (report.checkup.findings if report.checkup else ()) for w in (one.where, one.evidence, one.sure)
    ],
    "the doctor’s cures": lambda report: report.checkup.cures if report.checkup else (),
    "the doctor’s notes": lambda report: report.checkup.notes if report.checkup else (),
}
# Names of figures, units, and words that are what is typed.
SHARED = {
    "RMSE", "MAE", "R²", "F1", "AUC", "ROC-AUC", "IoU", "Dice", "AP", "AP50", "FLOPs", "k", "M", "σ", "ms", "s", "min", "e", "sha256",
    "Profundo", "none", "true",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ pages
@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Usual trainings, small: a table of everything to a number, two classes, images."""
    draw = np.random.default_rng(0)
    size = [None if place % 9 == 0 else float(draw.uniform(20, 200)) for place in range(150)]
    rooms = polars.DataFrame(
        {
            "city": draw.choice(["Porto", "Vic", "Lugo", "Olot", "Reus", "Faro", "Vigo", "Évora"], 150),
            "size": size,
            "when": [f"20{10 + place % 14}-0{1 + place % 9}-1{place % 10}" for place in range(150)],
            "price": [1500.5 * (one or 90.0) + draw.normal(0, 9e3) for one in size],
        }
    )
    folder = tmp_path_factory.mktemp("tables")
    rooms.write_csv(folder / "rooms.csv")
    sides = [["sunny", "dark"][place % 2] for place in range(150)]
    reviews = polars.DataFrame(
        {"review": [f"flat {n}, quiet and {side}" for n, side in enumerate(sides)], "side": sides}
    )
    reviews.write_csv(folder / "reviews.csv")
    for place in range(60):
        pixels = draw.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        (folder / "pictures" / ("cat", "dog")[place % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "pictures" / ("cat", "dog")[place % 2] / f"{place}.png")
    common = {"seed": 0, "checkpoint_seconds": 0, "out": False, "doctor": False}
    return {
        "rooms": pf.fit("mlp", str(folder / "rooms.csv"), target="price", epochs=2, **common),
        "reviews": pf.fit(
            "text_mean", str(folder / "reviews.csv"), target="side", columns={"review": "text"}, epochs=1, **common
        ),
        "iris": pf.fit("mlp", "iris", epochs=3, **{**common, "doctor": True}),
        "pictures": pf.fit("lenet5", str(folder / "pictures"), epochs=1, augment=["shift"], **common),
    }


CHECKUP = Checkup(
    5, 40, [Found("learning_rate_too_high", "settings", "rate 5", "A fact.", "--learning-rate 0.1")],
    ["learning_rate_too_high: --learning-rate 0.1, from the start"], ["the loss rose"],
)  # fmt: skip


def made() -> dict[str, object]:
    """Pages of facts that few trainings have together."""
    given = {
        name: make() for name, make in REPORTS.items() if name not in ("hostile", "hostile objects", "long and unicode")
    }
    given["examined"] = dataclasses.replace(image_report(), checkup=CHECKUP)
    mixed = dataclasses.replace(real_report().spec.inputs, names=("when, years since 2000", "size missing"))
    given["features"] = dataclasses.replace(real_report(), spec=dataclasses.replace(real_report().spec, inputs=mixed))
    return given


@pytest.fixture
def bracketed(monkeypatch):
    """Portuguese in brackets."""
    for room in SPOKEN:
        texts = words(room, "pt")  # kept between calls
        for key, text in texts.items():
            monkeypatch.setitem(texts, key, in_brackets(text))


def in_brackets(text: str) -> str:
    """All but {names}, tags and entities; of {number|unit|units} both forms."""
    parts = []
    for literal, name, _, _ in Formatter().parse(text):
        pieces = re.split(r"(<[^>]+>|&\w+;)", literal)
        parts += [piece if at % 2 or not piece.strip() else f"⟦{piece}⟧" for at, piece in enumerate(pieces)]
        number, *forms = (name or "").split("|")
        parts += [f"{{{'|'.join([number, *(f'⟦{form}⟧' for form in forms)])}}}"] if name else []
    return "".join(parts)


def shown(html: str) -> list[str]:
    """What is read on a page: texts, and what pictures and places say to who cannot see them."""
    found = []
    for element in parse(html).walk():
        if element.tag in ("style", "head", "meta", "link"):
            continue
        found += [child for child in element.children if isinstance(child, str)]
        found += [element.attributes[name] for name in ("alt", "aria-label", "title") if name in element.attributes]
    return found


def strings(value: object) -> list[str]:
    """Every string in a record of facts, and the names in it."""
    if isinstance(value, str):
        return [value]
    if dataclasses.is_dataclass(value):
        return [one for field in dataclasses.fields(value) for one in strings(getattr(value, field.name))]
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in strings(part)]
    return [one for part in value for one in strings(part)] if isinstance(value, list | tuple) else []


def left_in_english(report) -> tuple[set[str], set[str]]:
    """(texts outside of the brackets that nothing explains, the sources of ENGLISH that were seen)."""
    english = {source: [text for text in of(report) if text] for source, of in ENGLISH.items()}
    bare = dataclasses.replace(report, notes=(), readings=(), checkup=None)
    names = set(strings(bare)) - {text for texts in english.values() for text in texts}
    names |= {part for one in report.readings for part in (one.name, *one.example)} | SHARED
    signs = report.checkup.signs if report.checkup else {}
    names |= {str(name) for kind in ("layer", "weight") for name in signs.get(kind, ())}
    names |= {"learning_rate_too_high", "--learning-rate 0.1"}
    names |= {level for column in report.spec.inputs.columns for level in column.levels}
    known = sorted((re.sub(r"⟦[^⟧]*⟧", "", name) for name in names if name.strip()), key=len, reverse=True)
    known = [one for one in known if re.search(r"\w", one)]
    explained = re.compile("|".join(rf"(?<!\w){re.escape(' '.join(one.split()))}(?!\w)" for one in known))
    rest, seen = set(), set()
    for text in shown(report_html(report)):
        outside = " ".join(re.sub(r"⟦[^⟧]*(?:⟧|$)", " ", text).split())
        for source, texts in english.items():
            for one in sorted(texts, key=len, reverse=True):
                plain = " ".join(one.split()).removeprefix("numbers: ").removeprefix("dates: ").removesuffix(".")
                if re.search(r"[a-z]{3}", plain) and plain in outside:
                    seen.add(source)
                    outside = outside.replace(plain, " ")
        outside = explained.sub(" ", outside)
        if re.search(r"[^\W\d_]{2}", outside):
            rest.add(outside)
    return rest, seen


# ------------------------------------------------------------------------------------------------------------ tests
@pytest.mark.usefixtures("bracketed")
def test_all_that_a_report_says_is_translated_but_for_what_is_listed(runs):
    seen, _ = set(), report_html(image_report())  # templates that were made ready for English serve the others
    with speaking("pt"):
        reports = {**made(), **{name: report_of(run) for name, run in runs.items()}}
        for name, report in reports.items():
            rest, sources = left_in_english(report)
            assert not rest, name
            seen |= sources
    assert seen == set(ENGLISH), "what is in English no more is to be taken out of the list"


@pytest.mark.usefixtures("bracketed")
def test_the_sieve_sees_a_text_that_was_not_translated(monkeypatch):
    with speaking("pt"):
        assert left_in_english(image_report())[0] == set()
        monkeypatch.setitem(words("report", "pt"), "title_net", "The network")
        assert left_in_english(image_report())[0] == {"The network"}


def test_every_page_reads_the_same_after_another_language_and_none_leaks():
    before = report_html(image_report())
    for one in LANGUAGES[1:]:
        with speaking(one):
            page = report_html(image_report())
        assert parse(page).one("html").attributes["lang"] == one
        assert page != before
    assert report_html(image_report()) == before
    assert parse(before).one("html").attributes["lang"] == "en"
    assert "lang=" not in before.partition("<body")[2]


def test_numbers_follow_the_language_everywhere_but_where_they_are_typed(runs):
    with speaking("es"):
        page = parse(report_html(report_of(runs["rooms"])))
    for element in page.all("pre") + page.all("code") + page.all("table", class_="settings"):
        element.children.clear()
    read = [child for element in page.walk() if element.tag != "style" for child in element.children]
    read = [re.sub(r"\S+ → ", "", text) for text in read if isinstance(text, str)]  # but for a cell as the file has it
    assert [text for text in read if re.search(r"\d\.\d", text)] == []
    assert any(re.search(r"\d,\d", text) for text in read)


def test_the_verdict_in_spanish_says_what_the_english_one_says():
    with speaking("es"):
        result = parse(report_html(image_report())).one("section", id="result")
    text = result.text  # every white space is a plain one
    assert "99,17 % exactitud con 10 000 imágenes de prueba intervalo del 95 %: 98,97 a 99,33 %" in text
    assert "La red clasifica bien 9917 de 10 000 imágenes de prueba" in text
    assert "quedaría entre 98,97 y 99,33 %" in text
    assert "Con regresión logística con 10 000 de 55 000 muestras se alcanza 92,05 %." in text
    assert [head.text for head in result.one("thead").all("th")] == [
        "puntuación", "prueba", "intervalo del 95 %", "validación", "predictor constante", "regresión logística",
    ]  # fmt: skip


def test_a_cause_is_told_in_the_language_with_its_evidence_and_what_is_english_is_marked_as_such():
    from profundo.runs.report_facts import _cause

    with speaking("ca"):
        assert _cause("dead_units") == "Hi ha neurones mortes (dead_units)"
        found = dataclasses.replace(CHECKUP.findings[0], cause=_cause("dead_units"))
        report = dataclasses.replace(image_report(), checkup=dataclasses.replace(CHECKUP, findings=[found]))
        section = parse(report_html(report)).one("section", id="doctor")
    assert _cause("dead_units") == "dead_units"
    assert "Hi ha neurones mortes (dead_units)" in section.text
    assert {e.text for e in section.walk() if e.attributes.get("lang") == "en"} == {
        *CHECKUP.cures,
        *CHECKUP.notes,
    }


def test_one_and_many_are_told_apart():
    with speaking("ca"):
        assert counted("report.epochs", 1, number=1) == "1 època d’entrenament"
        assert counted("report.epochs", 2, number=2) == "2 èpoques d’entrenament"
        assert term("recall of cat") == "exhaustivitat de cat"
        assert (
            term("linear regression on 1,000 of 45,000 samples") == "regressió lineal amb 1000 de 45\u202f000 mostres"
        )
        assert term("gap of the losses") == "diferència de costos"
        assert term("a name of one's own") == "a name of one's own"
        assert local("28,234.5") == "28\u202f234,5"
        assert [local(one) for one in ("1,234.5", "9,999", "1,234,567")] == ["1234,5", "9999", "1\u202f234\u202f567"]
    assert local("1,234.5") == "1,234.5"


def test_a_language_is_spoken_within_its_block_even_when_that_fails():
    with pytest.raises(KeyError), speaking("es"):
        say("report.a_key_that_there_is_not")
    assert language() == "en"
    with pytest.raises(ProfundoError, match="lang: expected en, es, ca, pt, got 'de'"), speaking("de"):
        pass


def test_a_run_keeps_its_language_and_is_told_another_and_the_machine_s_is_no_matter(tmp_path, monkeypatch):
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    monkeypatch.setenv("LC_ALL", "es_ES.UTF-8")
    monkeypatch.chdir(tmp_path)
    run = pf.fit("linear", "iris", epochs=1, seed=0, out="one", lang="ca", doctor=False)

    def spoken_by(path) -> str:
        return parse(path.read_text("utf-8")).one("html").attributes["lang"]

    assert spoken_by(run.folder.report) == "ca"
    assert spoken_by(run.report("pt.html", lang="pt")) == "pt"
    assert spoken_by(pf.open_run("one").report("again.html")) == "ca"
    plain = pf.fit("linear", "iris", epochs=1, seed=0, out="two", doctor=False)
    assert spoken_by(plain.folder.report) == "en"
    assert torch.equal(next(run.net.parameters()), next(plain.net.parameters()))
    monkeypatch.setattr("sys.argv", ["profundo", "report", "two", "--lang", "es"])
    with pytest.raises(SystemExit):
        main()
    assert spoken_by(plain.folder.report) == "es"
    with pytest.raises(ProfundoError, match="en, es, ca, pt"):
        plain.report(lang="german")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["report", "two", "--lang", "fr"], "lang: expected en, es, ca, pt, got 'fr'"),
        (["report", "one", "two", "--lang", "es"], "a comparison of runs is written in English; leave out --lang"),
        (["train", "iris", "--lang", "fr"], "lang: expected en, es, ca, pt, got 'fr'"),
    ],
)
def test_a_language_that_a_page_has_not_is_refused_in_a_line(asked, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pf.fit("linear", "iris", epochs=1, seed=0, out="two", doctor=False)
    monkeypatch.setattr("sys.argv", ["profundo", *asked])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code
    assert says in capsys.readouterr().err.splitlines()[-1]
