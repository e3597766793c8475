-- Functions of a value of any class, whose result depends on its class.

-- The text of a value up to its first NUL, where SQLite's functions that read it as C's strings end.
CREATE OR REPLACE FUNCTION litewire.any_head(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (v).k = 2 AND position('\x00'::bytea IN (v).b) > 0
              THEN convert_from(substring((v).b FROM 1 FOR position('\x00'::bytea IN (v).b) - 1), 'UTF8') ELSE litewire.any_text(v) END
$$;

-- The operator || of texts that may hold a NUL.
CREATE OR REPLACE FUNCTION litewire.any_concat(a litewire."any", b litewire."any") RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.v_bytes(litewire.any_blob(a) || litewire.any_blob(b))
$$;

CREATE OR REPLACE FUNCTION litewire.any_length(v litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN length((v).b) ELSE length(litewire.any_head(v)) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_substr(v litewire."any", p int8, n int8) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.v_blob(litewire.substr_blob((v).b, p, n)) ELSE litewire.v_text(litewire.substr(litewire.any_head(v), p, n)) END
$$;

-- The whole number that a value is or looks like; NULL for everything else.
CREATE OR REPLACE FUNCTION litewire.any_whole(v litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN n = trunc(n) AND n BETWEEN -9223372036854775808 AND 9223372036854775807 THEN n::int8 END
    FROM (SELECT CASE (v).k WHEN 1 THEN (v).n WHEN 2 THEN litewire.try_num(litewire._any_digits(v)) END AS n) AS q
$$;

-- The key of a RANGE over numbers: what is none lies behind them all.
CREATE OR REPLACE FUNCTION litewire.any_range(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN (v).n WHEN 2 THEN 'NaN'::numeric WHEN 3 THEN 'NaN'::numeric END
$$;

-- What LIMIT and OFFSET count up to.
CREATE OR REPLACE FUNCTION litewire.row_count(n int8) RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF n IS NULL THEN
    RAISE EXCEPTION 'datatype mismatch' USING ERRCODE = '42804';
  END IF;
  RETURN n;
END $$;

-- instr(): by bytes where both are blobs.
CREATE OR REPLACE FUNCTION litewire.any_instr(a litewire."any", b litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (a).k = 3 AND (b).k = 3 THEN position((b).b IN (a).b) ELSE strpos(litewire.any_text(a), litewire.any_text(b)) END
$$;

-- A text, and a value of any class, as the argument of a mathematical function: NULL for what is no number as a whole.
CREATE OR REPLACE FUNCTION litewire.num_operand(t text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN NOT (litewire.try_num(t) IS NULL) THEN litewire.num(t) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_operand(v litewire."any") RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 1 THEN (v).n WHEN 2 THEN litewire.num_operand(litewire._any_digits(v)) END
$$;

-- pow(): infinite, or 0, where it leaves the range of a float8; NULL where it is no real number.
CREATE OR REPLACE FUNCTION litewire.pow(a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  IF a < 0 AND b <> trunc(b) THEN
    RETURN NULL;
  ELSIF a = 0 AND b < 0 THEN
    RETURN CASE WHEN a::text = '-0' AND b = trunc(b) AND mod(b::numeric, 2) <> 0 THEN '-Infinity'::float8 ELSE 'Infinity' END;
  END IF;
  RETURN power(a, b);
EXCEPTION WHEN numeric_value_out_of_range THEN
  RETURN CASE WHEN (abs(a) > 1) <> (b > 0) THEN 0::float8 WHEN a < 0 AND mod(b::numeric, 2) <> 0 THEN '-Infinity' ELSE 'Infinity' END;
END $$;

-- printf() with arguments of any class, which may be reals.
CREATE OR REPLACE FUNCTION litewire.any_printf(f text, VARIADIC a litewire."any"[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire._printf(f, array_agg(litewire.any_text(v) ORDER BY n), array_agg(litewire.any_int(v) ORDER BY n))
    FROM unnest(a) WITH ORDINALITY AS u(k, t, b, n), LATERAL (SELECT CASE WHEN k IS NOT NULL THEN ROW(k, t, b)::litewire."any" END) AS w(v)
$$;
