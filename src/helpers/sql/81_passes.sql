-- A row of a table whose BEFORE triggers change that table.  PostgreSQL does not change a row that was changed since the statement found
-- it, so that SQLite's order takes two passes: in the first the triggers run, the last of them keeps the new row and stops the statement;
-- in the second they do nothing, and the columns that the statement sets come from what was kept.

-- Runs a statement that changes one row, with `args` as $1; `columns` are those that it sets, each between bars.
CREATE OR REPLACE FUNCTION litewire.each_in_passes(statement text, args text[], columns text) RETURNS SETOF text[]
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM set_config('litewire.pass', 'first', true), set_config('litewire.kept', '', true), set_config('litewire.sets', columns, true);
  RETURN QUERY EXECUTE statement USING args;
  -- Nothing is kept of a row that is not there, or that RAISE(IGNORE) left out.
  IF NOT FOUND AND current_setting('litewire.kept') <> '' THEN
    PERFORM set_config('litewire.pass', 'second', true);
    RETURN QUERY EXECUTE statement USING args;
  END IF;
  PERFORM set_config('litewire.pass', '', true);
END $$;
