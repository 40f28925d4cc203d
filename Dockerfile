# `parley serve`: receivers over HTTP, and workers on the queues. docs/operate.md says how it is run.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS built
WORKDIR /app
COPY requirements/container.txt /requirements.txt
# wheels only: nothing is compiled, so one file serves arm64 and amd64
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-deps --no-compile \
        --only-binary=:all: --require-hashes -r /requirements.txt
COPY core core
COPY bots bots
COPY ingestion ingestion
COPY cli cli
COPY local local
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib /app

FROM python:${PYTHON}
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && useradd --uid 10001 --no-create-home parley
COPY --from=built /venv /venv
COPY --from=built /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8080
USER 10001
WORKDIR /app
EXPOSE 8080
# running answers get 25 s; whoever stops it should wait for 30 s at least
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "cli"]
CMD ["serve"]
