"""VQ-VAE: pictures as words of a small vocabulary, and a net that writes them (van den Oord et al. 2017, arXiv:1711.00937).

Data: MNIST, each picture binarised anew whenever it is seen, as by the recipe `vae`. A convolutional autoencoder says a picture
in 7 × 7 words, each the nearest of a codebook that follows by moving averages (appendix A.1); gradients go straight through. Then a
gated PixelCNN (van den Oord et al. 2016, arXiv:1606.05328) learns which word follows which, told the class, and draws new ones word
by word. Bits per dimension are a bound: a picture is said by its words, which cost log p(z), and by what they leave open, log p(x|z);
p(z) is a mean over the classes, so that no class is told.

Result: 0.231 bits per dimension at most (seed 0 alone), where words by themselves come to 0.307; a picture costs 111 bits for its
words and 70 for its pixels once they are known, more than the recipe `vae` needs for both: 0.175. 20 of 32 words are in use (by
entropy). 10,000 drawn digits are at a Fréchet distance of 15.1 from as many unseen real ones (words by themselves: 97;
reconstructions: 1.6), at a precision of 0.40 and a recall of 0.85; a classifier takes 75.3 % for the digit that was asked for. 170 s
on one core of an AMD EPYC, no GPU. After three epochs the PixelCNN still learns: more are what to change first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.batches import batches
from profundo.data.standard import intensities, unit_interval
from profundo.evaluate import evaluating
from profundo.nets.pixel_cnn import PixelCNN, drawn_words
from profundo.nets.vector_quantised import VectorQuantised, perplexity
from profundo.objectives.elbo import bernoulli_log_likelihood
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.ranks_and_places import evenly
from profundo.recipes.conditions import (
    ASKED,
    asked_class,
    classes_there,
    columns_of,
    heads_of,
    in_turn,
    laid_out,
    like_training,
)
from profundo.recipes.context import Context, Trained
from profundo.recipes.judging import ImageJudge, Verdict, judged, trained_judge, verdicts_table
from profundo.recipes.net_outputs import as_pictures, device_of
from profundo.recipes.own_data import Takes, is_own, things
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import stretched
from profundo.records import Batch, Dataset, Samples
from profundo.runs.settings.setting_values import Positive, Several, Share, Whole
from profundo.train import Batches, Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "generate", "networks", "run"]

AT_ONCE = 500  # pictures
CELL, PART = 4, 12  # pixels of a side that a word stands for, and that are shown of it
SHOWN = 32  # pictures beside their reconstructions
OURS, BESIDE = "drawn by the PixelCNN", "each word by itself"
UNORDERED = "Decoded from words that are drawn one by one, as often as each is at its place. What is missing is the PixelCNN’s work."


@dataclass(frozen=True, slots=True)
class Settings:
    """words: of the codebook; size: numbers of each; width: maps of the autoencoder; commitment: β, what holds the encoder to its
    words; decay: γ of the moving averages.

    prior_width, prior_layers, prior_epochs, prior_rate: of the PixelCNN. judge_epochs: of the classifier that judges what is drawn.
    image_size: of images of one's own, the side in pixels, a multiple of 4, that they are scaled and cut to.
    """

    words: Several = 32
    size: Whole = 16
    width: Whole = 32
    commitment: Positive = 0.25
    decay: Share = 0.99
    epochs: Whole = 3
    batch_size: Whole = 128
    learning_rate: Positive = 0.002
    prior_width: Whole = 24
    prior_layers: Whole = 4
    prior_epochs: Whole = 3
    prior_rate: Positive = 0.003
    judge_epochs: Whole = 2
    data: str = "mnist"
    image_size: Whole = 32


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {
        "autoencoder": VectorQuantised(
            known["shape"], settings.words, settings.size, settings.width, decay=settings.decay
        ),
        "prior": PixelCNN(settings.words, len(known["classes"]), settings.prior_width, settings.prior_layers),
    }


def run(context: Context, settings: Settings) -> Outcome:
    data = context.images(settings.data, settings.image_size)
    classes = classes_there(data)
    known: dict[str, Any] = {"shape": list(data.spec.inputs.shape), "classes": classes, "things": things(data)}
    nets = networks(settings, known)
    autoencoder, prior = nets["autoencoder"], nets["prior"]
    assert isinstance(autoencoder, VectorQuantised)
    assert isinstance(prior, PixelCNN)
    judge = trained_judge(context, data, settings.judge_epochs)
    learned = learn_words(context, settings, data, autoencoder)
    trained = learn_order(context, settings, data, autoencoder, prior, classes)

    test = binarised(data.test, data, context)
    (words, logits), shown = said(autoencoder, test), evenly(len(test), SHOWN)
    shares = word_shares(said(autoencoder, binarised(data.train, data, context))[0], settings.words)
    pixels = -bernoulli_log_likelihood(logits, test).double().mean().item() / math.log(2)
    bits = {
        OURS: (prior_bits(prior, words, len(classes)), pixels),
        BESIDE: (independent_bits(shares, words), pixels),
    }
    model = Model(settings, nets, known)
    drawn, verdicts, obeyed = weighed(context, model, judge, data, shares, logits)
    size = math.prod(data.spec.inputs.shape)
    (bits_dim, floor), used = (sum(both) / size for both in bits.values()), perplexity(words, settings.words)
    ours, beside = verdicts[OURS], verdicts[BESIDE]
    return Outcome(
        scores={"bits/dim": bits_dim, "words in use": used, **ours.scores, **obeyed},
        baseline={"bits/dim": floor, **beside.scores},
        against=BESIDE,
        exhibits=[
            *generate(model, laid_out(classes)[0], context.generator("shown"), ""),
            reconstructions(test[shown], logits[shown]),
            Images("The same without an order", UNORDERED, drawn[:64], 8),
            vocabulary(test, words, settings.words),
            trained.film(
                f"{known['things'].capitalize()} by epoch", "Drawn before the PixelCNN's training and after each epoch."
            ),
            verdicts_table(verdicts, known["things"]),
            costs_table(bits, size, settings.words, words[0].numel()),
            bits_by_epoch(learned, trained),
        ],
        networks=nets,
        known=known,
        conclusion=f"A test picture costs {bits_dim:.3f} bits per pixel at most, {floor:.3f} when each word is by itself; {used:.0f} "
        f"of {settings.words} words are in use. Drawn {known['things']} are at a Fréchet distance of {ours.distance:.1f} from unseen "
        f"real ones, of words by themselves at {beside.distance:.0f}."
        + "".join(f" {100 * share:.1f} % are of the class asked for." for share in obeyed.values()),
    )


# ------------------------------------------------------------------------------------------------------------- learning
def learn_words(context: Context, settings: Settings, data: Dataset, net: VectorQuantised) -> Trained:
    """Equation 3; the codebook follows by itself."""
    validation = binarised(data.validation, data, context)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        pixels = torch.bernoulli(batch.inputs)
        with autocast(context.precision(), context.device):
            logits, distance, _ = net(pixels)
        reconstruction = -bernoulli_log_likelihood(logits, pixels).mean()
        held = distance.mean()
        return {"loss": reconstruction + settings.commitment * held, "reconstruction": reconstruction, "distance": held}

    def validate() -> Mapping[str, float]:
        words, logits = said(net, validation)
        reconstruction = -bernoulli_log_likelihood(logits, validation).mean().item()
        return {"validation reconstruction": reconstruction, "words in use": perplexity(words, settings.words)}

    update = Descent(net, cost, optimizer("adam", net, settings.learning_rate))
    plan = Plan(settings.epochs, schedule("cosine"))
    return context.train(update, seen(context, settings, data), plan, name="words", validate=validate)


def learn_order(
    context: Context,
    settings: Settings,
    data: Dataset,
    autoencoder: VectorQuantised,
    prior: PixelCNN,
    classes: Sequence[str],
) -> Trained:
    """The PixelCNN, of the words of pictures that are binarised anew."""
    autoencoder.eval()
    validation, _ = said(autoencoder, binarised(data.validation, data, context))
    held = labels_of(data.validation.targets, classes)
    shown, columns = laid_out(classes)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        with torch.no_grad():
            words = autoencoder.encode(torch.bernoulli(batch.inputs))
        with autocast(context.precision(), context.device):
            logits = prior(words, labels_of(batch.targets, classes))
        return {"loss": F.cross_entropy(logits.float(), words, reduction="sum") / len(words)}

    return context.train(
        Descent(prior, cost, optimizer("adam", prior, settings.prior_rate), clip=1.0),
        seen(context, settings, data),
        Plan(settings.prior_epochs, schedule("one-cycle")),
        name="order",
        validate=lambda: {"validation loss": word_costs(prior, validation, held).double().mean().item()},
        film=lambda: sheet(
            drawn_pictures(autoencoder, prior, in_turn(classes, shown), shown, context.generator("film")), columns
        ),
    )


def seen(context: Context, settings: Settings, data: Dataset) -> Batches:
    spec = unit_interval(data.spec)
    whole = batches(data.train, spec, settings.batch_size, seed=context.seed, device=context.device)
    return stretched(whole, is_own(settings.data))


def labels_of(targets: Tensor, classes: Sequence[str]) -> Tensor | None:
    return targets.long() if classes else None


def binarised(samples: Samples, data: Dataset, context: Context) -> Tensor:
    """Each pixel on or off, drawn by its intensity; of the test the same pixels as by the recipe vae."""
    pictures = intensities(samples, data.spec)
    return torch.bernoulli(pictures, generator=context.generator("pixels")).to(context.device)


# -------------------------------------------------------------------------------------------------------------- judging
def said(net: VectorQuantised, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Words (pictures, height, width), and logits of the pixels given them, on the CPU."""
    words, logits = [], []
    with evaluating(net):
        for part in torch.split(pictures, AT_ONCE):
            words.append(net.encode(part).cpu())
            logits.append(net.decode(words[-1].to(part.device)).cpu())
    return torch.cat(words), torch.cat(logits)


