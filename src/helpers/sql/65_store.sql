-- Values on their way into a typed column: a column's affinity applied, and an error for what its PostgreSQL type cannot hold.
-- The last argument names the column, as "schema"."table"."column"; the error carries its parts, by which a proxy may widen the column.

-- Volatile, lest the planner evaluates it beforehand.
CREATE OR REPLACE FUNCTION litewire._misfit(class text, type text, place text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
  names constant text[] := parse_ident(place);
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'cannot store ' || class || ' value in ' || type || ' column ' || names[2] || '.' || names[3],
    SCHEMA = names[1], TABLE = names[2], COLUMN = names[3];
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

CREATE OR REPLACE FUNCTION litewire.store_int_num(n numeric, place text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  whole constant numeric := litewire.num_whole(n);
BEGIN
  IF scale(whole) = 0 THEN
    RETURN whole::int8;
  END IF;
  RETURN litewire._misfit('REAL', 'INTEGER', place);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_int_real(x float8, place text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF x = trunc(x) AND abs(x) <= 9223372036854774784 THEN
    RETURN x::int8;
  END IF;
  RETURN litewire._misfit('REAL', 'INTEGER', place);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_int_text(t text, place text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN litewire.store_int_num(coalesce(litewire.try_num(t), litewire._misfit('TEXT', 'INTEGER', place)::numeric), place);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_real_text(t text, place text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce(litewire.try_num(t)::float8, litewire._misfit('TEXT', 'REAL', place)::float8);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_num_text(t text, place text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce(litewire.try_num(t), litewire._misfit('TEXT', 'NUMERIC', place)::numeric);
END $$;

-- Text for a column of NUMERIC affinity that holds words only (a date, JSON): what looks like a number would be one.
CREATE OR REPLACE FUNCTION litewire.store_words_text(t text, place text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF litewire.try_num(t) IS NOT NULL THEN
    RETURN litewire._misfit('NUMERIC', 'TEXT', place);
  END IF;
  RETURN t;
END $$;

-- A value that may be of any class.
CREATE OR REPLACE FUNCTION litewire.store_int_any(v litewire."any", place text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  class constant text := litewire.any_typeof(v);
BEGIN
  IF class = 'text' THEN
    RETURN litewire.store_int_text(litewire.any_text(v), place);
  ELSIF class = 'blob' THEN
    RETURN litewire._misfit('BLOB', 'INTEGER', place);
  END IF;
  RETURN litewire.store_int_num(litewire.any_num(v), place);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_num_any(v litewire."any", place text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  class constant text := litewire.any_typeof(v);
BEGIN
  IF class = 'text' THEN
    RETURN litewire.store_num_text(litewire.any_text(v), place);
  ELSIF class = 'blob' THEN
    RETURN litewire._misfit('BLOB', 'NUMERIC', place);
  END IF;
  RETURN litewire.num_whole(litewire.any_num(v));
END $$;

CREATE OR REPLACE FUNCTION litewire.store_real_any(v litewire."any", place text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  class constant text := litewire.any_typeof(v);
BEGIN
  IF class = 'text' THEN
    RETURN litewire.store_real_text(litewire.any_text(v), place);
  ELSIF class = 'blob' THEN
    RETURN litewire._misfit('BLOB', 'REAL', place);
  END IF;
  RETURN litewire.any_num(v)::float8;
END $$;

CREATE OR REPLACE FUNCTION litewire.store_text_any(v litewire."any", place text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF litewire.any_typeof(v) = 'blob' THEN
    RETURN litewire._misfit('BLOB', 'TEXT', place);
  END IF;
  RETURN litewire.any_text(v);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_words_any(v litewire."any", place text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  class constant text := litewire.any_typeof(v);
BEGIN
  IF class <> 'text' THEN
    RETURN litewire._misfit(upper(class), 'TEXT', place);
  END IF;
  RETURN litewire.store_words_text(litewire.any_text(v), place);
END $$;

CREATE OR REPLACE FUNCTION litewire.store_blob_any(v litewire."any", place text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  class constant text := litewire.any_typeof(v);
BEGIN
  IF class <> 'blob' THEN
    RETURN litewire._misfit(upper(class), 'BLOB', place);
  END IF;
  RETURN (v).b;
END $$;

-- A dynamic value with an affinity applied.
CREATE OR REPLACE FUNCTION litewire.any_aff_num(v litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k
           WHEN 1 THEN litewire.v_num(litewire.num_whole((v).n))
           WHEN 2 THEN coalesce(litewire.v_num(litewire.try_num(litewire._any_digits(v))), v)
           ELSE v END
$$;

CREATE OR REPLACE FUNCTION litewire.any_aff_real(v litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k
           WHEN 1 THEN litewire.v_real((v).n::float8)
           WHEN 2 THEN coalesce(litewire.v_real(litewire.try_num(litewire._any_digits(v))::float8), v)
           ELSE v END
$$;

CREATE OR REPLACE FUNCTION litewire.any_aff_text(v litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN litewire.v_text(litewire.num_text((v).n)) ELSE v END
$$;
