"""Speech recognition by connectionist temporal classification (Graves et al. 2006, ICML, 369–376), and by attention beside it
(Chorowski et al. 2015, arXiv:1506.07503).

Data: strings of one to five spoken digits, joined anew for every batch from recordings of the Free Spoken Digit Dataset (8 kHz),
one speaker each, with pauses or none between them and noise from white to pink over them; or recordings of one's own with what is
said in them. Takes 0–4 are the test, 5–9 validation. One of the six speakers, whom the seed chooses, is heard neither in training nor
in validation. Nobody tells the nets where a digit begins. Both have the same encoder, two convolutions and a recurrent net from each
end; the first tells a digit or a blank every 64 ms and is read by prefix beam search, the second writes a digit after the other and
attends. Beside them, a string is cut where it is quiet, and the net of the recipe spoken-digits names each piece: it learns from as
noisy recordings, and where to cut is chosen by validation.

Result (seed 0, george left out, 300 test phrases by known speakers and 300 by him; 161 s on one core of an AMD EPYC, no GPU): CTC
gets 6.3 % of the labels of known speakers wrong and 29.8 % of george's, for five voices are too few to know a sixth; by the likeliest
path in place of the beam 6.4 and 30.6 %. The net that attends: 11.0 and 35.0 %; it learns more slowly and has more parameters. Cut at
silences: 24.5 and 35.8 %. In phrases without a mistake half of the labels lie within 44 ms of the middles of their words by CTC, 39
by attention, 21 where a piece between silences was named, 85 if spread evenly. Over seeds 0 to 2, which leave out george, jackson and
lucas (Intel Xeon): CTC 7.0 % (5.4–9.0) and 20.9 % (11.8–30.8), attention 12.5 %, cut 25.7 %. More updates are what to raise first;
how far they go was not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data.batches import generator
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.sound.phrases import FIRST, Joining, Phrases, heard, side_by_side, with_noise
from profundo.data.sound.spectrograms import BANDS, load_wav
from profundo.data.sound.transcribed import Unit
from profundo.evaluate.scores import evaluating
from profundo.evaluate.sequences.ctc_decoding import likeliest_path, prefix_beam
from profundo.evaluate.sequences.edit_distance import label_error_rate
from profundo.nets.speech_nets import STRIDE, AttentiveNet, ConnectionistNet
from profundo.nets.summary import parameter_count
from profundo.objectives.ctc import ctc_cost, lattice
from profundo.objectives.sequence_likelihood import sequence_cost
from profundo.pictures.exhibits import Exhibit
from profundo.pictures.numbers import percent
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import device_of
from profundo.recipes.own_data import Takes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.speech.cut_words import Heard, cut_and_named, cutter
from profundo.recipes.speech.speech_data import STEP, Draw, Speech, digit_speech, own_speech
from profundo.recipes.speech.speech_figures import (
    Shown,
    by_noise,
    by_words,
    errors_by_epoch,
    lattice_picture,
    listening,
    place_errors,
    player,
    rivals,
)
from profundo.recipes.zoo.spoken_digits import blanked
from profundo.records import END, PAD, Batch, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Finite, Positive, Share, Whole
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["RECIPE", "Settings", "networks", "predict", "run"]

AT_ONCE = 50  # phrases
LEVELS = (30.0, 20.0, 10.0, 5.0, 0.0)  # dB of speech above noise, of the test by noise
CTC, PATH, ATTENTION = "CTC", "CTC, likeliest path", "attention"
CUT, COMMONEST = "cut at silences", "always the commonest"
MAIN = "label error rate"
SHOWN = 10.0  # dB, of phrases that are shown
MOST_IN_LATTICE, MOST_STEPS = 8, 100  # of the one that is shown
FEW = 1000  # recordings, among which the commonest is looked for
FEWER = 1 / 3  # of the phrases, for each place of a curve
Writes = Callable[[Phrases], list[Heard]]
Decibels = Annotated[Finite, Field(ge=-20, le=100)]


@dataclass(frozen=True, slots=True)
class Settings:
    """data: a folder of WAV files with transcripts, in place of the digits; encoding: of transcripts that are no UTF-8; unit: what of
    them is a label. unknown: the speaker who is left out.

    longest: words of a phrase in training; pause: seconds between them at most; noise: least and greatest dB by which speech is above
    it; speed: by which share a phrase is faster or slower at most. width: of the nets; blank: the largest share of bands and of
    moments blanked out; updates: of each net, over so many epochs. beam: prefixes that are kept. judged: phrases of each figure.
    listener_words, listener_epochs: single words, and epochs, by which the classifier beside them learns.
    """

    data: str | None = None
    encoding: str | None = None
    unit: Unit = "words"
    unknown: str | None = None
    longest: Annotated[int, Field(ge=1, le=20)] = 5
    pause: AtLeastZero = 0.3
    noise: tuple[Decibels, Decibels] = (0.0, 30.0)
    speed: Share = 0.15
    width: Whole = 96
    dropout: Share = 0.2
    blank: Share = 0.15
    batch_size: Whole = 16
    updates: Whole = 500
    epochs: Whole = 8
    learning_rate: Positive = 0.004
    clip: Positive = 1.0
    beam: Whole = 8
    judged: Whole = 300
    listener_words: Whole = 2000
    listener_epochs: Whole = 12


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    sizes = BANDS, len(known["labels"]), settings.width, settings.dropout
    return {CTC: ConnectionistNet(*sizes), ATTENTION: AttentiveNet(*sizes)}


def run(context: Context, settings: Settings) -> Outcome:
    speech = _speech(context, settings)
    context.facts["recordings"] = dict(speech.facts)
    known: dict[str, Any] = {"labels": list(speech.labels), "between": speech.between}
    nets, judge = networks(settings, known), Judge(context, settings, speech)
    held = judge.phrases(speech.validation, "validation")
    trained = {name: learn(context, settings, speech.train, held, name, net) for name, net in nets.items()}
    simple, way = simple_way(context, settings, speech, held)
    early: dict[str, Writes] = {
        CTC: partial(by_ctc, nets[CTC], beam=settings.beam),
        PATH: partial(by_path, nets[CTC]),
        ATTENTION: partial(by_attention, nets[ATTENTION]),
        simple: way,
    }
    offsets = {name: usual_offset(held, writes(held)) for name, writes in early.items()}
    ways: dict[str, Writes] = {name: partial(moved, writes, offsets[name]) for name, writes in early.items()}
    known["offset"] = offsets[CTC]
    parts = {who: judge.phrases(draw, who) for who, draw in speech.test.items()}
    written = {name: {who: writes(phrases) for who, phrases in parts.items()} for name, writes in ways.items()}
    rates = {
        name: {who: error_rate(parts[who], answers) for who, answers in by.items()} for name, by in written.items()
    }
    return Outcome(
        scores=scores_of(rates[CTC]),
        baseline=scores_of(rates[simple]),
        against=simple,
        tested=min(len(phrases) for phrases in parts.values()),
        rivals={name: next(iter(rates[name].values())) for name in (PATH, ATTENTION)},
        exhibits=[
            *(one for who in parts for one in pictured(judge, nets, ways, who)),
            rivals(parts, written, rates, {name: parameter_count(net) for name, net in nets.items()}),
            *(_by_words(judge, ways) if speech.joins else []),
            _by_noise(judge, ways),
            *_paths(judge, nets[CTC]),
            errors_by_epoch({name: one.history["validation label error rate"] for name, one in trained.items()}),
        ],
        networks=nets,
        known=known,
        conclusion=conclusion(speech, rates, simple),
    )


def _speech(context: Context, settings: Settings) -> Speech:
    if settings.data is None:
        if settings.encoding is not None:
            raise ProfundoError("encoding: is for transcripts of your own (data); the digits have none; leave it out")
        return digit_speech(settings.unknown, context.seed, context.data_dir)
    speech = own_speech(Path(settings.data), settings.unit, settings.unknown, context.seed, settings.encoding)
    for note in speech.notes:
        context.say(f"data: {note}")
    return speech


def joining(settings: Settings, words: tuple[int, int] | None = None, speed: float = 0.0) -> Joining:
    return Joining(words or (1, settings.longest), settings.pause, speed)


class Judge(NamedTuple):
    """What draws the phrases of figures, the same ones for a name."""

    context: Context
    settings: Settings
    speech: Speech

    def phrases(
        self,
        draw: Draw,
        name: str,
        words: tuple[int, int] | None = None,
        noise: tuple[float, float] | None = None,
        share: float = 1.0,
    ) -> Phrases:
        """share: of as many as the main figures have."""
        own, settings = self.context.generator(name), self.settings
        count = max(1, round(share * settings.judged))
        return with_noise(draw(count, joining(settings, words), own), noise or settings.noise, own)


# ------------------------------------------------------------------------------------------------------------- learning
def learn(context: Context, settings: Settings, draw: Draw, held: Phrases, name: str, net: nn.Module) -> Trained:
    """Both nets learn from the same phrases, which are a function of the seed and of their number."""
    in_epoch = max(1, settings.updates // settings.epochs)
    costed, reads = {CTC: (connectionist_cost, by_path), ATTENTION: (attentive_cost, by_attention)}[name]

    def batch(number: int) -> Batch:
        own = generator(context.seed, number, torch.device("cpu"))
        phrases = draw(settings.batch_size, joining(settings, speed=settings.speed), own)
        return heard(with_noise(phrases, settings.noise, own), context.device)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": costed(net, batch, settings.blank)}

    return context.train(
        Descent(net, cost, optimizer("adam", net, settings.learning_rate), clip=settings.clip),
        DrawnBatches(batch, in_epoch),
        Plan(settings.epochs, schedule("one-cycle")),
        name=name,
        validate=lambda: {"validation label error rate": error_rate(held, reads(net, held))},
    )


def connectionist_cost(net: nn.Module, batch: Batch, blank: float) -> Tensor:
    logits, steps = net(blanked(batch.inputs, blank), batch.lengths)  # type: ignore[attr-defined]  # of a Padded batch
    labels = (batch.targets - END).clamp_min(0)
    return ctc_cost(logits, steps, labels, (labels > 0).sum(1))


def attentive_cost(net: nn.Module, batch: Batch, blank: float) -> Tensor:
    logits, _ = net(blanked(batch.inputs, blank), batch.lengths, batch.targets)  # type: ignore[attr-defined]
    return sequence_cost(logits, batch.targets, PAD)


# -------------------------------------------------------------------------------------------------------------- writing
def by_ctc(net: nn.Module, phrases: Phrases, beam: int) -> list[Heard]:
    """The labels that prefix beam search finds."""
    return [placed(own, prefix_beam(own, beam)) for own in shares_of_steps(net, phrases)]


def by_path(net: nn.Module, phrases: Phrases) -> list[Heard]:
    """Those of the likeliest path."""
    return [placed(own, likeliest_path(own)) for own in shares_of_steps(net, phrases)]


def placed(log_shares: Tensor, labels: Sequence[int]) -> Heard:
    """Each label at the moment that forward–backward expects it."""
    seconds: list[float] = (STEP * lattice(log_shares, labels).places).tolist()
    return Heard([label - 1 for label in labels], seconds)


def usual_offset(held: Phrases, written: Sequence[Heard]) -> float:
    """Seconds by which labels are put after the middles of their words: a net that knows a word by its beginning is early."""
    errors = place_errors(held, written)
    return median(errors) if errors else 0.0


def moved(writes: Writes, offset: float, phrases: Phrases) -> list[Heard]:
    """What is written, with that offset taken away."""
    return [Heard(one.labels, [max(0.0, at - offset) for at in one.seconds]) for one in writes(phrases)]


def shares_of_steps(net: nn.Module, phrases: Phrases) -> list[Tensor]:
    """Of each phrase the logarithms of the probabilities of a blank and of the labels, (steps, 1 + labels), on the CPU."""
    every = []
    with evaluating(net):
        for part in torch.split(torch.arange(len(phrases)), AT_ONCE):
            batch = heard(phrases.chosen(part), device_of(net))
            logits, steps = net(batch.inputs, batch.lengths)
            log_shares = logits.log_softmax(2).cpu()
            every += [log_shares[:count, row] for row, count in enumerate(steps.tolist())]
    return every


def by_attention(net: nn.Module, phrases: Phrases) -> list[Heard]:
    """The likeliest label after the other, each in the middle of where the net looked for it."""
    written = []
    for labels, weights in looked(net, phrases):
        moments = STEP * torch.arange(weights.shape[1])
        written.append(Heard(labels, (weights @ moments).tolist()))
    return written


def looked(net: nn.Module, phrases: Phrases) -> list[tuple[list[int], Tensor]]:
    """The labels of each phrase, at most as many as there are steps, and where the net looked for them, (labels, steps)."""
    assert isinstance(net, AttentiveNet)
    every = []
    with evaluating(net):
        for part in torch.split(torch.arange(len(phrases)), AT_ONCE):
            batch = heard(phrases.chosen(part), device_of(net))
            symbols, weights = net.write(batch.inputs, batch.lengths, 1 + batch.inputs.shape[1] // STRIDE)
            for told, where in zip(symbols.tolist(), weights.cpu(), strict=True):
                told = told[: told.index(END)] if END in told else told
                kept = [at for at, symbol in enumerate(told) if symbol >= FIRST]
                every.append(([told[at] - FIRST for at in kept], where[kept]))
    return every


def simple_way(context: Context, settings: Settings, speech: Speech, held: Phrases) -> tuple[str, Writes]:
    """What a way without a net for sequences does, where phrases are of single words; else what is said most often."""
    if speech.joins:
        sizes = settings.listener_words, settings.listener_epochs
        return CUT, partial(cut_and_named, cutter(context, speech, settings.noise, *sizes, held))
    every = speech.train(FEW, joining(settings), context.generator("commonest"))
    commonest = Counter(tuple(every.said(at)) for at in range(len(every))).most_common(1)[0][0]
    return COMMONEST, lambda phrases: [Heard(list(commonest), [])] * len(phrases)


# -------------------------------------------------------------------------------------------------------------- judging
def error_rate(phrases: Phrases, written: Sequence[Heard]) -> float:
    return label_error_rate((phrases.said(at), one.labels) for at, one in enumerate(written))


def scores_of(rates: Mapping[str, float]) -> dict[str, float]:
    return {MAIN if who == "known" else f"{MAIN}, {who} speaker": rate for who, rate in rates.items()}


def conclusion(speech: Speech, rates: Mapping[str, Mapping[str, float]], simple: str) -> str:
    def told(way: str) -> str:
        return " and ".join(percent(rate, 1) for rate in rates[way].values())

    whom = f" by known speakers and by {speech.left_out}, who was never heard before," if speech.left_out else ""
    return f"Of the labels said{whom} CTC gets {told(CTC)} wrong, the net that attends {told(ATTENTION)}; {simple}: {told(simple)}."


def _by_words(judge: Judge, ways: Mapping[str, Writes]) -> list[Exhibit]:
    """Strings of each length, up to one and a half times those of training."""
    longest, draw = judge.settings.longest, judge.speech.test["known"]
    numbers = range(1, longest + longest // 2 + 1)
    sets = [judge.phrases(draw, f"{number} words", (number, number), share=FEWER) for number in numbers]
    return [by_words(numbers, rates_of(ways, sets), longest)]


def _by_noise(judge: Judge, ways: Mapping[str, Writes]) -> Exhibit:
    draw = judge.speech.test["known"]
    sets = [judge.phrases(draw, "noise", noise=(level, level), share=FEWER) for level in LEVELS]
    return by_noise(LEVELS, rates_of(ways, sets))


def rates_of(ways: Mapping[str, Writes], sets: Sequence[Phrases]) -> dict[str, list[float]]:
    return {name: [error_rate(part, writes(part)) for part in sets] for name, writes in ways.items() if name != PATH}


def pictured(judge: Judge, nets: Mapping[str, nn.Module], ways: Mapping[str, Writes], who: str) -> list[Exhibit]:
    """A long phrase with some noise: what each net hears, and the sound."""
    longest, draw = judge.settings.longest, judge.speech.test[who]
    phrases = judge.phrases(draw, f"shown, {who}", (longest, longest), (SHOWN, SHOWN), share=0)
    (log_shares,), (answer,) = shares_of_steps(nets[CTC], phrases), ways[CTC](phrases)
    ((_, weights),), (other,) = looked(nets[ATTENTION], phrases), ways[ATTENTION](phrases)
    shown, shares = Shown(who, phrases, judge.speech), log_shares.exp()
    different = list(dict.fromkeys(answer.labels))
    return [
        listening(shown, "CTC", answer, shares[:, [label + 1 for label in different]].T, shares[:, 0]),
        player(shown, answer),
        listening(shown, "Attention", other, weights),
    ]


def _paths(judge: Judge, net: nn.Module) -> list[Exhibit]:
    """The lattice of a short phrase, for the labels that are said in it."""
    short = min(3, judge.settings.longest)
    phrases = judge.phrases(judge.speech.test["known"], "paths", (short, short), (SHOWN, SHOWN), share=0)
    (log_shares,), labels = shares_of_steps(net, phrases), phrases.said(0)
    if len(labels) > MOST_IN_LATTICE or len(log_shares) > MOST_STEPS:
        return []
    paths = lattice(log_shares, [label + 1 for label in labels])
    return [lattice_picture(paths, [judge.speech.labels[label] for label in labels], STEP)]


# ------------------------------------------------------------------------------------------------------------ predicting
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """What is said in each WAV file, its probability, and when each label is said, in seconds."""
    net, told = model.networks[CTC], []
    for file in files:
        sounds, lengths = side_by_side([load_wav(file)])
        phrases = Phrases(sounds, lengths, torch.zeros(1, 0, dtype=torch.int64))
        (log_shares,) = shares_of_steps(net, phrases)
        labels = prefix_beam(log_shares, model.asked.beam)
        paths = lattice(log_shares, labels)
        words = [model.known["labels"][label - 1] for label in labels]
        told.append(
            {
                "input": str(file),
                "prediction": model.known["between"].join(words),
                "probability": float(paths.log_likelihood.exp()),
                "labels": words,
                "seconds": [round(max(0.0, at - model.known["offset"]), 2) for at in (STEP * paths.places).tolist()],
            }
        )
    return told


RECIPE = Recipe(
    Settings,
    Settings(
        longest=3, width=16, batch_size=8, updates=8, epochs=2, judged=12, listener_words=64, listener_epochs=1, beam=4
    ),
    run,
    networks=networks,
    predict=predict,
    takes=Takes("sounds with transcripts"),
)
