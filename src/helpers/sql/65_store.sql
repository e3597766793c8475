-- Values on their way into a typed column: a column's affinity applied, and an error for what its PostgreSQL type cannot hold.

-- Volatile, lest the planner evaluates it beforehand.
CREATE OR REPLACE FUNCTION litewire._mismatch(class text, type text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'datatype mismatch', DETAIL = 'cannot store ' || class || ' value in ' || type || ' column';
END $$;

-- NUMERIC affinity for a number: a REAL that is whole becomes an INTEGER.
CREATE OR REPLACE FUNCTION litewire.num_whole(n numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF scale(n) > 0 AND n = trunc(n) AND abs(n) <= 9223372036854774784 THEN
    RETURN trunc(litewire.exact(n::float8));
  END IF;
  RETURN n;
END $$;

CREATE OR REPLACE FUNCTION litewire.store_int_num(n numeric) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  whole constant numeric := litewire.num_whole(n);
BEGIN
  IF scale(whole) = 0 THEN
    RETURN whole::int8;
  END IF;
  RETURN litewire._mismatch('REAL', 'INTEGER');
END $$;

CREATE OR REPLACE FUNCTION litewire.store_int_real(x float8) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF x = trunc(x) AND abs(x) <= 9223372036854774784 THEN
    RETURN x::int8;
  END IF;
  RETURN litewire._mismatch('REAL', 'INTEGER');
END $$;

CREATE OR REPLACE FUNCTION litewire.store_int_text(t text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN litewire.store_int_num(coalesce(litewire.try_num(t), litewire._mismatch('TEXT', 'INTEGER')::numeric));
END $$;

CREATE OR REPLACE FUNCTION litewire.store_real_text(t text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce(litewire.try_num(t)::float8, litewire._mismatch('TEXT', 'REAL')::float8);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_num_text(t text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce(litewire.try_num(t), litewire._mismatch('TEXT', 'NUMERIC')::numeric);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_blob_any(v jsonb) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF jsonb_typeof(v) = 'object' THEN
    RETURN decode(v->>'b', 'hex');
  END IF;
  RETURN litewire._mismatch(upper(litewire.any_typeof(v)), 'BLOB');
END $$;