def word_costs(prior: PixelCNN, words: Tensor, labels: Tensor | None) -> Tensor:
    """−log p(z|y) of each picture, in nats, (pictures,)."""
    device, costs = device_of(prior), []
    with evaluating(prior):
        for numbers in torch.split(torch.arange(len(words)), AT_ONCE):
            part = words[numbers].to(device)
            logits = prior(part, None if labels is None else labels[numbers].to(device))
            costs.append(F.cross_entropy(logits.float(), part, reduction="none").sum((1, 2)).cpu())
    return torch.cat(costs)


def prior_bits(prior: PixelCNN, words: Tensor, classes: int) -> float:
    """Mean −log₂ p(z) of a picture's words, p(z) = the mean over classes of p(z|y)."""
    if not classes:
        return word_costs(prior, words, None).double().mean().item() / math.log(2)
    each = torch.stack([-word_costs(prior, words, torch.full((len(words),), label)) for label in range(classes)])
    return -(torch.logsumexp(each.double(), 0) - math.log(classes)).mean().item() / math.log(2)


def word_shares(words: Tensor, many: int) -> Tensor:
    """How often each word is at each place, (height, width, words), each counted once more than it was seen."""
    counts = F.one_hot(words, many).sum(0).double() + 1
    return counts / counts.sum(2, keepdim=True)


