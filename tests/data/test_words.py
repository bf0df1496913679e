"""Words and their neighbours: vocabulary, subsampling, windows, noise, and that batches depend on (seed, epoch, index)."""

from collections import Counter

import pytest
import torch

from profundo.data.text.words import (
    SkipGrams,
    keep_probability,
    noise_distribution,
    skip_grams,
    subsampled,
    tokenized,
)
from profundo.records import ProfundoError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def zipf(tokens=20000, words=50, seed=0):
    """A text whose word i has a frequency proportional to 1/(i + 1), and the counts."""
    text = torch.multinomial(1 / torch.arange(1.0, words + 1), tokens, replacement=True, generator=generator(seed))
    return text, text.bincount(minlength=words)


def test_words_are_lower_case_letters_with_apostrophes_and_hyphens_inside():
    text = "KING: O'er the well-known sea, 'tis 1 café!\nThou"
    found = {"king", "o'er", "the", "well-known", "sea", "tis", "café", "thou"}
    assert set(tokenized(20 * f"{text}\n", least=1).vocabulary) == found


def test_characters_are_lower_case_with_every_white_space_as_a_blank():
    tokens = tokenized(20 * "Ab\n\t", "characters", least=1)
    assert tokens.vocabulary == (" ", "a", "b")
    assert tokens.train[:8].tolist() == [1, 2, 0, 0, 1, 2, 0, 0]


def test_the_vocabulary_is_counted_in_the_training_part_only_and_sorted():
    text = "a " * 50 + "b " * 30 + "rare " * 4 + "c " * 6 + "late " * 10
    found = tokenized(text, least=5)
    assert found.vocabulary == ("a", "b", "c")
    assert found.counts.tolist() == [50, 30, 6]
    assert found.train.tolist() == [0] * 50 + [1] * 30 + [2] * 6
    assert len(found.validation) == len(found.test) == 0  # "late" is unknown to the training part


def test_a_text_without_words_is_refused():
    with pytest.raises(ProfundoError, match="at least two"):
        tokenized("word " * 100)


def test_frequent_words_are_kept_as_equation_5_says():
    _, counts = zipf()
    keep = keep_probability(counts, 0.01)
    for count, probability in zip(counts.tolist(), keep.tolist(), strict=True):
        dropped = 1 - (0.01 / (count / 20000)) ** 0.5
        assert probability == pytest.approx(1 - max(0.0, dropped))
    assert keep.min() < 0.3
    assert keep.max() == 1


def test_subsampling_keeps_that_share_of_each_word_and_the_order():
    text, counts = zipf(tokens=200_000)
    keep = keep_probability(counts, 0.01)
    kept = subsampled(text, keep, generator(9))
    shares = kept.bincount(minlength=50) / text.bincount(minlength=50)
    assert (shares - keep).abs().max() < 0.03
    ordered = subsampled(torch.arange(1000), torch.full((1000,), 0.5), generator())
    assert (ordered[1:] > ordered[:-1]).all()


def test_skip_grams_are_those_of_a_loop_over_words_and_distances():
    text = torch.arange(30)  # each token names its place
    centres, contexts = skip_grams(text, 4, generator(7))
    reach = torch.randint(1, 5, (30,), generator=generator(7)).tolist()
    looped = [(i, j) for i in range(30) for j in range(30) if i != j and abs(i - j) <= reach[i]]
    assert sorted(zip(centres.tolist(), contexts.tolist(), strict=True)) == sorted(looped)


def test_near_words_come_more_often_in_proportion_to_the_window_left():
    centres, contexts = skip_grams(torch.arange(40_000), 4, generator())
    distances = (centres - contexts).abs().bincount()[1:] / (2 * 40_000)
    torch.testing.assert_close(distances, torch.tensor([1.0, 0.75, 0.5, 0.25]), atol=0.01, rtol=0)


def test_noise_is_drawn_from_unigram_to_three_quarters():
    text, counts = zipf()
    batches = SkipGrams(text, counts, batch_size=4096, negatives=50, threshold=1.0)
    drawn = batches.noise_words(0).flatten().bincount(minlength=50).double() / (4096 * 50)
    by_hand = torch.tensor([count**0.75 for count in counts.tolist()], dtype=torch.float64)
    torch.testing.assert_close(noise_distribution(counts), by_hand / by_hand.sum())
    assert (drawn - by_hand / by_hand.sum()).abs().max() < 0.003


def same_bits(left, right):
    return torch.equal(left.inputs, right.inputs) and torch.equal(left.targets, right.targets)


def small(seed=0, **options):
    text, counts = zipf(tokens=600)
    return SkipGrams(text, counts, batch_size=64, window=2, negatives=3, seed=seed, threshold=0.1, **options)


def test_an_epoch_may_be_entered_anywhere_and_is_the_same_every_time():
    batches = small()
    whole = list(batches.epoch(3))
    assert len(whole) == len(batches) > 5
    for skip in (0, 1, len(batches)):
        rest = list(batches.epoch(3, skip))
        assert len(rest) == len(batches) - skip
        assert all(same_bits(a, b) for a, b in zip(whole[skip:], rest, strict=True))


def test_epochs_steps_and_seeds_draw_anew():
    first = [batch for epoch in range(2) for batch in small().epoch(epoch)] + [next(iter(small(seed=1).epoch(0)))]
    assert len({tuple(batch.targets.flatten().tolist()) for batch in first}) == len(first)


def test_an_epoch_holds_the_pairs_of_its_text_once():
    batches = small()
    centres, contexts = batches.pairs(0)
    pairs = Counter(zip(centres.tolist(), contexts.tolist(), strict=True))
    seen = Counter()
    for batch in batches.epoch(0):
        assert batch.targets.shape == (64, 4)
        seen.update(zip(batch.inputs.tolist(), batch.targets[:, 0].tolist(), strict=True))
    assert not seen - pairs
    assert sum(seen.values()) == len(batches) * 64 > len(centres) - 64


def test_epochs_have_equal_length_and_may_be_cut():
    batches = small()
    lengths = {len(batches.pairs(epoch)[0]) for epoch in range(4)}
    assert len(lengths) > 1, "the number of pairs should vary"
    assert {len(list(batches.epoch(epoch))) for epoch in range(4)} == {len(batches)}
    assert len(list(small(most=3).epoch(0))) == 3


def test_a_text_too_short_for_one_batch_is_refused():
    with pytest.raises(ProfundoError, match="one batch of 1024 pairs"):
        SkipGrams(torch.arange(20), torch.ones(20))
