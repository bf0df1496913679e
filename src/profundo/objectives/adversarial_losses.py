"""What two players want: costs of a discriminator's outputs for real and made images (Goodfellow et al. 2014).

With logits r = logit D(x) and f = logit D(G(z)), each a (batch,) tensor, or one of more dimensions for logits of patches:

    discriminator        −log D(x) − log(1 − D(G(z)))  =  softplus(−r) + softplus(f)      lowest: 2 log 2 where D = ½
    generator, minimax   log(1 − D(G(z)))              =  −softplus(f)                    flat while D is sure
    generator            −log D(G(z))                  =  softplus(−f)                    steep while D is sure

The last is the paper's "non-saturating" cost, which is used. A critic's scores have no sigmoid (Arjovsky et al. 2017):

    critic       mean f − mean r        minus an estimate of the Wasserstein-1 distance, if its slope is at most 1 …
    generator    −mean f
    penalty      mean (‖∇ₓ critic(x̂)‖₂ − 1)²,  x̂ = ε x + (1 − ε) G(z)                    … which this asks for
                                                                                          (Gulrajani et al. 2017, eq. 3)

Answers near 1 and 0 by least squares (Mao et al. 2017), whose slope grows with the distance, so that what is taken for real without
doubt, but lies far from the real, is moved, too:

    discriminator        mean (r − 1)² + mean f²
    generator            mean (f − 1)²
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "critic_cost",
    "critic_generator_cost",
    "discriminator_cost",
    "generator_cost",
    "gradient_penalty",
    "least_squares_cost",
    "least_squares_generator_cost",
]


def discriminator_cost(real: Tensor, made: Tensor) -> Tensor:
    """Mean of softplus(−r) plus mean of softplus(f): cross-entropy of the answers "real" and "made"."""
    return softplus(-real).mean() + softplus(made).mean()


def generator_cost(made: Tensor) -> Tensor:
    """Mean of softplus(−f); its slope tends to −1, not to 0, while the discriminator is sure (f → −∞)."""
    return softplus(-made).mean()


def least_squares_cost(real: Tensor, made: Tensor) -> Tensor:
    """Mean of (r − 1)² plus mean of f²."""
    return (real - 1).square().mean() + made.square().mean()


def least_squares_generator_cost(made: Tensor) -> Tensor:
    """Mean of (f − 1)²."""
    return (made - 1).square().mean()


def critic_cost(real: Tensor, made: Tensor) -> Tensor:
    """mean f − mean r."""
    return made.mean() - real.mean()


def critic_generator_cost(made: Tensor) -> Tensor:
    """−mean f."""
    return -made.mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """Mean over the batch of (‖∇ₓ critic(x̂)‖₂ − 1)², to be multiplied by λ (10 in the paper).

    critic: from images (batch, …) to a score each; no image's score may depend on the others'. share: ε, uniform on
    [0, 1), (batch,), one per image. The result can be differentiated by the critic's parameters.
    """
    share = share.reshape(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(made, real, share).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def softplus(logits: Tensor) -> Tensor:
    """log(1 + eᶻ), without overflow and without F.softplus's switch to linear at 20."""
    return -F.logsigmoid(-logits)
