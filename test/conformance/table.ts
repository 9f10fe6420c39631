// The conformance table as Markdown: one row for each function of signatures.json, in groups by interface.

export const COLUMNS = ["works", "refused without grant", "bad input", "recorded"] as const;
export type Column = (typeof COLUMNS)[number];

export class Table {
  readonly #abouts: readonly string[];
  readonly #cells = new Map<string, string>();

  constructor(abouts: readonly string[]) {
    this.#abouts = abouts;
  }

  set(about: string, column: Column, text: string): void {
    this.#cells.set(`${about} ${column}`, text);
  }

  /** A cell that no test filled says so. */
  cell(about: string, column: Column): string {
    return this.#cells.get(`${about} ${column}`) ?? "FAILED";
  }

  markdown(): string {
    const groups = Map.groupBy(this.#abouts, (about) => about.replace(/#.*/, ""));
    return [...groups].map(([name, abouts]) => this.#group(name, abouts)).join("\n");
  }

  #group(name: string, abouts: readonly string[]): string {
    const rows = abouts.map((about) => [
      `\`${about.replace(/.*#/, "")}\``,
      ...COLUMNS.map((column) => this.cell(about, column).replaceAll("|", "\\|")),
    ]);
    const head = ["function", ...COLUMNS];
    const widths = head.map((text, at) =>
      Math.max(text.length, ...rows.map((row) => row[at]?.length ?? 0)),
    );
    const line = (cells: readonly string[]): string =>
      `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |\n`;
    const rule = line(widths.map((width) => "-".repeat(width)));
    return `## \`${name}\`\n\n${line(head)}${rule}${rows.map(line).join("")}`;
  }
}
