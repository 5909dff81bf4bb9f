/** Why the server cannot listen where it was told to, in terms of what the operator can change. */
import { StoreError, systemErrorCode } from '#libs/kernel';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Anything that is not the address's fault is answered as it is. */
export function listenError(cause: unknown, { host, port }: ListenAddress): unknown {
  const context = { host, port };
  switch (systemErrorCode(cause)) {
    case 'EADDRINUSE': {
      const message = `Another program listens on ${host}:${port}; stop it, or choose another PORT.`;
      return new StoreError('address_in_use', message, { context, cause });
    }
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL': {
      const message = `HOST=${host}: is not an address of this machine; for example HOST=127.0.0.1`;
      return new StoreError('setting_invalid', message, { context: { ...context, setting: 'HOST' }, cause });
    }
    case 'EACCES': {
      const message = `PORT=${port}: may not be used by this user; choose one above 1023, for example PORT=8080`;
      return new StoreError('setting_invalid', message, { context: { ...context, setting: 'PORT' }, cause });
    }
    default:
      return cause;
  }
}
