# Two stages: build a virtual environment with locked, hash-checked dependencies; run it as a user without rights.
# Not built in this project's CI, which has no container engine; tests/test_dockerfile.py checks what can be checked without one.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE CHANGELOG.md ./
COPY monitor ./monitor
# Every file is checked against the lock's hashes on its way into /wheels; then what the program needs is taken from there.
RUN python -m pip download --quiet --no-cache-dir --require-hashes --requirement requirements.lock --dest /wheels \
 && python -m venv /opt/monitor \
 && /opt/monitor/bin/python -m pip install --no-cache-dir --no-index --find-links /wheels '.[all]'

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/monitor --shell /usr/sbin/nologin monitor \
 && install -d -o monitor -g monitor -m 0700 /workspace/state && install -d -o monitor -g monitor /workspace/watches
COPY --from=build /opt/monitor /opt/monitor
ENV PATH=/opt/monitor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MONITOR_WORKSPACE=/workspace \
    MONITOR_LOG=info:json
USER monitor
WORKDIR /workspace
VOLUME ["/workspace/state"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8600/healthz', timeout=4)"]
ENTRYPOINT ["monitor"]
CMD ["daemon"]
