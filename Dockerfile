# liverseg on a CPU: `docker build --tag liverseg .`, then compose.yaml or docs/docker.md.
# Beyond Debian and Python packages nothing is fetched; the weights are in this repository.

FROM debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/liverseg
WORKDIR /src
# PyPI has torch for CUDA; its build for CPUs has an index of its own.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt constraints.txt ./
RUN sed 's/^torch==.*/&+cpu/' requirements.txt > cpu.txt \
    && /opt/liverseg/bin/pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" \
        --constraint constraints.txt --requirement cpu.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY liverseg liverseg
COPY registry registry
COPY train train
RUN /opt/liverseg/bin/pip install --no-cache-dir --no-deps . \
    && /opt/liverseg/bin/pip check

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --no-create-home --home-dir /cache liverseg \
    && install --directory --owner liverseg --group liverseg --mode 700 /cache
COPY --from=build /opt/liverseg /opt/liverseg
ENV PATH=/opt/liverseg/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIVERSEG_CACHE=/cache/liverseg \
    HF_HOME=/cache/huggingface \
    GRADIO_SERVER_NAME=0.0.0.0
USER 1000:1000
WORKDIR /cache
VOLUME /cache
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=8)"]
ENTRYPOINT ["liverseg"]
CMD ["serve", "--port", "7860"]
