"""Dialogues: who speaks in a play, what JSON lines hold, and examples of answers."""

import json

import pytest
import torch

from profundo.data.text.characters import Characters
from profundo.data.text.dialogues import NOTHING, answers_of, prompt_of, read_dialogues, spoken_turns
from profundo.records import ProfundoError

PLAY = """First Citizen:
Before we proceed any further, hear me speak.

All:
Speak,
speak.

All:
We hear.

Enter MARCIUS

MARCIUS:
Thanks. What's the matter: you?
"""


def test_a_play_is_its_turns_without_names_and_directions():
    assert spoken_turns(PLAY) == [
        "Before we proceed any further, hear me speak.",
        "Speak,\nspeak.\nWe hear.",
        "Thanks. What's the matter: you?",
    ]
    assert spoken_turns("no speakers\n\nhere: none") == []


def test_three_ways_to_write_a_dialogue_are_one(tmp_path):
    rows = [
        ["Good day.", "Good day to you."],
        {"turns": ["Good day.", " Good day to you. "]},
        {"messages": [{"role": "user", "content": "Good day."}, {"role": "assistant", "content": "Good day to you."}]},
        {
            "messages": [{"role": one, "content": "Good day."} for one in ("system", "assistant", "user")]
            + ["Good day to you."]
        },
        {"id": 4, "turns": [{"speaker": "A", "text": "Good day."}, {"speaker": "B", "text": "Good day to you."}]},
    ]
    path = tmp_path / "turns.jsonl"
    path.write_text("\n\n".join(map(json.dumps, rows)))
    assert read_dialogues(path) == [["Good day.", "Good day to you."]] * 5


ROLES = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}


def by_roles(*told):
    """A line of JSON: messages such as "u one", of the user."""
    return json.dumps({"messages": [{"role": ROLES[one[0]], "content": one[2:]} for one in told]})


def test_a_turn_is_what_one_role_says_in_a_row(tmp_path):
    path = tmp_path / "turns.jsonl"
    lines = [
        by_roles("u 1", "u 2", "a 3"),
        by_roles("s 0", "u 1", "s 0", "u 2", "a 3"),
        by_roles("a 0", "a 0", "u 1", "u 2", "a 3", "s 0"),
        json.dumps([{"speaker": one[0], "text": one[1]} for one in ("A1", "A2", "B3")]),
    ]
    path.write_text("\n".join(lines))
    assert read_dialogues(path) == [["1\n2", "3"]] * 4


@pytest.mark.parametrize("told", [("u 1", "t 2", "a 3", "u 4"), ("u 1", "a 2", "t 3", "a 4")])
def test_roles_beyond_two_are_refused(tmp_path, told):
    path = tmp_path / "turns.jsonl"
    path.write_text(by_roles("u 1", "a 2") + "\n" + by_roles(*told))
    with pytest.raises(ProfundoError, match="line 2: expected one who asks and one who answers by turns, got user, "):
        read_dialogues(path)


def test_lines_end_where_json_lines_end(tmp_path):
    path = tmp_path / "turns.jsonl"
    path.write_bytes('["a\u2028b\u0085c", "d"]\r\n["e", "f"]\r\n'.encode())
    assert read_dialogues(path) == [["a\u2028b\u0085c", "d"], ["e", "f"]]


@pytest.mark.parametrize(
    "line",
    ["nonsense", '["one"]', '["one", 2]', '["one", " "]', "3", '{"text": "a"}', '{"turns": {"a": "b"}}', "[" * 9999],
)
def test_a_line_that_is_no_dialogue_is_named(tmp_path, line):
    path = tmp_path / "turns.jsonl"
    path.write_text('["a", "b"]\n' + line)
    with pytest.raises(ProfundoError, match=r"turns\.jsonl, line 2: expected two turns or more") as refused:
        read_dialogues(path)
    assert "\n" not in str(refused.value)
    path.write_text("\n")
    with pytest.raises(ProfundoError, match="expected lines such as"):
        read_dialogues(path)
    with pytest.raises(ProfundoError, match="expected a file of JSON lines, found nothing"):
        read_dialogues(tmp_path / "none.jsonl")


LETTERS = Characters("abcdef")
ASKS, ANSWERS = 6, 7


def test_every_second_turn_is_an_answer_to_all_before_it():
    answers = answers_of([["ab", "c", "d", "ef", "a"]], LETTERS.encode, 6, 12)
    assert answers.inputs.tolist() == [
        [ASKS, 0, 1, ANSWERS, 2, *[0] * 7][:12],
        [1, ANSWERS, 2, ASKS, 3, ANSWERS, 4, 5, 0, 0, 0, 0],
    ]
    nothing = NOTHING
    assert answers.targets.tolist() == [
        [*[nothing] * 3, 2, ASKS, *[nothing] * 7],
        [*[nothing] * 5, 4, 5, ASKS, *[nothing] * 4],
    ]


def test_what_is_too_long_is_cut_the_answer_behind_and_what_was_said_before():
    answers = answers_of([["abcdef", "fedcba"]], LETTERS.encode, 6, 8)
    assert answers.inputs.tolist() == [[3, 4, 5, ANSWERS, 5, 4, 3, 0]]
    assert answers.targets.tolist() == [[*[NOTHING] * 3, 5, 4, 3, 2, NOTHING]]  # no end, for there is more


def test_a_prompt_ends_with_the_turn_that_is_asked_and_the_sign_to_answer():
    turns = [LETTERS.encode(turn) for turn in ("ab", "c", "d")]
    assert prompt_of(turns, 6, 99).tolist() == [ASKS, 0, 1, ANSWERS, 2, ASKS, 3, ANSWERS]
    assert prompt_of(turns, 6, 5).tolist() == [ANSWERS, 2, ASKS, 3, ANSWERS]


def test_batches_hold_every_example_once_in_an_order_of_the_epoch():
    answers = answers_of([["a", "b", "c", "d", "e", "f", "a", "b", "c", "d"]], LETTERS.encode, 6, 6)
    batches = answers.batches(2, 3, torch.device("cpu"))

    def seen(epoch, skip=0):
        return [row for batch in batches.epoch(epoch, skip) for row in batch.inputs.tolist()]

    assert len(batches) == 3
    assert [batch.total for batch in batches.epoch(0)] == [2, 2, 1]
    assert sorted(seen(0)) == sorted(answers.inputs.tolist())
    assert seen(0) == seen(0) != seen(1)
    assert seen(1, 1) == seen(1)[2:]
