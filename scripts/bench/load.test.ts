import { describe, expect, it } from 'vitest';
import { parseLoadResult } from './load.js';

describe('the result of a load generator', () => {
  it('is found among what else wrk prints', () => {
    const output =
      'Running 2s test @ http://127.0.0.1:1/\n\nRESULT {"requests":200,"seconds":2.5,"bytes":9,"failures":1}\nbye\n';
    expect(parseLoadResult(output)).toEqual({ requests: 200, seconds: 2.5, bytes: 9, failures: 1 });
  });

  it.each([
    ['the script did not run to its end', 'Running 2s test'],
    ['nothing was ever answered', 'RESULT {"requests":0,"seconds":2.0,"bytes":0,"failures":0}'],
  ])('is refused where %s', (_, output) => {
    expect(() => parseLoadResult(output)).toThrow('the load generator');
  });
});
