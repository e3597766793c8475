-- Functions that catch errors are PARALLEL UNSAFE, and so are their callers: PostgreSQL has no subtransactions in parallel workers.

-- Numbers.  A number that may be INTEGER or REAL travels as numeric: scale() = 0 means INTEGER, anything else REAL.

-- The 96 most significant bits of 10^p, as SQLite computes them (powerOfTen).
CREATE OR REPLACE FUNCTION litewire._power_of_ten(p int) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  base  constant numeric[] := '{
    9223372036854775808,11529215046068469760,14411518807585587200,18014398509481984000,11258999068426240000,14073748835532800000,
    17592186044416000000,10995116277760000000,13743895347200000000,17179869184000000000,10737418240000000000,13421772800000000000,
    16777216000000000000,10485760000000000000,13107200000000000000,16384000000000000000,10240000000000000000,12800000000000000000,
    16000000000000000000,10000000000000000000,12500000000000000000,15625000000000000000,9765625000000000000,12207031250000000000,
    15258789062500000000,9536743164062500000,11920928955078125000
  }';
  scale constant numeric[] := '{
    9244100769003082158,14934650266808366570,12064114410120881697,9745314011399999080,15744403932561434696,12718228212127407596,
    10273702932711667006,16598062275523971834,13407807929942597099,10830740992659433045,17498005798264095394,14134776518227074636,
    11417981541647679048,14757395258967641292,14901161193847656250,12037062152420224081,9723461371658033917,15709099088952724969,
    12689709186578246116,10250665447337476733,16560843210556190337,13377742608693866209,10806454419566533849,17458768723248864463,
    14103081061443981063,11392378155556871081
  }';
  low   constant numeric[] := '{
    542869869,1376144557,2938827448,1517765799,2939790453,3180165454,1417589883,213165475,2465418594,980027385,
    4209144473,2862080332,2002690661,3435973836,0,2576388278,1772103867,3893260104,1589665232,341348116,
    2400610505,1838497324,1253945104,3160619833,176566145,1812439746
  }';
  g int := pg_catalog.floor(p / 27.0)::int;
  n int := p - g * 27;
  r numeric;
BEGIN
  IF p = -1 THEN
    RETURN scale[14] * 4294967296 + low[14];
  ELSIF g = 0 THEN
    RETURN base[n + 1] * 4294967296;
  ELSIF n = 0 THEN
    RETURN scale[g + 14] * 4294967296 + low[g + 14];
  END IF;
  r := div(scale[g + 14] * base[n + 1] + div(low[g + 14] * base[n + 1], 4294967296), 4294967296);
  IF r < 39614081257132168796771975168 THEN  -- 2^95
    r := r * 2 + 1;
  END IF;
  RETURN r;
END $$;

-- The first 17 digits of a finite positive double and the power of ten of the first, cut shorter over runs of nines and zeros where
-- that loses nothing (sqlite3FpDecode).
CREATE OR REPLACE FUNCTION litewire._digits17(x float8, OUT digits text, OUT exponent int)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  bits constant int8 := ('x' || encode(float8send(x), 'hex'))::bit(64)::int8;
  e int := (bits >> 52)::int;
  m numeric := bits & 4503599627370495;
  p int;
  h numeric;
  d text;
  cut text;
