import { getSystemErrorMap } from 'node:util';

/** An error with the shape of the ones `node:fs` throws, for failures that do not come out of a system call. */
export function systemError(
  code: string,
  failure: { readonly syscall: string; readonly path: string; readonly cause?: unknown },
): NodeJS.ErrnoException {
  const known = [...getSystemErrorMap()].find(([, [name]]) => name === code);
  const [errno, [, description]] = known ?? [undefined, [code, 'unknown error']];
  const message = `${code}: ${description}, ${failure.syscall} '${failure.path}'`;
  const error = failure.cause === undefined ? new Error(message) : new Error(message, { cause: failure.cause });
  return Object.assign(error, { code, errno, syscall: failure.syscall, path: failure.path });
}
