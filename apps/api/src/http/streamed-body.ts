/**
 * Routes that read their body themselves, as a stream. Fastify parses a body by its content type before any handler runs,
 * so on these routes every content type is replaced by one whose parser does nothing. Body limits of the framework do not
 * hold there: whoever reads the stream limits it.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';

declare module 'fastify' {
  interface FastifyContextConfig {
    streamedBody?: true;
  }
}

/** The route configuration that marks such a route. */
export const STREAMED_BODY = { streamedBody: true } as const;

const UNPARSED = 'application/x-raw-stream';

const givenContentTypes = new WeakMap<IncomingMessage, string>();

/** The content type as the client sent it. */
export function givenContentType(request: FastifyRequest): string | undefined {
  return givenContentTypes.get(request.raw);
}

export function streamMarkedBodies(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(UNPARSED, (_request, _body, done) => done(null));
  fastify.addHook('onRequest', (request, _reply, done) => {
    // Nobody reads the body of a request that no route takes.
    if (request.routeOptions.config.streamedBody === true || request.is404) {
      const { headers } = request.raw;
      if (headers['content-type'] !== undefined) givenContentTypes.set(request.raw, headers['content-type']);
      headers['content-type'] = UNPARSED;
    }
    done();
  });
}
