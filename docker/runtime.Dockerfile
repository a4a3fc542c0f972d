# The image of the stages that see what a device would run: a runtime, numpy, and nothing to train with. `make images`
# builds it twice: for ONNX Runtime, and for OpenVINO beside it (EXTRAS=runtime,openvino).
# No ENTRYPOINT: a launcher gives the whole command. Written for engines with and without BuildKit.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS packages
ARG EXTRAS=runtime
ARG SOURCE_DATE_EPOCH=315532800
WORKDIR /app
COPY docker/install.sh docker/sbom.py docker/settle.sh docker/
COPY LICENSE constraints.txt pyproject.toml ./
RUN sh docker/install.sh "$EXTRAS"

FROM ${BASE} AS sources
ARG SOURCE_DATE_EPOCH=315532800
WORKDIR /image/app
COPY docker/settle.sh /
COPY components components
COPY pipelines pipelines
COPY profiles profiles
COPY src src
COPY LICENSE dvc.yaml params.yaml pyproject.toml ./
RUN sh /settle.sh /image

FROM ${BASE}
COPY --from=packages /image/ /
COPY --from=sources /image/ /
ARG COMMIT=unknown
ARG SOURCE=
ARG VERSION=unknown
LABEL org.opencontainers.image.title="bedside-runtime" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.version="$VERSION"
# State and caches go to /tmp, the one folder that is writable. The journal of a run is sent when its stage ends.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    USER=bedside \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BEDSIDE_HOME=/tmp/bedside \
    BEDSIDE_FLUSH=end \
    BEDSIDE_GIT_COMMIT="$COMMIT"
WORKDIR /app
USER 10001:10001
