"""BLEU against sacrebleu: of its kept values, and anew wherever it is installed."""

import json
import math
from pathlib import Path

import pytest

from profundo.evaluate.sequences.bleu import bleu, cut

KEPT = json.loads((Path(__file__).parent / "bleu_figures.json").read_text("utf-8"))


@pytest.mark.parametrize("case", KEPT["cases"])
def test_figures_are_those_that_sacrebleu_gave(case):
    assert bleu(case["made"], case["wanted"]) == pytest.approx(case["bleu"], abs=1e-9)


def test_runs_count_no_oftener_than_the_reference_has_them_and_shorter_texts_are_worth_less():
    assert bleu(["a b c d e"], ["a b c d e f g h"]) == pytest.approx(100 * math.exp(1 - 8 / 5))
    runs = [2 / 7, 1 / (2 * 6), 1 / (4 * 5), 1 / (8 * 4)]  # Papineni's example: "the" is twice in the reference
    assert bleu(["the the the the the the the"], ["the cat is on the mat"]) == pytest.approx(
        100 * math.prod(runs) ** 0.25
    )


def test_signs_are_words_but_points_between_digits_and_apostrophes():
    assert cut("It's 3.14, (a) b-c 2024-05.") == ["It's", "3.14", ",", "(", "a", ")", "b-c", "2024", "-", "05", "."]
