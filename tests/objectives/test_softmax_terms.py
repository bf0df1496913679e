"""The softmax by hand against PyTorch's."""

import pytest
import torch

from profundo.objectives.softmax_terms import softmax_terms
from profundo.records import ProfundoError


@pytest.mark.parametrize("outputs", [[0.0], [1.0, 2.0, -3.0], [1000.0, 999.0], [-1e30, 0.0]])
def test_terms_lead_to_the_probabilities(outputs):
    z = torch.tensor(outputs)
    terms = softmax_terms(z)
    torch.testing.assert_close(terms.shares, z.double().softmax(0))
    torch.testing.assert_close(terms.exponentials / terms.total, terms.shares)
    assert terms.greatest == max(z.tolist())
    assert terms.exponentials.max() == 1


def test_outputs_of_several_samples_are_refused():
    with pytest.raises(ProfundoError, match=r"one sample, \(classes,\), got \(2, 3\)"):
        softmax_terms(torch.zeros(2, 3))
