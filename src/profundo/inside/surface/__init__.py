"""The surface that training walks on: the loss as a function of the weights.

loss = WeightLoss(net, cost, batches)          # θ ↦ mean cost of the samples; the net stays as it is
plane = random_plane(loss, seed=0)             # through the solution, by two random directions
heights = plane_losses(loss, plane, across, up)
eigenvalues(loss, loss.weights), trace(loss, loss.weights)
bend(loss, start, end)                         # a path between two solutions along which the loss stays low
"""

from profundo.inside.surface.connecting import Bend, barrier, bend, losses_along, straight
from profundo.inside.surface.curvature import Eigenvalues, Trace, eigenvalues, trace
from profundo.inside.surface.directions import Plane, path_plane, random_plane, three_point_plane
from profundo.inside.surface.plane_survey import plane_losses, refined_losses
from profundo.inside.surface.weight_loss import WeightLoss, Weights

__all__ = [
    "Bend", "Eigenvalues", "Plane", "Trace", "WeightLoss", "Weights", "barrier", "bend", "eigenvalues", "losses_along",
    "path_plane", "plane_losses", "random_plane", "refined_losses", "straight", "three_point_plane", "trace",
]  # fmt: skip
