"""Images as numbers: what a file holds, its colours in every space, and what convolutions and pooling make of it, step by
step. Pure functions from arrays to arrays and records; pictures of them are drawn elsewhere.

    from profundo import images
    image = images.read_image("flower")
    images.to_space(image.rgb, "lab")
    images.correlate(image.grey, "sobel-x")
    print(images.slide(images.COURSE, "1 0 1; 0 1 0; 1 0 1").step(0, 1))
"""

from profundo.images.colour_spaces import SPACES, from_space, to_space
from profundo.images.convolution import Padding, Sliding, Step, convolve, correlate, output_size, size_formula, slide
from profundo.images.image_arrays import COURSE, SAMPLES, Image, as_image, read_image
from profundo.images.kernels import KERNELS, Kernel, kernel_of, separated
from profundo.images.pooling import POOLINGS, Pooled, pool, reduced, unpool
from profundo.images.strokes import Frame, frame_of, framed, sketched

__all__ = [
    "COURSE",
    "KERNELS",
    "POOLINGS",
    "SAMPLES",
    "SPACES",
    "Frame",
    "Image",
    "Kernel",
    "Padding",
    "Pooled",
    "Sliding",
    "Step",
    "as_image",
    "convolve",
    "correlate",
    "frame_of",
    "framed",
    "from_space",
    "kernel_of",
    "output_size",
    "pool",
    "read_image",
    "reduced",
    "separated",
    "size_formula",
    "sketched",
    "slide",
    "to_space",
    "unpool",
]
