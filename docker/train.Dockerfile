# The image of the stages that read recordings, train, compress, promote and report, and of the search's workers: torch,
# DVC, MLflow, KFP, and git to fetch one version of the data by its commit. `make images` builds it.
# No ENTRYPOINT: a launcher gives the whole command. Written for engines with and without BuildKit.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS system
ARG SOURCE_DATE_EPOCH=315532800
RUN touch /tmp/before \
 && apt-get update -qq && apt-get install -y -qq --no-install-recommends git >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && find / -xdev -newer /tmp/before ! -path /tmp/before -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} + \
 && rm /tmp/before && touch --date="@$SOURCE_DATE_EPOCH" /tmp

FROM system AS packages
ARG EXTRAS=train,pipeline,search,openvino
ARG TORCH_INDEX=
WORKDIR /app
COPY docker/install.sh docker/sbom.py docker/settle.sh docker/
COPY LICENSE constraints.txt pyproject.toml ./
RUN sh docker/install.sh "$EXTRAS" "$TORCH_INDEX"

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

FROM system
COPY --from=packages /image/ /
COPY --from=sources /image/ /
ARG COMMIT=unknown
ARG SOURCE=
ARG VERSION=unknown
LABEL org.opencontainers.image.title="bedside-train" \
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
    BEDSIDE_GIT_COMMIT="$COMMIT" \
    GX_ANALYTICS_ENABLED=false
WORKDIR /app
USER 10001:10001
