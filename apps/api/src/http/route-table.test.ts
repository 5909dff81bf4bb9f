import { describe, expect, it } from 'vitest';
import { RouteTable } from './route-table.js';

const table = new RouteTable();
table.add('GET', '/files');
table.add('GET', '/files/:file_id');
table.add('HEAD', '/files/:file_id');
table.add('DELETE', '/files/:file_id');
table.add(['GET', 'HEAD'], '/docs/*');
table.add('POST', '/a.b');

describe('RouteTable', () => {
  it.each([
    ['/files', ['GET']],
    ['/files/1', ['DELETE', 'GET', 'HEAD']],
    ['/docs/', ['GET', 'HEAD']],
    ['/docs/a/b.css', ['GET', 'HEAD']],
    ['/a.b', ['POST']],
    ['/files?limit=1', ['GET']],
    ['/%66iles', ['GET']],
    ['/files/%31', ['DELETE', 'GET', 'HEAD']],
    ['/files/1%2F2', ['DELETE', 'GET', 'HEAD']],
    ['http://localhost:8080/files', ['GET']],
    ['HTTP://localhost/files/1?x', ['DELETE', 'GET', 'HEAD']],
    ['/files%2F1', []],
    ['/files%zz', []],
    ['//files', []],
    ['/a_b', []],
    ['/files/', []],
    ['/files/1/2', []],
    ['/file', []],
    ['/', []],
  ])('%s', (path, methods) => {
    expect(table.methodsFor(path)).toEqual(methods);
  });
});
