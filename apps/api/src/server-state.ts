/** Where the process stands in its life. Set by run.ts alone; read by whoever answers for it. */
export type ServerStage = 'recovering' | 'serving' | 'stopping';

export class ServerState {
  #stage: ServerStage = 'recovering';

  get stage(): ServerStage {
    return this.#stage;
  }

  enter(stage: Exclude<ServerStage, 'recovering'>): void {
    this.#stage = stage;
  }
}
