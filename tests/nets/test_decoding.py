"""Decoding against all sequences that there are, and against the distributions written out."""

from itertools import islice, product
from math import log

import pytest
import torch

from profundo.nets.decoding import Drawing, beam, drawn, greedy, shares
from profundo.records import BEGIN, END, PAD, ProfundoError

SYMBOLS, LONGEST = 5, 4


def step_of(seed, rows_differ=True):
    """A step whose log-probabilities hang on all symbols before: from a table drawn for each beginning. What is kept is the row's
    number and the symbols so far."""
    tables = {}

    def step(symbols, kept):
        rows, said = begun(len(symbols)) if kept is None else kept
        said = torch.cat([said, symbols], 1)
        return torch.stack(
            [row_of(number, before) for number, before in zip(rows.tolist(), said.tolist(), strict=True)]
        ), (
            rows,
            said,
        )

    def row_of(number, before):
        key = (number if rows_differ else 0, *before)
        if key not in tables:
            own = torch.Generator().manual_seed(hash((seed, *key)) % 2**31)
            logits = 2 * torch.randn(SYMBOLS, generator=own)
            logits[[PAD, BEGIN]] = -torch.inf
            tables[key] = torch.log_softmax(logits, 0)
        return tables[key]

    return step


def begun(rows):
    """What is kept of nothing: each row by its number."""
    return torch.arange(rows), torch.zeros(rows, 0, dtype=torch.int64)


def every_sequence(step, row, rows):
    """All sequences of a row that end, or have gone on for LONGEST symbols → log p."""
    found = {}
    for length in range(1, LONGEST + 1):
        for said in product(range(SYMBOLS), repeat=length):
            ended = END in said
            if ended != (said[-1] == END and said.index(END) == length - 1) or (not ended and length < LONGEST):
                continue
            kept, total, symbols = None, 0.0, torch.full((rows, 1), BEGIN)
            for symbol in said:
                log_shares, kept = step(symbols, kept)
                total += log_shares[row, symbol].item()
                symbols = torch.full((rows, 1), symbol)
            if total > -torch.inf:
                found[said] = total
    return found


def as_said(sequence):
    told = sequence.tolist()
    return tuple(told[: told.index(END) + 1] if END in told else told)


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_likeliest_of_all_sequences_in_their_order(seed):
    step = step_of(seed)
    found = beam(step, torch.full((2, 1), BEGIN), begun(2), longest=LONGEST, width=60)
    for row in range(2):
        expected = sorted(every_sequence(step, row, 2).items(), key=lambda pair: -pair[1])
        assert len(expected) == 31  # 1 + 2 + 4 + 8 that end after 1 to 4 symbols, and 16 that do not
        said = [as_said(sequence) for sequence in found.sequences[row, : len(expected)]]
        assert said == [sequence for sequence, _ in expected]
        torch.testing.assert_close(found.log_shares[row, :31], torch.tensor([total for _, total in expected]))
        assert (found.log_shares[row, 31:] == -torch.inf).all()


def test_longer_sequences_are_favoured_as_asked():
    step = step_of(1)
    found = beam(step, torch.full((1, 1), BEGIN), begun(1), longest=LONGEST, width=60, penalty=1.5)
    totals = every_sequence(step, 0, 1)
    expected = sorted(totals, key=lambda said: totals[said] / ((5 + len(said)) / 6) ** 1.5, reverse=True)
    assert [as_said(sequence) for sequence in found.sequences[0, :31]] == expected
    plain = beam(step, torch.full((1, 1), BEGIN), begun(1), longest=LONGEST, width=60)
    assert not torch.equal(plain.sequences, found.sequences)


@pytest.mark.parametrize("seed", range(6))
def test_a_narrow_beam_keeps_the_best_beginnings_of_each_length(seed):
    step, width = step_of(seed), 2
    found = beam(step, torch.full((1, 1), BEGIN), begun(1), longest=LONGEST, width=width)
    alive = {(): 0.0}
    for _ in range(LONGEST):
        more = {}
        for said, total in alive.items():
            if END in said:
                more[said] = total
                continue
            log_shares = step(torch.tensor([[BEGIN, *said]]), None)[0][0].tolist()
            more |= {(*said, symbol): total + value for symbol, value in enumerate(log_shares)}
        alive = dict(sorted(more.items(), key=lambda pair: -pair[1])[:width])
    assert [as_said(sequence) for sequence in found.sequences[0]] == list(alive)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_step_wrote_follows_its_beginning_though_a_later_step_hands_it_back(seed):
    """A step that writes every other time only, and reads the rest anew, says what one does that always writes."""
    step = step_of(seed)

    def now_and_then(symbols, kept):
        rows, said, rest = kept
        log_shares, (_, whole) = step(torch.cat([rest, symbols], 1), (rows, said))
        return log_shares, (rows, whole, symbols[:, :0]) if rest.shape[1] else (rows, said, symbols)

    first, (rows, said) = torch.full((2, 1), BEGIN), begun(2)
    found = beam(now_and_then, first, (rows, said, said), longest=LONGEST, width=3)
    expected = beam(step, first, (rows, said), longest=LONGEST, width=3)
    assert torch.equal(found.sequences, expected.sequences)
    assert torch.equal(found.log_shares, expected.log_shares)


