"""How `make docs` builds the site: Sphinx, the Markdown of this folder, and nothing from the network."""

import os
import sys
from importlib.metadata import distribution
from pathlib import Path

import bidsglm

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_site"))

project = "bidsglm"
author = "The bidsglm developers"
release = bidsglm.__version__
copyright = f"2026, {author}. Apache 2.0"
language = "en"
smartquotes = False  # what the program says is quoted as it says it

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sections",
    "outside",
    "generated",
    "examples",
]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["README.md", "_site", "examples"]

nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!bidsglm\.).*")
]  # other packages' names: their sites are on the network

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 5  # GitHub's anchors, as the pages are read there too
myst_links_external_new_tab = False

autodoc_typehints = "none"  # the docstrings name the types
autodoc_member_order = "bysource"
napoleon_google_docstring = False
copybutton_prompt_text = "$ "

mathjax = distribution("sphinx-mathjax-offline").locate_file(
    "sphinx-mathjax-offline/static/mathjax/tex-svg.js"
)
mathjax_path = Path(str(mathjax)).name  # one file, with the shapes of its letters: no font is fetched
html_static_path = ["_static", str(mathjax)]
html_css_files = ["site.css"]

html_theme = "pydata_sphinx_theme"
# the version of a commit between releases would be wider than a phone
html_title = f"bidsglm {'development' if 'dev' in release else release}"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# Only the published site has versions to switch between: .github/workflows/docs.yml says where it is.
html_baseurl = os.environ.get("DOCS_URL", "")
if html_baseurl:
    html_theme_options |= {
        "switcher": {
            "json_url": f"{html_baseurl}/switcher.json",
            "version_match": os.environ.get("DOCS_VERSION", "latest"),
        },
        "check_switcher": False,
        "navbar_end": ["version-switcher", "theme-switcher"],
    }
