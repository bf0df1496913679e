"""Nets of texts beside what the papers and scikit-learn say; their contract is in test_nets.py."""

import math
import re

import pytest
import torch
from sklearn.naive_bayes import BernoulliNB

from profundo import nets
from profundo.nets.net_names import NETS_FOR_TEXTS
from profundo.nets.text_nets import TextForm, as_classes, digits_alike, hashed_ngrams, log_count_ratios
from profundo.records import Column, Inputs, ProfundoError, Spec, Targets

BINARY = Targets("binary", ("no", "yes"))


def spec_of(targets=BINARY, words=4, characters=12):
    names = [f"t, word {place}" for place in range(1, words + 1)]
    names += [f"t, character {place}" for place in range(1, characters + 1)]
    columns = (Column("t", "text", ("good", "bad", "day"), lengths=(words, characters)),)
    return Spec(Inputs((words + characters,), "features", names=tuple(names), columns=columns), targets)


def rows_of(*texts, words=4, characters=12):
    """Rows of texts of the three known words."""
    known = {"good": 2, "bad": 3, "day": 4}
    rows = torch.zeros(len(texts), words + characters)
    for row, text in zip(rows, texts, strict=True):
        ids = [known.get(word, 1) for word in text.split()][:words]
        row[: len(ids)] = torch.tensor(ids, dtype=torch.float32)
        points = [ord(letter) for letter in text[:characters]]
        row[words : words + len(points)] = torch.tensor(points, dtype=torch.float32)
    return rows


def test_equal_ngrams_have_equal_numbers_wherever_they_stand():
    grams = hashed_ngrams(torch.tensor([[5, 6, 9, 5, 6, 0, 0]]), (2,), 2**18)[0].tolist()
    assert grams[0] == grams[3]
    assert len(set(grams[:4])) == 3
    assert grams[4:] == [0, 0]


def test_the_hash_is_a_polynomial_and_two_shifts():
    prime, factor = 2**31 - 1, 1_000_003
    value = 2
    for one in (7, 0x10FFFF):
        value = (value * factor + one) % prime
    value = (value ^ value >> 15) * factor % prime
    expected = (value ^ value >> 13) % (1000 - 1) + 1
    assert hashed_ngrams(torch.tensor([[7, 0x10FFFF]]), (2,), 1000).tolist() == [[expected]]


def test_different_ngrams_rarely_share_a_number():
    pairs = torch.cartesian_prod(torch.arange(1, 101), torch.arange(1, 101))
    different = hashed_ngrams(pairs, (2,), 2**18).unique().numel()
    by_chance = 2**18 * (1 - math.exp(-10_000 / 2**18))
    assert abs(different - by_chance) < 0.02 * by_chance


def test_numbers_of_one_length_are_alike_among_characters():
    one, other, longer = (torch.tensor([[ord(letter) for letter in text]]) for text in ("a07b", "a91b", "a007"))
    assert digits_alike(one).equal(digits_alike(other))
    assert not digits_alike(one).equal(digits_alike(longer))


def test_an_ngram_longer_than_the_text_is_none():
    assert hashed_ngrams(torch.tensor([[3, 4]]), (1, 5), 100).shape == (1, 2)
    assert hashed_ngrams(torch.tensor([[3]]), (2, 5), 100).shape == (1, 0)


def test_log_count_ratios_of_even_classes_are_those_of_naive_bayes():
    """With as many texts in each class, adding 2 p = 1 to both counts is Laplace's smoothing of the counts."""
    draw = torch.Generator().manual_seed(0)
    there, labels = torch.rand(40, 6, generator=draw) < 0.4, torch.arange(40) % 2
    counts = torch.stack([there[labels == label].sum(0) for label in (0, 1)]).float()
    ours = log_count_ratios(counts, torch.tensor([0.5, 0.5]))[1]
    theirs = BernoulliNB(alpha=1.0).fit(there.numpy(), labels.numpy()).feature_log_prob_
    torch.testing.assert_close(ours.double(), torch.from_numpy(theirs[1] - theirs[0]), rtol=1e-5, atol=1e-6)


def test_an_ngram_as_frequent_as_its_class_tells_nothing():
    ratios = log_count_ratios(torch.tensor([[9.0, 0, 5], [1.0, 0, 0]]), torch.tensor([0.9, 0.1]))
    assert ratios[:, :2].abs().max() < 1e-6
    assert ratios[0, 2] > 0 > ratios[1, 2]
    assert ratios[0].allclose(-ratios[1], atol=1e-6)


def test_numbers_are_weighed_by_which_side_of_the_median_they_are():
    assert as_classes(torch.tensor([[1.0], [2], [3], [4]]), "real").int().tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]


