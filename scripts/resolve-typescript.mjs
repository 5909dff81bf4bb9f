// Lets Node.js run scripts of several TypeScript files without a build: an import of `./x.js` that is not there is the
// source `./x.ts`, as the compiler and the test runner read it. Use: `node --import ./scripts/resolve-typescript.mjs x.ts`.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      const mayBeSource = specifier.startsWith('.') && specifier.endsWith('.js');
      if (!mayBeSource || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      return nextResolve(`${specifier.slice(0, -'.js'.length)}.ts`, context);
    }
  },
});
