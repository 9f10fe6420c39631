// A soak as a picture: memory above, latency below, over time. Plain SVG, readable on light and dark pages.

import type { Sample } from "./samples.ts";

const WIDTH = 860;
const PANEL = 190;
const LEFT = 64;
const TOP = 28;
const GAP = 62;
const INNER = WIDTH - LEFT - 20;
const TICKS = 4;

interface Line {
  name: string;
  color: string;
  value: (sample: Sample) => number;
}

interface Panel {
  title: string;
  top: number;
  lines: readonly Line[];
}

export function plot(samples: readonly Sample[], caption: string): string {
  const panels: Panel[] = [
    {
      title: "memory of workerd, MB",
      top: TOP,
      lines: [{ name: "resident", color: "#2563eb", value: ({ workerdMb }) => workerdMb }],
    },
    {
      title: "latency, ms",
      top: TOP + PANEL + GAP,
      lines: [
        { name: "p50", color: "#059669", value: ({ p50 }) => p50 },
        { name: "p99", color: "#d97706", value: ({ p99 }) => p99 },
      ],
    },
  ];
  const height = TOP + 2 * PANEL + GAP + 56;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels.flatMap((panel) => drawn(panel, samples)),
    `<text x="${LEFT}" y="${height - 10}" fill="#374151">${escaped(caption)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function drawn({ title, top, lines }: Panel, samples: readonly Sample[]): string[] {
  const last = Math.max(1, samples.at(-1)?.seconds ?? 1);
  const most = rounded(Math.max(1, ...lines.flatMap(({ value }) => samples.map(value))));
  const x = (seconds: number): string => (LEFT + (seconds / last) * INNER).toFixed(1);
  const y = (value: number): string => (top + PANEL - (value / most) * PANEL).toFixed(1);
  const legend = lines.map(
    ({ name, color }, index) =>
      `<text x="${LEFT + INNER - 60 * (lines.length - index - 1)}" y="${top - 8}" text-anchor="end" fill="${color}">${name}</text>`,
  );
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const value = (most * tick) / TICKS;
    const minutes = ((last * tick) / TICKS / 60).toFixed(last < 600 ? 1 : 0);
    return [
      `<line x1="${LEFT}" x2="${LEFT + INNER}" y1="${y(value)}" y2="${y(value)}" stroke="#e5e7eb"/>`,
      `<text x="${LEFT - 8}" y="${y(value)}" dy="4" text-anchor="end" fill="#374151">${value}</text>`,
      `<text x="${x((last * tick) / TICKS)}" y="${top + PANEL + 16}" text-anchor="middle" fill="#374151">${minutes} min</text>`,
    ].join("");
  });
  const curves = lines.map(({ color, value }) => {
    const points = samples.map((sample) => `${x(sample.seconds)},${y(value(sample))}`);
    return `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points.join(" ")}"/>`;
  });
  const heading = `<text x="${LEFT}" y="${top - 8}" fill="#111827" font-weight="600">${title}</text>`;
  return [heading, ...legend, ...grid, ...curves];
}

/** The next number of 1, 2, 4 or 8 times a power of ten. */
function rounded(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
