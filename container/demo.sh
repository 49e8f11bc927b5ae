#!/bin/sh
# demo.sh PYTHON FOLDER: a demo data set of two participants that is fitted in seconds
set -eu
"$1" - "$2" <<'END'
import sys
from pathlib import Path

from bidsglm.demo.data_set import Recording, write_demo

write_demo(Path(sys.argv[1]), 2, Recording(n_runs=1, n_scans=40))
END
