#!/bin/sh
# build.sh: builds IMAGE with docker or podman, or the file SIF with apptainer; see docs/container.md.
set -eu
cd "$(dirname "$0")/.."
. container/engine.sh
engine=$(find_engine)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bidsglm/__init__.py)
image=${IMAGE:-bidsglm/bidsglm:$version}
sif=${SIF:-bidsglm-$version.sif}

case $engine in
apptainer | singularity)
    "$engine" build --force "$sif" apptainer.def
    echo "$sif"
    ;;
*)
    "$engine" build --build-arg "VERSION=$version" \
        --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
        ${BASE:+--build-arg "BASE=$BASE"} --tag "$image" .
    echo "$image"
    ;;
esac
