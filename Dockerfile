# Publishes forecasts every month: docker compose run --rm harmattan publish. See docs/deployment.md.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements-publish.lock .
RUN python -m venv /opt/harmattan \
 && /opt/harmattan/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-publish.lock
COPY pyproject.toml README.md LICENSE ./
COPY data data
COPY features features
COPY training training
COPY forecast forecast
RUN /opt/harmattan/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11-slim
# LightGBM needs OpenMP's library.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /var/lib/harmattan --shell /usr/sbin/nologin harmattan \
 && install -d -o harmattan -g harmattan /srv/forecasts /etc/harmattan
COPY --from=build /opt/harmattan /opt/harmattan
ENV PATH=/opt/harmattan/bin:$PATH PYTHONUNBUFFERED=1 MLFLOW_DISABLE_TELEMETRY=true \
    HARMATTAN_OUT=/srv/forecasts HARMATTAN_MLRUNS=/var/lib/harmattan/mlruns
USER harmattan
WORKDIR /var/lib/harmattan
VOLUME ["/srv/forecasts", "/var/lib/harmattan"]
# Unhealthy where the newest forecast is missing, damaged, withdrawn, stale or overdue.
HEALTHCHECK --interval=1h --timeout=60s --start-period=10m CMD ["harmattan", "status", "--quiet"]
ENTRYPOINT ["harmattan"]
CMD ["publish", "--json", "--log-json", "-"]
