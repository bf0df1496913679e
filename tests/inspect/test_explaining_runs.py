"""`profundo.explain` of runs, and the sections that the page of `profundo inside` has of why an answer."""

import polars as pl
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.data import standardize
from profundo.evaluate import evaluating
from profundo.inside.attributions import explain
from profundo.inside.attributions.proofs import randomised, removal_curves
from profundo.inspect.checked_explanation import asked_of, checked_of, explained, methods_for
from profundo.inspect.explanation_sections import why_section
from profundo.inspect.opened_net import of_run
from profundo.inspect.word_and_column_sections import attention_section, columns_section, words_section
from profundo.records import ProfundoError
from profundo.runs.given.asking import inputs_for


@pytest.fixture(scope="module")
def digits():
    data = pf.load("digits")
    return pf.fit(pf.nets.lenet5(data.spec), data, epochs=2, seed=0)


@pytest.fixture(scope="module")
def iris():
    return pf.fit("mlp", "iris", epochs=10, seed=0)


TEXTS = [
    (f"the film was {word} and {other} with a story", kind)
    for kind, words in (("good", ("great", "moving", "bright", "fine")), ("bad", ("dull", "awful", "weak", "flat")))
    for word in words
    for other in ("long", "short", "slow", "loud", "new", "old", "plain")
]


@pytest.fixture(scope="module")
def films():
    texts = [text for text, _ in TEXTS] * 4
    return pf.fit("text_transformer", (texts, [kind for _, kind in TEXTS] * 4), epochs=6, seed=0)


def test_a_run_is_explained_as_its_net_on_standardised_inputs(digits):
    raw = digits.data.test.inputs[:3]
    ready = standardize(raw, digits.data.spec.inputs)
    ours, its = pf.explain(digits, raw, "gradient", of="7"), explain(digits.net, ready, "gradient", of=7)
    torch.testing.assert_close(ours.map, its.map)
    assert ours.of.tolist() == [7, 7, 7]
    torch.testing.assert_close(pf.explain(digits.net, ready, "gradient", of=7).map, its.map)
    assert pf.explain(digits, raw[0], of=1).map.shape == (1, 1, 8, 8)
    with pytest.raises(ProfundoError, match="one of 0, 1, 2"):
        pf.explain(digits, raw, of="seven")
    with pytest.raises(ProfundoError, match="methods"):
        pf.explain(digits, raw, methods="gradient")


def test_of_two_classes_each_may_be_named():
    run = pf.fit("mlp", "circles", epochs=2, seed=0)
    rows, (first, second) = run.data.test.inputs[:4], run.data.spec.targets.classes
    one, other = (pf.explain(run, rows, of=name) for name in (first, second))
    torch.testing.assert_close(one.map, -other.map)
    torch.testing.assert_close(other.answer, pf.explain(run, rows, of=0).answer)


def test_the_page_shows_each_map_with_its_checks(digits):
    section = why_section(of_run(digits))
    methods = section.values["methods"]
    assert {"gradient", "integrated_gradients", "grad_cam", "occlusion", "kernel_shap"} <= set(methods)
    assert all(maps.shape == (5, 8, 8) for maps in section.arrays.values())
    assert methods["integrated_gradients"]["gap"] < 0.05
    assert len(section.part.figures) == len(methods) + 2
    assert len(section.part.grid.rows) == len(methods)
    words = next(one.caption for one in section.part.figures if "Integrated" in one.caption)
    assert "adds up" in words
    assert "drawn anew" in words
    assert columns_section(of_run(digits)) is None
    assert words_section(of_run(digits)) is None
    assert attention_section(of_run(digits)) is None


def test_columns_share_out_what_a_row_is_away_from_others(iris):
    looked = of_run(iris)
    section = columns_section(looked)
    shap = section.arrays["shap"]
    train = looked.samples(looked.data.train, 20)[0]
    with torch.no_grad():
        answers = iris.net(looked.inputs)
        usual = iris.net(looked.ready(train)).mean(0)
    chosen = answers.argmax(1)
    torch.testing.assert_close(shap.sum(1), (answers - usual).gather(1, chosen[:, None])[:, 0], atol=1e-4, rtol=1e-3)
    assert set(section.values["importance"]) == set(looked.spec.inputs.names)
    assert section.part.grid.rows[0][0] in looked.spec.inputs.names
    assert any("Partial dependence" in one.caption for one in section.part.figures)
    assert why_section(looked) is None


def test_words_that_decide_are_marked_by_leaving_out_and_by_vectors(films):
    looked = of_run(films)
    section = words_section(looked)
    deciding = {"great", "moving", "bright", "fine", "dull", "awful", "weak", "flat"}
    for text in section.values["texts"]:
        assert max(text["words"], key=lambda word: abs(text["words"][word])) in deciding
    vectors = [one.caption for one in section.part.figures if "vectors" in one.caption]
    assert len(vectors) == len(section.values["texts"])
    seen = attention_section(looked)
    assert len(seen.arrays) == 2
    assert all(torch.allclose(weights.sum(3), torch.ones(())) for weights in seen.arrays.values())


SHORT, LONG = "an awful story", "the story was moving , long and MOVING again ."


def test_texts_are_explained_word_by_word_at_their_vectors(films):
    seen = pf.explain(films, [SHORT, LONG], of="bad")
    assert seen.words[0] == ("an", "awful", "story", *[""] * (len(seen.words[1]) - 3))
    assert seen.words[1][2:5] == ("was", "moving", ",")
    assert seen.by_place.shape == (2, len(seen.words[1]))
    assert (seen.gap.abs() < 0.02 * seen.change.abs()).all()
    assert seen.words[0][seen.by_place[0].argmax()] == "awful"
    assert seen.words[1][seen.by_place[1].argmin()] == "moving"
    assert (seen.by_place[0, 3:] == 0).all()
    for method in ("gradient", "gradient_times_input", "smoothgrad"):
        assert pf.explain(films, [SHORT], method).map.abs().max() > 0
    with pytest.raises(ProfundoError, match="one of"):
        pf.explain(films, [SHORT], part="nothing")


