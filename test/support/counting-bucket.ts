// An R2 bucket that counts its reads and the bytes that they brought: what a page of a sealed chain costs.

export class CountingBucket {
  readonly #bucket: R2Bucket;
  reads = 0;
  bytesRead = 0;
  /** The most that one read brought. */
  longestRead = 0;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  /** This object as the type that the code under test takes. */
  get bucket(): R2Bucket {
    const bucket = this.#bucket;
    return {
      get: async (key: string, options?: R2GetOptions) =>
        this.#count(await bucket.get(key, options)),
      head: bucket.head.bind(bucket),
      put: bucket.put.bind(bucket),
      list: bucket.list.bind(bucket),
      delete: bucket.delete.bind(bucket),
    } as unknown as R2Bucket;
  }

  /** What `work` reads. */
  async during(work: () => Promise<unknown>): Promise<{ reads: number; bytes: number }> {
    const { reads, bytesRead } = this;
    await work();
    return { reads: this.reads - reads, bytes: this.bytesRead - bytesRead };
  }

  #count(object: R2ObjectBody | R2Object | null): unknown {
    this.reads++;
    if (object === null || !("body" in object)) return object;
    const bytes = async (): Promise<Uint8Array> => {
      const read = await object.bytes();
      this.bytesRead += read.length;
      this.longestRead = Math.max(this.longestRead, read.length);
      return read;
    };
    return { size: object.size, bytes };
  }
}
