"""Finding images by what is on them (Krizhevsky, Sutskever & Hinton 2012, section 6.1): those are alike whose features, the
numbers that reach the output layer of a net, point the same way.

index_images("photographs", "photographs.index")                       # features of every image, kept in a folder
search_images("photographs.index", "holiday.jpg", count=10)            # the images most alike, best first
"""

from profundo.use.image_search.encoders import Encoder, encoder_named
from profundo.use.image_search.exact_search import ImageMatch, search_images
from profundo.use.image_search.image_index import ImageIndex, Indexed, index_images

__all__ = ["Encoder", "ImageIndex", "ImageMatch", "Indexed", "encoder_named", "index_images", "search_images"]