@pytest.mark.parametrize("seed", range(3))
def test_the_greedy_way_is_a_beam_of_one_and_the_likeliest_symbol_each_time(seed):
    step = step_of(seed)
    said = greedy(step, torch.full((3, 1), BEGIN), longest=LONGEST)
    one = beam(step, torch.full((3, 1), BEGIN), begun(3), longest=LONGEST, width=1).sequences[:, 0]
    assert torch.equal(said, one)
    for row, told in enumerate(map(as_said, said)):
        before = [BEGIN]
        for symbol in told:
            assert step(torch.tensor([before] * 3), None)[0][row].argmax() == symbol
            before.append(symbol)
        assert (said[row, len(told) :] == PAD).all()


def test_a_beam_finds_what_the_likeliest_symbol_hides():
    first = torch.tensor([0, 0, 0, 0.6, 0.4]).log()  # a, then anything; b, then surely the end
    after = {3: torch.tensor([0, 0, 0.4, 0.3, 0.3]).log(), 4: torch.tensor([0, 0, 1.0, 0, 0]).log()}

    def step(symbols, kept):
        rows = [first if kept is None else after[symbol] for symbol in symbols[:, 0].tolist()]
        return torch.stack(rows), torch.zeros(len(symbols), 1)

    first_symbol = torch.full((1, 1), BEGIN)
    assert greedy(step, first_symbol, longest=2).tolist() == [[3, END]]
    found = beam(step, first_symbol, longest=2, width=2)
    assert found.sequences[0, 0].tolist() == [4, END]
    assert found.log_shares[0, 0].item() == pytest.approx(log(0.4))


def test_symbols_are_drawn_as_often_as_their_shares_say():
    step = step_of(0, rows_differ=False)
    log_shares = step(torch.tensor([[BEGIN]]), None)[0][0]
    for how in (Drawing(), Drawing(0.5), Drawing(2.0, top_k=2), Drawing(1.0, top_p=0.8)):
        rows = torch.full((20_000, 1), BEGIN)
        (symbols,) = islice(drawn(step, rows, None, how, torch.Generator().manual_seed(0)), 1)
        found = torch.bincount(symbols, minlength=SYMBOLS) / len(symbols)
        assert torch.allclose(found, shares(log_shares[None], how)[0], atol=0.015)


def test_the_likeliest_and_the_nucleus_are_what_they_are_called():
    p = torch.tensor([[0.05, 0.4, 0.1, 0.3, 0.15], [0.96, 0.01, 0.01, 0.01, 0.01]])
    told = shares(p.log(), Drawing(top_k=2))
    assert torch.allclose(told[0], torch.tensor([0, 4 / 7, 0, 3 / 7, 0]))
    assert torch.allclose(shares(p.log(), Drawing(top_p=0.75))[0], torch.tensor([0, 40, 0, 30, 15]) / 85)
    assert torch.allclose(shares(p.log(), Drawing(top_p=0.69))[0], torch.tensor([0, 4 / 7, 0, 3 / 7, 0]))
    assert shares(p.log(), Drawing(top_p=0.5))[1].tolist() == [1, 0, 0, 0, 0]
    assert torch.allclose(shares(p.log(), Drawing(0.5))[0], p[0].square() / p[0].square().sum())
    assert torch.allclose(shares(p.log(), Drawing(top_k=9)), p)
    both = shares(p.log(), Drawing(top_k=3, top_p=0.8))[0]  # 0.4 + 0.3 of 0.85 are more than 0.8
    assert torch.allclose(both, torch.tensor([0, 4 / 7, 0, 3 / 7, 0]))


def test_without_heat_the_likeliest_symbol_is_taken_and_seeds_repeat():
    step = step_of(2)
    rows = torch.full((3, 1), BEGIN)

    def told(how, seed):
        return torch.stack(list(islice(drawn(step, rows, None, how, torch.Generator().manual_seed(seed)), 3)), 1)

    assert torch.equal(told(Drawing(0), 1), told(Drawing(1.0, top_k=1), 2))
    assert torch.equal(told(Drawing(), 1), told(Drawing(), 1))
    assert not torch.equal(told(Drawing(3.0), 1), told(Drawing(3.0), 2))


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0.0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ProfundoError, match="drawing: expected temperature ≥ 0"):
        Drawing(**wrong)
    with pytest.raises(ProfundoError, match="width of at least 1"):
        beam(step_of(0), torch.full((1, 1), BEGIN), longest=2, width=0)
