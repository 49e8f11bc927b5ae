#!/bin/sh
# prune.sh ENVIRONMENT: a virtual environment without what only building and testing need.
set -eu
python=$1/bin/python
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# what builds wheels; pip itself was never inside
python3 -m pip --python "$python" uninstall --quiet --yes hatch-fancy-pypi-readme hatch-vcs hatchling pathspec pluggy \
    setuptools setuptools-scm tomlkit trove-classifiers vcs-versioning

find "$packages" -type d '(' -name tests -o -name test ')' -prune -exec rm -r {} +
find "$packages" -type f '(' -name '*.py[ix]' -o -name '*.px[di]' -o -name '*.[ch]' -o -name '*.[ch]pp' ')' -delete
rm -r "$packages/matplotlib/mpl-data/sample_data"
