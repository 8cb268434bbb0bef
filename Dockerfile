# pipelined on a slim image, as a user of its own. docs/operations.md says how to run it.
#
#   docker build -t pipelined .
#   docker run --stop-timeout 60 -v "$PWD/pipelines:/etc/pipelined:ro" -v pipelined-state:/var/lib/pipelined \
#       -v "$PWD/data:/data" pipelined

ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libyaml-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN swift build -c release --static-swift-stdlib --product pipelined \
    && install -D -m 0755 "$(swift build -c release --static-swift-stdlib --show-bin-path)/pipelined" \
        /out/pipelined

FROM ${BASE_IMAGE}
# git, for instance, if specs are to be compared with revisions.
ARG EXTRA_PACKAGES=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends libyaml-0-2 libstdc++6 tzdata ${EXTRA_PACKAGES} \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin pipelined \
    && install -d -o pipelined -g pipelined -m 0700 /var/lib/pipelined \
    && install -d -o pipelined -g pipelined /data /etc/pipelined
COPY --from=build /out/pipelined /usr/local/bin/pipelined
USER pipelined
# Where commands look for the socket too: docker exec NAME pipelined status.
ENV STATE_DIRECTORY=/var/lib/pipelined
VOLUME /var/lib/pipelined
WORKDIR /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["pipelined", "status", "-o", "names"]
# The daemon is the first process: it heeds SIGTERM and SIGHUP itself, and needs no init.
ENTRYPOINT ["pipelined"]
CMD ["serve", "--pipelines", "/etc/pipelined"]
