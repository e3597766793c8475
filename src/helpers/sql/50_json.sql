-- JSON on the type json, which keeps the order of keys and the text of numbers.  Text that is no JSON fails in the cast to json.

CREATE OR REPLACE FUNCTION litewire.j_min(t text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(t, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g')
$$;

CREATE OR REPLACE FUNCTION litewire.json(t text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire.j_min(t::json::text)
$$;

CREATE OR REPLACE FUNCTION litewire.json_valid(t text) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
BEGIN
  PERFORM t::json;
  RETURN 1;
EXCEPTION WHEN OTHERS THEN
  RETURN 0;
END $$;

-- '$.a."b c"[0][#-1]' -> {a,b c,0,-1}; '[#]' -> '#'
CREATE OR REPLACE FUNCTION litewire.j_path(p text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  r text[] := '{}';
  m text[];
  s text := pg_catalog.substr(p,2);
BEGIN
  IF left(p,1)<>'$' THEN
    RAISE EXCEPTION 'bad JSON path: %', litewire.quote_text(p);
  END IF;
  WHILE s<>'' LOOP
    m := regexp_match(s,'^\."((?:[^"\\]|\\.)*)"(.*)$');
    IF m IS NULL THEN
      m := regexp_match(s,'^\.([^.\[]+)(.*)$');
    END IF;
    IF m IS NULL THEN
      m := regexp_match(s,'^\[(\d+)\](.*)$');
    END IF;
    IF m IS NULL THEN
      m := regexp_match(s,'^\[#(-\d+)\](.*)$');
    END IF;
    IF m IS NULL THEN
      m := regexp_match(s,'^\[(#)\](.*)$');
    END IF;
    IF m IS NULL THEN
      RAISE EXCEPTION 'bad JSON path: %', litewire.quote_text(p);
    END IF;
    r := r||m[1];
    s := m[2];
  END LOOP;
  RETURN r;
END $$;

-- JSON element -> SQL value (as text): null->NULL, true/false->1/0, string unquoted, containers minified
CREATE OR REPLACE FUNCTION litewire.j_sql(j json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE json_typeof(j)
           WHEN 'null' THEN NULL
           WHEN 'boolean' THEN CASE WHEN (j #>> '{}') = 'true' THEN '1' ELSE '0' END
           WHEN 'string' THEN j #>> '{}'
           WHEN 'number' THEN CASE WHEN j::text ~ '[.eE]' THEN litewire.real_text((j #>> '{}')::float8) ELSE j #>> '{}' END
           ELSE litewire.j_min(j::text) END
$$;

CREATE OR REPLACE FUNCTION litewire.j_type(j json) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE json_typeof(j)
      WHEN 'boolean' THEN j#>>'{}'
      WHEN 'string' THEN 'text'
      WHEN 'number' THEN CASE WHEN j::text ~ '[.eE]' THEN 'real' ELSE 'integer' END
      ELSE json_typeof(j) END
$$;

CREATE OR REPLACE FUNCTION litewire.json_extract(t text, p text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire.j_sql(t::json #> litewire.j_path(p))
$$;

CREATE OR REPLACE FUNCTION litewire.json_type(t text, p text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT litewire.j_type(t::json #> litewire.j_path(p))
$$;

-- The length of an array; 0 for anything else that is there.
CREATE OR REPLACE FUNCTION litewire.json_array_length(t text, p text) RETURNS int8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  j constant json := t::json #> litewire.j_path(p);
BEGIN
  RETURN CASE WHEN json_typeof(j) = 'array' THEN pg_catalog.json_array_length(j) WHEN j IS NOT NULL THEN 0 END;
END $$;

CREATE OR REPLACE FUNCTION litewire.jq_text(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(to_json(t)::text,'null')
$$;

CREATE OR REPLACE FUNCTION litewire.jq_real(x float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(litewire.real_text(x),'null')
$$;

-- json_set(m='s') / json_insert('i') / json_replace('r') / json_remove('d').  v = JSON text of the new value
CREATE OR REPLACE FUNCTION litewire.j_edit(j json, p text[], v text, m text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  k text;
  e json;
  o text[] := '{}';
  hit bool := false;
  i int := 0;
  n int;
  ix int;
BEGIN
  IF cardinality(p)=0 THEN
    RETURN CASE m WHEN 'd' THEN NULL WHEN 'i' THEN litewire.j_min(j::text) ELSE v END;
  END IF;
  IF json_typeof(j)='object' THEN
    FOR k,e IN SELECT * FROM json_each(j) LOOP
      IF k=p[1] AND NOT hit THEN
        hit := true;
        IF cardinality(p)=1 AND m='d' THEN
          CONTINUE;
        END IF;
        o := o||(to_json(k)::text||':'||litewire.j_edit(e,p[2:],v,m));
      ELSE
        o := o||(to_json(k)::text||':'||litewire.j_min(e::text));
      END IF;
    END LOOP;
    IF NOT hit AND m IN ('s','i') THEN
      o := o||(to_json(p[1])::text||':'||CASE WHEN cardinality(p)=1 THEN v ELSE litewire.j_edit(CASE
          WHEN p[2] IN ('0','#') THEN '[]'
          ELSE '{}' END::json,p[2:],v,m) END);
    END IF;
    RETURN '{'||array_to_string(o,',')||'}';
  ELSIF json_typeof(j)='array' THEN
    n := json_array_length(j);
    IF p[1]='#' THEN
      ix := n;
    ELSIF p[1] ~ '^-?\d+$' THEN
      ix := p[1]::int;
      IF ix<0 THEN
        ix := n+ix;
      END IF;
    ELSE
      RETURN litewire.j_min(j::text);
    END IF;
    FOR e IN SELECT * FROM json_array_elements(j) LOOP
      IF i=ix THEN
        IF NOT (cardinality(p)=1 AND m='d') THEN
          o := o||litewire.j_edit(e,p[2:],v,m);
        END IF;
      ELSE
        o := o||litewire.j_min(e::text);
      END IF;
      i := i+1;
    END LOOP;
    IF ix=n AND m IN ('s','i') THEN
      o := o||CASE WHEN cardinality(p)=1 THEN v ELSE litewire.j_edit('{}',p[2:],v,m) END;
    END IF;
    RETURN '['||array_to_string(o,',')||']';
  END IF;
  RETURN litewire.j_min(j::text);
END $$;

CREATE OR REPLACE FUNCTION litewire.j_patch(a json, b json) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  k text;
  e json;
  o text[] := '{}';
  bv json;
  seen text[] := '{}';
BEGIN
  IF json_typeof(b)<>'object' THEN
    RETURN litewire.j_min(b::text);
  END IF;
  IF a IS NULL OR json_typeof(a)<>'object' THEN
    a := '{}';
  END IF;
  FOR k,e IN SELECT * FROM json_each(a) LOOP
    seen := seen||k;
    bv := b->k;
    IF bv IS NULL THEN
      o := o||(to_json(k)::text||':'||litewire.j_min(e::text));
    ELSIF json_typeof(bv)='null' THEN
      CONTINUE;
    ELSE
      o := o||(to_json(k)::text||':'||litewire.j_patch(e,bv));
    END IF;
  END LOOP;
  FOR k,e IN SELECT * FROM json_each(b) LOOP
    IF k = ANY(seen) OR json_typeof(e)='null' THEN
      CONTINUE;
    END IF;
    o := o||(to_json(k)::text||':'||litewire.j_patch(NULL,e));
  END LOOP;
  RETURN '{'||array_to_string(o,',')||'}';
END $$;

-- '.key' or '."odd key"'.
CREATE OR REPLACE FUNCTION litewire._j_step(k text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN k ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || k ELSE '."' || k || '"' END
$$;

-- The members of an object or array, with the step of the path that leads to each; nothing for other values.
CREATE OR REPLACE FUNCTION litewire._j_members(j json) RETURNS TABLE(k text, v json, step text, n int8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT x.k, x.v, litewire._j_step(x.k), x.n
  FROM json_each(CASE WHEN json_typeof(j) = 'object' THEN j ELSE '{}' END) WITH ORDINALITY AS x (k, v, n)
  UNION ALL
  SELECT (x.n - 1)::text, x.v, '[' || (x.n - 1) || ']', x.n
  FROM json_array_elements(CASE WHEN json_typeof(j) = 'array' THEN j ELSE '[]' END) WITH ORDINALITY AS x (v, n)
$$;

-- json_each(): the members of what the path leads to, or that itself when it has none.  Values are text; ids only order the rows.
CREATE OR REPLACE FUNCTION litewire.json_each(t text, p text DEFAULT '$')
RETURNS TABLE(key text, value text, type text, atom text, id int8, parent int8, fullkey text, path text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH root AS (
    SELECT t::json #> litewire.j_path(p) AS j
  ), member AS (
    SELECT m.k, m.v, m.n, p || m.step AS full_key FROM root, litewire._j_members(root.j) AS m
    UNION ALL
    SELECT NULL, j, 1, p FROM root WHERE json_typeof(j) NOT IN ('object', 'array')
  )
  SELECT k, litewire.j_sql(v), litewire.j_type(v),
         CASE WHEN json_typeof(v) NOT IN ('object', 'array') THEN litewire.j_sql(v) END,
         n, NULL::int8, full_key, p
  FROM member
  ORDER BY n
$$;

-- json_tree(): the same through all levels, from what the path leads to.
CREATE OR REPLACE FUNCTION litewire.json_tree(t text, p text DEFAULT '$')
RETURNS TABLE(key text, value text, type text, atom text, id int8, parent int8, fullkey text, path text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH RECURSIVE node (k, v, full_key, above, place) AS (
    SELECT NULL::text, t::json #> litewire.j_path(p), p, p, ARRAY[]::int8[]
    UNION ALL
    SELECT m.k, m.v, node.full_key || m.step, node.full_key, node.place || m.n
    FROM node, LATERAL litewire._j_members(node.v) AS m
  )
  SELECT k, litewire.j_sql(v), litewire.j_type(v),
         CASE WHEN json_typeof(v) NOT IN ('object', 'array') THEN litewire.j_sql(v) END,
         row_number() OVER (ORDER BY place), NULL::int8, full_key, above
  FROM node
  WHERE v IS NOT NULL
  ORDER BY place
$$;
