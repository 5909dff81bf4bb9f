/** The one place where an error becomes an answer, whoever threw it: a handler, a hook, the router or Nest itself. */
import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { StoreError } from '#libs/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientGone } from '../http/client-gone.js';
import type { RouteTable } from '../http/route-table.js';
import type { RequestLog } from '../logging/request-log.js';
import { toStoreError } from './foreign-error.js';
import { problemOf } from './problem.js';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #routes: RouteTable;
  readonly #requestLog: RequestLog;

  constructor(routes: RouteTable, requestLog: RequestLog) {
    this.#routes = routes;
    this.#requestLog = requestLog;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (thrown instanceof ClientGone) {
      reply.raw.destroy();
      return;
    }
    const error = this.#withAllowedMethods(toStoreError(thrown), request);
    const { status, headers, body } = problemOf(error);
    // The stack of what the client did wrong is of no use; that of our own failure is.
    this.#requestLog.note(request.raw, { code: error.code, ...(status >= 500 ? { err: error } : {}) });
    if (reply.raw.headersSent) {
      // Part of a file is out: a cut is the only way left to say that the rest will not come.
      this.#requestLog.note(request.raw, { cut: true });
      reply.raw.destroy();
      return;
    }
    void reply
      .code(status)
      .headers(headers)
      .send(Buffer.from(JSON.stringify(body)));
  }

  #withAllowedMethods(error: StoreError, { raw: { method, url = '' } }: FastifyRequest): StoreError {
    if (error.code !== 'route_not_found') return error;
    const methods = this.#routes.methodsFor(url);
    // A route for all below a path knows the method and still has nothing there.
    if (methods.length === 0 || methods.includes(method ?? '')) {
      return new StoreError('route_not_found', 'There is no such route; GET /docs lists them.');
    }
    return new StoreError('method_not_allowed', `This route does not know ${method}.`, {
      context: { allow: methods.join(', ') },
    });
  }
}
