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
