-- R*Trees (rtree.html).  Coordinates are those that SQLite keeps in 32 bits: the smallest of a dimension rounded down, the largest up.

CREATE OR REPLACE FUNCTION litewire.rtree_real(x float8, up bool) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  -- 1 ± 1/2^23, which is one step of a 32-bit float.
  away constant float8 := 1.00000011920928955078125;
  towards constant float8 := 0.99999988079071044921875;
  rounded float8;
BEGIN
  IF x IS NULL THEN
    RETURN 0;
  END IF;
  rounded := litewire._rtree_float(x);
  IF NOT up AND rounded > x THEN
    RETURN litewire._rtree_float(x * CASE WHEN x < 0 THEN away ELSE towards END);
  ELSIF up AND rounded < x THEN
    RETURN litewire._rtree_float(x * CASE WHEN x < 0 THEN towards ELSE away END);
  END IF;
  RETURN rounded;
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
