# Two stages: a build with Swift 6.3 on Debian 12, and a run stage with the libraries only.
#
#   docker build --tag byol .
#   docker run --rm --read-only --publish 127.0.0.1:8080:8080 --volume byol-data:/data byol
#
# It runs as user 10001, or as any other (--user): nothing is written but /data, and no home and no name is needed.
# Inside, the service listens on all addresses of the container, hence --insecure: without keys whoever reaches the port may
# do everything, so publish it to the loopback address. With keys each request needs one:
#
#   docker run --rm --volume byol-data:/data byol keys add NAME --role admin --data /data

# The bases; `make image` puts others in their place where no registry can be reached.
ARG BUILD_IMAGE=swift:6.3.1-bookworm
ARG RUN_IMAGE=debian:12-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
COPY Scripts/packages.txt Scripts/packages.sh Scripts/
RUN apt-get update && Scripts/packages.sh && rm -rf /var/lib/apt/lists/*
COPY Package.swift Package.resolved* ./
COPY Sources Sources
# The manifest names the test targets, so their folders must be there; what is in them is not built.
COPY Tests Tests
# What `byol --version` names, since no history is copied: --build-arg BYOL_COMMIT=$(git rev-parse HEAD).
ARG BYOL_COMMIT=""
RUN swift build -c release --product byol --static-swift-stdlib \
  && install -D "$(swift build -c release --show-bin-path --static-swift-stdlib)/byol" /out/bin/byol \
  && strip /out/bin/byol
COPY Public /out/share/byol/Public
COPY openapi.yaml /out/share/byol/

FROM ${RUN_IMAGE}
RUN apt-get update \
  && apt-get install --yes --no-install-recommends \
    libarchive13 libdnnl2 libgif7 libgomp1 libjpeg62-turbo libopenblas0-pthread libpng16-16 \
    libsqlite3-0 libssl3 libstdc++6 libwebp7 libwebpdemux2 zlib1g \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --user-group --no-create-home byol \
  && install -d -o byol -g byol /data
COPY --from=build /out/ /usr/local/
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# No curl: bash opens the socket itself. Ready means that the service has started and is not shutting down.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 4 _ status _ <&3 && [ \"$status\" = 200 ]"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/byol"]
CMD ["serve", "--insecure", "--host", "0.0.0.0", "--port", "8080", "--data", "/data"]
