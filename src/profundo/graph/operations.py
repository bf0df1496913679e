"""All that can be computed with expressions, under the names that PyTorch gives it. Each is defined beside its rule."""

from profundo.graph.elementwise import *  # noqa: F403
from profundo.graph.elementwise import __all__ as _elementwise
from profundo.graph.images import *  # noqa: F403
from profundo.graph.images import __all__ as _images
from profundo.graph.products import *  # noqa: F403
from profundo.graph.products import __all__ as _products
from profundo.graph.rearranging import *  # noqa: F403
from profundo.graph.rearranging import __all__ as _rearranging
from profundo.graph.reductions import *  # noqa: F403
from profundo.graph.reductions import __all__ as _reductions

__all__ = [*_elementwise, *_images, *_products, *_rearranging, *_reductions]
