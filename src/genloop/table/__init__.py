"""Tables: a record is a row, which the networks see as spans, one or two for each column."""
