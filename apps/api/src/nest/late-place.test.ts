import type { Replica } from '#libs/recovery';
import type { StorePlace } from '#libs/stores';
import { expect, it } from 'vitest';
import { LatePlace } from './late-place.js';

/** A place whose making ends when the test says so. */
function latePlace() {
  const makings: PromiseWithResolvers<void>[] = [];
  const late = {
    make: (): Promise<void> => {
      const making = Promise.withResolvers<void>();
      makings.push(making);
      return making.promise;
    },
  };
  const identity = { name: 'replica1' };
  const place = { location: '/replica1', identify: async () => identity } as unknown as StorePlace;
  return { place: new LatePlace({ location: '/replica1', place } as Replica, late), makings, identity };
}

it('a place that is asked twice while it is made a store is made once', async () => {
  const { place, makings, identity } = latePlace();
  const asked = [place.identify(), place.identify()];
  expect(makings).toHaveLength(1);
  makings[0]!.resolve();
  expect(await Promise.all(asked)).toEqual([identity, identity]);
  expect(await place.identify()).toEqual(identity);
  expect(makings).toHaveLength(1);
});

it('a place that could not be made a store is made when it is asked again', async () => {
  const { place, makings, identity } = latePlace();
  const asked = place.identify();
  makings[0]!.reject(new Error('not there yet'));
  await expect(asked).rejects.toThrow('not there yet');
  const again = place.identify();
  expect(makings).toHaveLength(2);
  makings[1]!.resolve();
  expect(await again).toEqual(identity);
});
