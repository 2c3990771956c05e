FROM python:3.11-slim-bookworm

WORKDIR /opt/penstock
# a fixed number, so that files that are mounted can be given to it
RUN useradd --uid 10001 --create-home --home-dir /var/lib/penstock penstock

COPY requirements.lock pyproject.toml setup.py README.md LICENSE ./
RUN pip install --no-cache-dir -r requirements.lock

COPY model ./model
COPY codecs ./codecs
COPY topology ./topology
COPY agents ./agents
COPY connectors ./connectors
COPY stores ./stores
COPY broker ./broker
COPY services ./services
COPY api ./api
COPY cli ./cli
RUN pip install --no-cache-dir --no-deps .

# extras of pyproject.toml, as `ai`, in the versions that they were tested with
ARG EXTRAS=""
COPY requirements-dev.lock ./
RUN test -z "$EXTRAS" || pip install --no-cache-dir --constraint requirements-dev.lock ".[$EXTRAS]"

USER penstock
ENV PENSTOCK_HOME=/var/lib/penstock METRICS_HOST=0.0.0.0 METRICS_PORT=9102
EXPOSE 9102
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"METRICS_PORT\"]}/health')"]
CMD ["penstock", "--help"]
