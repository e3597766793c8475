-- Strings.

-- substr(): positions from either end, negative lengths count backwards.
CREATE OR REPLACE FUNCTION litewire.substr(s text, p int8, n int8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  len int8 := length(s);
  p1 int8 := p;
  p2 int8 := n;
  neg bool := false;
BEGIN
  IF p2 < 0 THEN
    p2 := -p2;
    neg := true;
  END IF;
  IF p1 < 0 THEN
    p1 := p1 + len;
    IF p1 < 0 THEN
      p2 := p2 + p1;
      IF p2<0 THEN
        p2 := 0;
      END IF;
      p1 := 0;
    END IF;
  ELSIF p1 > 0 THEN
    p1 := p1 - 1;
  ELSIF p2 > 0 THEN
    p2 := p2 - 1;
  END IF;
  IF neg THEN
    p1 := p1 - p2;
    IF p1 < 0 THEN
      p2 := p2 + p1;
      p1 := 0;
    END IF;
  END IF;
  IF p2 <= 0 OR p1 >= len THEN
    RETURN '';
  END IF;
  RETURN pg_catalog.substr(s, p1::int+1, least(p2,len)::int);
END $$;

CREATE OR REPLACE FUNCTION litewire.substr2(s text, p int8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire.substr(s, p, 2147483647)
$$;

CREATE OR REPLACE FUNCTION litewire.substr_blob(s bytea, p int8, n int8) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  len int8 := length(s);
  p1 int8 := p;
  p2 int8 := n;
  neg bool := false;
BEGIN
  IF p2 < 0 THEN
    p2 := -p2;
    neg := true;
  END IF;
  IF p1 < 0 THEN
    p1 := p1 + len;
    IF p1 < 0 THEN
      p2 := p2 + p1;
      IF p2<0 THEN
        p2 := 0;
      END IF;
      p1 := 0;
    END IF;
  ELSIF p1 > 0 THEN
    p1 := p1 - 1;
  ELSIF p2 > 0 THEN
    p2 := p2 - 1;
  END IF;
  IF neg THEN
    p1 := p1 - p2;
    IF p1 < 0 THEN
      p2 := p2 + p1;
      p1 := 0;
    END IF;
  END IF;
  IF p2 <= 0 OR p1 >= len THEN
    RETURN ''::bytea;
  END IF;
  RETURN pg_catalog.substr(s, p1::int+1, least(p2,len)::int);
END $$;

CREATE OR REPLACE FUNCTION litewire.quote_text(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(''''||replace(t,'''','''''')||'''','NULL')
$$;

CREATE OR REPLACE FUNCTION litewire.quote_real(x float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE x WHEN 'Infinity' THEN '9.0e+999' WHEN '-Infinity' THEN '-9.0e+999' ELSE coalesce(litewire.real_text(x), 'NULL') END
$$;

CREATE OR REPLACE FUNCTION litewire.quote_int(x int8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(x::text,'NULL')
$$;

CREATE OR REPLACE FUNCTION litewire.quote_blob(x bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce('X'''||upper(encode(x,'hex'))||'''','NULL')
$$;

CREATE OR REPLACE FUNCTION litewire.hex(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(upper(encode(convert_to(t,'UTF8'),'hex')),'')
$$;

CREATE OR REPLACE FUNCTION litewire.hex_blob(t bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(upper(encode(t,'hex')),'')
$$;

CREATE OR REPLACE FUNCTION litewire.char(VARIADIC a int8[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF (SELECT bool_or(coalesce(c, 0) = 0) FROM unnest(a) AS u(c)) THEN
    RAISE EXCEPTION 'text with a NUL character is not supported here' USING ERRCODE = '0A000';
  END IF;
  RETURN (SELECT coalesce(string_agg(CASE
      WHEN c BETWEEN 1 AND 1114111 AND c NOT BETWEEN 55296 AND 57343 THEN chr(c::int)
      ELSE U&'\FFFD' END, '' ORDER BY o), '') FROM unnest(a) WITH ORDINALITY AS u(c, o));
END $$;

-- GLOB pattern -> anchored PG regex
CREATE OR REPLACE FUNCTION litewire.glob_re(p text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  i int := 1;
  n int := length(p);
  c text;
  r text := '^';
  k text;
  neg bool;
BEGIN
  WHILE i <= n LOOP
    c := pg_catalog.substr(p,i,1);
    IF c='*' THEN
      r := r||'.*';
    ELSIF c='?' THEN
      r := r||'.';
    ELSIF c='[' THEN
      i := i+1;
      neg := false;
      k := '';
      IF pg_catalog.substr(p,i,1)='^' THEN
        neg := true;
        i := i+1;
      END IF;
      IF pg_catalog.substr(p,i,1)=']' THEN
        k := '\]';
        i := i+1;
      END IF;
      WHILE i<=n AND pg_catalog.substr(p,i,1)<>']' LOOP
        c := pg_catalog.substr(p,i,1);
        k := k || CASE WHEN c ~ '[\\\[\]^]' THEN '\'||c ELSE c END;
        i := i+1;
      END LOOP;
      IF i>n OR k='' THEN
        RETURN '(?!)';
      END IF;
      IF right(k,1)='-' AND length(k)>1 THEN
        k := left(k,-1)||'\-';
      END IF;
      IF left(k,1)='-' THEN
        k := '\'||k;
      END IF;
      r := r||CASE WHEN neg THEN '[^' ELSE '[' END||k||']';
    ELSE
      r := r||CASE WHEN c ~ '[[:alnum:]_ ]' OR ascii(c)>127 THEN c ELSE '\'||c END;
    END IF;
    i := i+1;
  END LOOP;
  RETURN r||'$';
END $$;

-- The different texts of an array in the order in which each first stands; NULL when there are none. DISTINCT within an aggregate.
CREATE OR REPLACE FUNCTION litewire.firsts(a text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(t ORDER BY n) FROM (SELECT t, min(n) AS n FROM unnest(a) WITH ORDINALITY AS u(t, n) WHERE t IS NOT NULL GROUP BY t) AS q
$$;

-- unhex(): pairs of digits, with characters to be passed over between them; NULL for anything else.
CREATE OR REPLACE FUNCTION litewire.unhex(t text, passed text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  c text;
  digits text := '';
BEGIN
  -- A hexadecimal digit is never passed over.
  passed := regexp_replace(passed, '[0-9A-Fa-f]', '', 'g');
  FOREACH c IN ARRAY string_to_array(t, NULL) LOOP
    IF c ~ '[0-9A-Fa-f]' THEN
      digits := digits || c;
    ELSIF strpos(passed, c) = 0 OR length(digits) % 2 = 1 THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RETURN CASE length(digits) % 2 WHEN 0 THEN decode(digits, 'hex') END;
END $$;

-- unistr(): \XXXX, \+XXXXXX, \uXXXX and \UXXXXXXXX are characters, \\ is a backslash.
CREATE OR REPLACE FUNCTION litewire.unistr(t text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  m text[];
  code int8;
  made text := '';
BEGIN
  FOR m IN SELECT regexp_matches(t, '\\(?:\\|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))|([^\\]+)|(\\)', 'g') LOOP
    IF m[6] IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'invalid Unicode escape';
    END IF;
    code := ('x' || lpad(coalesce(m[1], m[2], m[3], m[4]), 16, '0'))::bit(64)::int8;
    made := made || coalesce(m[5], CASE WHEN code IS NULL THEN '\' ELSE chr(code::int) END);
  END LOOP;
  RETURN made;
END $$;

-- unistr_quote(): control characters make it a call of unistr().
CREATE OR REPLACE FUNCTION litewire.unistr_quote(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN t ~ '[\x01-\x1f]' THEN 'unistr(' || litewire.quote_text((
           SELECT string_agg(CASE WHEN c = '\' THEN '\\' WHEN c < ' ' THEN '\u' || lpad(to_hex(ascii(c)), 4, '0') ELSE c END, '' ORDER BY n)
           FROM unnest(string_to_array(t, NULL)) WITH ORDINALITY AS u(c, n))) || ')'
         ELSE litewire.quote_text(t) END
$$;

-- The input of median() and percentile(): a number, or text that is one as a whole.
CREATE OR REPLACE FUNCTION litewire.percentile_input(t text, name text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n constant numeric := litewire.try_num(t);
BEGIN
  IF n IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'input to ' || name || '() is not numeric';
  END IF;
  RETURN n::float8;
END $$;

-- percentile.c: the place of a fraction among the sorted numbers, between two of them unless it is to be one of them.
CREATE OR REPLACE FUNCTION litewire.percentile(a float8[], fraction float8, scale float8, discrete bool, name text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  sorted float8[];
  place float8;
  first int;
BEGIN
  IF fraction IS NULL OR fraction NOT BETWEEN 0 AND scale THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'the fraction argument to ' || name || '() is not between 0.0 and ' || litewire.real_text(scale);
  END IF;
  SELECT array_agg(x ORDER BY x) INTO sorted FROM unnest(a) AS u(x) WHERE x IS NOT NULL;
  IF sorted IS NULL THEN
    RETURN NULL;
  END IF;
  place := fraction * (cardinality(sorted) - 1) / scale;
  first := trunc(place);
  IF discrete OR place = first OR first = cardinality(sorted) - 1 THEN
    RETURN sorted[first + 1];
  END IF;
  RETURN sorted[first + 1] + (sorted[first + 2] - sorted[first + 1]) * (place - first);
END $$;

-- The escape character of a LIKE: one character, or an error.
CREATE OR REPLACE FUNCTION litewire.escape(c text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF length(c) <> 1 THEN
    RAISE EXCEPTION 'ESCAPE expression must be a single character' USING ERRCODE = '22023';
  END IF;
  RETURN c;
END $$;
