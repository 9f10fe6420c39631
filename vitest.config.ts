import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // Pure code and whole processes: formats, tidy, the command line.
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.workerd.test.ts", "test/process/**"],
        },
      },
    ],
  },
});
