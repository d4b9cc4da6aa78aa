# gateway, status and the command line: no libtorch, so the images stay small.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package gateway --package status --package cli

FROM debian:bookworm-slim AS base
RUN useradd --system --uid 10001 orfeas && install -d -o orfeas /blobs
USER orfeas
VOLUME /blobs

FROM base AS gateway
COPY --from=build /src/target/release/orfeas-gateway /usr/local/bin/
ENTRYPOINT ["orfeas-gateway"]

FROM base AS status
COPY --from=build /src/target/release/orfeas-status /usr/local/bin/
ENTRYPOINT ["orfeas-status"]

FROM base AS cli
COPY --from=build /src/target/release/orfeas /usr/local/bin/
ENTRYPOINT ["orfeas"]
