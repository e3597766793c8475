-- The dynamic carrier, litewire."any" (CARRIER.md): (k, n, b), k being 1 for a number, 2 for text, 3 for a blob.
-- A record's order and equality are those of its fields, and so SQLite's in every database: numbers before text before blobs,
-- 1 = 1.0, text and blobs bytewise.  A NULL is no record at all.

CREATE OR REPLACE FUNCTION litewire.v_int(x int8) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x IS NOT NULL THEN ROW(1, x::numeric, NULL)::litewire."any" END
$$;

CREATE OR REPLACE FUNCTION litewire.v_num(x numeric) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x <> 'NaN' THEN ROW(1, x, NULL)::litewire."any" END
$$;

CREATE OR REPLACE FUNCTION litewire.v_real(x float8) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x <> 'NaN' THEN ROW(1, litewire.r2n(x), NULL)::litewire."any" END
$$;

-- The cast reads bytea's escape format, where a backslash alone stands for something else; unlike convert_to() it is immutable.
CREATE OR REPLACE FUNCTION litewire.v_text(x text) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x IS NOT NULL THEN ROW(2, NULL, replace(x, '\', '\\')::bytea)::litewire."any" END
$$;

CREATE OR REPLACE FUNCTION litewire.v_blob(x bytea) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x IS NOT NULL THEN ROW(3, NULL, x)::litewire."any" END
$$;

-- Text of a blob's bytes.
CREATE OR REPLACE FUNCTION litewire.v_bytes(x bytea) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x IS NOT NULL THEN ROW(2, NULL, x)::litewire."any" END
$$;

CREATE OR REPLACE FUNCTION litewire.any_typeof(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN CASE WHEN scale((v).n) = 0 THEN 'integer' ELSE 'real' END WHEN 2 THEN 'text' WHEN 3 THEN 'blob' ELSE 'null' END
$$;

-- The characters in which a number is looked for: bytes that are no ASCII are escaped, and end it.
CREATE OR REPLACE FUNCTION litewire._any_digits(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT encode((v).b, 'escape')
$$;

-- As an operand of arithmetic.
CREATE OR REPLACE FUNCTION litewire.any_num(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN (v).n ELSE litewire.num(litewire._any_digits(v)) END
$$;

-- CAST to INTEGER.
CREATE OR REPLACE FUNCTION litewire.any_int(v litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN litewire.cast_int_num((v).n) ELSE litewire.cast_int(litewire._any_digits(v)) END
$$;

-- CAST to NUMERIC, which leaves numbers as they are.
CREATE OR REPLACE FUNCTION litewire.any_cast_num(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN (v).n ELSE litewire.cast_num(litewire._any_digits(v)) END
$$;

-- abs(): what is no number gives a REAL.
CREATE OR REPLACE FUNCTION litewire.any_abs(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN abs((v).n) ELSE abs(litewire.any_num(v)) + 0.0 END
$$;

-- CAST to TEXT.
CREATE OR REPLACE FUNCTION litewire.any_text(v litewire."any") RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN CASE (v).k WHEN 1 THEN litewire.num_text((v).n) ELSE convert_from((v).b, 'UTF8') END;
END $$;

-- The bytes of a text or a blob; of a number, those of its text.
CREATE OR REPLACE FUNCTION litewire.any_blob(v litewire."any") RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN litewire.num_text((v).n)::bytea ELSE (v).b END
$$;

-- A text with NUMERIC affinity applied.
CREATE OR REPLACE FUNCTION litewire.any_numaff(t text) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(litewire.v_num(litewire.try_num(t)), litewire.v_text(t))
$$;

-- A dynamic value as NOCASE and RTRIM compare it: its text folded, everything else as it is.  Behind a NUL NOCASE sees only how long
-- the text is.
CREATE OR REPLACE FUNCTION litewire.any_nocase(v litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (v).k = 2
              THEN ROW(2, NULL, CASE at WHEN 0 THEN folded ELSE substring(folded FROM 1 FOR at) || int8send(length(folded)) END)::litewire."any"
              ELSE v END
    FROM (SELECT decode(lower(encode((v).b, 'escape') COLLATE "C"), 'escape') AS folded, position('\x00'::bytea IN (v).b) AS at) AS q
$$;

CREATE OR REPLACE FUNCTION litewire.any_rtrim(v litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 2 THEN ROW(2, NULL, rtrim((v).b, ' '))::litewire."any" ELSE v END
$$;

-- A JSON element as json_extract() returns it: NULL, numbers, text; true and false as 1 and 0; objects and arrays as their text.
CREATE OR REPLACE FUNCTION litewire.j_any(j json) RETURNS litewire."any"
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

-- quote().
CREATE OR REPLACE FUNCTION litewire.quote_num(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN scale(n) = 0 THEN n::text ELSE litewire.quote_real(n::float8) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_quote(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN litewire.quote_num((v).n) WHEN 3 THEN litewire.quote_blob((v).b)
                    ELSE litewire.quote_text(litewire.any_text(v)) END
$$;

-- min() and max() over rows; of equal values the first.
CREATE OR REPLACE FUNCTION litewire._any_smaller(a litewire."any", b litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN b < a THEN b ELSE a END
$$;

CREATE OR REPLACE FUNCTION litewire._any_larger(a litewire."any", b litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN b > a THEN b ELSE a END
$$;

CREATE OR REPLACE AGGREGATE litewire.any_min(litewire."any") (SFUNC = litewire._any_smaller, STYPE = litewire."any", PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE litewire.any_max(litewire."any") (SFUNC = litewire._any_larger, STYPE = litewire."any", PARALLEL = SAFE);

-- min() and max() by a key, over a window: of values of one key the first.  Its result holds the key and the value.
CREATE OR REPLACE FUNCTION litewire._folded_smaller(s litewire."any"[], v litewire."any", k litewire."any") RETURNS litewire."any"[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN v IS NULL OR k >= s[1] THEN s ELSE ARRAY[k, v] END
$$;

CREATE OR REPLACE FUNCTION litewire._folded_larger(s litewire."any"[], v litewire."any", k litewire."any") RETURNS litewire."any"[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN v IS NULL OR k <= s[1] THEN s ELSE ARRAY[k, v] END
$$;

CREATE OR REPLACE AGGREGATE litewire.folded_min(litewire."any", litewire."any") (SFUNC = litewire._folded_smaller, STYPE = litewire."any"[], PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE litewire.folded_max(litewire."any", litewire."any") (SFUNC = litewire._folded_larger, STYPE = litewire."any"[], PARALLEL = SAFE);

-- What sum() adds: text that is no integer from end to end makes the sum a REAL.
CREATE OR REPLACE FUNCTION litewire.sum_text(t text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN litewire.try_num(t) IS NULL THEN litewire.num(t) + 0.0 ELSE litewire.num(t) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_sum(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN (v).n WHEN 2 THEN litewire.sum_text(litewire._any_digits(v)) ELSE litewire.any_num(v) + 0.0 END
$$;
