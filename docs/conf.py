"""How are the docs built? `sphinx-build docs docs/_build`."""

project = "Tocsin"
copyright = "the Tocsin developers"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Tocsin"
exclude_patterns = ["_build"]
html_static_path: list[str] = []
