# The worker with libtorch and its CUDA libraries, from the wheel that tch binds.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir torch==2.11.0 \
    && ln -s "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch" .libtorch
COPY . .
RUN cargo build --release --locked --package worker

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libstdc++6 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 orfeas && install -d -o orfeas /blobs
# Same layout as in the tree: the program looks for libtorch in ../../.libtorch beside it.
COPY --from=build /src/.venv /src/.venv
COPY --from=build /src/.libtorch /src/.libtorch
COPY --from=build /src/target/release/orfeas-worker /src/target/release/
USER orfeas
VOLUME /blobs
ENTRYPOINT ["/src/target/release/orfeas-worker"]
