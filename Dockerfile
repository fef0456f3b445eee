# dangol in a container: one image for web, worker, scheduler and migrations; the command says which.
# Nothing is fetched that requirements/runtime.txt does not name with its hash.

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/dangol
WORKDIR /src
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/dangol/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY campaigns campaigns
COPY templates templates
RUN /opt/dangol/bin/pip install --no-deps --no-build-isolation . \
    && /opt/dangol/bin/python -m compileall -q /opt/dangol/lib

FROM python:3.12-slim-bookworm
RUN groupadd --system --gid 10001 dangol \
    && useradd --system --uid 10001 --gid dangol --home-dir /var/lib/dangol --shell /usr/sbin/nologin dangol \
    && install --directory --owner=dangol --group=dangol /var/lib/dangol
COPY --from=build /opt/dangol /opt/dangol
ENV PATH=/opt/dangol/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DANGOL_HOME=/var/lib/dangol \
    DANGOL_WORKSPACE=/workspace
USER 10001:10001
WORKDIR /var/lib/dangol
VOLUME /var/lib/dangol
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the web process; compose.yaml and Kubernetes ask workers and schedulers beside their figures.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["dangol"]
CMD ["web", "--host", "0.0.0.0", "--port", "8000"]
