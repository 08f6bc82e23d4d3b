"""A hook of mkdocs: pages keep their paths in the repository, so that one link works on GitHub and on the site.

The site is made of files where they lie: docs/, and the pages beside the code. Nothing is copied.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
SHOWN = (
    "*.md",
    "LICENSE",
    "docs/**/*",
    "examples/**/*",
    "formats/*.md",
    "formats/DICTIONARY.txt",
    "kernels/*/README.md",
)
HIDDEN = (".ipynb_checkpoints", "__pycache__")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages of the whole repository, and the theme's own files."""
    found = sorted({file for pattern in SHOWN for file in ROOT.glob(pattern) if file.is_file()})
    paths = [str(file.relative_to(ROOT)) for file in found if not set(HIDDEN) & set(file.parts)]
    pages = [File(path, str(ROOT), config.site_dir, config.use_directory_urls) for path in paths]
    return Files([*pages, *(file for file in files if file.src_dir != config.docs_dir)])
