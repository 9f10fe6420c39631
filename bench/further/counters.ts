// Counts what is billed, where it leaves for the platform: around the bindings, and around the SQLite of the actors'
// objects. In the isolate that the Worker shares with its objects, so one set of counters sees all of it.

export interface Counts {
  /** Calls to Durable Objects. */
  objectRequests: number;
  sqliteRowsRead: number;
  /** setAlarm is billed as a row as well, and counted here. */
  sqliteRowsWritten: number;
  /** A statement of a batch counts by itself. */
  d1Statements: number;
  d1RowsRead: number;
  d1RowsWritten: number;
  /** put, list and multipart uploads. delete is free. */
  r2ClassA: number;
  /** get and head. */
  r2ClassB: number;
  /** Calls into dynamic isolates. */
  loaderRequests: number;
}

export function noCounts(): Counts {
  return {
    objectRequests: 0,
    sqliteRowsRead: 0,
    sqliteRowsWritten: 0,
    d1Statements: 0,
    d1RowsRead: 0,
    d1RowsWritten: 0,
    r2ClassA: 0,
    r2ClassB: 0,
    loaderRequests: 0,
  };
}
