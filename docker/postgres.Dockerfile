# PostgreSQL of the base's own distribution, for a team without a database server. It takes the environment of the upstream
# image (POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA), so that either can stand in the manifests.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE}
LABEL org.opencontainers.image.title="bedside-postgres"
RUN mkdir -p /var/lib/postgresql/data && chown 10001:10001 /var/lib/postgresql/data \
    && groupadd --gid 10001 postgres && useradd --uid 10001 --gid 10001 --home-dir /tmp postgres \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/*
COPY docker/postgres/start /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:$PATH HOME=/tmp LANG=C.UTF-8
USER 10001:10001
CMD ["start"]
