/**
 * Releases what was acquired, in reverse order and exactly once. A service fills one while it starts and keeps what
 * `move()` returns, so that a failure half-way releases all that was acquired before it.
 * (`AsyncDisposableStack` itself is missing on Node 22.)
 */
export class ReleaseStack implements AsyncDisposable {
  #releases: (() => unknown)[] = [];

  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.#releases.push(() =>
      Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose](),
    );
    return resource;
  }

  defer(release: () => unknown): void {
    this.#releases.push(release);
  }

  move(): ReleaseStack {
    const moved = new ReleaseStack();
    moved.#releases = this.#releases.splice(0);
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const release of this.#releases.splice(0).reverse()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "stopping had failures");
  }
}
