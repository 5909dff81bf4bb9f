# Holdfast's API server and worker, in one image. Built in two stages, so that the image holds neither compiler output of tests nor their tools.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings Node.js itself: the packaged one would only add its size.
RUN npm ci --no-audit --no-fund --omit=dev
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/check-runtime.mjs scripts/build.mjs scripts/
COPY libs libs
COPY apps apps
RUN npm run build \
  && rm -rf node_modules/@typescript node_modules/typescript node_modules/node-linux-* node_modules/.bin/node

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    STORAGE_PATH=/data/primary \
    REPLICAS=/data/replica1,/data/replica2 \
    DATABASE_URL=sqlite:/data/catalog.db \
    WAL_PATH=/wal
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# A new volume takes its owner from the folder that it covers.
RUN install -d -o node -g node /data /wal
USER node
VOLUME ["/data", "/wal"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No npm and no shell in between: the server is the process that gets the signal, and drains before it ends.
CMD ["node", "--enable-source-maps", "dist/apps/api/src/main.js"]
