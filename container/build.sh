#!/bin/sh
# build.sh: builds IMAGE with docker or podman, or the file SIF with apptainer; see docs/container.md.
# BASE is the image it stands on, best by its digest (NAME@sha256:...).
# BUILD_OPTIONS go to the tool: a proxy, a mirror of packages, credentials.
set -eu
cd "$(dirname "$0")/.."
. container/engine.sh
engine=$(find_engine)
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bidsglm/__init__.py)
image=${IMAGE:-bidsglm/bidsglm:$version}
sif=${SIF:-bidsglm-$version.sif}

case $engine in
apptainer | singularity)
    mkdir -p build
    sed "${BASE:+s|^From: .*|From: $BASE|}" apptainer.def >build/apptainer.def
    # shellcheck disable=SC2086 # several options
    "$engine" build --force ${BUILD_OPTIONS:-} "$sif" build/apptainer.def
    echo "$sif"
    ;;
*)
    # shellcheck disable=SC2086 # several options
    "$engine" build ${BUILD_OPTIONS:-} --build-arg "VERSION=$version" \
        --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
        ${BASE:+--build-arg "BASE=$BASE"} --tag "$image" .
    echo "$image"
    ;;
esac