def test_a_word_of_one_class_weighs_more_than_a_word_of_both():
    net = nets.text_mean(spec_of())
    texts = ["good day", "bad day", "good day", "bad day"]
    net.measure_samples(rows_of(*texts), torch.tensor([1, 0, 1, 0]))
    weights = net.words[0].weights
    good, day = (hashed_ngrams(torch.tensor([[word]]), (1,), len(weights)).item() for word in (2, 4))
    assert weights[good] > 1 > weights[day] == 0
    assert weights.count_nonzero() < 20  # what training never had weighs nothing


@pytest.mark.parametrize("name", sorted(NETS_FOR_TEXTS - {"minilm"}))  # begins with published weights
class TestEveryNetOfTexts:
    def test_padding_changes_nothing(self, name):
        torch.manual_seed(0)
        short, long = (spec_of(words=words, characters=characters) for words, characters in ((4, 12), (9, 30)))
        one, other = nets.build(name, short).eval(), nets.build(name, long).eval()
        state = {key: value for key, value in one.state_dict().items() if not key.endswith("places")}
        other.load_state_dict(state, strict=False)
        if name == "text_transformer":
            other.readers[0].places.data[:4] = one.readers[0].places.data
        texts = ("good day", "bad", "")
        torch.testing.assert_close(one(rows_of(*texts)), other(rows_of(*texts, words=9, characters=30)))

    def test_empty_texts_have_finite_outputs_and_gradients(self, name):
        net = nets.build(name, spec_of())
        net(rows_of("", "")).sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())

    def test_it_learns_which_word_counts(self, name):
        torch.manual_seed(0)
        net, texts = nets.build(name, spec_of(), dropout=0.0), ["good day", "bad day", "day good", "day bad day"] * 8
        rows, labels = rows_of(*texts), torch.tensor([1.0, 0, 1, 0] * 8)
        if name == "text_mean":
            net.measure_samples(rows, labels.long())
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(net(rows)[:, 0], labels).backward()
            optimizer.step()
        assert ((net.eval()(rows)[:, 0] > 0) == (labels > 0)).all()

    def test_it_refuses_data_without_texts_and_sizes_that_cannot_be(self, name):
        with pytest.raises(ProfundoError, match="use"):
            nets.build(name, Spec(Inputs((5,), "features"), BINARY))
        with pytest.raises(ProfundoError, match="dropout in"):
            nets.build(name, spec_of(), dropout=1.5)


def plain_form(text):
    """By what Python says of characters."""
    digits, capitals = sum(map(str.isdigit, text)), sum(map(str.isupper, text))
    signs = len(re.findall(r"[^\w\s]|_", text))
    links, money = len(re.findall("://|www", text)), len(re.findall("[$£€¥₹]", text))
    shares = [(one / max(1, len(text))) ** 0.5 for one in (digits, capitals, signs)]
    return [*shares, *map(math.log1p, (len(text), len(text.split()), digits, money, links))]


FORMS = (
    "", "A", "ab", "good day", "CALL 0800 NOW!!", "£100 or 5 € at http://y.z, www.x.com", "’tis ÀÉ… ¿Qué?",
    "Σοφία _ Ж 中文 9", "日 day"
)  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_the_form_of_a_text_is_what_python_says_of_its_characters(text):
    rows = rows_of(text, words=12, characters=40).long()
    assert TextForm(1).form(rows[:, :12], rows[:, 12:])[0].tolist() == pytest.approx(plain_form(text), abs=1e-6)


def test_texts_of_the_same_ngrams_are_told_apart_by_their_form():
    spec = spec_of(words=12, characters=40)
    net = nets.build("text_mean", spec)
    texts = ["GOOD DAY 77", "BAD DAY 99", "Good day", "bad day"] * 8
    rows, targets = rows_of(*texts, words=12, characters=40), torch.tensor([1, 1, 0, 0] * 8)
    net.measure_samples(rows, targets)
    assert net(rows).abs().max() == 0  # all begin at nothing
    words, characters = rows[:, :12].long(), rows[:, 12:].long()
    form = (net.forms[0].form(words, characters) - net.forms[0].mean) / net.forms[0].std
    varies = form.std(0, correction=0) > 0.5
    assert form[:, varies].mean(0).abs().max() < 1e-5
    assert form[:, varies].std(0, correction=0).tolist() == pytest.approx([1.0] * int(varies.sum()))
    assert (form[:, ~varies] == 0).all()  # no money, no links
    with torch.no_grad():
        net.forms[0].output.weight[0, 1] = 1.0
    assert (net(rows)[targets == 1].min() > net(rows)[targets == 0].max()).item()


def test_other_nets_refuse_texts_and_say_which_to_take():
    with pytest.raises(ProfundoError, match=r"read texts, as in 't'.*drop t"):
        nets.build("mlp", spec_of())
    assert nets.default(spec_of()) == "text_mean"


def test_many_classes_share_fewer_buckets():
    few, many = (
        sum(p.numel() for p in nets.text_mean(spec_of(Targets("classes", tuple(map(str, range(count)))))).parameters())
        for count in (4, 40)
    )
    assert many < 2 * few
