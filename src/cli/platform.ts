// The platform that the Worker is made for: every workerd that is started here runs it as it runs deployed.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "smol-toml";
import { TheaterError } from "../lib/errors.ts";

const ROOT = join(import.meta.dirname, "../..");

export interface Platform {
  compatibilityDate: string;
  compatibilityFlags: string[];
}

/** What wrangler.toml says, so that the Worker runs here as it does deployed. */
export async function readPlatform(): Promise<Platform> {
  const config = parse(await readFile(join(ROOT, "wrangler.toml"), "utf8"));
  const { compatibility_date: date, compatibility_flags: flags } = config;
  if (typeof date !== "string" || !Array.isArray(flags)) {
    throw new TheaterError("internal", "wrangler.toml lacks compatibility_date or its flags");
  }
  return { compatibilityDate: date, compatibilityFlags: flags.map(String) };
}
