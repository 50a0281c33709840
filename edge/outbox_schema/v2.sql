-- The newest accepted row's time beside its number: our own clock cannot be earlier, and nobody has to look through all rows.
ALTER TABLE lane ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
UPDATE lane SET accepted_at = coalesce((SELECT max(accepted_at) FROM item WHERE item.lane = lane.name), 0);
-- What is known of a device from one run of the agent to the next, in its own words.
CREATE TABLE known (
    device TEXT NOT NULL,
    what TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (device, what)
) WITHOUT ROWID;
-- How far a block of waiting rows of the bulk lane was thinned (edge/core/shrink.py). Not here: not at all.
CREATE TABLE thinned (
    block INTEGER PRIMARY KEY,
    level INTEGER NOT NULL
);
