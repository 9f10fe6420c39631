// Which origins a grant names: scheme, host and port. Rule: a wildcard never reaches what is not public. An
// address, a bare name or a name of a local zone is granted only by being written out in full.

/** Zones that are local by definition (RFC 6761, 6762, 8375, ICANN on .internal) or by wide habit. */
const LOCAL_ZONES: ReadonlySet<string> = new Set([
  "arpa",
  "corp",
  "home",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "private",
  "test",
]);

/** A pattern in its one spelling, "https://api.example.com:8443", or what is wrong with it. */
export type OriginPattern = { pattern: string } | { problem: string };

const PATTERN = /^(?:(https?):\/\/)?(\*\.)?([^\s/?#@\\*]+)$/i;

/**
 * Reads `[scheme://]host[:port]`. Without a scheme it is https, without a port the scheme's own. The host is a
 * name, an address, `*.` before a name for what lies below it (not itself), or `*` for every public host.
 */
export function originPattern(text: string): OriginPattern {
  const everywhere = /^(?:(https?):\/\/)?\*$/i.exec(text);
  if (everywhere !== null) return { pattern: `${schemeOf(everywhere[1])}://*` };
  const [, scheme, wild = "", host = ""] = PATTERN.exec(text) ?? [];
  const url = host === "" ? null : URL.parse(`${schemeOf(scheme)}://${host}`);
  if (url === null || url.hostname.endsWith(".")) {
    const form = 'write it as "api.example.com", "*.example.com" or "http://127.0.0.1:8080"';
    return { problem: `"${text}" is no host: ${form}` };
  }
  if (wild !== "" && isLocalHost(url.hostname)) {
    return { problem: `"${text}": a local host has to be named in full` };
  }
  return { pattern: `${url.protocol}//${wild}${url.host}` };
}

const schemeOf = (scheme: string | undefined): string => (scheme ?? "https").toLowerCase();

/** Whether a pattern stands for one origin only. */
export const isExact = (pattern: string): boolean => !pattern.includes("*");

/** Whether the pattern grants the URL. Both must be parsed ones, so that every host has one spelling. */
export function grantsUrl(pattern: string, url: URL): boolean {
  return coversOrigin(pattern, `${url.protocol}//${url.host}`);
}

/** Whether the outer pattern grants all that the inner one, a pattern or an origin, stands for. */
export function coversOrigin(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  const [wide, narrow] = [partsOf(outer), partsOf(inner)];
  if (wide.scheme !== narrow.scheme) return false;
  if (narrow.host === "*" || isLocalHost(narrow.host.replace(/^\*\./, ""))) return false;
  if (wide.host === "*") return narrow.port === "";
  if (wide.port !== narrow.port) return false;
  return wide.host.startsWith("*.") && narrow.host.endsWith(wide.host.slice(1));
}

function partsOf(pattern: string): { scheme: string; host: string; port: string } {
  const [, scheme = "", host = "", port = ""] =
    /^(https?):\/\/(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(pattern) ?? [];
  return { scheme, host, port };
}

/**
 * Whether a host name, as a parsed URL has it, is an address or not public. A URL parser has already turned
 * every spelling of an IPv4 address (decimal, octal, hex, short) into four numbers, and put IPv6 in brackets.
 * What public names resolve to is not known here: see docs/handlers.md.
 */
export function isLocalHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return true;
  if (/^\d+(\.\d+){3}$/.test(hostname)) return true;
  const labels = hostname.toLowerCase().replace(/\.+$/, "").split(".");
  return labels.length === 1 || LOCAL_ZONES.has(labels.at(-1) ?? "");
}
