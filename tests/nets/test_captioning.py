"""The captioner: shapes, gradients, and places that it can tell apart."""

import torch

from profundo.nets.captioning import Captioner


def test_a_sentence_for_every_image_and_weights_over_the_grid():
    torch.manual_seed(0)
    net = Captioner(9, 40, maps=8, width=12).eval()
    images, words = torch.rand(3, 1, 40, 40), torch.tensor([[3, 4, 2], [5, 2, 0], [6, 7, 2]])
    logits, weights = net(images, words)
    assert logits.shape == (3, 3, 9)
    assert weights.shape == (3, 3, 25)
    assert torch.allclose(weights.sum(2), torch.ones(3, 3))
    said, looked = net.describe(images, 6)
    assert said.shape[0] == looked.shape[0] == 3
    assert said.shape[1] <= 6
    ended = (said == 2).long().cumsum(1)
    assert (said[ended > (said == 2).long()] == 0).all()  # nothing after the end


def test_colour_images_are_described_too_and_every_parameter_learns():
    torch.manual_seed(0)
    net = Captioner(9, 16, channels=3, maps=8, width=12)
    logits, _ = net(torch.rand(4, 3, 16, 16), torch.randint(3, 9, (4, 5)))
    logits.logsumexp(2).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


def test_it_can_tell_where_things_are_only_by_the_vectors_of_the_places():
    """Without them the annotations of a scene moved by whole cells are the same set, and attention sees no order."""
    torch.manual_seed(0)
    net = Captioner(9, 48, maps=8, width=12).eval()
    image = torch.zeros(1, 1, 48, 48)
    image[0, 0, 18:22, 18:22] = 1  # far from the borders, which the padding would tell
    moved = image.roll(8, 3)
    words = torch.tensor([[3, 4, 2]])
    with torch.no_grad():
        net.places.mul_(30)
    assert not torch.allclose(net(image, words)[0], net(moved, words)[0], atol=1e-5)
    with torch.no_grad():
        net.places.zero_()
    assert torch.allclose(net(image, words)[0], net(moved, words)[0], atol=1e-5)