def independent_bits(shares: Tensor, words: Tensor) -> float:
    """Mean −log₂ of a picture's words, each by the shares at its place."""
    found = shares.expand(len(words), *shares.shape).gather(3, words[..., None])
    return -found.log2().flatten(1).sum(1).mean().item()


def drawn_pictures(
    autoencoder: VectorQuantised, prior: PixelCNN, labels: Tensor | None, count: int, generator: torch.Generator
) -> Tensor:
    """uint8 pictures, the probability of each pixel, of words that the PixelCNN draws."""
    made = []
    with evaluating(autoencoder), evaluating(prior):
        for numbers in torch.split(torch.arange(count), AT_ONCE):
            told = None if labels is None else labels[numbers]
            words = drawn_words(prior, autoencoder.places, len(numbers), told, generator)
            made.append(as_pictures(autoencoder.decode(words).sigmoid()))
    return torch.cat(made)


def unordered(autoencoder: VectorQuantised, shares: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The same of words that are drawn by the shares at their places alone."""
    drawn = torch.multinomial(shares.flatten(0, 1), count, replacement=True, generator=generator)
    words = drawn.T.reshape(count, *autoencoder.places)
    with evaluating(autoencoder):
        parts = [autoencoder.decode(part.to(device_of(autoencoder))) for part in torch.split(words, AT_ONCE)]
    return as_pictures(torch.cat(parts).sigmoid())


def weighed(
    context: Context, model: Model, judge: ImageJudge, data: Dataset, shares: Tensor, logits: Tensor
) -> tuple[Tensor, dict[str, Verdict], dict[str, float]]:
    """Pictures of words without an order, what the judge says of every set, and the share of drawn ones that are of the class asked
    for; classes are asked for in the shares that they have among the training pictures."""
    autoencoder, prior = model.networks["autoencoder"], model.networks["prior"]
    assert isinstance(autoencoder, VectorQuantised)
    assert isinstance(prior, PixelCNN)
    count = len(data.test)
    asked = like_training(data, model.known["classes"], count)
    made = drawn_pictures(autoencoder, prior, asked, count, context.generator("samples"))
    without = unordered(autoencoder, shares, count, context.generator("unordered"))
    sets = {OURS: made, BESIDE: without, "reconstructions": as_pictures(logits.sigmoid())}
    verdicts = judged(judge, data, sets)
    return without, verdicts, {} if asked is None else {ASKED: judge.agreed(made, asked)}


# ------------------------------------------------------------------------------------------------------------- exhibits
def reconstructions(pixels: Tensor, logits: Tensor) -> Images:
    pairs = torch.stack([as_pictures(pixels), as_pictures(logits.sigmoid())], 1)
    caption = "Test pictures, each with what its words are decoded to at its right."
    return Images("Reconstructions", caption, pairs.flatten(0, 1), 16)


def vocabulary(pictures: Tensor, words: Tensor, many: int) -> Images:
    """Of each word the mean of the parts of pictures (pictures, channels, height, width) where it stands, with a margin around."""
    parts = F.unfold(pictures.cpu(), PART, padding=(PART - CELL) // 2, stride=CELL).transpose(1, 2).flatten(0, 1)
    sums = torch.zeros(many, parts.shape[1]).index_add_(0, words.flatten(), parts)
    counts = torch.bincount(words.flatten(), minlength=many)
    order = counts.argsort(descending=True)[: int((counts > 0).sum())]
    means = (sums[order] / counts[order, None]).view(-1, pictures.shape[1], PART, PART)
    caption = (
        "Each word is the mean of what test pictures show where it stands, with a margin around it, from often to seldom used. Look "
        "at how few pieces of strokes all pictures are put together from."
    )
    return Images("The vocabulary", caption, as_pictures(means), 8)


def costs_table(bits: Mapping[str, tuple[float, float]], size: int, words: int, places: int) -> Table:
    least = next(iter(bits.values()))[1]
    every = {**bits, "every word alike": (places * math.log2(words), least)}
    return Table(
        "What a picture costs",
        f"Bits, means of test pictures, which are said in {places} words of {words}: for the words, for the pixels once the words "
        "are known, and both for each pixel.",
        ["words", "bits for the words", "bits for the pixels", "bits/dim"],
        [[name, ours, rest, (ours + rest) / size] for name, (ours, rest) in every.items()],
    )


def bits_by_epoch(learned: Trained, trained: Trained) -> Exhibit:
    series = {
        "pixels, given the words": [nats / math.log(2) for nats in learned.history["validation reconstruction"]],
        "words, given the class": [nats / math.log(2) for nats in trained.history["validation loss"]],
    }
    caption = "Bits of a validation picture after every epoch, of the autoencoder's training and of the PixelCNN's."
    return by_epoch("Bits by epoch", caption, series, y_label="bits")


# ----------------------------------------------------------------------------------------------------------- generating
def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """Pictures, word by word. prompt: the class of all of them; otherwise each in turn."""
    autoencoder, prior = model.networks["autoencoder"], model.networks["prior"]
    assert isinstance(autoencoder, VectorQuantised)
    assert isinstance(prior, PixelCNN)
    classes, things = model.known["classes"], model.known["things"]
    only = asked_class(classes, prompt)
    made = drawn_pictures(autoencoder, prior, in_turn(classes, count, only), count, generator)
    told = f", told to be {prompt}" if prompt else ", told each class in turn" * bool(classes)
    high, wide = autoencoder.places
    caption = f"{count} {things} that nobody made, {high} × {wide} words each, drawn one after another{told}."
    return [Images(f"New {things}", caption, made, columns_of(classes, only), heads=heads_of(classes, only))]


RECIPE = Recipe(
    Settings,
    Settings(
        data="digits",
        words=16,
        size=8,
        width=16,
        epochs=12,
        batch_size=64,
        prior_width=16,
        prior_layers=2,
        prior_epochs=10,
        judge_epochs=6,
    ),
    run,
    networks=networks,
    generate=generate,
    takes=Takes("images", samples=20),
)
