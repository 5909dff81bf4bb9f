/** Tells whoever was made after the recovery of what apply changes; during the recovery nobody listens. */
import { Injectable } from '@nestjs/common';
import type { FileId } from '#libs/kernel';

type Listener = (fileId: FileId) => void;

@Injectable()
export class AppliedChanges {
  #listener: Listener | undefined;

  listen(listener: Listener): void {
    this.#listener = listener;
  }

  tell(fileId: FileId): void {
    this.#listener?.(fileId);
  }
}
