// Receipts of single events, to keep: what proves them is in them.

import type { Context } from "./context.ts";
import { fetchReceipt } from "./proofs-client.ts";
import { writeWhole } from "./whole-file.ts";

export async function receipt(
  context: Context,
  id: string,
  seq: number,
  file: string | undefined,
): Promise<void> {
  const { connection, output } = context;
  if (file !== undefined) {
    await saveReceipt(context, id, seq, file);
    if (file !== "-") output.show({ file, seq }, () => `${file}  receipt of event ${seq}`);
    return;
  }
  const text = await fetchReceipt(connection, id, seq);
  if (output.isJson) output.show({ seq, receipt: text }, () => "");
  else process.stdout.write(text);
}

export async function saveReceipt(
  { connection }: Context,
  id: string,
  seq: number,
  file: string,
): Promise<void> {
  await writeWhole(file, await fetchReceipt(connection, id, seq));
}
