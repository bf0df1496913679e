"""The recipe for translation: a small language learned to the letter, texts that one types, tables that are refused."""

import pytest

from profundo.data.text.text_pairs import Pair
from profundo.data.text.text_pieces import vocabulary_of
from profundo.pictures.exhibits import Chart, Passage
from profundo.recipes.machine_translation.translation_figures import by_kind, by_length, judged, written_table
from profundo.recipes.recipe import generated, settle
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import translation
from profundo.records import ProfundoError

COLOURS = {"rojo": "red", "azul": "blue", "verde": "green", "gris": "grey", "negro": "black"}
THINGS = {"gato": "cat", "perro": "dog", "pez": "fish", "toro": "bull", "loro": "parrot", "oso": "bear"}


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Nouns before their colours, to be turned round: a run that has learned it, and its folder."""
    root = tmp_path_factory.mktemp("colours")
    rows = [f"un {a} {b}\ta {blue} {cat}" for a, cat in THINGS.items() for b, blue in COLOURS.items()]
    rows += [f"{a} y {b}\t{cat} and {dog}" for a, cat in THINGS.items() for b, dog in THINGS.items()]
    (root / "pairs.tsv").write_text("\n".join(["es\ten", *rows]), "utf-8")
    given = {"data": str(root / "pairs.tsv"), "epochs": 4, "updates": 60, "batch_size": 32, "width": 32}
    return run_recipe(
        "translation", given | {"learning_rate": 0.02, "transformer_rate": 0.01}, quick=True, out=root / "run"
    )


def test_nouns_and_colours_change_places_in_pairs_that_training_never_had(colours):
    scores = colours.outcome.scores
    assert scores["exact match, LSTM with attention"] > colours.outcome.baseline["exact match, LSTM"]
    assert max(scores[f"exact match, {way}"] for way in ("Transformer", "LSTM with attention")) >= 0.8
    assert colours.outcome.baseline["exact match, LSTM"] == 0  # what is known is never what is asked


def test_what_one_types_is_translated_with_where_the_nets_look(colours, tmp_path):
    said, *charts = colours.generate(1, prompt="  un   gato verde ")
    assert isinstance(said, Passage)
    assert said.text == "a green cat"
    assert [isinstance(one, Chart) for one in charts] == [True, True]
    doubted, *_ = colours.generate(1, prompt="un gato morado")
    assert "does not know 'morado'" in doubted.caption
    (tmp_path / "lines.txt").write_text("un oso rojo\n\nun loro morado\n", "utf-8")
    told = colours.predict([tmp_path / "lines.txt"], beam=1)
    assert [one["input"] for one in told] == ["un oso rojo", "un loro morado"]
    assert told[0]["prediction"] == "a red bear"
    assert [one.get("notices") for one in told] == [None, ["the net does not know 'morado'"]]
    (tmp_path / "none.txt").write_text(" \n", "utf-8")
    with pytest.raises(ProfundoError, match=r"none\.txt: expected a text to translate in each line, found none"):
        colours.predict([tmp_path / "none.txt"])
    with pytest.raises(ProfundoError, match="net"):
        colours.predict([tmp_path / "lines.txt"], net="gru")
    (tmp_path / "pairs.tsv").write_text("es\ten\nun oso\ta bear\n")
    with pytest.raises(ProfundoError, match="got a table"):
        colours.predict([tmp_path / "pairs.tsv"])


def test_what_is_wished_for_holds_of_what_is_generated_too(colours, monkeypatch):
    widths = []
    whole = translation.translated

    def spied(model, name, texts, width):
        widths.append(width)
        return whole(model, name, texts, width)

    monkeypatch.setattr(translation, "translated", spied)
    said, *charts = colours.generate(1, prompt="un gato verde", net="bottleneck", beam=1)
    assert said.caption.startswith("What the LSTM writes for")
    assert charts == []
    (table,) = colours.generate(2, net="attention", beam=3)
    assert list(table.columns) == ["text", "LSTM with attention"]
    (table,) = colours.generate(2)
    assert len(table.columns) == 4
    assert widths == [1, 3, 2, 2, 2]  # the run's own, unless told
    with pytest.raises(ProfundoError, match="generated examples of recipe vae: setting 'beam' is not for it"):
        generated("vae", colours.model, 1, 0, "", {"beam": 1})


def test_a_memory_knows_the_words_that_the_nets_do_not():
    known = [Pair(f"a b c {rare}", rare.upper()) for rare in ("d", "e", "f")]
    texts = vocabulary_of([pair.source for pair in known], is_open=True)
    assert translation.remembered(texts, known, [Pair("a b f", ""), Pair("b a e", "")]) == ["F", "E"]


def test_a_text_that_is_too_long_is_named_before_any_is_translated(colours, tmp_path):
    (tmp_path / "lines.txt").write_text("un oso rojo\n" + "un " * 513 + "\n", "utf-8")
    for net in ("transformer", "attention"):
        if net == "attention":
            assert len(colours.predict([tmp_path / "lines.txt"], net=net)) == 2
            continue
        with pytest.raises(ProfundoError, match=r"lines\.txt, line 2: text .*expected at most 512 words, got 513"):
            colours.predict([tmp_path / "lines.txt"], net=net)
    with pytest.raises(ProfundoError, match="expected at most 512 words, got 513"):
        colours.generate(1, prompt="un " * 513)


def test_without_being_told_what_is_asked_for_a_number_is_refused():
    given = {"pairs": 60, "test": 8, "updates": 2, "epochs": 1, "width": 8}
    run = run_recipe("translation", given, quick=True, out=False)
    for prompt in ("22", "fr: 22", "ca:", "ca: "):
        with pytest.raises(ProfundoError, match=r"expected what is asked for \(es, ca, pt, en, number, date\)"):
            run.generate(1, prompt=prompt)
    with pytest.raises(ProfundoError, match="expected words that training had, got 'x'"):
        run.generate(1, prompt="ca: x")
    assert "training had numbers up to 999,999" in run.generate(1, prompt="ca: 1000000")[0].caption
    assert "training had" not in run.generate(1, prompt="ca: 0999999")[0].caption
    table = next(one for one in run.outcome.exhibits if one.title == "Exact translations by kind")
    assert table.rows[-1][0] == "words → words"


def test_settings_that_cannot_be_are_one_line():
    for setting, value in (("beam", 0), ("longest", 1000), ("unit", "letters"), ("pairs", 5)):
        with pytest.raises(ProfundoError, match=f"setting {setting}"):
            settle("translation", {setting: value})
    with pytest.raises(ProfundoError, match="encoding: is for a table of your own"):
        run_recipe("translation", {"encoding": "latin-1"}, quick=True, out=False)
    with pytest.raises(ProfundoError, match="3 heads"):
        run_recipe("translation", {"heads": 3}, quick=True, out=False)


def test_tables_and_charts_count_what_is_right():
    test = [Pair("a", "x y", "one"), Pair("b", "z", "two"), Pair("c", "w", "two")]
    answers = {"net": ["x y", "z", ""], "memory": ["x y", "y", "y"]}
    assert judged(answers["net"], [pair.target for pair in test])["exact match"] == pytest.approx(2 / 3)
    assert "BLEU" not in judged(["x y z"], ["x y z"])  # no run of four words
    assert judged(["x y z w"], ["x y z w"])["BLEU"] == pytest.approx(100)
    kinds = by_kind(test, answers, ([Pair("d", "v", "new")], {"net": ["v"]}))
    assert [list(row) for row in kinds.rows] == [["one", 1, 1.0, 1.0], ["two", 2, 0.5, 0.0], ["new", 1, 1.0, ""]]
    assert kinds.shares == ["net", "memory"]
    told = written_table(test, answers)
    assert [list(row) for row in told.rows] == [
        ["b", "z", "✓", "y"],
        ["c", "w", "–", "y"],
        ["a", "x y", "✓", "✓"],
    ]
    assert "<svg" in by_length(test, answers, [2, 1, 1]).svg
