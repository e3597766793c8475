-- The dynamic carrier, litewire."any" over jsonb, format 1:
--   INTEGER  n            a number without a fraction digit
--   REAL     n.d          a number with at least one (scale > 0); ±Inf is ±1e999 with one
--   TEXT     ["t"]        an array of one string
--   BLOB     {"b": "HEX"} an object with upper-case hexadecimal digits
-- jsonb's own order and equality are then SQLite's: numbers before text before blobs, and 1 = 1.0.  Text follows the database's default
-- collation, so that it is in byte order where that is C.

CREATE OR REPLACE FUNCTION litewire.v_int(x int8) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_jsonb(x)
$$;

CREATE OR REPLACE FUNCTION litewire.v_num(x numeric) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_jsonb(CASE x WHEN 'NaN' THEN NULL WHEN 'Infinity' THEN 1e999 + 0.0 WHEN '-Infinity' THEN -1e999 - 0.0 ELSE x END)
$$;

CREATE OR REPLACE FUNCTION litewire.v_real(x float8) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire.v_num(x::text::numeric + 0.0)
$$;

CREATE OR REPLACE FUNCTION litewire.v_text(x text) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT jsonb_build_array(x)
$$;

CREATE OR REPLACE FUNCTION litewire.v_blob(x bytea) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT jsonb_build_object('b', upper(encode(x, 'hex')))
$$;

CREATE OR REPLACE FUNCTION litewire.any_typeof(v jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v)
           WHEN 'number' THEN CASE WHEN scale(v::numeric) > 0 THEN 'real' ELSE 'integer' END
           WHEN 'array' THEN 'text'
           WHEN 'object' THEN 'blob'
           ELSE 'null' END
$$;

-- As an operand of arithmetic.
CREATE OR REPLACE FUNCTION litewire.any_num(v jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n numeric;
BEGIN
  IF jsonb_typeof(v) <> 'number' THEN
    RETURN litewire.num(litewire.any_text(v));
  END IF;
  n := v::numeric;
  RETURN CASE WHEN n >= 1e999 THEN 'Infinity' WHEN n <= -1e999 THEN '-Infinity' ELSE n END;
END $$;

-- CAST to TEXT.
CREATE OR REPLACE FUNCTION litewire.any_text(v jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v)
           WHEN 'number' THEN litewire.num_text(litewire.any_num(v))
           WHEN 'array' THEN v->>0
           WHEN 'object' THEN convert_from(decode(v->>'b', 'hex'), 'UTF8') END
$$;

-- The bytes of a text or a blob; of a number, those of its text.
CREATE OR REPLACE FUNCTION litewire.any_blob(v jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v)
           WHEN 'object' THEN decode(v->>'b', 'hex')
           ELSE convert_to(litewire.any_text(v), 'UTF8') END
$$;

-- A text with NUMERIC affinity applied.
CREATE OR REPLACE FUNCTION litewire.any_numaff(t text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(litewire.v_num(litewire.try_num(t)), litewire.v_text(t))
$$;

-- A JSON element as json_extract() returns it: NULL, numbers, text; true and false as 1 and 0; objects and arrays as their text.
-- A dynamic value as NOCASE and RTRIM compare it: its text folded, everything else as it is.
CREATE OR REPLACE FUNCTION litewire.any_nocase(v jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v) WHEN 'array' THEN jsonb_build_array(lower((v->>0) COLLATE "C")) ELSE v END
$$;
CREATE OR REPLACE FUNCTION litewire.any_rtrim(v jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v) WHEN 'array' THEN jsonb_build_array(rtrim(v->>0, ' ')) ELSE v END
$$;

CREATE OR REPLACE FUNCTION litewire.j_any(j json) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  CASE json_typeof(j)
    WHEN 'null' THEN
      RETURN NULL;
    WHEN 'boolean' THEN
      RETURN litewire.v_int(((j #>> '{}') = 'true')::int);
    WHEN 'string' THEN
      RETURN litewire.v_text(j #>> '{}');
    WHEN 'number' THEN
      RETURN litewire.v_num(litewire.num(j #>> '{}'));
    ELSE
      RETURN litewire.v_text(litewire.j_min(j::text));
  END CASE;
END $$;
