-- How many are inside a segment's window, and when the first of them is due, is asked for every report.
CREATE INDEX timers_of_segment ON timers (segment, due) INCLUDE (user_number);