def test_the_parts_of_a_text_are_its_words(films):
    def answer(text):
        return films.net(standardize(inputs_for([text], films.data.spec.inputs)[0], films.data.spec.inputs))[0, 0]

    left_out = pf.explain(films, [SHORT, LONG], "occlusion", of=0)
    with torch.no_grad(), evaluating(films.net):
        falls = torch.stack([answer(SHORT) - answer(text) for text in ("awful story", "an story", "an awful")])
    torch.testing.assert_close(left_out.map[0, :3], falls)
    assert (left_out.map[0, 3:] == 0).all()
    exact, sampled = (pf.explain(films, [SHORT], method, of=0) for method in ("shapley", "kernel_shap"))
    assert exact.map.shape == (1, 3)
    torch.testing.assert_close(exact.sum, exact.change)
    torch.testing.assert_close(exact.map, sampled.map)
    nothing = pf.explain(films, ["", SHORT], "occlusion", of=0)
    assert (nothing.map[0] == 0).all()
    torch.testing.assert_close(nothing.map[1], left_out.map[0, :3])
    with pytest.raises(ProfundoError, match="is left out"):
        pf.explain(films, [SHORT], "lime", baseline=0.0)


def test_each_column_of_text_is_asked_by_its_name_and_a_net_without_vectors_is_told_so():
    texts, kinds = [text for text, _ in TEXTS], [kind for _, kind in TEXTS]
    table = {"title": texts, "other": [text[::-1] for text in texts], "x": list(range(len(texts))), "kind": kinds}
    run = pf.fit("text_cnn", pl.DataFrame(table), target="kind", epochs=1, seed=0, doctor=False)
    rows = run.data.test.inputs[:2]
    for part, first in ((None, "the"), ("title", "the"), ("other", "yrots")):
        for method in ("integrated_gradients", "occlusion"):
            seen = pf.explain(run, rows, method, part=part)
            assert {words[0] for words in seen.words} == {first}
            assert seen.by_place.shape[1] == len(seen.words[0])
    means = pf.fit("text_mean", (texts, kinds), epochs=1, seed=0)
    with pytest.raises(ProfundoError, match=r"expected a net with an nn\.Embedding of words, TextMean has none"):
        pf.explain(means, [SHORT])
    assert pf.explain(means, [SHORT], "occlusion").words == (("an", "awful", "story"),)


def test_series_are_drawn_behind_what_each_step_says():
    x = torch.randn(60, 2, 40, generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 2
    x[y == 1, 0, 10:15] += 3
    section = why_section(of_run(pf.fit("fcn", (x.numpy(), y.numpy()), epochs=1, seed=0)))
    assert 'class="ground"' in section.part.figures[0].svg
    assert section.arrays["integrated_gradients"].shape == (2, 40)


def test_a_method_that_does_not_suit_is_left_out_and_why(monkeypatch, digits):
    from dataclasses import replace

    looked = of_run(digits)
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))
    section = why_section(replace(looked, net=dense))
    assert "grad_cam" not in section.values["methods"]
    assert any(
        "Grad-CAM is left out: layer: expected a net with convolutions" in words for words in section.part.paragraphs
    )
    monkeypatch.setattr("profundo.inspect.explanation_sections.MOST_WORK", 0.0)
    assert why_section(replace(looked, net=dense)) is None


def test_a_question_about_one_image_is_the_door_s(digits):
    looked, raw = of_run(digits), digits.data.test.inputs[3]
    asked = asked_of(looked, raw, "gradient", of=7)
    maps = explained(asked)
    torch.testing.assert_close(maps.map, pf.explain(digits, raw[None], "gradient", of=7).map)
    checked = checked_of(asked, maps)
    forgetting = randomised(digits.net, looked.ready(raw[None]), "gradient", of=7, stages=3)
    assert checked.forgetting.alike == pytest.approx(forgetting.alike)
    curves = removal_curves(digits.net, looked.ready(raw[None]), maps.by_place, of=7)
    assert checked.curves.deletion == pytest.approx(curves.deletion)
    with pytest.raises(ProfundoError, match="one of gradient"):
        asked_of(looked, raw, "shapley")


def test_of_a_row_each_column_has_its_part_of_the_change(iris):
    looked, raw = of_run(iris), iris.data.test.inputs[0]
    asked = asked_of(looked, raw, "kernel_shap")
    maps = explained(asked)
    assert [label.split(" = ")[0] for label in asked.labels] == list(iris.data.spec.inputs.names)
    assert sum(asked.by_label(maps)) == pytest.approx(float(maps.change[0]), rel=1e-4)
    assert checked_of(asked, maps).curves.what == "probability"
    assert "grad_cam" not in methods_for(looked)


def test_of_a_text_each_word_has_its_part(films):
    looked, row = of_run(films), films.data.test.inputs[0]
    for method in ("integrated_gradients", "occlusion"):
        asked = asked_of(looked, row, method)
        maps = explained(asked)
        assert asked.labels[:4] == ("the", "film", "was", asked.labels[3])
        assert len(asked.by_label(maps)) == len(asked.labels)
        ours = pf.explain(films, row[None], method)
        assert asked.by_label(maps) == pytest.approx(ours.by_place[0, : len(asked.labels)].tolist(), abs=1e-6)
        areas = checked_of(asked, maps).curves.areas
        assert areas["deletion"] < areas["random_deletion"]
