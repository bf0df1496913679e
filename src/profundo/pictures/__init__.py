"""Records → figures, tables and one self-contained page. This room draws what others measured; it never computes."""

from profundo.pictures.curves import curves_svg, scatter_svg
from profundo.pictures.images import image_grid
from profundo.pictures.report import Report, Worst, report_html

__all__ = ["Report", "Worst", "curves_svg", "image_grid", "report_html", "scatter_svg"]
