# One image per service from one file: docker build --target command-api (projector, crm-sink, analyzer-worker,
# zoho-mock, hubctl). Only the analyzer's stages fetch libtorch.

FROM rust:1.95-bookworm AS source
WORKDIR /hub
COPY . .

FROM source AS build
RUN cargo build --profile dist --locked --bins

FROM source AS build-analyzer
RUN scripts/install-packages && scripts/install-libtorch && scripts/install-model
RUN cargo build --profile dist --locked -p analyzer-worker
# .local holds links into a cache.
RUN mkdir /out && cp -rL .local/libtorch/lib /out/lib && cp -rL .local/minilm-l6-v2 /out/model

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates=20230311+deb12u1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 hub \
    && install --directory --owner=hub /data /keys
USER 10001

FROM runtime AS command-api
COPY --from=build /hub/target/dist/command-api /usr/local/bin/
ENTRYPOINT ["command-api"]

FROM runtime AS projector
COPY --from=build /hub/target/dist/projector /usr/local/bin/
ENTRYPOINT ["projector"]

FROM runtime AS crm-sink
COPY --from=build /hub/target/dist/crm-sink /usr/local/bin/
ENTRYPOINT ["crm-sink"]

FROM runtime AS zoho-mock
COPY --from=build /hub/target/dist/zoho-mock /usr/local/bin/
ENTRYPOINT ["zoho-mock"]

FROM runtime AS hubctl
COPY --from=build /hub/target/dist/hubctl /usr/local/bin/
ENTRYPOINT ["hubctl"]

FROM runtime AS analyzer-worker
# The program looks for its libraries in ../lib.
COPY --from=build-analyzer /out/lib/ /usr/local/lib/
COPY --from=build-analyzer /out/model/ /model/minilm-l6-v2/
COPY --from=build-analyzer /hub/analyzer-worker/model/ /model/heads/
COPY --from=build-analyzer /hub/target/dist/analyzer-worker /usr/local/bin/
ENV ANALYZER_MODEL_DIR=/model/minilm-l6-v2 ANALYZER_HEADS_DIR=/model/heads ANALYZER_PROMOTED_DIR=/data/promoted-models
# Big blocks stay with the process: see ALLOCATOR in tools/local-stack.
ENV MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_TOP_PAD_=67108864
ENTRYPOINT ["analyzer-worker"]
