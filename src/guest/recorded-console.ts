// console writes into the chain. The build adds this where runtime is granted and console is used.

import { log } from "theater:simple/runtime";
import { useLog } from "./globals.ts";

useLog((line) => log(line));
