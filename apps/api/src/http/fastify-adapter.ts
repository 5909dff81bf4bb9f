/** Fastify as this server uses it: on our own HTTP server, with what every request passes through before its handler. */
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { StoreError } from '#libs/kernel';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestListener } from 'node:http';
import type { AccessPolicy } from '../access/access-policy.js';
import type { RequestLog } from '../logging/request-log.js';
import type { ProblemFilter } from '../problems/problem.filter.js';
import type { ServerState } from '../server-state.js';
import { drainEarlyAnswered } from './early-answer.js';
import { meetExpectations } from './expectation.js';
import type { FrontDoor } from './front-door.js';
import type { RouteTable } from './route-table.js';
import { streamMarkedBodies } from './streamed-body.js';

/** Longer than any id, so that a malformed one is refused by name; much longer than that is not a parameter. */
const MAX_PARAMETER_LENGTH = 1024;

/** For routes that take JSON; an upload is a stream and has its own limit. */
const MAX_JSON_BODY_BYTES = 64 * 1024;

export interface HttpParts {
  readonly frontDoor: FrontDoor;
  readonly state: ServerState;
  readonly access: AccessPolicy;
  readonly requestLog: RequestLog;
  readonly routes: RouteTable;
  readonly problems: ProblemFilter;
}

export interface HttpFramework {
  readonly adapter: FastifyAdapter;
  /** Answers requests; to be used once the application is initialised. */
  readonly listener: RequestListener;
}

export function createHttpFramework(parts: HttpParts): HttpFramework {
  let listener: RequestListener | undefined;
  const adapter = new FastifyAdapter({
    serverFactory: (handler: RequestListener) => {
      listener = handler;
      return parts.frontDoor.server;
    },
    bodyLimit: MAX_JSON_BODY_BYTES,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    // No Nest middleware here: everything before a handler is one of the hooks below.
    skipMiddie: true,
    // The front door answers for its own server.
    clientErrorHandler: () => undefined,
    // What the router refuses never reaches a hook or a filter.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      parts.requestLog.follow(request.raw, reply.raw);
      // Without a key nobody learns what the router makes of a path.
      parts.problems.answer(admit(parts.access, parts.requestLog, request) ?? error, request, reply);
    },
  });
  addHooks(adapter.getInstance(), parts);
  if (listener === undefined) throw new Error('Fastify did not ask for its server');
  return { adapter, listener };
}

/** No route has a schema of Fastify's, and a twentieth of a start would be loading what compiles them. */
function noSchemas(): never {
  throw new Error('a route has a schema of Fastify, which nothing here compiles');
}

/** In the order in which a request passes them. */
function addHooks(fastify: FastifyInstance, { state, access, requestLog, routes }: HttpParts): void {
  fastify.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  fastify.addHook('onRequest', (request, reply, done) => {
    requestLog.follow(request.raw, reply.raw);
    done();
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (state.stage !== 'stopping') {
      done();
      return;
    }
    done(isProbe(request) ? undefined : new StoreError('shutting_down', 'The server is shutting down.'));
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (state.stage === 'stopping') reply.header('connection', 'close');
    done(null, payload);
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(admit(access, requestLog, request));
  });
  // Before the framework looks at the body, which it would find fault with first.
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? new StoreError('route_not_found', 'There is no such route.') : undefined);
  });
  meetExpectations(fastify);
  streamMarkedBodies(fastify);
  drainEarlyAnswered(fastify);
}

/** Probes are answered to the end, since they ask for the state of the process itself. */
function isProbe({ routeOptions: { url } }: FastifyRequest): boolean {
  return url === '/health' || url === '/ready';
}

function admit(access: AccessPolicy, requestLog: RequestLog, request: FastifyRequest): Error | undefined {
  const { host, origin, authorization } = request.headers;
  const { url: target = '', socket } = request.raw;
  try {
    const { remoteAddress } = socket;
    const label = access.admit({ route: request.routeOptions.url, target, host, origin, authorization, remoteAddress });
    if (label !== undefined) requestLog.note(request.raw, { api_key: label });
    return undefined;
  } catch (error) {
    return error as StoreError;
  }
}
