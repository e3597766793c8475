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

-- Runs a statement for one row of many, as `each` does, until one fails: then the failure comes as the element `last` of a row, and no
-- further row is touched. `columns` is NULL where one pass will do.
CREATE OR REPLACE FUNCTION litewire.each_until(begun bool, statement text, args text[], last int, columns text) RETURNS SETOF text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  found_row text[];
  failure text;
BEGIN
  IF current_setting('litewire.stopped') = 'on' THEN
    RETURN;
  END IF;
  IF columns IS NULL THEN
    FOR found_row IN EXECUTE statement USING args LOOP
      failure := coalesce(failure, found_row[last]);
      RETURN NEXT found_row;
    END LOOP;
  ELSE
    RETURN QUERY SELECT * FROM litewire.each_in_passes(statement, args, columns);
  END IF;
  IF failure IS NULL THEN
    failure := litewire.halted();
    IF failure IS NOT NULL THEN
      RETURN NEXT array_fill(NULL::text, ARRAY[last - 1]) || failure;
    END IF;
  END IF;
  IF failure IS NOT NULL THEN
    PERFORM set_config('litewire.stopped', 'on', true);
  END IF;
END $$;

-- Comes before the first row.
CREATE OR REPLACE FUNCTION litewire.begin_rows() RETURNS bool
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM set_config('litewire.stopped', '', true);
  RETURN true;
END $$;
