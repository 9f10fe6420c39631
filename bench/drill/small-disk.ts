// A file system of its own for the drill's data, small enough to be filled. It takes root; where it cannot be
// mounted, the drill goes on without, and says that it did.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SIZE = "size=1g";

/** Does `work` with the mounted folder, or with undefined. */
export async function withSmallDisk<T>(work: (folder?: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "theater-drill-"));
  const isMounted = await run("mount", ["-t", "tmpfs", "-o", SIZE, "tmpfs", folder]).then(
    () => true,
    () => false,
  );
  try {
    return await work(isMounted ? folder : undefined);
  } finally {
    if (isMounted) await run("umount", [folder]);
    await rm(folder, { recursive: true, force: true });
  }
}
