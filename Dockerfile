# Every part of Engram in one image: `docker build --tag engram .`, then `docker run engram miner`, `engram validator`, …
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
COPY test/stubs test/stubs
RUN npm ci
COPY bin bin
COPY src src
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /engram
COPY package.json package-lock.json .npmrc ./
COPY test/stubs test/stubs
# Without the payment chain of `engram up`, and a compiler that a library names as its peer.
RUN npm ci --omit=dev && npm cache clean --force \
    && rm -rf test node_modules/@foundry-rs node_modules/typescript node_modules/@typescript

FROM node:24-slim
LABEL org.opencontainers.image.title="Engram" org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin engram \
    && install -d -o engram -g engram -m 0700 /data \
    && ln -s /engram/bin/engram.js /usr/local/bin/engram
COPY --from=packages /engram /engram
COPY --from=build /build/bin /engram/bin
COPY --from=build /build/dist /engram/dist
# Numbers alone leave the container by this listener: /metrics, /health, /ready.
ENV NODE_ENV=production ENGRAM_HOME=/data ENGRAM_ADMIN_HOST=0.0.0.0 ENGRAM_ADMIN_PORT=9190
USER engram
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ENGRAM_ADMIN_PORT}/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["engram"]
CMD ["--help"]
