"""How Sphinx builds the documentation: pages in Markdown, the reference from docstrings."""

import importlib.metadata

project = "Tradewind"
copyright = "The Tradewind authors"  # noqa: A001 - the name that Sphinx reads
release = importlib.metadata.version("tradewind-task-sdk")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
root_doc = "index"
exclude_patterns = ["README.md", "_build"]
html_theme = "furo"
html_title = f"Tradewind {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# A block of the guide says which file it is, which no highlighter needs to know.
myst_fence_as_directive: list[str] = []
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
copybutton_prompt_text = "$ "
