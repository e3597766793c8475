-- JSON (json1.html, jsonb.html), in two forms.  The type json reads what RFC 8259 allows, keeping order, duplicates and the text of
-- numbers; SQLite's own JSONB, as bytea, is for what the type cannot do: edits, json_each(), JSON5 and the jsonb_…() functions.

-- Volatile, lest the planner evaluates them beforehand.
CREATE OR REPLACE FUNCTION litewire._j_malformed() RETURNS bytea
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22032', MESSAGE = 'malformed JSON';
END $$;

CREATE OR REPLACE FUNCTION litewire._j_bad_path(p text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'bad JSON path: ' || litewire.quote_text(p);
END $$;

-- JSONB: elements.  The kind is the low half of the first byte: 0 null, 1 true, 2 false, 3 integer, 4 hexadecimal, 5 real, 6 JSON5 real,
-- 7 text as it is, 8 with JSON's escapes, 9 with JSON5's, 10 raw, 11 array, 12 object.

-- The header of an element, in hexadecimal.
CREATE OR REPLACE FUNCTION litewire._jb_head(kind int, size int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN size <= 11 THEN lpad(to_hex(size << 4 | kind), 2, '0')
              WHEN size <= 255 THEN to_hex(192 | kind) || lpad(to_hex(size), 2, '0')
              WHEN size <= 65535 THEN to_hex(208 | kind) || lpad(to_hex(size), 4, '0')
              ELSE to_hex(224 | kind) || lpad(to_hex(size), 8, '0') END
$$;

CREATE OR REPLACE FUNCTION litewire._jb_node(kind int, payload bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT decode(litewire._jb_head(kind, length(payload)), 'hex') || payload
$$;

-- Where the payload of the element at an offset starts, and where it ends.
CREATE OR REPLACE FUNCTION litewire._jb_start(b bytea, i int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT i + CASE get_byte(b, i) >> 4 WHEN 12 THEN 2 WHEN 13 THEN 3 WHEN 14 THEN 5 WHEN 15 THEN 9 ELSE 1 END
$$;

CREATE OR REPLACE FUNCTION litewire._jb_stop(b bytea, i int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT i + CASE get_byte(b, i) >> 4
               WHEN 12 THEN 2 + get_byte(b, i + 1)
               WHEN 13 THEN 3 + ((get_byte(b, i + 1) << 8) | get_byte(b, i + 2))
               WHEN 14 THEN 5 + (((get_byte(b, i + 1) & 127) << 24) | (get_byte(b, i + 2) << 16) | (get_byte(b, i + 3) << 8) | get_byte(b, i + 4))
               WHEN 15 THEN 9 + (((get_byte(b, i + 5) & 127) << 24) | (get_byte(b, i + 6) << 16) | (get_byte(b, i + 7) << 8) | get_byte(b, i + 8))
               ELSE 1 + (get_byte(b, i) >> 4) END
$$;

CREATE OR REPLACE FUNCTION litewire._jb_payload(b bytea, i int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT convert_from(pg_catalog.substr(b, litewire._jb_start(b, i) + 1, litewire._jb_stop(b, i) - litewire._jb_start(b, i)), 'UTF8')
$$;

-- Text to JSONB (json5.org allowed).  For text that is no JSON: no blob, and the character at which that was seen.
CREATE OR REPLACE FUNCTION litewire._j_parse(t text, OUT blob bytea, OUT plain bool, OUT error int)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  space  constant text := '[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]';
  lexeme constant text := '(?:' || space || '|/\*(?:[^*]|\*+[^*/])*\*+/|//[^\n\r\u2028\u2029]*)+'
                       || '|"(?:[^"\\]|\\.)*"|''(?:[^''\\]|\\.)*''|[][{}:,"''/]'
                       || '|[^][{}:,"''/\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+';
  rfc    constant text := '\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})';
  json5  constant text := rfc || '|\\(?:[''v\n\r\u2028\u2029]|0(?![0-9])|x[0-9A-Fa-f]{2})';
  c text;
  first text;
  -- What may come: v a value, e an element or ], k a key or }, : the colon, m more or the end of a container, z nothing.
  want "char" := 'v';
  place int := 0;
  past int := 0;
  pieces text[] := '{}';
  size int := 0;
  kinds int[] := '{}';
  opened int[] := '{}';
  sizes int[] := '{}';
  depth int := 0;
  kind int;
  n int;
  head text;
BEGIN
  plain := true;
  error := 0;
  FOR c IN SELECT m[1] FROM regexp_matches(t, lexeme, 'g') AS m LOOP
    first := left(c, 1);
    IF first ~ space OR first = '/' AND length(c) > 1 THEN
      IF c !~ '^[ \t\n\r]*$' THEN
        plain := false;
      END IF;
      place := place + length(c);
      CONTINUE;
    END IF;
    kind := NULL;
    IF want = 'z' THEN
      error := 1;
      RETURN;
    ELSIF first IN ('{', '[') THEN
      IF want NOT IN ('v', 'e') OR depth = 1000 THEN
        error := place + 1;
        RETURN;
      END IF;
      pieces := pieces || ''::text;
      depth := depth + 1;
      kinds[depth] := CASE first WHEN '{' THEN 12 ELSE 11 END;
      opened[depth] := array_length(pieces, 1);
      sizes[depth] := size;
      want := CASE first WHEN '{' THEN 'k' ELSE 'e' END;
    ELSIF first IN ('}', ']') THEN
      IF depth = 0 OR kinds[depth] <> (CASE first WHEN '}' THEN 12 ELSE 11 END) OR want NOT IN ('e', 'k', 'm') THEN
        error := CASE WHEN want IN ('v', 'e') THEN past ELSE place END + 1;
        RETURN;
      END IF;
      n := size - sizes[depth];
      IF want <> 'm' AND n > 0 THEN
        plain := false;
      END IF;
      head := litewire._jb_head(kinds[depth], n);
      pieces[opened[depth]] := head;
      size := size + length(head) / 2;
      depth := depth - 1;
      want := CASE depth WHEN 0 THEN 'z' ELSE 'm' END;
    ELSIF first = ',' THEN
      IF want <> 'm' THEN
        error := CASE WHEN want IN ('v', 'e') THEN past ELSE place END + 1;
        RETURN;
      END IF;
      want := CASE kinds[depth] WHEN 12 THEN 'k' ELSE 'e' END;
    ELSIF first = ':' THEN
      IF want <> ':' THEN
        error := CASE WHEN want IN ('v', 'e') THEN past ELSE place END + 1;
        RETURN;
      END IF;
      want := 'v';
    ELSIF first IN ('"', '''') THEN
      IF length(c) = 1 THEN
        error := length(t) + 1;
        RETURN;
      END IF;
      c := pg_catalog.substr(c, 2, length(c) - 2);
      kind := 7;
      IF c ~ '[\x01-\x1f]' OR first = '''' AND strpos(c, '"') > 0 THEN
        kind := 9;
        plain := false;
      END IF;
      IF strpos(c, '\') > 0 THEN
        IF strpos(regexp_replace(c, rfc, '', 'g'), '\') = 0 THEN
          kind := greatest(kind, 8);
        ELSIF strpos(regexp_replace(c, json5, '', 'g'), '\') = 0 THEN
          kind := 9;
          plain := false;
        ELSE
          error := place + 3 + length(substring(c FROM '^(?:[^\\]|' || json5 || ')*'));
          RETURN;
        END IF;
      END IF;
      plain := plain AND first = '"';
      place := place + 2;
    ELSIF want = 'k' AND c ~ '^(?:[A-Za-z_$]|[^\x01-\x7f]|\\u[0-9A-Fa-f]{4})(?:[A-Za-z0-9_$]|[^\x01-\x7f]|\\u[0-9A-Fa-f]{4})*$'
      AND c !~ '^(?:true|false|null)$|^(?:inf|infinity|[qs]?nan)$' THEN
      kind := CASE WHEN strpos(c, '\') > 0 THEN 8 ELSE 7 END;
      plain := false;
    ELSIF c IN ('null', 'true', 'false') THEN
      kind := CASE c WHEN 'null' THEN 0 WHEN 'true' THEN 1 ELSE 2 END;
    ELSIF c ~ '^-?(?:0|[1-9][0-9]*)$' THEN
      kind := 3;
    ELSIF c ~ '^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$' THEN
      kind := 5;
    ELSE
      plain := false;
      place := place + length(c);
      first := left(c, 1);
      c := regexp_replace(c, '^\+', '');
      kind := CASE WHEN c ~ '^-?(?:0|[1-9][0-9]*)$' THEN 3
                   WHEN c ~ '^-?0[xX][0-9A-Fa-f]+$' THEN 4
                   WHEN c ~ '^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$' THEN 5
                   WHEN c ~ '^-?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$' THEN 6
                   WHEN c ~* '^-?inf(?:inity)?$' THEN 5
                   WHEN c ~* '^[qs]?nan$' AND first <> '+' THEN 0 END;
      IF kind IS NULL OR want NOT IN ('v', 'e') THEN
        place := place - length(c);
        n := CASE WHEN want IN ('v', 'e') THEN length(coalesce(substring(c FROM '^-?0(?=[0-9])'),
                    substring(c FROM '^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?'), ''))
                  WHEN want = 'k' THEN length(coalesce(substring(c FROM '^(?:[A-Za-z_$]|[^\x01-\x7f])(?:[A-Za-z0-9_$]|[^\x01-\x7f])*'), ''))
                  ELSE 0 END;
        error := CASE WHEN depth = 0 AND n > 0 AND pg_catalog.substr(c, n + 1, 1) !~ '[.eE0-9]' THEN 1 ELSE place + n + 1 END;
        RETURN;
      END IF;
      IF c ~* 'inf' THEN
        c := CASE first WHEN '-' THEN '-9e999' ELSE '9e999' END;
      END IF;
      place := place - length(c);
    END IF;
    IF kind IS NOT NULL THEN
      IF want = 'k' AND kind NOT IN (7, 8, 9) OR want NOT IN ('v', 'e', 'k') THEN
        error := CASE want WHEN 'k' THEN past ELSE place END + 1;
        RETURN;
      END IF;
      IF kind < 3 THEN
        pieces := pieces || lpad(to_hex(kind), 2, '0');
        size := size + 1;
      ELSE
        n := octet_length(c);
        head := litewire._jb_head(kind, n);
        pieces := pieces || (head || encode(convert_to(c, 'UTF8'), 'hex'));
        size := size + length(head) / 2 + n;
      END IF;
      want := CASE WHEN want = 'k' THEN ':' WHEN depth = 0 THEN 'z' ELSE 'm' END;
    END IF;
    place := place + length(c);
    past := place;
  END LOOP;
  IF want <> 'z' THEN
    error := CASE WHEN want IN ('k', 'm') THEN length(t) ELSE past END + 1;
    RETURN;
  END IF;
  blob := decode(array_to_string(pieces, ''), 'hex');
END $$;

CREATE OR REPLACE FUNCTION litewire.jb(t text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce((litewire._j_parse(t)).blob, litewire._j_malformed());
END $$;

-- A text with JSON5's escapes as one with JSON's.
CREATE OR REPLACE FUNCTION litewire._j_escapes(t text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(CASE
      WHEN c = '"' THEN '\"'
      WHEN c = '\''' THEN ''''
      WHEN c = '\v' THEN '\u000b'
      WHEN c = '\0' THEN '\u0000'
      WHEN c ~ '^\\x' THEN '\u00' || pg_catalog.substr(c, 3)
      WHEN c ~ '^\\[\r\n\u2028\u2029]' THEN ''
      WHEN c ~ '^[\x01-\x1f]$' THEN btrim(to_json(c)::text, '"')
      ELSE c END, '' ORDER BY n), '')
  FROM (SELECT m[1] AS c, n FROM regexp_matches(t, '\\x..|\\\r\n|\\.|[\x01-\x1f"]|[^\\"\x01-\x1f]+', 'g') WITH ORDINALITY AS q(m, n)) AS q
$$;

-- A hexadecimal integer in digits; beyond 64 bits it is infinite.
CREATE OR REPLACE FUNCTION litewire._j_hex(t text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  digits constant text := ltrim(pg_catalog.substr(t, CASE left(t, 1) WHEN '-' THEN 4 ELSE 3 END), '0');
  n numeric := 0;
BEGIN
  IF length(digits) > 16 THEN
    RETURN CASE left(t, 1) WHEN '-' THEN '-' ELSE '' END || '9.0e999';
  END IF;
  FOR i IN 1 .. length(digits) LOOP
    n := n * 16 + strpos('0123456789abcdef', lower(pg_catalog.substr(digits, i, 1))) - 1;
  END LOOP;
  RETURN CASE left(t, 1) WHEN '-' THEN '-' ELSE '' END || n;
END $$;

-- An element as JSON text.
CREATE OR REPLACE FUNCTION litewire._jb_text(b bytea, i int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  kind constant int := get_byte(b, i) & 15;
  stop int;
  at int;
  parts text[] := '{}';
  colon bool := false;
BEGIN
  CASE kind
    WHEN 0 THEN RETURN 'null';
    WHEN 1 THEN RETURN 'true';
    WHEN 2 THEN RETURN 'false';
    WHEN 3, 5 THEN RETURN litewire._jb_payload(b, i);
    WHEN 4 THEN RETURN litewire._j_hex(litewire._jb_payload(b, i));
    WHEN 6 THEN RETURN regexp_replace(regexp_replace(litewire._jb_payload(b, i), '^(-?)\.', '\10.'), '\.(?![0-9])', '.0');
    WHEN 7, 8 THEN RETURN '"' || litewire._jb_payload(b, i) || '"';
    WHEN 9 THEN RETURN '"' || litewire._j_escapes(litewire._jb_payload(b, i)) || '"';
    WHEN 10 THEN RETURN to_json(litewire._jb_payload(b, i))::text;
    ELSE
  END CASE;
  at := litewire._jb_start(b, i);
  stop := litewire._jb_stop(b, i);
  IF kind = 11 THEN
    WHILE at < stop LOOP
      parts := parts || litewire._jb_text(b, at);
      at := litewire._jb_stop(b, at);
    END LOOP;
    RETURN '[' || array_to_string(parts, ',') || ']';
  END IF;
  WHILE at < stop LOOP
    colon := NOT colon;
    parts := parts || litewire._jb_text(b, at) || CASE WHEN colon THEN ':' ELSE ',' END;
    at := litewire._jb_stop(b, at);
  END LOOP;
  RETURN '{' || left(array_to_string(parts, ''), -1) || '}';
END $$;

CREATE OR REPLACE FUNCTION litewire.jb_text(b bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire._jb_text(b, 0)
$$;

CREATE OR REPLACE FUNCTION litewire._jb_pretty(b bytea, i int, indent text, margin text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  kind constant int := get_byte(b, i) & 15;
  stop int;
  at int;
  label text;
  parts text[] := '{}';
BEGIN
  IF kind < 11 THEN
    RETURN litewire._jb_text(b, i);
  END IF;
  at := litewire._jb_start(b, i);
  stop := litewire._jb_stop(b, i);
  IF at = stop THEN
    RETURN CASE kind WHEN 11 THEN '[]' ELSE '{}' END;
  END IF;
  WHILE at < stop LOOP
    label := '';
    IF kind = 12 THEN
      label := litewire._jb_text(b, at) || ': ';
      at := litewire._jb_stop(b, at);
    END IF;
    parts := parts || (margin || indent || label || litewire._jb_pretty(b, at, indent, margin || indent));
    at := litewire._jb_stop(b, at);
  END LOOP;
  RETURN CASE kind WHEN 11 THEN '[' ELSE '{' END || E'\n' || array_to_string(parts, E',\n') || E'\n' || margin
      || CASE kind WHEN 11 THEN ']' ELSE '}' END;
END $$;

CREATE OR REPLACE FUNCTION litewire.jb_pretty(b bytea, indent text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire._jb_pretty(b, 0, coalesce(indent, '    '), '') WHERE b IS NOT NULL
$$;

-- A string element without its escapes.
CREATE OR REPLACE FUNCTION litewire._jb_string(b bytea, i int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF get_byte(b, i) & 15 IN (7, 10) THEN
    RETURN litewire._jb_payload(b, i);
  END IF;
  RETURN litewire._jb_text(b, i)::json #>> '{}';
END $$;

-- An element with its storage class; arrays and objects as text, or as JSONB.
CREATE OR REPLACE FUNCTION litewire._jb_value(b bytea, i int, blobs bool) RETURNS litewire."any"
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  CASE get_byte(b, i) & 15
    WHEN 0 THEN RETURN NULL;
    WHEN 1 THEN RETURN litewire.v_int(1);
    WHEN 2 THEN RETURN litewire.v_int(0);
    WHEN 3, 4, 5, 6 THEN RETURN litewire.v_num(litewire.num(litewire._jb_text(b, i)));
    WHEN 7, 8, 9, 10 THEN RETURN litewire.v_text(litewire._jb_string(b, i));
    ELSE
      IF blobs THEN
        RETURN litewire.v_blob(pg_catalog.substr(b, i + 1, litewire._jb_stop(b, i) - i));
      END IF;
      RETURN litewire.v_text(litewire._jb_text(b, i));
  END CASE;
END $$;

CREATE OR REPLACE FUNCTION litewire._jb_type(b bytea, i int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ('{"null",true,false,integer,integer,real,real,text,text,text,text,array,object}'::text[])[(get_byte(b, i) & 15) + 1]
$$;

-- Is an element well-formed as a whole?  0, or one more than the place of what is wrong.
CREATE OR REPLACE FUNCTION litewire._jb_check(b bytea, i int, stop int, depth int) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
DECLARE
  kind constant int := get_byte(b, i) & 15;
  at int;
  next int;
  bad int;
  count int := 0;
  t text;
BEGIN
  IF depth > 1000 OR kind > 12 OR litewire._jb_stop(b, i) <> stop THEN
    RETURN i + 1;
  END IF;
  at := litewire._jb_start(b, i);
  IF kind >= 11 THEN
    WHILE at < stop LOOP
      BEGIN
        next := litewire._jb_stop(b, at);
      EXCEPTION WHEN OTHERS THEN
        RETURN at + 1;
      END;
      IF next > stop OR kind = 12 AND count & 1 = 0 AND get_byte(b, at) & 15 NOT BETWEEN 7 AND 10 THEN
        RETURN at + 1;
      END IF;
      bad := litewire._jb_check(b, at, next, depth + 1);
      IF bad > 0 THEN
        RETURN bad;
      END IF;
      count := count + 1;
      at := next;
    END LOOP;
    RETURN CASE WHEN kind = 12 AND count & 1 = 1 THEN at + 1 ELSE 0 END;
  END IF;
  -- Bytes that are no UTF-8 are none of the check's business.
  t := convert_from(pg_catalog.substr(b, at + 1, stop - at), 'LATIN1');
  RETURN CASE WHEN CASE kind
      WHEN 3 THEN t ~ '^-?[0-9]+$'
      WHEN 4 THEN t ~ '^-?0[xX][0-9A-Fa-f]+$'
      WHEN 5 THEN t ~ '^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$'
                  AND t ~ '[.eE]'
      WHEN 6 THEN t ~ '^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$'
                  AND t ~ '[.eE]'
      WHEN 7 THEN t !~ '[\x01-\x1f"\\]'
      WHEN 8 THEN (SELECT q.plain AND q.blob IS NOT NULL FROM litewire._j_parse('"' || t || '"') AS q)
      WHEN 9 THEN (litewire._j_parse('"' || regexp_replace(t, '(\\.)|"', '\1', 'g') || '"')).blob IS NOT NULL
      WHEN 10 THEN true
      ELSE stop = i + 1 END THEN 0 ELSE i + 1 END;
EXCEPTION WHEN OTHERS THEN
  RETURN i + 1;
END $$;

-- Does a blob look like JSONB?  What is short enough to be text that was cast to a blob is looked at closely (json.c, jsonArgIsJsonb).
CREATE OR REPLACE FUNCTION litewire.is_jb(b bytea) RETURNS bool
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
DECLARE
  first int;
BEGIN
  IF length(b) = 0 THEN
    RETURN false;
  END IF;
  first := get_byte(b, 0);
  RETURN first & 15 <= 12 AND litewire._jb_stop(b, 0) = length(b) AND (first & 15 > 2 OR length(b) = litewire._jb_start(b, 0))
     AND (length(b) > 7 + litewire._jb_start(b, 0) OR NOT (first IN (123, 91) OR first BETWEEN 48 AND 57)
          OR litewire._jb_check(b, 0, length(b), 1) = 0);
EXCEPTION WHEN OTHERS THEN
  RETURN false;
END $$;

-- The text in a blob, which for SQLite ends at a NUL; no JSON where it is none.
CREATE OR REPLACE FUNCTION litewire._j_blob_text(b bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  RETURN convert_from(pg_catalog.substr(b, 1, (position('\x00'::bytea IN b || '\x00'::bytea)) - 1), 'UTF8');
EXCEPTION WHEN character_not_in_repertoire THEN
  RETURN '';
END $$;

-- A document as JSONB: from a blob, which may be text after all, and from a dynamic value.
CREATE OR REPLACE FUNCTION litewire.jb_blob(b bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  IF NOT litewire.is_jb(b) THEN
    RETURN litewire.jb(litewire._j_blob_text(b));
  ELSIF litewire._jb_check(b, 0, length(b), 1) > 0 THEN
    RETURN litewire._j_malformed();
  END IF;
  RETURN b;
END $$;

CREATE OR REPLACE FUNCTION litewire.jb_any(v litewire."any") RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.jb_blob((v).b) ELSE litewire.jb(litewire.any_text(v)) END
$$;

-- A value as an element of JSON.
CREATE OR REPLACE FUNCTION litewire.jbe_text(t text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN t IS NULL THEN '\x00' ELSE litewire._jb_node(10, convert_to(t, 'UTF8')) END
$$;

CREATE OR REPLACE FUNCTION litewire.jbe_num(n numeric) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN n IS NULL THEN '\x00'
              WHEN abs(n) = 'Infinity' THEN litewire._jb_node(5, CASE WHEN n > 0 THEN '9e999'::bytea ELSE '-9e999' END)
              ELSE litewire._jb_node(CASE scale(n) WHEN 0 THEN 3 ELSE 5 END, convert_to(litewire.num_text(n), 'UTF8')) END
$$;

CREATE OR REPLACE FUNCTION litewire.jbe_blob(b bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
  IF b IS NULL THEN
    RETURN '\x00';
  ELSIF NOT litewire.is_jb(b) THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'JSON cannot hold BLOB values';
  END IF;
  RETURN b;
END $$;

CREATE OR REPLACE FUNCTION litewire.jbe_any(v litewire."any") RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE (v).k
           WHEN 1 THEN litewire.jbe_num((v).n)
           WHEN 2 THEN litewire.jbe_text(litewire.any_text(v))
           WHEN 3 THEN litewire.jbe_blob((v).b)
           ELSE '\x00' END
$$;

-- The same as JSON text.
CREATE OR REPLACE FUNCTION litewire.je_text(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(to_json(t)::text, 'null')
$$;

CREATE OR REPLACE FUNCTION litewire.je_num(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN n IS NULL THEN 'null' WHEN n = 'Infinity' THEN '9.0e+999' WHEN n = '-Infinity' THEN '-9.0e+999' ELSE litewire.num_text(n) END
$$;

CREATE OR REPLACE FUNCTION litewire.je_real(x float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE x WHEN 'Infinity' THEN '9.0e+999' WHEN '-Infinity' THEN '-9.0e+999' ELSE coalesce(litewire.real_text(x), 'null') END
$$;

CREATE OR REPLACE FUNCTION litewire.je_blob(b bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT litewire._jb_text(litewire.jbe_blob(b), 0)
$$;

CREATE OR REPLACE FUNCTION litewire.je_any(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE (v).k
           WHEN 1 THEN litewire.je_num((v).n)
           WHEN 2 THEN to_json(litewire.any_text(v))::text
           WHEN 3 THEN litewire.je_blob((v).b)
           ELSE 'null' END
$$;

-- A key of json_object().
CREATE OR REPLACE FUNCTION litewire.je_key(t text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF t IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'json_object() labels must be TEXT';
  END IF;
  RETURN to_json(t)::text;
END $$;

CREATE OR REPLACE FUNCTION litewire.je_key_any(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.je_key(CASE (v).k WHEN 2 THEN litewire.any_text(v) END)
$$;

-- The first step of a path without its dollar: '.' and a key, or '[' and an index ('#-n' from the end); what follows; the key as
-- written where it has escapes.
CREATE OR REPLACE FUNCTION litewire._j_step(p text, whole text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  m text[];
BEGIN
  IF left(p, 1) = '[' THEN
    m := '{[}' || regexp_match(p, '^\[([0-9]+|#|#-[0-9]+)\](.*)$');
  ELSIF left(p, 2) = '."' THEN
    m := '{.}' || regexp_match(p, '^\."((?:[^"\\]|\\.)*)"(.*)$');
    IF strpos(m[2], '\') > 0 THEN
      m[4] := m[2];
      m[2] := ('"' || litewire._j_escapes(m[2]) || '"')::json #>> '{}';
    END IF;
  ELSIF left(p, 1) = '.' THEN
    m := '{.}' || regexp_match(p, '^\.([^.[]+)(.*)$');
  END IF;
  RETURN CASE WHEN cardinality(m) >= 3 THEN m ELSE litewire._j_bad_path(whole) END;
END $$;

-- The index that a step of a path asks for in an array, NULL before its front.
CREATE OR REPLACE FUNCTION litewire._j_index(step text, size int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN step = '#' THEN size
              WHEN left(step, 1) = '#' THEN CASE WHEN pg_catalog.substr(step, 3)::numeric <= size THEN size - pg_catalog.substr(step, 3)::int END
              ELSE least(step::numeric, 2147483647)::int END
$$;

CREATE OR REPLACE FUNCTION litewire._jb_count(b bytea, i int) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  at int := litewire._jb_start(b, i);
  stop constant int := litewire._jb_stop(b, i);
  n int := 0;
BEGIN
  WHILE at < stop LOOP
    at := litewire._jb_stop(b, at);
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;

-- Where a path leads: the element, and its label if it has one; NULL where there is nothing.
CREATE OR REPLACE FUNCTION litewire._jb_find(b bytea, path text, OUT at int, OUT label int)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  p text := pg_catalog.substr(path, 2);
  m text[];
  j int;
  stop int;
  n int;
BEGIN
  IF left(path, 1) <> '$' THEN
    PERFORM litewire._j_bad_path(path);
  END IF;
  at := 0;
  WHILE p <> '' LOOP
    IF left(p, 1) = '[' AND get_byte(b, at) & 15 <> 11 THEN
      at := NULL;
      RETURN;
    END IF;
    m := litewire._j_step(p, path);
    p := m[3];
    label := NULL;
    IF get_byte(b, at) & 15 <> (CASE m[1] WHEN '.' THEN 12 ELSE 11 END) THEN
      at := NULL;
      RETURN;
    END IF;
    j := litewire._jb_start(b, at);
    stop := litewire._jb_stop(b, at);
    IF m[1] = '.' THEN
      at := NULL;
      WHILE j < stop LOOP
        IF litewire._jb_string(b, j) = m[2] THEN
          label := j;
          at := litewire._jb_stop(b, j);
          EXIT;
        END IF;
        j := litewire._jb_stop(b, litewire._jb_stop(b, j));
      END LOOP;
    ELSE
      n := litewire._j_index(m[2], CASE WHEN left(m[2], 1) = '#' THEN litewire._jb_count(b, at) END);
      WHILE j < stop AND n > 0 LOOP
        j := litewire._jb_stop(b, j);
        n := n - 1;
      END LOOP;
      at := CASE WHEN n = 0 AND j < stop THEN j END;
    END IF;
    IF at IS NULL THEN
      RETURN;
    END IF;
  END LOOP;
END $$;

-- An element in place of one of a size: where a longer header makes them equal, it is given one (json.c, jsonBlobOverwrite).
CREATE OR REPLACE FUNCTION litewire._jb_over(size int, b bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  start constant int := litewire._jb_start(b, 0);
  longer constant int := start + size - length(b);
BEGIN
  IF longer <= start OR longer NOT IN (2, 3, 5, 9) OR get_byte(b, 0) & 15 <= 2 THEN
    RETURN b;
  END IF;
  RETURN decode(to_hex((CASE longer WHEN 2 THEN 192 WHEN 3 THEN 208 WHEN 5 THEN 224 ELSE 240 END) | (get_byte(b, 0) & 15))
      || lpad(to_hex(length(b) - start), 2 * longer - 2, '0'), 'hex') || pg_catalog.substr(b, start + 1);
END $$;

-- An element with the edit made that is asked for: r replace, i insert, s set, a insert into an array, d delete.  NULL where nothing is
-- found to be edited.
CREATE OR REPLACE FUNCTION litewire._jb_edit(b bytea, p text, new bytea, mode "char", path text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  kind constant int := get_byte(b, 0) & 15;
  first constant int := litewire._jb_start(b, 0);
  m text[];
  at int := first;
  value int;
  stop int;
  n int;
  child bytea;
BEGIN
  IF p = '' THEN
    RETURN CASE WHEN mode IN ('r', 's') THEN litewire._jb_over(length(b), new) ELSE b END;
  END IF;
  IF left(p, 1) = '[' AND kind <> 11 THEN
    RETURN NULL;
  END IF;
  m := litewire._j_step(p, path);
  p := m[3];
  IF kind <> (CASE m[1] WHEN '.' THEN 12 ELSE 11 END) THEN
    RETURN NULL;
  ELSIF kind = 12 THEN
    WHILE at < length(b) LOOP
      value := litewire._jb_stop(b, at);
      stop := litewire._jb_stop(b, value);
      EXIT WHEN litewire._jb_string(b, at) = m[2];
      at := stop;
    END LOOP;
  ELSE
    n := litewire._j_index(m[2], CASE WHEN left(m[2], 1) = '#' THEN litewire._jb_count(b, 0) END);
    WHILE at < length(b) AND n > 0 LOOP
      at := litewire._jb_stop(b, at);
      n := n - 1;
    END LOOP;
    IF n IS NULL OR n > 0 THEN
      RETURN NULL;
    ELSIF at < length(b) THEN
      value := at;
      stop := litewire._jb_stop(b, at);
    END IF;
  END IF;
  IF mode = 'a' AND kind = 12 AND right(p, 1) <> ']' AND (p = '' OR at = length(b)) THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'not an array element: ' || litewire.quote_text(path);
  ELSIF at < length(b) THEN
    IF p <> '' OR mode NOT IN ('a', 'd') THEN
      child := litewire._jb_edit(pg_catalog.substr(b, value + 1, stop - value), p, new, mode, path);
      IF child IS NULL THEN
        RETURN NULL;
      END IF;
      child := pg_catalog.substr(b, at + 1, value - at) || child;
    ELSIF mode = 'd' THEN
      child := '';
    ELSE
      child := new;
      stop := at;
    END IF;
  ELSIF mode IN ('d', 'r') THEN
    RETURN NULL;
  ELSE
    stop := at;
    child := CASE p WHEN '' THEN new ELSE litewire._jb_edit(CASE left(p, 1) WHEN '.' THEN '\x0c'::bytea ELSE '\x0b' END, p, new, mode, path) END;
    IF kind = 12 THEN
      child := litewire._jb_node(CASE WHEN m[4] IS NULL THEN 10 ELSE 9 END, convert_to(coalesce(m[4], m[2]), 'UTF8')) || child;
    END IF;
    IF child IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  RETURN litewire._jb_node(kind, pg_catalog.substr(b, first + 1, at - first) || child || pg_catalog.substr(b, stop + 1));
END $$;

CREATE OR REPLACE FUNCTION litewire.jb_edit(b bytea, path text, new bytea, mode "char") RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF b IS NULL OR path IS NULL THEN
    RETURN CASE mode WHEN 'd' THEN NULL ELSE b END;
  ELSIF left(path, 1) <> '$' THEN
    PERFORM litewire._j_bad_path(path);
  ELSIF path = '$' AND mode = 'd' THEN
    RETURN NULL;
  END IF;
  RETURN coalesce(litewire._jb_edit(b, pg_catalog.substr(path, 2), new, mode, path), b);
END $$;

-- json_patch(): RFC 7396.
CREATE OR REPLACE FUNCTION litewire.jb_patch(target bytea, patch bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  payload bytea;
  at int;
  value int;
  next int;
  i int;
  j int;
  stop int;
BEGIN
  IF get_byte(patch, 0) & 15 <> 12 THEN
    RETURN litewire._jb_over(length(target), patch);
  END IF;
  payload := CASE WHEN get_byte(target, 0) & 15 = 12 THEN pg_catalog.substr(target, litewire._jb_start(target, 0) + 1) ELSE '' END;
  at := litewire._jb_start(patch, 0);
  WHILE at < length(patch) LOOP
    value := litewire._jb_stop(patch, at);
    next := litewire._jb_stop(patch, value);
    i := 0;
    WHILE i < length(payload) LOOP
      j := litewire._jb_stop(payload, i);
      stop := litewire._jb_stop(payload, j);
      EXIT WHEN litewire._jb_string(payload, i) = litewire._jb_string(patch, at);
      i := stop;
    END LOOP;
    IF i < length(payload) THEN
      payload := pg_catalog.substr(payload, 1, i)
          || CASE WHEN get_byte(patch, value) & 15 = 0 THEN ''
                  ELSE pg_catalog.substr(payload, i + 1, j - i)
                    || litewire.jb_patch(pg_catalog.substr(payload, j + 1, stop - j), pg_catalog.substr(patch, value + 1, next - value)) END
          || pg_catalog.substr(payload, stop + 1);
    ELSIF get_byte(patch, value) & 15 > 0 THEN
      payload := payload || pg_catalog.substr(patch, at + 1, value - at)
          || litewire.jb_patch('\x00', pg_catalog.substr(patch, value + 1, next - value));
    END IF;
    at := next;
  END LOOP;
  RETURN litewire._jb_node(12, payload);
END $$;

-- The type json of a document: what RFC 8259 does not allow is first written as it does.
CREATE OR REPLACE FUNCTION litewire.j_doc(t text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  RETURN t::json;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN litewire.jb_text(litewire.jb(t))::json;
END $$;

CREATE OR REPLACE FUNCTION litewire.j_doc_blob(b bytea) RETURNS json
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
  SELECT litewire.jb_text(litewire.jb_blob(b))::json
$$;

CREATE OR REPLACE FUNCTION litewire.j_doc_any(v litewire."any") RETURNS json
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.j_doc_blob((v).b) ELSE litewire.j_doc(litewire.any_text(v)) END
$$;

-- JSON text without the space between its tokens.
CREATE OR REPLACE FUNCTION litewire.j_min(t text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN t ~ '\s' THEN regexp_replace(t, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') ELSE t END
$$;

CREATE OR REPLACE FUNCTION litewire.j_type(j json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE json_typeof(j)
           WHEN 'boolean' THEN j #>> '{}'
           WHEN 'string' THEN 'text'
           WHEN 'number' THEN CASE WHEN j::text ~ '[.eE]' THEN 'real' ELSE 'integer' END
           ELSE json_typeof(j) END
$$;

-- The length of an array; 0 for anything else that is there.
CREATE OR REPLACE FUNCTION litewire.j_length(j json) RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE json_typeof(j) WHEN 'array' THEN json_array_length(j) ELSE 0 END::int8
$$;

-- A member by its name: the first, where the type json would take the last.
CREATE OR REPLACE FUNCTION litewire._j_member(j json, name text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  v json;
  t constant text := j::text;
BEGIN
  IF json_typeof(j) <> 'object' THEN
    RETURN NULL;
  END IF;
  v := j -> name;
  IF v IS NOT NULL AND (strpos(t, '\') > 0 OR length(t) - length(replace(t, '"' || name || '"', '')) > length(name) + 2) THEN
    SELECT e.value INTO v FROM json_each(j) AS e WHERE e.key = name LIMIT 1;
  END IF;
  RETURN v;
END $$;

-- The element that the steps of a path lead to, written as _j_step() gives them: '.key', '[0', '[#-1'.
CREATE OR REPLACE FUNCTION litewire.j_at(j json, steps text[]) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  step text;
BEGIN
  FOREACH step IN ARRAY steps LOOP
    IF left(step, 1) = '.' THEN
      j := litewire._j_member(j, pg_catalog.substr(step, 2));
    ELSE
      step := ltrim(step, '[#');
      j := CASE WHEN step IN ('', '-0') OR length(step) > 9 THEN NULL ELSE j -> step::int END;
    END IF;
    IF j IS NULL THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RETURN j;
END $$;

-- The same by a path, of which no more is read than leads somewhere.
CREATE OR REPLACE FUNCTION litewire.j_get(j json, path text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  p text := pg_catalog.substr(path, 2);
  m text[];
BEGIN
  IF left(path, 1) <> '$' THEN
    PERFORM litewire._j_bad_path(path);
  END IF;
  WHILE p <> '' AND j IS NOT NULL LOOP
    IF left(p, 1) = '[' AND json_typeof(j) <> 'array' THEN
      RETURN NULL;
    END IF;
    m := litewire._j_step(p, path);
    j := litewire.j_at(j, ARRAY[m[1] || m[2]]);
    p := m[3];
  END LOOP;
  RETURN j;
END $$;

-- The path that the right operand of -> and ->> stands for.
CREATE OR REPLACE FUNCTION litewire.j_arrow(t text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN left(t, 1) = '$' THEN t
              WHEN t ~ '^[A-Za-z0-9_]*$' THEN '$.' || t
              WHEN t ~ '^\[.+\]$' THEN '$' || t
              ELSE '$."' || t || '"' END
$$;

CREATE OR REPLACE FUNCTION litewire.j_arrow_int(n int8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN n < 0 THEN '$[#' ELSE '$[' END || n || ']'
$$;

CREATE OR REPLACE FUNCTION litewire.j_arrow_any(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE litewire.any_typeof(v) WHEN 'integer' THEN litewire.j_arrow_int(litewire.any_num(v)::int8) ELSE litewire.j_arrow(litewire.any_text(v)) END
$$;

-- json_extract() of several paths.
CREATE OR REPLACE FUNCTION litewire.j_extracts(j json, VARIADIC paths text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  parts text[] := '{}';
  path text;
BEGIN
  FOREACH path IN ARRAY paths LOOP
    IF path IS NULL OR j IS NULL THEN
      RETURN NULL;
    END IF;
    parts := parts || coalesce(litewire.j_min(litewire.j_get(j, path)::text), 'null');
  END LOOP;
  RETURN '[' || array_to_string(parts, ',') || ']';
END $$;

-- An element as a JSON function takes it that is given the value of json_extract(): what is no array and no object goes through SQL.
CREATE OR REPLACE FUNCTION litewire.j_element(j json) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE WHEN json_typeof(j) IN ('array', 'object') THEN litewire.j_min(j::text) ELSE litewire.je_any(litewire.j_any(j)) END
$$;

-- jsonb_extract(): arrays and objects as JSONB.
CREATE OR REPLACE FUNCTION litewire.jb_extract(b bytea, path text) RETURNS litewire."any"
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  at constant int := (litewire._jb_find(b, path)).at;
BEGIN
  RETURN litewire._jb_value(b, at, true);
END $$;

CREATE OR REPLACE FUNCTION litewire.j_valid(t text, flags int8) RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
  IF coalesce(flags, 0) NOT BETWEEN 1 AND 15 THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'FLAGS parameter to json_valid() must be between 1 and 15';
  ELSIF t IS NULL THEN
    RETURN NULL;
  ELSIF flags & 3 = 0 THEN
    RETURN 0;
  END IF;
  PERFORM t::json;
  RETURN 1;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN (flags & 2 > 0 AND (litewire._j_parse(t)).blob IS NOT NULL)::int;
END $$;

CREATE OR REPLACE FUNCTION litewire.j_valid_blob(b bytea, flags int8) RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
  IF flags BETWEEN 1 AND 15 AND litewire.is_jb(b) THEN
    RETURN (flags & 4 > 0 OR flags & 8 > 0 AND litewire._jb_check(b, 0, length(b), 1) = 0)::int;
  END IF;
  RETURN litewire.j_valid(litewire._j_blob_text(b), flags);
END $$;

CREATE OR REPLACE FUNCTION litewire.j_valid_any(v litewire."any", flags int8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.j_valid_blob((v).b, flags) ELSE litewire.j_valid(litewire.any_text(v), flags) END
$$;

CREATE OR REPLACE FUNCTION litewire.j_error(t text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  PERFORM t::json;
  RETURN 0;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN (litewire._j_parse(t)).error;
END $$;

CREATE OR REPLACE FUNCTION litewire.j_error_blob(b bytea) RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
  SELECT CASE WHEN litewire.is_jb(b) THEN litewire._jb_check(b, 0, length(b), 1) ELSE litewire.j_error(litewire._j_blob_text(b)) END
$$;

CREATE OR REPLACE FUNCTION litewire.j_error_any(v litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.j_error_blob((v).b) ELSE litewire.j_error(litewire.any_text(v)) END
$$;

-- json_each() and json_tree() as json.c walks them: ids are places in the JSONB.
CREATE OR REPLACE FUNCTION litewire.jb_each(b bytea, root text, tree bool, blobs bool)
RETURNS TABLE(key litewire."any", value litewire."any", type text, atom litewire."any", id int8, parent int8, fullkey text, path text, rowid int8)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  at int;
  label int;
  -- The element at hand: its place with its label, its own place, and the end of all.
  i int;
  v int;
  stop int;
  -- The container it is in: 11 an array, 12 an object, 0 none.
  within int := 0;
  depth int := 0;
  heads int[] := '{}';
  stops int[] := '{}';
  kinds int[] := '{}';
  counts int8[] := '{}';
  paths text[] := '{}';
  cut int;
  name text;
  k int;
BEGIN
  IF b IS NULL OR root IS NULL THEN
    RETURN;
  END IF;
  SELECT f.at, f.label INTO at, label FROM litewire._jb_find(b, root) AS f;
  IF at IS NULL THEN
    RETURN;
  END IF;
  stop := litewire._jb_stop(b, at);
  path := root;
  rowid := 0;
  i := coalesce(label, at);
  IF NOT tree AND get_byte(b, at) & 15 >= 11 THEN
    i := litewire._jb_start(b, at);
    depth := 1;
    within := get_byte(b, at) & 15;
    heads[1] := i;
    stops[1] := stop;
    kinds[1] := 0;
    counts[1] := 0;
    paths[1] := root;
  ELSIF tree AND length(root) >= 2 THEN
    -- The step of the path that leads to this element (json.c, jsonEachPathLength).
    cut := length(root);
    WHILE cut > 1 LOOP
      cut := cut - 1;
      IF pg_catalog.substr(root, cut + 1, 1) IN ('.', '[') THEN
        BEGIN
          k := (litewire._jb_find(b, left(root, cut))).at;
        EXCEPTION WHEN invalid_parameter_value THEN
          k := NULL;
        END;
        EXIT WHEN litewire._jb_start(b, k) = i;
      END IF;
    END LOOP;
    path := left(root, cut);
    name := pg_catalog.substr(root, cut + 1);
    key := CASE WHEN left(name, 1) = '[' THEN litewire.v_int(litewire.cast_int(pg_catalog.substr(name, 2)))
                WHEN left(name, 2) = '."' THEN litewire.v_text(pg_catalog.substr(name, 3, length(name) - 3))
                ELSE litewire.v_text(pg_catalog.substr(name, 2)) END;
  END IF;
  WHILE i < stop LOOP
    v := CASE WHEN depth = 0 THEN at WHEN within = 12 THEN litewire._jb_stop(b, i) ELSE i END;
    fullkey := root;
    IF depth > 0 THEN
      path := paths[depth];
      IF within = 12 THEN
        key := litewire.v_text(litewire._jb_string(b, i));
        name := litewire._jb_payload(b, i);
        fullkey := path || CASE WHEN name ~ '^[A-Za-z][A-Za-z0-9]*$' THEN '.' || name ELSE '."' || name || '"' END;
      ELSE
        key := litewire.v_int(counts[depth]);
        fullkey := path || '[' || counts[depth] || ']';
      END IF;
    END IF;
    value := litewire._jb_value(b, v, blobs);
    type := litewire._jb_type(b, v);
    atom := CASE WHEN get_byte(b, v) & 15 < 11 THEN value END;
    id := i;
    parent := CASE WHEN tree THEN heads[depth] END;
    RETURN NEXT;
    rowid := rowid + 1;
    IF depth > 0 THEN
      counts[depth] := counts[depth] + 1;
    END IF;
    IF tree AND get_byte(b, v) & 15 >= 11 THEN
      depth := depth + 1;
      heads[depth] := i;
      stops[depth] := litewire._jb_stop(b, v);
      kinds[depth] := within;
      counts[depth] := 0;
      paths[depth] := fullkey;
      within := get_byte(b, v) & 15;
      i := litewire._jb_start(b, v);
    ELSE
      i := litewire._jb_stop(b, v);
    END IF;
    WHILE depth > 0 AND i >= stops[depth] LOOP
      within := kinds[depth];
      depth := depth - 1;
    END LOOP;
  END LOOP;
END $$;
