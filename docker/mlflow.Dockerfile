# The tracking server: MLflow with its sign-in, the database driver and S3. The same image migrates, collects garbage and
# keeps backups (docker/mlflow/tracking_server.py).
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS packages
COPY constraints.txt docker/mlflow/requirements.txt /build/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
       --constraint /build/constraints.txt --requirement /build/requirements.txt

FROM ${BASE}
LABEL org.opencontainers.image.title="bedside-mlflow" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=packages /opt/venv /opt/venv
COPY docker/mlflow/tracking_server.py /app/
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false GIT_PYTHON_REFRESH=quiet
WORKDIR /app
USER 10001:10001
CMD ["python", "tracking_server.py", "serve"]
