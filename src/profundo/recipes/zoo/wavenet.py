"""WaveNet speaks digits, sample by sample (van den Oord et al. 2016, arXiv:1609.03499).

Data: Free Spoken Digit Dataset, 8 kHz, six speakers; takes 0–4 are the test, 5–9 validation; or WAV files of one's own in a folder
per class. Samples are μ-law codes, 256 of them. Gated causal convolutions with holes and skip connections predict each from the 511
before it, told which word is said, by whom, and how much of it is over; the length of a recording is thus known to the nets, not
to the predictor and the Markov chain beside them. An LSTM of as many parameters learns from the same windows. The recipe
spoken-digits, trained on the same recordings, judges whether the word that was asked for is understood. One window in ten comes
without its word, so that guidance can exaggerate the word; guidance and the temperature of the draws are chosen by a first lot of
words, the figure is of a second.

Result: 4.72 bits per sample (seed 0 alone), where the LSTM comes to 4.81, linear prediction to 5.91 and the Markov chain to 6.09.
Of 240 words the listener understood 86 % (chance: 10 %, real recordings: 99 %). Of the first lot it was 85 %, without guidance
77 %, at temperature 0.9 79 and 75 %. In 24 minutes of one core of an AMD EPYC, no GPU, of which the LSTM takes less than 11. The
validation bits still fell at the end, from 4.80 to 4.77 in the last tenth. A net whose speakers shared one timing of each word, after
3,000 updates and without guidance, came to 4.89 bits; it was understood in four of five words of some speakers and in half or less
of others'. Generation: 3,000 samples a second for one word, 88,000 for 60 at once; guidance reads everything twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product, starmap
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.drawn_batches import DrawnBatches
from profundo.data.sound.mu_law import CODES, SILENT, edges, expanded, sound_of
from profundo.data.sound.spectrograms import RATE
from profundo.data.sound.spoken import SpokenWords, spoken_digits, utterances
from profundo.data.sound.voices import NOTHING, SpokenVoices, Voices, digit_voices, voice_folder, voice_windows, window
from profundo.evaluate.scores import evaluating
from profundo.evaluate.sequences.linear_prediction import best_predictor, predictor_bits
from profundo.evaluate.sequences.ngrams import ngram_bits
from profundo.nets.summary import parameter_count
from profundo.nets.wave_generation import Drawn, Words, generated
from profundo.nets.wave_nets import FRAME, WaveNet, WaveRecurrent, frames_for
from profundo.pictures.exhibits import Exhibit, Images, Sound, Table
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import device_of
from profundo.recipes.own_data import Takes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.zoo import spoken_digits as listener
from profundo.records import Batch, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Layers, Positive, Share, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "generate", "networks", "run"]

PAUSE = RATE // 5  # samples between words
ORDERS = 3  # of the Markov chain's contexts: none, one sample, two
AT_ONCE = 100  # words
MOST_BESIDE = 10  # classes whose drawn and real sounds are seen below one another
LEAST = 0.05  # seconds of a word


@dataclass(frozen=True, slots=True)
class Settings:
    """data: a folder or .zip of sounds, one folder a class, in place of the digits.

    channels, skip, depth, stacks: of the net; a stack is `depth` layers of doubling dilation. conditions: numbers that tell the
    word and the speaker. length: samples of a window; batch_size: windows of an update; updates: in all, over so many epochs.
    dropped: share of the windows in which the word is not told, for guidance. judged: recordings of the test, and of validation, that
    are predicted at most; spoken: words that the listener is given. temperatures, guidances: of which those are taken with which
    most words are understood; a guidance of 1 is none.
    """

    data: str | None = None
    channels: Whole = 32
    skip: Whole = 64
    depth: Layers = 8
    stacks: Layers = 2
    conditions: Whole = 32
    length: Whole = 1024
    batch_size: Whole = 8
    updates: Whole = 6000
    epochs: Whole = 10
    learning_rate: Positive = 0.004
    clip: Positive = 1.0
    dropped: Share = 0.1
    judged: Whole = 120
    spoken: Whole = 240
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.9, 1.0)
    guidances: Annotated[tuple[AtLeastZero, ...], Field(min_length=1)] = (1.0, 2.0)
    listener_epochs: Whole = 12


@dataclass(frozen=True, slots=True)
class Wishes:
    """temperature, guidance: of words that are generated; those of which the listener understood most unless told."""

    temperature: Positive | None = None
    guidance: AtLeastZero | None = None


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    sizes = {name: getattr(settings, name) for name in ("channels", "skip", "depth", "stacks", "conditions")}
    return {"net": WaveNet(CODES, len(known["classes"]), len(known["speakers"]), **sizes)}


def run(context: Context, settings: Settings) -> Outcome:
    voices, words = _data(context, settings)
    known: dict[str, Any] = {
        "classes": list(voices.classes),
        "speakers": list(voices.speakers),
        "lengths": usual_lengths(voices),
    }
    net = networks(settings, known)["net"]
    assert isinstance(net, WaveNet)
    rival = equal_lstm(net, settings, known)
    validation, test = few(voices.validation, settings.judged), few(voices.test, settings.judged)
    trained = learn(context, settings, voices.train, validation, net, "training")
    beside = learn(context, settings, voices.train, validation, rival, "LSTM")
    bits = {
        "WaveNet": bits_per_sample(net, test, settings.length),
        "LSTM of equal size": bits_per_sample(rival, test, settings.length),
        **simple_rivals(few(voices.train, 10 * settings.judged), validation, test),
    }
    ears = heard_by(context, settings, words)
    tried = tried_ways(context, settings, net, ears, known)
    how = max(tried, key=tried.__getitem__)
    known["drawn"] = asdict(how)
    share = understood(net, ears, known, settings.spoken, context.generator("judging"), how)
    ceiling = share_heard(ears, [sound_of(test[index]) for index in range(len(test))], test.classes)
    best = min((name for name in bits if name != "WaveNet"), key=bits.__getitem__)
    return Outcome(
        scores={"bits/sample": bits["WaveNet"], "understood": share},
        baseline={"bits/sample": bits[best], "understood": ceiling},
        against={"bits/sample": best, "understood": "real recordings"},
        tested=min(len(test), settings.spoken),
        exhibits=[
            *spoken(net, known, voices, context.generator("speaking")),
            _ways(tried),
            _rivals(bits, net, rival),
            bits_by_epoch(trained, beside),
        ],
        networks={"net": net},
        known=known,
        conclusion=f"A sample of recordings kept apart costs {bits['WaveNet']:.3f} bits; the best rival ({best}): {bits[best]:.3f}. "
        f"Of {settings.spoken} words that it spoke at temperature {how.temperature:g} with guidance {how.guidance:g} the listener "
        f"understood {100 * share:.0f} %, "
        f"of real recordings {100 * ceiling:.0f} %.",
    )


def _data(context: Context, settings: Settings) -> tuple[SpokenVoices, SpokenWords]:
    """As waveforms for the one that speaks, as spectrograms for the one that listens."""
    if settings.data is None:
        voices, words = digit_voices(data_dir=context.data_dir), spoken_digits(data_dir=context.data_dir)
    else:
        words = listener.own_words(context, settings.data)
        voices = voice_folder(Path(settings.data), seed=context.seed)
    context.facts["recordings"] = voices.facts
    return voices, words


def few(voices: Voices, most: int) -> Voices:
    """So many of the recordings, evenly spread."""
    count = min(most, len(voices))
    return voices.chosen(torch.linspace(0, len(voices) - 1, count).round().long())


def usual_lengths(voices: SpokenVoices) -> list[list[int]]:
    """The median length in samples of each class (rows) by each speaker; where there is none, of all."""
    part, least = voices.train, round(LEAST * RATE)
    whole = int(part.lengths.median())

    def length(label: int, speaker: int) -> int:
        these = part.lengths[(part.classes == label) & (part.speakers == speaker)]
        return max(least, int(these.median()) if len(these) else whole)

    return [[length(label, speaker) for speaker in range(len(voices.speakers))] for label in range(len(voices.classes))]


# ------------------------------------------------------------------------------------------------------------- learning
def equal_lstm(net: WaveNet, settings: Settings, known: Mapping[str, Any]) -> WaveRecurrent:
    """The widest LSTM with no more parameters than the WaveNet."""

    def made(width: int) -> WaveRecurrent:
        sizes = {"embedding": settings.channels, "conditions": settings.conditions, "context": net.context}
        return WaveRecurrent(CODES, len(known["classes"]), len(known["speakers"]), width=width, **sizes)

    width, most = 1, parameter_count(net)
    with torch.device("meta"):
        while parameter_count(made(width + 1)) <= most:
            width += 1
    return made(width)


def learn(
    context: Context, settings: Settings, voices: Voices, validation: Voices, net: WaveNet | WaveRecurrent, name: str
) -> Trained:
    update, windows = learning(context, settings, voices, net)
    held = few(validation, 30)
    return context.train(
        update,
        windows,
        Plan(settings.epochs, schedule("one-cycle")),
        name=name,
        validate=lambda: {"validation bits/sample": bits_per_sample(net, held, settings.length)},
    )


def learning(
    context: Context, settings: Settings, voices: Voices, net: WaveNet | WaveRecurrent
) -> tuple[Descent, DrawnBatches]:
    windows = voice_windows(
        voices,
        settings.batch_size,
        FRAME * frames_for(settings.length),
        context=net.context,
        frame=FRAME,
        in_epoch=max(1, settings.updates // settings.epochs),
        seed=context.seed,
        device=context.device,
    )
    precision = context.precision()

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        with autocast(precision, context.device):
            return {"loss": cross_entropy(net, some_untold(batch, settings.dropped, net.speech.untold))}

    return Descent(net, cost, optimizer("adam", net, settings.learning_rate), clip=settings.clip), windows


def some_untold(batch: Batch, share: float, untold: int) -> Batch:
    """In so many of the windows the word is not told."""
    previous, classes, *others = batch.inputs
    hidden = torch.rand(len(classes), device=classes.device) < share
    return replace(batch, inputs=(previous, classes.masked_fill(hidden, untold), *others))  # type: ignore[arg-type]


def cross_entropy(net: nn.Module, batch: Batch, reduction: str = "mean") -> Tensor:
    logits = net(*batch.inputs).float()
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=NOTHING, reduction=reduction)


def bits_per_sample(net: WaveNet | WaveRecurrent, voices: Voices, length: int, at_once: int = 16) -> float:
    """Mean of −log₂ p over all samples of all recordings, in windows that tile them."""
    length = FRAME * frames_for(length)
    tiles = [(which, start) for which in range(len(voices)) for start in range(0, int(voices.lengths[which]), length)]
    nats = 0.0
    with evaluating(net):
        for part in torch.split(torch.tensor(tiles), at_once):
            batch = window(voices, part[:, 0], part[:, 1] // FRAME, length, net.context, FRAME, device_of(net))
            nats += float(cross_entropy(net, batch, "sum").double())
    return nats / math.log(2) / int(voices.lengths.sum())


# --------------------------------------------------------------------------------------------------------------- rivals
def simple_rivals(train: Voices, validation: Voices, test: Voices) -> dict[str, float]:
    """Bits per sample of Markov chains, whose order is chosen by validation, and of linear prediction."""
    told, held, asked = (
        torch.cat([part[index] for index in range(len(part))]).long() for part in (train, validation, test)
    )
    chosen = ngram_bits(told, held, CODES, ORDERS)
    order = min(range(1, ORDERS), key=chosen.__getitem__)
    signals = [waves(part) for part in (few(train, 200), few(validation, 30), test)]
    codes = [
        [part[index].numpy().astype(np.int64) for index in range(len(part))] for part in (few(validation, 30), test)
    ]
    bounds = expanded(edges()).numpy()
    predictor = best_predictor(signals[0], signals[1], codes[0], bounds)
    linear = predictor_bits(predictor, signals[2], codes[1], bounds)
    return {
        f"linear prediction, order {len(predictor.weights)}": linear,
        f"Markov chain, order {order}": ngram_bits(told, asked, CODES, order + 1)[order],
    }


def waves(voices: Voices) -> list[np.ndarray]:
    return [sound_of(voices[index]).double().numpy() for index in range(len(voices))]


# -------------------------------------------------------------------------------------------------------------- hearing
def heard_by(context: Context, settings: Settings, words: SpokenWords) -> nn.Module:
    """The net of the recipe spoken-digits, trained on the recordings that WaveNet learns from."""
    asked = listener.Settings(epochs=settings.listener_epochs)
    net = listener.networks(asked, {"classes": words.classes})["net"]
    listener.train(context, asked, words, net, name="listener")
    return net


def share_heard(ears: nn.Module, sounds: Sequence[Tensor], classes: Tensor) -> float:
    answers = listener.answers(ears, utterances((str(number), sound) for number, sound in enumerate(sounds)))
    return float((answers.argmax(1) == classes).double().mean())


def tried_ways(
    context: Context, settings: Settings, net: WaveNet, ears: nn.Module, known: Mapping[str, Any]
) -> dict[Drawn, float]:
    """The share of a first lot of words that the listener understands, by how they are drawn."""

    def share(how: Drawn) -> float:
        return understood(net, ears, known, settings.spoken, context.generator("choosing"), how)

    return {how: share(how) for how in starmap(Drawn, product(settings.temperatures, settings.guidances))}


def understood(
    net: WaveNet, ears: nn.Module, known: Mapping[str, Any], count: int, generator: torch.Generator, how: Drawn
) -> float:
    """The share of so many words, each class and speaker in turn, of which the listener hears the class."""
    words = in_turn(known, count)
    return share_heard(ears, sounded(net, words, generator, how), words.classes)


def in_turn(known: Mapping[str, Any], count: int, label: int | None = None, speaker: int | None = None) -> Words:
    """So many words: the classes one after another, then again by the next speaker; or always one class, or one speaker."""
    number = torch.arange(count)
    classes = number % len(known["classes"]) if label is None else torch.full((count,), label)
    turns = number // len(known["classes"]) if label is None else number
    speakers = turns % len(known["speakers"]) if speaker is None else torch.full((count,), speaker)
    return Words(classes, speakers, torch.tensor(known["lengths"])[classes, speakers])


def sounded(net: WaveNet, words: Words, generator: torch.Generator, how: Drawn) -> list[Tensor]:
    """Amplitudes of each word, AT_ONCE of them side by side."""
    net.eval()
    device, sounds = device_of(net), []
    for part in torch.split(torch.arange(len(words)), AT_ONCE):
        these = Words(*(values[part].to(device) for values in (words.classes, words.speakers, words.lengths)))
        codes = generated(net, these, generator, SILENT, how).cpu()
        sounds += [sound_of(codes[:length, number]) for number, length in enumerate(words.lengths[part].tolist())]
    return sounds


# ------------------------------------------------------------------------------------------------------------- exhibits
def spoken(net: WaveNet, known: Mapping[str, Any], voices: SpokenVoices, generator: torch.Generator) -> list[Exhibit]:
    """All classes by the first speaker, generated and real, to hear and to see."""
    classes, who = known["classes"], known["speakers"][0]
    words = in_turn(known, len(classes), speaker=0)
    made = sounded(net, words, generator, Drawn(**known["drawn"]))
    part = voices.test
    firsts = {label: int(at[0, 0]) for label in range(len(classes)) if len(at := (part.classes == label).nonzero()[:1])}
    real = {label: sound_of(part[index]) for label, index in firsts.items()}
    told = f"{classes[0]} to {classes[-1]}"
    beside = list(real)[:MOST_BESIDE]
    sounds = [*(made[label] for label in beside), *(real[label] for label in beside)]
    return [
        Sound("Generated", f"The words {told} in the voice {who}, drawn sample by sample.", strung(made), RATE),
        Sound("Real", f"Recordings of {told} that were kept apart, as μ-law codes.", strung(list(real.values())), RATE),
        Images(
            "Spectrograms",
            "Of drawn and of real sounds: time from left to right, pitch from low to high, the louder the brighter.",
            torch.cat([listener.picture(utterances([("", sound)]), [0]) for sound in sounds]),
            columns=len(beside),
            rows=["drawn", "real"],
            heads=[classes[label] for label in beside],
        ),
    ]


def strung(sounds: Sequence[Tensor]) -> Tensor:
    """One after another, with pauses."""
    return torch.cat([F.pad(sound, (0, PAUSE)) for sound in sounds])


def _ways(tried: Mapping[Drawn, float]) -> Table:
    return Table(
        "Temperature and guidance",
        "Share of a first lot of words that the listener understood; the way in which it understood most was taken.",
        ["temperature", "guidance", "understood"],
        [[how.temperature, how.guidance, share] for how, share in tried.items()],
    )


def _rivals(bits: Mapping[str, float], net: nn.Module, rival: nn.Module) -> Table:
    sizes = {"WaveNet": parameter_count(net), "LSTM of equal size": parameter_count(rival)}
    return Table(
        "Rivals",
        "Bits per sample of test recordings. Validation chose the order of linear prediction, the shape of its errors and how fast "
        "its scale follows them, and the order of the Markov chain.",
        ["model", "parameters", "bits/sample"],
        [
            ["uniform", "", math.log2(CODES)],
            *((name, f"{sizes[name]:,}" if name in sizes else "", value) for name, value in bits.items()),
        ],
    )


def bits_by_epoch(trained: Trained, beside: Trained) -> Exhibit:
    name = "validation bits/sample"
    return by_epoch(
        "Bits per sample",
        "On validation recordings after every epoch; both nets learn from the same windows.",
        {"WaveNet": trained.history[name], "LSTM": beside.history[name]},
        y_label="bits per sample",
    )


# ----------------------------------------------------------------------------------------------------------- generating
def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """So many words as WAV files, each class and speaker in turn. prompt: a class, or a class and a speaker with a blank between,
    which all are to be."""
    net, known = model.networks["net"], model.known
    assert isinstance(net, WaveNet)
    words = in_turn(known, count, *asked_for(known, prompt))
    told = {name: value for name, value in asdict(model.wishes or Wishes()).items() if value is not None}
    how = Drawn(**known["drawn"] | told)
    sounds = sounded(net, words, generator, how)
    named = [
        (known["classes"][label], known["speakers"][speaker])
        for label, speaker in zip(words.classes.tolist(), words.speakers.tolist(), strict=True)
    ]
    return [
        Sound(
            f"Word {number}, {said}",
            f"{said} in the voice {who}, at temperature {how.temperature:g} with guidance {how.guidance:g}.",
            sound,
            RATE,
        )
        for number, (sound, (said, who)) in enumerate(zip(sounds, named, strict=True), 1)
    ]


def asked_for(known: Mapping[str, Any], prompt: str) -> tuple[int | None, int | None]:
    """The class and the speaker of a prompt. Raises ProfundoError for one that there is not."""
    if not prompt:
        return None, None
    classes, speakers = known["classes"], known["speakers"]
    if prompt in classes:
        return classes.index(prompt), None
    said, _, who = prompt.rpartition(" ")
    if said not in classes or who not in speakers:
        raise ProfundoError(
            f"prompt: expected a word of {', '.join(classes[:20])}, perhaps a blank and a voice of {', '.join(speakers[:20])}, got "
            f"{prompt!r}"
        )
    return classes.index(said), speakers.index(who)


QUICK = replace(
    Settings(),
    channels=8,
    skip=16,
    depth=5,
    stacks=1,
    conditions=8,
    length=256,
    batch_size=4,
    updates=8,
    epochs=2,
    judged=6,
)
RECIPE = Recipe(
    Settings,
    replace(QUICK, spoken=10, temperatures=(1.0,), guidances=(1.0, 2.0), listener_epochs=1),
    run,
    networks=networks,
    generate=generate,
    wishes=Wishes,
    takes=Takes("sounds with classes", classes=2),
)
