"""The recipes by name, in the order of the courses. Importable without torch, so that listing them is instant.

The registry is closed: a name from a file or a command line picks one of these modules and imports nothing else.
"""

from __future__ import annotations

from profundo.data.dataset_names import nearest
from profundo.records import ProfundoError

__all__ = ["RECIPES", "check"]

RECIPES: dict[str, str] = {
    # Neurons
    "threshold": "threshold units set by hand: AND, OR, NOT, and XOR in two layers (McCulloch & Pitts 1943)",
    "perceptron": "Rosenblatt's rule on apples and oranges, trout and salmon, and XOR: the boundary moves, Novikoff's bound",
    "adaline": "the delta rule of Widrow and Hoff on diabetes, down to the least-squares solution",
    "xor": "one neuron fails at XOR, a hidden layer solves it; both solve OR: regions, learning curves",
    "universal-approximation": "one hidden layer of growing width fits three continuous functions",
    "gmdh": "the first deep nets: layers of quadratic units, grown by their error on samples kept apart (Ivakhnenko 1971)",
    "similarity": "cosines of vectors: which of A, B and C is X most like",
    # Classifiers
    "lenet5-1998": "LeNet-5 as published in 1998 reads MNIST: C3 table, trained averages, drawings for codes",
    "neocognitron": "the forerunner of convolutional nets (Fukushima 1980) learns digits without labels, and knows them when moved",
    "cifar10": "photographs of ten kinds of thing: residual net, AlexNet, VGG (net=alexnet), trained small on CIFAR-10",
    "traffic-signs": "several nets that see traffic signs in different lights, and their mean (Cireşan et al. 2012)",
    "deep-or-shallow": "the same number of parameters in one hidden layer or in five, on a composed function",
    "connections": "fewer connections (C3 table, random, all) and ones that skip (plain and residual nets by depth)",
    # Transfer
    "transfer": "from the digits 0 to 4 to 5 to 9 with few images: frozen, fine-tuned, from scratch, on MNIST",
    "domain-adaptation": "digits that look otherwise and have no labels: source alone, CORAL, DANN, self-training, the ceiling",
    "self-supervision": "photographs without labels: SimCLR or Barlow Twins, then a few labels, beside labels alone, on CIFAR-10",
    "distillation": "a small net learns what a committee of large ones says of traffic signs (Hinton et al. 2015)",
    "compression": "pruning and integers of 8 bits: LeNet-5 and a residual net made small, written as ONNX, and what that costs",
    # Autoencoders
    "autoencoder": "plain, denoising or convolutional, on MNIST: reconstructions, clusters and a map of the codes",
    "anomaly": "find the MNIST digit that training never saw by its reconstruction error: ROC area, threshold",
    "vae": "variational autoencoder on MNIST: ELBO, bits per dimension, samples, the plane of codes",
    "beta-vae": "codes whose numbers say one thing each: β-VAE on scenes of known making, walks, mutual information gap",
    "vq-vae": "pictures as words of a small vocabulary, and a PixelCNN that writes them (VQ-VAE), on MNIST, digit by digit",
    # Adversarial
    "gan": "generative adversarial nets as in 2014, dense and with maxout: new digits from MNIST, their film",
    "dcgan": "DCGAN, convolutional adversarial nets: new digits from MNIST, their film, Fréchet distance",
    "wgan-gp": "Wasserstein GAN with gradient penalty: new digits from MNIST, a loss that means something",
    "pix2pix": "an image made of another, learned from pairs: halves, outlines or grey images to whole ones (Isola et al. 2017)",
    "cyclegan": "one kind of image turned into another and back without pairs: digits and their forms (Zhu et al. 2017)",
    # Diffusion
    "diffusion": "digits out of noise for the class that one asks for: DDPM, DDIM, guidance, flow matching, on MNIST",
    # Metric
    "siamese": "contrastive loss on pairs of MNIST digits 0 to 6, then few-shot accuracy on 7, 8 and 9",
    "triplet": "triplet loss with mining on MNIST digits 0 to 6, then few-shot accuracy on 7, 8 and 9",
    # Repainting
    "style-transfer": "a photograph painted anew in the manner of a painting, by what VGG sees in both (Gatys et al. 2016)",
    "fast-style": "a net that paints any photograph in the manner of one painting, in one pass (Johnson et al. 2016)",
    "adain": "a net that paints any photograph in the manner of any painting, in one pass (Huang & Belongie 2017)",
    "image-analogy": "two images of a kind exchange their looks, matched patch by patch in what VGG sees (Liao et al. 2017)",
    "super-resolution": "photographs made larger and sharper: SRCNN, ESPCN, EDSR beside bicubic and Lanczos interpolation",
    "colourisation": "grey photographs in likely colours, and in those that a person asks for (Zhang et al. 2016), on CIFAR-10",
    # Sequences
    "vanishing-gradients": "why LSTM: gradients through time and a memory task, plain cell, GRU and LSTM side by side",
    "reversal": "translation with attention: digit strings to their reversal, with the picture of where it looks",
    "translation": "numbers in words of four languages and back, dates to ISO 8601: LSTM, with attention, Transformer; own pairs",
    "captions": "sentences for scenes of handwritten digits: convolutional encoder, attending LSTM",
    "spoken-digits": "recurrent classifier of spectrograms: which digit was spoken, with confusion table",
    "speech-recognition": "strings of spoken digits written down: CTC and attention beside cutting at silences, with alignments",
    "wavenet": "spoken digits drawn sample by sample, to hear: WaveNet beside an LSTM, a Markov chain and linear prediction",
    "language-model": "LSTM that writes: tiny Shakespeare character by character, bits per character",
    "gpt": "a Transformer that writes: tiny Shakespeare by characters or byte pairs, and answers: `profundo chat RUN`",
    # Embeddings
    "category-embeddings": "a generated table of months, weekdays and cities: embeddings find the year's circle and the seasons",
    "word-embeddings": "skip-gram with negative sampling on tiny Shakespeare: neighbours of king, love and sword",
    # Trial
    "learning-by-trial": "a pole balanced, a way found by trial: deep Q-nets and REINFORCE, beside policies set by hand",
    # Generalisation
    "polynomial-degree": "overfitting: a polynomial of each degree, and how validation chooses one",
    "bias-variance": "bias² and variance over resampled training sets, of polynomials by degree and of nets by width",
    "local-minima": "most local minima are alike: the spread over 20 seeds by width, and the walls between them, on digits",
    "double-descent": "test risk beyond the interpolation threshold, of nets by width and of random features, on digits",
}


def check(name: str) -> None:
    """Raise ProfundoError when no recipe has that name."""
    if name not in RECIPES:
        raise ProfundoError(f"recipe {name!r} is unknown; {nearest(name, RECIPES)}")
