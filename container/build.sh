#!/bin/sh
# build.sh: builds IMAGE with docker or podman, or the file SIF with apptainer; see docs/container.md.
# BASE is the image it stands on, best by its digest (NAME@sha256:...).
# BUILD_OPTIONS go to the tool: a proxy, a mirror of packages, credentials.
set -eu
cd "$(dirname "$0")/.."
. container/engine.sh
engine=$(find_engine)
sif=${SIF:-bidsglm.sif}

# the number of the tag that is checked out or unpacked, else the commit
if [ -e .git ]; then
    version=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || true)
    version=${version#v}
    revision=$(git rev-parse HEAD 2>/dev/null || true)
else
    version=$(sed -n 's/^describe-name: v\([0-9.]*\)$/\1/p' .git_archival.txt)
    revision=$(sed -n 's/^commit: \([0-9a-f]*\)$/\1/p' .git_archival.txt)
fi
revision=${revision:-unknown}
version=${version:-0.dev0+g$(echo "$revision" | cut -c 1-9)}
image=${IMAGE:-bidsglm/bidsglm:$(echo "$version" | tr + -)}

case $engine in
apptainer | singularity)
    mkdir -p build
    sed "s/0\.dev0/$version/${BASE:+; s|^From: .*|From: $BASE|}" apptainer.def >build/apptainer.def
    # shellcheck disable=SC2086 # several options
    "$engine" build --force ${BUILD_OPTIONS:-} "$sif" build/apptainer.def
    echo "$sif"
    ;;
*)
    # shellcheck disable=SC2086 # several options
    "$engine" build ${BUILD_OPTIONS:-} --build-arg "VERSION=$version" \
        --build-arg "REVISION=$revision" --build-arg "IMAGE=$image" \
        ${BASE:+--build-arg "BASE=$BASE"} --tag "$image" --tag "${IMAGE:-bidsglm/bidsglm}" .
    echo "$image"
    ;;
esac