BEGIN
  IF e = 0 THEN
    e := -1074;
    WHILE m < 9223372036854775808 LOOP
      m := m * 2;
      e := e - 1;
    END LOOP;
  ELSE
    m := m * 2048 + 9223372036854775808;
    e := e - 1086;
  END IF;
  p := 17 - (((e + 63) * 78913) >> 18);
  h := div(m * div(litewire._power_of_ten(p), 4294967296), 18446744073709551616);
  h := div(h, (1::int8 << -(e + ((p * 108853) >> 15) + 2))::numeric);
  d := div(h + mod(h, 2) * 2, 2)::text;
  exponent := length(d) - 1 - p;
  IF pg_catalog.substr(d, 15, 2) = '99' THEN
    cut := rtrim(left(d, 14), '9');
    IF cut = '' THEN
      cut := '1';
      IF ('1e' || (exponent + 1))::float8 = x THEN
        digits := '1';
        exponent := exponent + 1;
        RETURN;
      END IF;
    ELSE
      cut := (cut::numeric + 1)::text;
      IF (cut || 'e' || (exponent - length(rtrim(left(d, 14), '9')) + 1))::float8 = x THEN
        exponent := exponent + length(cut) - length(rtrim(left(d, 14), '9'));
        digits := rtrim(cut, '0');
        RETURN;
      END IF;
    END IF;
  ELSIF exponent + 1 >= length(d) OR pg_catalog.substr(d, 14, 3) = '000' THEN
    cut := rtrim(left(d, 13), '0');
    IF (cut || 'e' || (exponent - length(cut) + 1))::float8 = x THEN
      digits := cut;
      RETURN;
    END IF;
  END IF;
  h := left(d, 17)::numeric;
  IF pg_catalog.substr(d, 18, 1) >= '5' THEN
    h := h + 1;
  END IF;
  cut := h::text;
  exponent := exponent + length(cut) - 17;
  digits := rtrim(cut, '0');
END $$;

