/** What the server answers until it has recovered: that it lives, and that it is not ready. */
import { StoreError } from '#libs/kernel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HEALTHY, readinessOf, RECOVERING } from '../health/readiness.js';
import { problemOf } from '../problems/problem.js';
import { sendPlainAnswer } from './plain-answer.js';
import type { PlainAnswer } from './plain-answer.js';

export function answerWhileRecovering({ url = '' }: IncomingMessage, response: ServerResponse): void {
  sendPlainAnswer(response, answerFor(url.split('?', 1)[0]!));
}

function answerFor(path: string): PlainAnswer {
  switch (path) {
    case '/health':
      return { status: 200, headers: {}, body: HEALTHY };
    case '/ready':
      return { status: 503, headers: {}, body: readinessOf(RECOVERING) };
    default:
      return problemOf(new StoreError('recovering', 'The server is recovering; GET /ready says when it is done.'));
  }
}
