"""Recipes that write pieces of text as they come, and one that is talked to."""

import json
from dataclasses import replace
from math import log

import pytest
import torch

from profundo.cli import chatting
from profundo.cli.recipes import generate
from profundo.data.text.byte_pairs import BytePairs, learned_pairs
from profundo.data.text.characters import Characters, split_text
from profundo.data.text.dialogues import spoken_turns
from profundo.nets.causal_transformer import GPT
from profundo.recipes.recipe import Model, streamed, talked_to
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.writing.conversing import begin_as, dialogues_of, introduction, listening
from profundo.recipes.zoo.gpt import heard, nats_per_character
from profundo.records import ProfundoError

SONG = "row row row your boat gently down the stream\nmerrily merrily merrily merrily life is but a dream\n"
SMALL = {"width": 32, "heads": 2, "layers": 1, "context": 32, "batch_size": 8, "dropout": 0.0, "learning_rate": 0.01}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    place = tmp_path_factory.mktemp("texts")
    (place / "song.txt").write_text(SONG * 30)
    pairs = [["which animal barks?", "the dog barks."], ["which animal purrs?", "the cat purrs."]]
    turns = [[*pairs[number % 2], *pairs[number // 2 % 2], f"good bye {number}"] for number in range(60)]
    (place / "turns.jsonl").write_text("\n".join(map(json.dumps, turns)))
    return place


@pytest.fixture(scope="module")
def singer(paths):
    """A GPT over byte pairs that knows one song by heart."""
    given = SMALL | {"data": str(paths / "song.txt"), "pieces": "byte pairs", "merges": 20, "epochs": 5}
    return run_recipe("gpt", given | {"temperature": 0.3}, out=False)


@pytest.fixture(scope="module")
def answerer(paths, tmp_path_factory):
    """A GPT over characters that learned two answers, in a folder."""
    given = {
        "data": str(paths / "song.txt"),
        "dialogues": str(paths / "turns.jsonl"),
        "pieces": "byte pairs",
        "merges": 20,
    }
    more = {"epochs": 1, "chat_epochs": 12, "chat_rate": 0.01, "context": 64}
    return run_recipe("gpt", SMALL | given | more, out=tmp_path_factory.mktemp("talk") / "run")


def test_a_song_becomes_predictable_and_is_gone_on_with(singer):
    assert singer.outcome.scores["nats/char"] < 0.3 < singer.outcome.baseline["nats/char"] + 0.3
    (passage,) = singer.generate(1, prompt="gently down ")
    assert passage.text.startswith("gently down the stream\nmerrily")
    assert "byte pairs, each drawn" in passage.caption
    assert "chat" not in singer.outcome.networks


def test_what_comes_piece_by_piece_is_the_passage(singer):
    manner = {"temperature": 1.5, "top_k": 9, "top_p": 0.9, "length": 40}
    (passage,) = singer.generate(1, seed=4, prompt="boat ", **manner)
    pieces = list(streamed("gpt", singer.model, 4, "boat ", manner))
    assert "".join(pieces) == passage.text
    assert len(pieces) > 40
    assert "at temperature 1.5, of the 9 likeliest, of the likeliest 0.9, after 'boat '" in passage.caption
    colder = [one.text for one in singer.generate(2, temperature=0.0, length=30)]
    assert colder[0] == colder[1]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [({"heat": 1}, "setting 'heat' is unknown"), ({"top_p": 0}, "setting top_p: expected"), ({"top_k": -1}, "top_k")],
)
def test_wrong_wishes_are_one_line(singer, wish, reason):
    with pytest.raises(ProfundoError, match=reason) as refused:
        singer.generate(1, **wish)
    assert "\n" not in str(refused.value)


def test_a_character_costs_the_same_whatever_the_pieces_are():
    """A net that finds all pieces equally likely: log(pieces) for each piece, over the characters that they make."""
    text = SONG * 3
    pairs = BytePairs(learned_pairs(text, 30))
    net = GPT(len(pairs), 4, heads=1, layers=1, context=8)
    torch.nn.init.zeros_(net.output.weight)
    torch.nn.init.zeros_(net.output.bias)
    pieces = pairs.encode(text)
    rest = len(text) - len(pairs.decode(pieces[:1]))
    assert nats_per_character(net, text, pairs) == pytest.approx((len(pieces) - 1) * log(len(pairs)) / rest, 1e-5)


def test_answers_fit_what_was_asked_after_fine_tuning(answerer):
    assert answerer.answer(["which animal barks?"], temperature=0) == "the dog barks."
    turns = ["which animal barks?", "the dog barks.", "which animal purrs?"]
    assert answerer.answer(turns, temperature=0) == "the cat purrs."
    scores, baseline = answerer.outcome.scores, answerer.outcome.baseline
    assert scores["answers, nats/symbol"] < baseline["answers, nats/symbol"]
    assert "knows nothing" in talked_to("gpt", answerer.model)[0].introduction(answerer.model)
    (table,) = (exhibit for exhibit in answerer.outcome.exhibits if exhibit.title == "Answers")
    assert len(table.rows[0]) == 3


def test_lines_are_answered_in_the_terminal(answerer, capsys, monkeypatch):
    said = iter(["which animal barks?", "which animal purrs?", ""])
    monkeypatch.setattr("builtins.input", lambda _prompt: next(said))
    chatting.chat(answerer.folder.path, seed=0, wishes=["temperature=0"])
    told = capsys.readouterr()
    assert told.out == "net: the dog barks.\nnet: the cat purrs.\n"
    assert "knows nothing" in told.err


def test_a_run_without_dialogues_or_of_another_recipe_does_not_answer(singer):
    with pytest.raises(ProfundoError, match="learned from no dialogues"):
        singer.answer(["well?"])
    with pytest.raises(ProfundoError, match="recipe vae answers nothing"):
        talked_to("vae", Model(None, {}, {}))


def test_dialogues_are_those_of_the_file_or_of_the_speakers_of_each_part(paths):
    text = split_text("".join(f"{name}:\nWords {number}.\n\n" for number in range(400) for name in "AB"), "play")
    parts = dialogues_of(None, text)
    assert parts[0][:2] == [
        ["Words 0.", "Words 0.", "Words 1.", "Words 1."],
        ["Words 2.", "Words 2.", "Words 3.", "Words 3."],
    ]
    assert ["Words 0.", "Words 1.", "Words 1.", "Words 2."] in parts[0]
    turns = spoken_turns(text.parts[2])
    assert turns[-1] == "Words 399."
    answers = [answer for dialogue in parts[2] for answer in dialogue[1::2]]
    assert sorted(answers) == sorted(turns[1:])
    assert dialogues_of(None, split_text(SONG * 30, "song")) is None
    own = dialogues_of(str(paths / "turns.jsonl"), text)
    assert [len(part) for part in own] == [54, 3, 3]
    (paths / "few.jsonl").write_text("".join(f'["a {number % 19}", "b"]\n' for number in range(60)))
    with pytest.raises(ProfundoError, match="at least 20 different dialogues, got 19"):
        dialogues_of(str(paths / "few.jsonl"), text)


def test_a_dialogue_that_is_there_twice_is_in_one_part(paths):
    lines = [f'["a {number // 3}", "b"]\n' for number in range(120)]
    (paths / "thrice.jsonl").write_text("".join(lines))
    (paths / "turned.jsonl").write_text("".join(reversed(lines)))
    once = [{told for told, _ in part} for part in dialogues_of(str(paths / "thrice.jsonl"), None)]
    assert list(map(len, once)) == [36, 2, 2]
    assert len(set.union(*once)) == 40
    assert [{told for told, _ in part} for part in dialogues_of(str(paths / "turned.jsonl"), None)] == once
    assert [{told for told, _ in part} for part in dialogues_of(str(paths / "thrice.jsonl"), None, 1)] != once


def test_whether_it_listens_is_not_told_of_a_single_turn():
    net = GPT(4 + 2, 8, heads=2, layers=1, context=8)
    letters = Characters("abcd")
    assert listening(net, [["ab", "c"]], letters)[1] is None
    assert listening(net, [["ab", "c"], ["ab", "d"]], letters)[1] is None
    assert listening(net, [["ab", "c"], ["cd", "d"]], letters)[1] is not None
    assert "cannot be told" in heard(None)


def test_what_is_said_of_a_net_is_its_own_context(singer):
    settings = replace(singer.model.asked, context=4096)
    model = replace(singer.model, asked=settings, known=singer.model.known | {"answers": 0})
    assert f"the last {singer.model.known['context'] // 2} symbols" in introduction(model)


def test_one_passage_is_kept_where_it_was_asked_to_be(answerer, tmp_path, capsys):
    generate(answerer.folder.path, count=1, wishes=["length=9"], out=tmp_path / "kept")
    (path,) = (tmp_path / "kept").iterdir()
    assert capsys.readouterr().out == f"{path.read_text()}\n{path}\n"
    generate(answerer.folder.path, count=1, wishes=["length=9"])
    assert capsys.readouterr().out.strip() == path.read_text().strip()
    assert not (answerer.folder.path / "generated").exists()


def test_the_net_that_answers_begins_as_the_one_that_writes():
    one, more = (GPT(symbols, 8, heads=2, layers=1, context=4).eval() for symbols in (5, 7))
    begin_as(more, one)
    text = torch.tensor([[1, 4, 2, 0]])
    assert torch.allclose(more(text)[0][..., :5], one(text)[0])


def test_an_unknown_character_in_the_dialogues_is_refused_before_training(paths, tmp_path):
    given = SMALL | {"data": str(paths / "song.txt"), "dialogues": str(paths / "turns.jsonl")}
    with pytest.raises(
        ProfundoError, match=r"turns\.jsonl: expected only characters that the text has, got .*'\.'.*byte pairs"
    ):
        run_recipe("gpt", given, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