-- REAL as text: 17 digits at most, an exponent outside 1e-4 … 1e17.
CREATE OR REPLACE FUNCTION litewire.real_text(x float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  s text := x::text;
  d text;
  e int;
  sign text := CASE WHEN x < 0 THEN '-' ELSE '' END;
BEGIN
  IF x = 'NaN' THEN
    RETURN NULL;
  ELSIF abs(x) = 'Infinity' THEN
    RETURN sign || 'Inf';
  ELSIF x = 0 THEN
    RETURN '0.0';
  ELSIF length(s) <= 14 AND position('e' IN s) = 0 THEN
    -- Up to 13 digits the shortest text is SQLite's too.
    RETURN CASE WHEN position('.' IN s) > 0 THEN s ELSE s || '.0' END;
  END IF;
  SELECT q.digits, q.exponent INTO d, e FROM litewire._digits17(abs(x)) AS q;
  IF e < -4 OR e >= 17 THEN
    RETURN sign || left(d, 1) || '.' || coalesce(nullif(pg_catalog.substr(d, 2), ''), '0')
        || CASE WHEN e < 0 THEN 'e-' ELSE 'e+' END || lpad(abs(e)::text, greatest(2, length(abs(e)::text)), '0');
  ELSIF e < 0 THEN
    RETURN sign || '0.' || repeat('0', -e - 1) || d;
  ELSIF length(d) <= e + 1 THEN
    RETURN sign || rpad(d, e + 1, '0') || '.0';
  END IF;
  RETURN sign || left(d, e + 1) || '.' || pg_catalog.substr(d, e + 2);
END $$;

-- The decimal expansion of a double, to 60 places.
CREATE OR REPLACE FUNCTION litewire.exact(x float8) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  bits constant int8 := ('x' || encode(float8send(abs(x)), 'hex'))::bit(64)::int8;
  e int := (bits >> 52)::int;
  m int8 := bits & 4503599627370495;
  r numeric;
BEGIN
  IF x = 'NaN' OR abs(x) = 'Infinity' THEN
    RETURN x::numeric;
  END IF;
  IF e = 0 THEN
    e := 1;
  ELSE
    m := m + 4503599627370496;
  END IF;
  e := e - 1075;
  IF e >= 0 THEN
    r := m::numeric * power(2::numeric, e);
  ELSIF e < -300 THEN
    r := abs(x)::text::numeric;
  ELSE
    r := m::numeric(1000, 60) / power(2::numeric, -e);
  END IF;
  RETURN CASE WHEN x < 0 THEN -r ELSE r END;
END $$;

-- The carrier of a double; its scale is never 0.  Whole numbers are exact, since integers are compared with them exactly.
CREATE OR REPLACE FUNCTION litewire.r2n(x float8) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(x) < 9007199254740992 THEN x::text::numeric ELSE trunc(litewire.exact(x)) END + 0.0
$$;

CREATE OR REPLACE FUNCTION litewire.num_text(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN scale(n) = 0 THEN n::text ELSE litewire.real_text(n::float8) END
$$;

CREATE OR REPLACE FUNCTION litewire.num_typeof(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN n IS NULL THEN 'null' WHEN scale(n) = 0 THEN 'integer' ELSE 'real' END
$$;

-- The result of integer arithmetic: REAL beyond 64 bits.
CREATE OR REPLACE FUNCTION litewire.num_norm(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN scale(n) = 0 AND n BETWEEN -9223372036854775808 AND 9223372036854775807 THEN n ELSE litewire.r2n(n::float8) END
$$;

-- The number at the front of a text: 0 when there is none.
CREATE OR REPLACE FUNCTION litewire.num(t text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  p text;
  n numeric;
BEGIN
  IF length(t) <= 18 AND t ~ '^-?[0-9]+$' THEN
    RETURN t::numeric;
  END IF;
  p := substring(t FROM '^[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)');
  IF p IS NULL THEN
    RETURN 0;
  ELSIF p ~ '[eE][+-]?0*[1-9][0-9]{3}' THEN
    n := CASE WHEN p !~ '^[^eE]*[1-9]' OR p ~ '[eE]-' THEN 0 ELSE 'Infinity'::numeric END;
    RETURN CASE WHEN p ~ '^-' THEN -n ELSE n END + 0.0;
  END IF;
  n := p::numeric;
  IF abs(n) >= 1.7976931348623159e308 THEN
    RETURN CASE WHEN n < 0 THEN '-Infinity'::numeric ELSE 'Infinity' END;
  ELSIF p !~ '[.eE]' THEN
    RETURN litewire.num_norm(n);
  ELSIF abs(n) < 2.4703282292062329e-324 THEN
    RETURN 0.0;
  END IF;
  RETURN litewire.r2n(p::float8);
END $$;

-- NUMERIC affinity: NULL when the text as a whole does not look like a number, and so stays text.
CREATE OR REPLACE FUNCTION litewire.try_num(t text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n numeric;
BEGIN
  IF length(t) <= 18 AND t ~ '^-?[0-9]+$' THEN
    RETURN t::numeric;
  ELSIF t !~ '^[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*$' THEN
    RETURN NULL;
  END IF;
  n := litewire.num(t);
  IF scale(n) > 0 AND n = trunc(n) AND abs(n) <= 9223372036854774784 THEN
    RETURN trunc(litewire.exact(n::float8));
  END IF;
  RETURN n;
END $$;

CREATE OR REPLACE FUNCTION litewire.truth(t text) RETURNS bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.num(t) <> 0
$$;

-- CAST to INTEGER: the digits in front, cut to 64 bits.
CREATE OR REPLACE FUNCTION litewire.cast_int(t text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n numeric := coalesce(substring(t FROM '^[ \t\n\v\f\r]*([+-]?[0-9]+)')::numeric, 0);
BEGIN
  RETURN least(greatest(n, -9223372036854775808), 9223372036854775807)::int8;
END $$;

CREATE OR REPLACE FUNCTION litewire.cast_int_real(x float8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN x = 'NaN' THEN 0
              WHEN x > 9223372036854774784 THEN 9223372036854775807
              WHEN x < -9223372036854774784 THEN -9223372036854775808
              ELSE trunc(x)::int8 END
$$;

CREATE OR REPLACE FUNCTION litewire.cast_int_num(n numeric) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  -- greatest() leaves out a NULL.
  SELECT CASE WHEN n IS NOT NULL THEN trunc(least(greatest(n, -9223372036854775808), 9223372036854775807))::int8 END
$$;

CREATE OR REPLACE FUNCTION litewire.cast_real(t text) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.num(t)::float8
$$;

-- CAST to NUMERIC: an integer where a double within ±2^51 is one.
CREATE OR REPLACE FUNCTION litewire.cast_num(t text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n numeric := litewire.num(t);
BEGIN
  RETURN CASE WHEN scale(n) > 0 AND n = trunc(n) AND n >= -2251799813685248 AND n < 2251799813685248 THEN trunc(n) ELSE n END;
END $$;

-- Real arithmetic that becomes infinite instead of failing, and NULL for what is not a number.
CREATE OR REPLACE FUNCTION litewire._real_op(op "char", a float8, b float8) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
DECLARE
  r float8;
  n numeric;
BEGIN
  BEGIN
    r := CASE op WHEN '+' THEN a + b WHEN '-' THEN a - b WHEN '*' THEN a * b ELSE a / b END;
  EXCEPTION WHEN numeric_value_out_of_range THEN
    n := CASE op WHEN '+' THEN a::numeric + b::numeric WHEN '-' THEN a::numeric - b::numeric
                 WHEN '*' THEN a::numeric * b::numeric ELSE sign(a::numeric) * sign(b::numeric) * (abs(a) > abs(b))::int * 10 END;
    r := CASE WHEN abs(n) < 1 THEN 0::float8 WHEN n < 0 THEN '-Infinity' ELSE 'Infinity' END;
  END;
  RETURN litewire.r2n(nullif(r, 'NaN'));
END $$;

CREATE OR REPLACE FUNCTION litewire.n_add(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE WHEN scale(a) = 0 AND scale(b) = 0 AND a + b BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a + b
              ELSE litewire._real_op('+', a::float8, b::float8) END
$$;

CREATE OR REPLACE FUNCTION litewire.n_sub(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE WHEN scale(a) = 0 AND scale(b) = 0 AND a - b BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a - b
              ELSE litewire._real_op('-', a::float8, b::float8) END
$$;

CREATE OR REPLACE FUNCTION litewire.n_mul(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE WHEN scale(a) = 0 AND scale(b) = 0 AND a * b BETWEEN -9223372036854775808 AND 9223372036854775807 THEN a * b
              ELSE litewire._real_op('*', a::float8, b::float8) END
$$;

CREATE OR REPLACE FUNCTION litewire.n_div(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE WHEN b = 0 THEN NULL
              WHEN scale(a) = 0 AND scale(b) = 0 THEN litewire.num_norm(div(a, b))
              ELSE litewire._real_op('/', a::float8, b::float8) END
$$;

-- Both sides are cut to integers; the result is REAL when one of them was.
CREATE OR REPLACE FUNCTION litewire.n_mod(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN litewire.cast_int_num(b) = 0 THEN NULL
              WHEN scale(a) = 0 AND scale(b) = 0 THEN mod(a, b)
              ELSE mod(litewire.cast_int_num(a)::numeric, litewire.cast_int_num(b)::numeric) + 0.0 END
$$;

-- a << b; to the right when b is negative.
CREATE OR REPLACE FUNCTION litewire.shl(a int8, b int8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN a IS NULL OR b IS NULL THEN NULL
              WHEN b >= 64 THEN 0
              WHEN b >= 0 THEN a << b::int
              WHEN b <= -64 THEN CASE WHEN a < 0 THEN -1 ELSE 0 END
              ELSE a >> (-b)::int END
$$;

CREATE OR REPLACE FUNCTION litewire.round(x float8, n int8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF abs(x) >= 4503599627370496 THEN
    RETURN x;
  ELSIF n <= 0 THEN
    RETURN CASE WHEN x < 0 THEN ceil(x - 0.5) ELSE floor(x + 0.5) END;
  END IF;
  RETURN pg_catalog.round(litewire.exact(x), least(n, 30)::int)::float8;
END $$;

CREATE OR REPLACE FUNCTION litewire.random() RETURNS int8
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT ('x' || encode(pg_catalog.substr(uuid_send(u), 1, 4) || pg_catalog.substr(uuid_send(u), 11, 4), 'hex'))::bit(64)::int8
  FROM gen_random_uuid() AS u
$$;

CREATE OR REPLACE FUNCTION litewire.randomblob(n int8) RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT pg_catalog.substr(string_agg(pg_catalog.substr(uuid_send(u), 1, 4) || pg_catalog.substr(uuid_send(u), 11, 4), ''::bytea), 1, greatest(n, 1)::int)
  FROM (SELECT gen_random_uuid() AS u FROM generate_series(1, (greatest(n, 1) + 7) / 8)) AS q
$$;
