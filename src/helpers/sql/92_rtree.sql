-- R*Trees (rtree.html).  Coordinates are those that SQLite keeps in 32 bits: the smallest of a dimension rounded down, the largest up.

CREATE OR REPLACE FUNCTION litewire.rtree_real(x float8, up bool) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  rounded float8;
  bits int;
BEGIN
  IF x IS NULL THEN
    RETURN 0;
  END IF;
  rounded := litewire._rtree_float(x);
  IF rounded = x OR up = (rounded > x) THEN
    RETURN rounded;
  END IF;
  -- The next float: away from zero where the sign of the number and the direction agree.
  bits := CASE WHEN abs(rounded) = 'Infinity' THEN 2139095040 ELSE ('x' || encode(float4send(abs(rounded)::float4), 'hex'))::bit(32)::int END;
  bits := bits + CASE WHEN up = (x > 0) THEN 1 ELSE -1 END;
  RETURN sign(x) * CASE WHEN bits >= 2139095040 THEN 'Infinity'::float8
    WHEN bits < 8388608 THEN bits * power(2::float8, -149) ELSE (bits & 8388607 | 8388608) * power(2::float8, (bits >> 23) - 150) END;
END $$;

-- The nearest 32-bit float, where PostgreSQL's cast fails for what is too large or too small.
CREATE OR REPLACE FUNCTION litewire._rtree_float(x float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(x) >= 3.4028235677973366e38 THEN sign(x) * 'Infinity'::float8 WHEN abs(x) <= 7.006492321624085e-46 THEN 0 ELSE x::float4::float8 END
$$;

-- The trigger of every R*Tree.  Its arguments: the query of a row $1 with its coordinates as they are kept, and the test of each
-- dimension with the names of its columns in turn.
CREATE OR REPLACE FUNCTION litewire.rtree_write() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  bad bool;
BEGIN
  FOR n IN 1 .. (TG_NARGS - 1) / 2 LOOP
    EXECUTE TG_ARGV[2 * n - 1] INTO bad USING NEW;
    IF bad THEN
      RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = format('rtree constraint failed: %s.(%s)', TG_TABLE_NAME, TG_ARGV[2 * n]);
    END IF;
  END LOOP;
  EXECUTE TG_ARGV[0] INTO NEW USING NEW;
  RETURN NEW;
END $$;

-- A coordinate of an rtree_i32: the nearest number of 32 bits.
CREATE OR REPLACE FUNCTION litewire.rtree_whole(x int8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT greatest(least(coalesce(x, 0), 2147483647), -2147483648)
$$;
