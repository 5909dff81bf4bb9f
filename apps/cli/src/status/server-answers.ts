import type { LogStatus, Readiness, ReplicasStatus } from '#libs/client';

/** What a server has said of itself at one moment. */
export interface ServerAnswers {
  readonly url: string;
  readonly ready: Readiness;
  readonly replicas: ReplicasStatus;
  readonly log: LogStatus;
}
