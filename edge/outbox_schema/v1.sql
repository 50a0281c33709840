-- Rows with seq <= lane.mark are kept (the server has them), those after it wait. Times are ms since 1970, UTC.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    outbox TEXT NOT NULL,
    epoch TEXT
);
CREATE TABLE lane (
    name TEXT PRIMARY KEY,
    newest INTEGER NOT NULL DEFAULT 0,
    oldest INTEGER NOT NULL DEFAULT 1,
    mark INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO lane (name) VALUES ('alarm'), ('bulk');
CREATE TABLE item (
    lane TEXT NOT NULL,
    seq INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    type TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
-- Sequence numbers that will never be sent, and why.
CREATE TABLE hole (
    lane TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (lane, first)
) WITHOUT ROWID;
-- Rows that could not be sent, for the technician. `outbox` is the id at the time, for a new one numbers from 1 again.
CREATE TABLE aside (
    outbox TEXT NOT NULL,
    lane TEXT NOT NULL,
    seq INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    type TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (outbox, lane, seq)
) WITHOUT ROWID;
-- The newest committed sample of each continuous stream: what a gap starts from.
CREATE TABLE stream (
    device TEXT NOT NULL,
    slot INTEGER NOT NULL,
    last_taken_at INTEGER NOT NULL,
    PRIMARY KEY (device, slot)
) WITHOUT ROWID;
-- The last state of door and contact that became an event: an event is a change.
CREATE TABLE standing (
    device TEXT NOT NULL,
    subject TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (device, subject)
) WITHOUT ROWID;
-- The newest record fetched from a device's own memory.
CREATE TABLE memory (
    device TEXT PRIMARY KEY,
    last_record INTEGER NOT NULL
) WITHOUT ROWID;
