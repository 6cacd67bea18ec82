# The gateway as a container image, for the CPU or for CUDA.
#
#   docker build --build-arg VERSION="$(git describe --always)" -t sluice .
#   docker build --build-arg DEVICE=cuda -t sluice:cuda .
#   docker run -p 8080:8080 -e SLUICE_REQUIRE=eta,ranker -v "$PWD/examples/models:/models:ro" sluice
#
# SLUICE_REQUIRE names the models without which the container is not ready, so that a roll-out waits for them; `all` is
# each in the folder. Without it the container is ready with any model, and a refused one only shows in its readiness
# and its log.
#
# Settings are given as variables, or as a file that SLUICE_CONFIG names: the health check follows both. It cannot see
# flags after `serve`; whoever changes --listen or --base-path there has to change the health check too.
#
# The admin port stays on the container's own loopback. To let a monitor scrape /metrics, set
# SLUICE_METRICS_LISTEN=0.0.0.0:9090, which opens metrics and health alone. To load and unload models from outside, set
# SLUICE_ADMIN=0.0.0.0:8081 and SLUICE_ADMIN_TOKEN_FILE: without a token the port does not open there.

ARG DEVICE=cpu

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/sluice ./cmd/sluice

# The library is pinned by version and SHA-256 in scripts/onnxruntime.version.
FROM python:3.11.9-slim-bookworm AS onnxruntime
WORKDIR /src
COPY scripts/onnxruntime.sh scripts/onnxruntime.version scripts/
ARG DEVICE
RUN case "$DEVICE" in \
      cpu) scripts/onnxruntime.sh && mv .deps/onnxruntime /fetched ;; \
      cuda) scripts/onnxruntime.sh --cuda && mv .deps/onnxruntime-cuda /fetched ;; \
      *) echo "DEVICE is \"$DEVICE\": it must be cpu or cuda" >&2; exit 1 ;; \
    esac && mkdir /out && mv /fetched/*.so /out

FROM debian:12.11-slim AS base-cpu
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS base-cuda

FROM base-${DEVICE}
COPY --from=build /out/sluice /usr/local/bin/sluice
# The providers of the CUDA build are looked for beside the library.
COPY --from=onnxruntime /out/ /usr/local/lib/sluice/
ENV SLUICE_ONNXRUNTIME=/usr/local/lib/sluice/libonnxruntime.so \
    ORT_DISABLE_TELEMETRY=1 \
    SLUICE_MODELS=/models \
    SLUICE_LISTEN=0.0.0.0:8080 \
    SLUICE_ADMIN=127.0.0.1:8081
# A number and not a name, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["sluice", "health"]
ENTRYPOINT ["sluice"]
CMD ["serve"]
