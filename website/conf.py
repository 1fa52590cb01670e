"""Sphinx settings of the site; `make site` copies this file beside the course's texts."""

project = "Continuous-time deep learning"
author = "the course's authors"
copyright = "text and figures CC BY 4.0, code MIT"

extensions = ["myst_nb", "sphinx-mathjax-offline"]
root_doc = "index"
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["course.css"]

nb_execution_mode = "off"  # notebooks are shown as they were committed: executed
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables, and the mathematics in them
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = [
    "mystnb.unknown_mime_type",  # claims and widgets say the same in text
    "myst.header",  # exercises and figures are no headings
]


def equations_as_written(_, page):
    """Keep an equation with a number as it is.

    Sphinx puts one of several lines (a matrix, say) into `split`, and there MathJax shows an error
    in the place of the whole equation, because `split` allows no `\\tag`.
    """
    for equation in page.findall(lambda node: node.tagname == "math_block"):
        if "\\tag" in equation.astext():
            equation["no-wrap"] = True
            (text,) = equation
            equation.replace(text, type(text)(rf"\[{text}\]"))


def setup(app):
    app.connect("doctree-read", equations_as_written)
