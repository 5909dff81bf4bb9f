/** The program of the thread in which a server does its own jobs. `workerData` is a `ThreadData`. */
import { SyncsElsewhere } from '#libs/durable-fs';
import { serveJobs } from '#libs/job-queue';
import type { ClusterId } from '#libs/kernel';
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { jobHandler, placesOf } from './job-handler.js';
import type { PlaceSettings } from './job-handler.js';
import { lowerThreadPriority } from './thread-priority.js';

export interface ThreadData extends PlaceSettings {
  readonly clusterId: ClusterId;
  /** Where the server syncs for its threads: what a sync of this one is told, its checkpoints have to know. */
  readonly syncChannel: string;
}

assert(parentPort !== null, 'this is the program of a thread');
const { clusterId, syncChannel, ...settings } = workerData as ThreadData;
const places = placesOf(settings, new SyncsElsewhere(syncChannel));

lowerThreadPriority();
serveJobs({ port: parentPort, handler: jobHandler({ places, clusterId }) });
