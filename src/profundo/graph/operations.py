"""All that can be computed with expressions, under the names that PyTorch gives it. Each is defined beside its rule."""

from profundo.graph.expressions.elementwise import *  # noqa: F403
from profundo.graph.expressions.elementwise import __all__ as _elementwise
from profundo.graph.expressions.image_operations import *  # noqa: F403
from profundo.graph.expressions.image_operations import __all__ as _images
from profundo.graph.expressions.products import *  # noqa: F403
from profundo.graph.expressions.products import __all__ as _products
from profundo.graph.expressions.rearranging import *  # noqa: F403
from profundo.graph.expressions.rearranging import __all__ as _rearranging
from profundo.graph.expressions.reductions import *  # noqa: F403
from profundo.graph.expressions.reductions import __all__ as _reductions

__all__ = [*_elementwise, *_images, *_products, *_rearranging, *_reductions]
