import numpy as np
import pytest
from scipy.stats import laplace, norm

from profundo.evaluate.sequences.linear_prediction import Predictor, best_predictor, fitted, predictor_bits

EDGES = np.linspace(-8, 8, 65)


def second_order(samples, seed):
    own, signal = np.random.default_rng(seed), np.zeros(samples + 2)
    for at in range(2, samples + 2):
        signal[at] = 1.6 * signal[at - 1] - 0.8 * signal[at - 2] + 0.5 * own.standard_normal()
    return signal[2:]


def coded(signal):
    return np.clip(np.digitize(signal, EDGES) - 1, 0, 63)


def test_the_weights_of_a_process_are_found_again():
    np.testing.assert_allclose(fitted([second_order(20_000, seed) for seed in range(2)], 2), [1.6, -0.8], atol=0.02)


@pytest.mark.parametrize(("shape", "distribution"), [("gauss", norm), ("laplace", laplace(scale=2**-0.5))])
def test_bits_are_those_of_the_distribution_by_hand(shape, distribution):
    signal = second_order(50, 3)
    codes, weights, memory = coded(signal), np.array([1.5, -0.7]), 0.9
    bits, mean_square, before = 0.0, 0.0, [0.0, 0.0]
    outer = np.concatenate([[-np.inf], EDGES[1:-1], [np.inf]])
    for value, code in zip(signal, codes, strict=True):
        expected = weights @ before
        scale = (mean_square + 0.125**2) ** 0.5
        share = np.diff(distribution.cdf((outer[[code, code + 1]] - expected) / scale))[0]
        bits -= np.log2(0.999 * share + 0.001 / 64)
        mean_square = memory * mean_square + (1 - memory) * (value - expected) ** 2
        before = [value, before[0]]
    assert predictor_bits(Predictor(weights, memory, shape), [signal], [codes], EDGES) == pytest.approx(bits / 50)


def test_validation_chooses_the_order_and_the_shape_of_the_process():
    train, held = [second_order(8000, 1)], [second_order(8000, 2)]
    best = best_predictor(train, held, [coded(held[0])], EDGES, orders=(1, 2), memories=(0.99,))
    assert (len(best.weights), best.shape) == (2, "gauss")
