"""The collection of faulty and healthy programs: every cause has one, each builds alike from its seed, the kept scores show
that the fault does the harm."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch
from benchmarks.common import RESULTS
from benchmarks.doctor import located
from benchmarks.doctor_programs import programs
from benchmarks.doctor_programs.__main__ import LEAST_HARM, harm, parts
from benchmarks.doctor_programs.measure import SCORES, batches, measured, ordinary_step, r2
from benchmarks.doctor_programs.registry import faulty

_CAUSES = """
unscaled_input scaled_twice unscaled_target nan_in_data constant_data labels_out_of_range inputs_targets_misaligned
label_noise split_leakage target_in_input not_shuffled class_imbalance split_shift harmful_augmentation
repeated_worker_randomness scrambled_layout double_softmax activated_logits single_unit_softmax
missing_output_activation unreachable_targets wrong_loss_for_task wrong_output_width broadcast_loss wrong_reduction
unstable_operation loss_sign wrong_metric missing_nonlinearity symmetric_init bad_init_scale vanishing_gradient
exploding_gradient dead_units saturated_units batch_mixing causal_leak frozen_parameters not_in_optimizer
unused_parameters excess_dropout dropout_on_output batchnorm_stale over_regularised underfit overfit missing_zero_grad
learning_rate_too_high learning_rate_too_low unstable_training no_update wrong_mode misplaced_clipping
accumulation_not_divided undertrained
"""
CAUSES = set(_CAUSES.split())
ARGUMENTS = {"net", "loss", "optimizer", "train", "validation"}
CHOICES = {"batch_size", "epochs", "shuffle", "metric", "step"}
FILES = {"mnist", "cifar10", "spam", "movie sentences", "letters", "spoken digits", "traffic signs"}  # of PROFUNDO_DATA

ENTRIES = {entry.name: entry for entry in programs()}
WITHOUT_FILES = [entry for entry in ENTRIES.values() if entry.data not in FILES]
HANDFUL = sorted(WITHOUT_FILES, key=lambda entry: entry.name)[::9]
KEPT = json.loads((RESULTS / "doctor_programs.json").read_text())["programs"]


def test_every_cause_is_shown_and_no_other():
    shown = Counter(entry.cause for entry in ENTRIES.values() if entry.cause)
    assert set(shown) == CAUSES
    assert {also for entry in ENTRIES.values() for also in entry.also} <= CAUSES
    assert shown.total() >= 90
    assert len(ENTRIES) - shown.total() >= 60


def test_half_of_the_faulty_ones_are_modelled_on_reports_which_are_of_a_named_kind():
    of_faulty = [entry for entry in ENTRIES.values() if entry.cause]
    reports = [entry for entry in of_faulty if entry.source == "report"]
    assert len(reports) >= len(of_faulty) / 2
    assert {entry.saw.split(":")[0] for entry in reports} <= {"forum", "question", "issue", "bug tracker", "blog"}


def test_every_program_says_in_one_line_what_a_person_saw():
    assert [entry.name for entry in ENTRIES.values() if not 20 < len(entry.saw) < 150] == []


def test_most_faulty_programs_name_their_place_in_few_short_words_and_healthy_ones_none():
    placed = [entry for entry in ENTRIES.values() if entry.where]
    assert len(placed) >= 150
    assert all(entry.cause for entry in placed)
    words = {entry.name: entry.where for entry in placed}
    assert [name for name, some in words.items() if len(some) > 10 or len(set(some)) < len(some)] == []
    assert [name for name, some in words.items() if not all(0 < len(word) <= 24 for word in some)] == []


@pytest.mark.parametrize(
    ("words", "cause", "where", "right"),
    [
        (("0",), "dead_units", "0.weight", True),
        (("4", "0"), "dead_units", "2, 0", True),
        (("train targets",), "nan_in_data", "train targets, column 3", True),
        (("0",), "dead_units", "10", False),
        (("1",), "dead_units", "10", False),
        (("0",), "dead_units", "1.0", False),
        (("train",), "overfit", "training", None),  # a cause that is of the training as a whole
        ((), "dead_units", "0", None),
    ],
)
def test_a_place_is_judged_by_whole_words_and_module_paths(words, cause, where, right):
    assert located(replace(ENTRIES["all_weights_zero"], where=words), cause, where) is right


def test_halves_are_of_similar_size_among_faulty_and_healthy_ones():
    for group in (True, False):
        halves = Counter(e.half for e in ENTRIES.values() if bool(e.cause) is group and not e.apart)
        assert set(halves) == {"calibration", "published"}
        assert min(halves.values()) > 0.35 * halves.total()


def test_the_unseen_ones_are_a_collection_of_their_own():
    unseen = [entry for entry in ENTRIES.values() if entry.half == "unseen"]
    assert {entry.cause for entry in unseen if entry.cause} == CAUSES
    assert sum(entry.source == "report" for entry in unseen if entry.cause) >= 60
    assert sum(entry.cause is None for entry in unseen) >= 50


def test_the_later_ones_have_most_causes_and_nearly_as_many_sound_programs():
    later = [entry for entry in ENTRIES.values() if entry.half == "later"]
    assert len({entry.cause for entry in later if entry.cause}) >= 30
    assert sum(entry.cause is None for entry in later) >= 25


def test_a_name_cannot_stand_twice():
    with pytest.raises(ValueError, match="two programs are called 'all_weights_zero'"):

        @faulty("symmetric_init", data="digits")
        def all_weights_zero(_):
            return {}


@pytest.mark.parametrize("entry", HANDFUL, ids=lambda entry: entry.name)
def test_a_program_builds_alike_from_its_seed_and_takes_a_step(entry):
    for mended in (False, True):
        one, two = (entry.arguments(mended=mended, seed=3) for _ in range(2))
        assert set(one) >= ARGUMENTS
        assert set(one) <= ARGUMENTS | CHOICES
        for a, b in zip(one["net"].parameters(), two["net"].parameters(), strict=True):
            assert torch.equal(a, b)
        batch = next(iter(batches(one["train"], one.get("batch_size", 32), False)))
        try:
            cost = (one.get("step") or ordinary_step)(one["net"], batch, one["loss"], one["optimizer"])
        except (IndexError, RuntimeError):
            assert None in KEPT[entry.name]["broken"]
            assert not mended
        else:
            assert cost.ndim == 0


def test_every_program_has_its_scores_and_every_fault_its_harm():
    assert set(KEPT) == set(ENTRIES)
    for name, entry in ENTRIES.items():
        row = KEPT[name]
        assert (row["cause"], row["half"], row["score"]) == (entry.cause, entry.half, entry.score), name
        assert all(row[part] for part in parts(entry)), name
        if entry.cause:
            assert harm(row) >= LEAST_HARM, name
        else:
            assert min(row["healthy"]) > (row["baseline"] or 0.0) + 0.02, name  # of a metric of its own, 0


@pytest.mark.parametrize("name", ["wine_as_it_comes", "gradients_cleared_before_the_step", "logistic_regression"])
def test_the_kept_scores_are_those_of_a_training(name):
    entry, row = ENTRIES[name], KEPT[name]
    for part in parts(entry):
        again = measured(entry.arguments(mended=part == "mended"), entry.score)
        assert again == pytest.approx(row[part][0], abs=0.05)


def test_scores_of_answers_that_one_can_count():
    classes = torch.tensor([0, 1, 1, 1])
    always_one = torch.tensor([[0.0, 1.0]] * 4)
    yes = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    assert SCORES["accuracy"](always_one, classes) == 0.75
    assert SCORES["balanced accuracy"](always_one, classes) == 0.5
    assert SCORES["accuracy of logits"](torch.tensor([[0.4], [0.4], [-0.4], [-0.4]]), yes) == 0.5
    assert SCORES["accuracy of probabilities"](torch.tensor([[0.4], [0.6], [0.4], [0.4]]), yes) == 0.75
    assert r2(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])) == 1.0
    assert r2(torch.full((3,), 2.0), torch.tensor([1.0, 2.0, 3.0])) == 0.0
    assert r2(torch.full((3,), torch.nan), torch.tensor([1.0, 2.0, 3.0])) == -1.0
