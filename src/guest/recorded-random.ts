// Math.random draws recorded numbers. The build adds this where random is granted and used.

import { randomFloat } from "theater:simple/random";
import { useRandom } from "./globals.ts";

useRandom(() => randomFloat());
