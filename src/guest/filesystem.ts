// `theater/guest/filesystem`: the actor's own files. They change when the turn commits, and not at all if it
// does not. Every function throws what is missing, malformed, too large or not granted.

import * as host from "theater:simple/filesystem";
import { Message } from "./message.ts";

export function readFile(path: string): Message {
  return new Message(host.readFile(path));
}

/** Writes the text, as UTF-8, instead of what was there. Its folder must exist. */
export function writeFile(path: string, content: string): void {
  host.writeFile(path, content);
}

/** The names in a folder, sorted. */
export function listFiles(path: string): string[] {
  return host.listFiles(path);
}

export function deleteFile(path: string): void {
  host.deleteFile(path);
}

/** Makes a folder, with those above it that are missing. */
export function createDir(path: string): void {
  host.createDir(path);
}

/** Removes a folder with all that is in it. */
export function deleteDir(path: string): void {
  host.deleteDir(path);
}

export function pathExists(path: string): boolean {
  return host.pathExists(path);
}

/** Always throws: there are no processes where actors live. */
export function executeCommand(dir: string, command: string, args: readonly string[]): never {
  host.executeCommand(dir, command, args);
  throw new Error("the host ran a command");
}

/** Always throws: there are no processes where actors live. */
export function executeNixCommand(dir: string, command: string): never {
  host.executeNixCommand(dir, command);
  throw new Error("the host ran a command");
}
