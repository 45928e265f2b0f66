# Images of Basin. One file, three of them to ask for:
#   docker build --target server .       the server
#   docker build --target worker-cpu .   a worker that trains on the CPU
#   docker build --target worker-gpu .   a worker for NVIDIA GPUs (the host needs the NVIDIA Container Toolkit)
# Nothing secret goes in: passwords and tokens come from the environment when a container starts.
ARG BASE=python:3.11-slim-bookworm

# ---------------------------------------------------------------------------------------------------------------------
# What each build needs: an empty environment and the sources.
FROM ${BASE} AS venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/basin

FROM ${BASE} AS source
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service ./service
COPY worker ./worker
COPY trainers ./trainers
COPY migrations ./migrations

# ---------------------------------------------------------------------------------------------------------------------
FROM venv AS build-server
COPY --from=source /src /src
RUN /opt/basin/bin/pip install --constraint constraints.txt ".[service]"

# torch goes in before the sources, so that a change of ours does not fetch it again.
FROM venv AS build-worker-cpu
# This index has builds without CUDA, which are a tenth of the size.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN /opt/basin/bin/pip install --index-url "${TORCH_INDEX}" --extra-index-url https://pypi.org/simple torch==2.13.0
COPY --from=source /src /src
RUN /opt/basin/bin/pip install --constraint constraints.txt ".[worker,trainers]"

FROM venv AS build-worker-gpu
# The build of the usual index brings its own CUDA libraries: the image needs none of the system's.
RUN /opt/basin/bin/pip install torch==2.13.0
COPY --from=source /src /src
RUN /opt/basin/bin/pip install --constraint constraints.txt ".[worker,gpu,trainers]"

# ---------------------------------------------------------------------------------------------------------------------
# What all images are: an own user without rights, at home in the folder that is worth keeping.
FROM ${BASE} AS home
RUN groupadd --gid 1000 basin \
    && useradd --uid 1000 --gid basin --create-home --home-dir /var/lib/basin --shell /usr/sbin/nologin basin
ENV PATH=/opt/basin/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/basin

FROM home AS server
COPY --from=build-server /opt/basin /opt/basin
# It listens on 0.0.0.0, and so starts only once there is an admin's token (basin token create --local), or it is told that
# its network is trusted (BASIN_TRUST_NETWORK=true).
ENV BASIN_HOST=0.0.0.0 BASIN_PORT=8420 BASIN_DATA_DIR=/var/lib/basin
USER basin
VOLUME /var/lib/basin
EXPOSE 8420
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/healthz' % os.environ['BASIN_PORT'], timeout=4)"]
CMD ["basin", "serve"]

# Workers listen nowhere, so they have no port and no check of health: the server sees which of them are alive.
FROM home AS worker-cpu
COPY --from=build-worker-cpu /opt/basin /opt/basin
USER basin
ENTRYPOINT ["basin", "worker"]

FROM home AS worker-gpu
COPY --from=build-worker-gpu /opt/basin /opt/basin
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER basin
ENTRYPOINT ["basin", "worker"]
