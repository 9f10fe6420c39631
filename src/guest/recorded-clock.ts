// Date and performance read the recorded time. The build adds this where timing is granted and used.

import { now } from "theater:simple/timing";
import { useClock } from "./globals.ts";

useClock(() => now());
