-- `spark.points` is text from now on, as the board sends it: milliseconds since 1970 of the first point; how long after it each
-- point was taken; the values. What is kept in the old form goes: the clock role keeps it again within seconds.
delete from spark;
