"""What the figures of recipes are, in words, and which of two is the better: one closed table for pages and terminal,
beside that of the figures that trainings have."""

from __future__ import annotations

from profundo.languages import words
from profundo.pictures.story import Meaning
from profundo.pictures.verdict import rises

__all__ = ["meaning_of"]

LOWER, HIGHER = "lower", "higher"

# By a part of the figure's name: the first that occurs in it holds, so that the more particular stand above. None is as general
# as "error" or "loss": a figure that nobody described is to be missed by the tests, not to be called what it is not.
PARTS: tuple[tuple[str, str, str], ...] = (
    ("accuracy of words", "share of the words that are right, each in its place", HIGHER),
    ("accuracy of symbols", "share of the symbols that are right, each in its place", HIGHER),
    ("shot", "share of samples named right by the nearest of the few shown of each class, which training never had", HIGHER),
    ("accuracy", "share of the examples that are named right", HIGHER),
    ("share named right", "share of the made images that a classifier of real ones takes for what they are to be", HIGHER),
    ("share as asked", "share of the made images that a classifier of real ones takes for what was asked for", HIGHER),
    ("share of nearest in group", "share of the words that have a word of their group nearest", HIGHER),
    ("lead back", "share of the places from which the match of the match is the place itself, or near", HIGHER),
    ("from the true match", "how far half of the matches are from the true ones at most", LOWER),
    ("judge fooled", "share of the made photographs that a net takes for the true ones; half is the most", HIGHER),
    ("named right", "share of the made photographs that a classifier of true ones names right", HIGHER),
    ("adjusted Rand", "how far clusters and classes are the same, 0 by chance", HIGHER),
    ("difference of a weight", "to the weights of least squares", LOWER),
    ("share kept", "share of the turned images that a classifier names as they were", HIGHER),
    ("share turned", "share of the turned images that a classifier takes for the other kind", HIGHER),
    ("cycle error", "mean distance of a pixel there and back to the start, where black and white differ by 1", LOWER),
    ("share sure", "share of the made images of which a classifier of real ones is more than 90 % sure", HIGHER),
    ("share of months", "share of the months whose two neighbours in the year are the nearest", HIGHER),
    ("share of days", "share of the days to which one of their kind, working day or weekend, is nearest", HIGHER),
    ("share of cities beside their season", "share of the cities to which one of their season is nearest", HIGHER),
    ("share of cities", "share of the cities to which one of their kind is nearest", HIGHER),
    ("words in use", "words of the vocabulary that occur, by entropy", HIGHER),
    ("in use", "how many of the classes occur among the made images, by the entropy of what a classifier says", HIGHER),
    ("Fréchet distance", "how far they are from real images, as a set, in the features of a classifier of these; 0 is alike", LOWER),
    ("precision at 10", "share of the ten nearest that are of the same class", HIGHER),
    ("precision", "share of the made images that are as near to real ones as these are to one another", HIGHER),
    ("recall", "share of the real images that are as near to made ones as these are to one another", HIGHER),
    ("validation nats/char", "−ln of the probability given to each next character of the text by which the net was chosen", LOWER),
    ("validation bits/char", "−log₂ of the probability given to each next character of the text by which the net was chosen", LOWER),
    ("nats/char", "−ln of the probability given to each next character of a text that was not trained on", LOWER),
    ("bits/char", "−log₂ of the probability given to each next character of a text that was not trained on", LOWER),
    ("answers, nats/symbol", "−ln of the probability given to each symbol of an answer, after the turn that it answers", LOWER),
    ("bits/sample", "−log₂ of the probability given to each next sample of a sound that was not trained on", LOWER),
    ("bits/dim", "−log₂ of the probability given to a test image, for each of its pixels", LOWER),
    ("log-likelihood", "ln of the probability given to a test image", HIGHER),
    ("ELBO", "a lower bound of the log-likelihood, which training raises", HIGHER),
    ("understood", "share of the drawn words that a classifier of real ones takes for what was to be said", HIGHER),
    ("label error rate", "labels wrong, left out or added, of each label that was said; above 100 % where many are added", LOWER),
    ("exact match", "share of the texts that are written to the letter", HIGHER),
    ("BLEU", "how many pieces of one to four words are those of the true text, from 0 to 100", HIGHER),
    ("PSNR", "how near the pixels are to the true ones, in dB; 3 dB are half of the squared error", HIGHER),
    ("SSIM", "how alike the structures are, 1 for the true image", HIGHER),
    ("distance of features", "squared distance of the judge's features from the true image's, 0 to 4", LOWER),
    ("fine detail", "power of the finest waves, as a share of the true image's; to be 100 %, below it is blurred", ""),
    ("AuC", "area below the share of pixels whose colour is near enough, by how near; balanced: rare colours count alike", HIGHER),
    ("colourfulness", "how strong the colours are; to be that of the true photographs", ""),
    ("style error", "squared error of what is active together (Gram matrices), beside that of the painting", LOWER),
    ("content error", "squared error of what is seen where, beside that of the photograph", LOWER),
    ("look error", "squared error of the look, relative to that of the other image", LOWER),
    ("structure error", "squared error of what is seen where, relative to the image itself", LOWER),
    ("absolute error", "mean distance of a pixel to the true one, where black and white differ by 1", LOWER),
    ("equal error rate", "share mistaken where as many pairs of one class are told apart as pairs of two are not", LOWER),
    ("area under ROC", "how often two of one class are nearer than two of different ones; 0.5 is chance", HIGHER),
    ("ROC area", "how often a strange image has a larger error than a normal one; 0.5 is chance", HIGHER),
    ("caught", "share of the strange images that are flagged", HIGHER),
    ("false alarms", "share of the normal images that are flagged; 5 % of those of validation are", LOWER),
    ("purity", "share of the images that are of the commonest class of their cluster", HIGHER),
    ("mutual information", "how far one number of the code says each factor alone; 1 is best", HIGHER),
    ("numbers used", "numbers of the code that say anything", ""),
    ("unexplained variance", "share of the variance of unseen values that the net does not explain", LOWER),
    ("test error (%)", "percent of the test examples mistaken", LOWER),
    ("return", "sum of the rewards of an episode, in the mean", HIGHER),
    ("bridged", "over how many symbols the net remembers", HIGHER),
    ("bound on the mistakes", "no more mistakes than these can be made while learning (Novikoff 1962)", ""),
    ("mistakes while learning", "how often the weights were moved", LOWER),
    ("epochs with mistakes", "epochs until there was no mistake left", LOWER),
    ("gap of the identity", "relative distance of bias² + variance + noise to the error measured", LOWER),
    ("spread", "standard deviation over nets that began with other weights", ""),
    ("wall", "how much the loss rises on the way from one net to another", LOWER),
    ("cos(", "cosine of the angle between the vectors: 1 for one direction, 0 for a right angle", ""),
    ("training cost", "loss that training ended with", LOWER),
    ("AUC", "how often the right one of two is ranked above the other; 0.5 is chance", HIGHER),
    ("RMSE of ab", "root of the mean squared error of the colours, in the units of Lab's a and b", LOWER),
    ("RMSE", "root of the mean squared error of what training did not see, in units of the target", LOWER),
    ("MSE", "mean squared error of a pixel, where black and white differ by 1", LOWER),
    ("training error above least squares", "mean squared error of training, less the least that any weights have", LOWER),
    ("share mistaken", "share of the examples that are named wrongly", LOWER),
    ("log loss (nats)", "−ln of the probability given to a neighbour of a word, among all of the vocabulary", LOWER),
    ("error, best degree", "mean squared error on fresh samples, of polynomials of the degree that has the least", LOWER),
    ("error, degree", "mean squared error on fresh samples, of polynomials of this degree", LOWER),
    ("error, width", "mean squared error on fresh samples, of nets with so many hidden units", LOWER),
    ("degree in hindsight", "of the least test error, which no one may choose by", ""),
    ("chosen degree", "of the least validation error", ""),
    ("best degree", "of the least error", ""),
)  # fmt: skip


def meaning_of(name: str) -> Meaning:
    """Of a figure of that name; of one that neither the table nor the trainings' own knows nothing is said."""
    of_a_class = name.partition(" of ")[0] if name.startswith(("F1 of ", "average precision of ")) else name
    if what := words("figures", "en").get(of_a_class):
        return Meaning(what, HIGHER if rises(name) else LOWER)
    return next((Meaning(what, better) for part, what, better in PARTS if part in name), Meaning(""))
