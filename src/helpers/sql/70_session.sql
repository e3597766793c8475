-- What statements need beside their values.

-- Makes a sequence's last value at least `id`, after an explicit id went into its column; NULL is let through.
CREATE OR REPLACE FUNCTION litewire.bump(seq regclass, id int8) RETURNS int8
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  last int8;
  called bool;
BEGIN
  IF seq IS NOT NULL AND id IS NOT NULL THEN
    EXECUTE 'SELECT last_value, is_called FROM ' || seq::text INTO last, called;
    IF id > last OR id = last AND NOT called THEN
      PERFORM setval(seq, id);
    END IF;
  END IF;
  RETURN id;
END $$;

-- Fails where an expression is evaluated, with a state and a message of the caller's.
CREATE OR REPLACE FUNCTION litewire.raise_error(state text, message text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message;
END $$;

-- Fails when a row is stored, for what SQLite refuses only then. It is told a column's state, so that nobody computes it before.
CREATE OR REPLACE FUNCTION litewire.refuse(message text, of_row bool) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '42601', MESSAGE = message;
END $$;

-- A counter of the connection within a trigger, where it is known only once the trigger itself has changed something.
CREATE OR REPLACE FUNCTION litewire.counter(value int8) RETURNS int8
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF value IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'a counter of the connection is read in a trigger before the trigger changes anything';
  END IF;
  RETURN value;
END $$;

-- Runs a statement for one row of many, so that its triggers have fired before the next row; `args` are its values, as text.
CREATE OR REPLACE FUNCTION litewire.each(statement text, args text[]) RETURNS SETOF text[]
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN QUERY EXECUTE statement USING args;
END $$;
