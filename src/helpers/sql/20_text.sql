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
  SELECT CASE x WHEN 'Infinity' THEN '9.0e+999' WHEN '-Infinity' THEN '-9.0e+999' ELSE coalesce(litewire.real_text(x),'NULL') END
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
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(CASE
      WHEN c BETWEEN 1 AND 1114111 AND c NOT BETWEEN 55296 AND 57343 THEN chr(c::int)
      -- PostgreSQL's text holds no NUL: chr(0) says so.
      WHEN coalesce(c,0)=0 THEN chr(coalesce(c,0)::int)
      ELSE U&'\FFFD' END,'' ORDER BY o),'') FROM unnest(a) WITH ORDINALITY u(c,o)
$$;

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
