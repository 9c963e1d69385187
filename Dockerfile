# Vitte's two images. They hold an executable, the libraries that it is linked with and the certificate authorities: no
# shell, nobody's home, nothing to write to. What is in them is listed in tools/root-fs.sh.
#
#   docker build --target services -t vitte .      docker build --target operator -t vitte-operator .
#
# `make images` makes the same without Docker, from the stages below "What ships".

ARG RUST=1.94
FROM rust:${RUST}-bookworm AS build
WORKDIR /src
COPY . .
# Cargo's folders are caches of the builder: what the next stages take is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target cargo build --locked --release -p vitte -p vitte-operator && \
    tools/image-root services /target/release/vitte /roots/services && \
    tools/image-root operator /target/release/vitte-operator /roots/operator

# --- What ships ---
FROM scratch AS services
ARG VERSION=0.1.0
ARG REVISION=
COPY --from=build /roots/services /
LABEL org.opencontainers.image.title="vitte" \
      org.opencontainers.image.description="Telegram bots from one manifest: every role of a bot" \
      org.opencontainers.image.source="https://github.com/vitte/vitte" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["vitte"]

FROM scratch AS operator
ARG VERSION=0.1.0
ARG REVISION=
COPY --from=build /roots/operator /
LABEL org.opencontainers.image.title="vitte-operator" \
      org.opencontainers.image.description="Makes of every VitteBot in a cluster the objects that it needs" \
      org.opencontainers.image.source="https://github.com/vitte/vitte" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/bin
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["vitte-operator"]
CMD ["run"]
