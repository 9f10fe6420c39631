// A soak as a picture: memory and latency over time. Plain SVG, readable on light and dark pages.

import type { Sample } from "./samples.ts";

const WIDTH = 860;
const PANEL = 130;
const LEFT = 64;
const TOP = 28;
const GAP = 62;
const INNER = WIDTH - LEFT - 20;
const TICKS = 4;

interface Curve {
  title: string;
  color: string;
  value: (sample: Sample) => number;
}

export function plot(samples: readonly Sample[], caption: string): string {
  const curves: Curve[] = [
    { title: "memory of workerd, MB", color: "#2563eb", value: ({ workerdMb }) => workerdMb },
    { title: "latency, median, ms", color: "#059669", value: ({ p50 }) => p50 },
    { title: "latency, 99th percentile, ms", color: "#d97706", value: ({ p99 }) => p99 },
  ];
  const height = TOP + curves.length * (PANEL + GAP) + 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...curves.flatMap((curve, index) => drawn(curve, TOP + index * (PANEL + GAP), samples)),
    `<text x="${LEFT}" y="${height - 10}" fill="#374151">${escaped(caption)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function drawn({ title, color, value }: Curve, top: number, samples: readonly Sample[]): string[] {
  const last = Math.max(1, samples.at(-1)?.seconds ?? 1);
  const most = rounded(Math.max(1, ...samples.map(value)));
  const x = (seconds: number): string => (LEFT + (seconds / last) * INNER).toFixed(1);
  const y = (height: number): string => (top + PANEL - (height / most) * PANEL).toFixed(1);
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const level = (most * tick) / TICKS;
    const minutes = ((last * tick) / TICKS / 60).toFixed(last < 600 ? 1 : 0);
    const anchor = tick === TICKS ? "end" : "middle";
    return [
      `<line x1="${LEFT}" x2="${LEFT + INNER}" y1="${y(level)}" y2="${y(level)}" stroke="#e5e7eb"/>`,
      `<text x="${LEFT - 8}" y="${y(level)}" dy="4" text-anchor="end" fill="#374151">${level}</text>`,
      `<text x="${x((last * tick) / TICKS)}" y="${top + PANEL + 16}" text-anchor="${anchor}" fill="#374151">${minutes} min</text>`,
    ].join("");
  });
  const points = samples.map((sample) => `${x(sample.seconds)},${y(value(sample))}`).join(" ");
  return [
    `<text x="${LEFT}" y="${top - 8}" fill="#111827" font-weight="600">${title}</text>`,
    ...grid,
    `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points}"/>`,
  ];
}

/** The next number of 1, 2, 4 or 8 times a power of ten. */
function rounded(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
