# The BIDS App: `make container` builds it, `make container-test` tries it (docs/container.md).
# Both stages stand on the same base, whose Python the environment in /opt/bidsglm uses. A tag can be moved: for an image
# that others run, give the base by its digest (docs/container.md says how to find it and when to take a new one).
ARG BASE=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv --without-pip /opt/bidsglm
COPY requirements.lock ./
RUN python -m pip --python /opt/bidsglm install --no-compile --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bidsglm ./bidsglm
ARG VERSION=0.dev0
ENV SETUPTOOLS_SCM_PRETEND_VERSION_FOR_BIDSGLM=${VERSION}
RUN python -m pip --python /opt/bidsglm install --no-compile --no-deps --no-build-isolation .
COPY container/prune.sh container/compile.py ./
RUN sh prune.sh /opt/bidsglm && /opt/bidsglm/bin/python compile.py
RUN /opt/bidsglm/bin/python -c 'import bidsglm; print(bidsglm.__version__)' > /version

# hadolint ignore=DL3006
FROM ${BASE}
ARG BASE
ARG IMAGE=bidsglm/bidsglm
ARG VERSION=0.dev0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="bidsglm" \
      org.opencontainers.image.description="Fits the same GLM as SPM12, nilearn, AFNI and FSL, and says where and why they differ" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.licenses="Apache-2.0"
# no packages of a user's own home, which Apptainer mounts, between those of the lock
ENV BIDSGLM_IMAGE=${IMAGE} \
    PATH=/opt/bidsglm/bin:$PATH \
    PYTHONNOUSERSITE=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLBACKEND=Agg
# pip and what else the base brings is of no use to an environment that is complete; and nobody becomes root inside:
# no program runs with the rights of its owner
RUN rm -r /usr/local/lib/python3.*/site-packages/* /usr/local/bin/pip* && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
COPY --from=build /opt/bidsglm /opt/bidsglm
COPY --from=build /version /version
COPY run.py /run.py
# brainlife: the links of shared libraries must be made before Apptainer runs the image as an ordinary user
RUN ldconfig
# any other user will do as well: nothing in the image needs to be written
USER 1000:1000
ENTRYPOINT ["/opt/bidsglm/bin/python", "-I", "/run.py"]
