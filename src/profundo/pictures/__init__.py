"""Records → figures, tables and one self-contained page. This room draws what others measured; it never computes."""

from profundo.pictures.charts import Line, curves_svg, heat_svg, lines_svg, points_svg, scatter_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.run_page.report import Report, Worst, report_html

__all__ = [
    "Line",
    "Report",
    "Worst",
    "curves_svg",
    "heat_svg",
    "image_grid",
    "lines_svg",
    "points_svg",
    "report_html",
    "scatter_svg",
]
