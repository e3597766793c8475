-- Full-text search (fts5.html; what FTS3 and FTS4 have of their own is in 93_fts3.sql).  A row of a full-text table has its tokens in `_fts_tokens`, column after column, and in `_fts_ends`
-- how many there are up to each column's end; an index over fts_terms(_fts_tokens) finds candidates, which are then looked at exactly.
--
-- A table is told by an object `spec`: c its columns, k its tokenizer (see fts_tokens), f its detail where that is not full.
-- A query is an object: e the expression, t its tsquery.  A node of the expression is one of
--   {"o": "and" | "or" | "not", "k": [nodes]}
--   {"o": "near", "d": distance, "c": [columns from 0] or null for all, "p": [phrases]}
-- and a phrase {"i": number, "w": [terms], "x": [is the term a prefix?], "f": only at a column's start}.
-- A hit is one number, (column << 48) | (offset << 16) | phrase, so that their order is that of SQLite's instances.

CREATE OR REPLACE FUNCTION litewire._fts5_error(message text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = message;
END $$;

-- A node restricted to some columns.
CREATE OR REPLACE FUNCTION litewire._fts5_columns(node jsonb, columns int[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF columns IS NULL THEN
    RETURN node;
  ELSIF node ->> 'o' <> 'near' THEN
    RETURN jsonb_set(node, '{k}', (SELECT jsonb_agg(litewire._fts5_columns(k, columns) ORDER BY at) FROM jsonb_array_elements(node -> 'k') WITH ORDINALITY AS u (k, at)));
  ELSIF jsonb_typeof(node -> 'c') = 'array' THEN
    columns := ARRAY(SELECT c::int FROM jsonb_array_elements_text(node -> 'c') AS c WHERE c::int = ANY (columns));
  END IF;
  RETURN jsonb_set(node, '{c}', to_jsonb(columns));
END $$;

-- Has the node a phrase without a term, or no column? Then it matches nothing.
CREATE OR REPLACE FUNCTION litewire._fts5_is_void(node jsonb) RETURNS bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT node -> 'c' = '[]' OR EXISTS (SELECT FROM jsonb_array_elements(node -> 'p') AS p WHERE p -> 'w' = '[]')
$$;

-- The tsquery that every row has which a node matches; NULL where none does.
CREATE OR REPLACE FUNCTION litewire._fts5_key(node jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  keys text[];
BEGIN
  IF node ->> 'o' = 'near' THEN
    IF litewire._fts5_is_void(node) THEN
      RETURN NULL;
    END IF;
    RETURN (SELECT string_agg('''' || replace(replace(left(w, 500), '\', '\\'), '''', '''''') || '''' || CASE WHEN x THEN ':*' ELSE '' END, ' & ')
            FROM jsonb_array_elements(node -> 'p') AS p,
              ROWS FROM (jsonb_array_elements_text(p -> 'w'), jsonb_array_elements_text(p -> 'x')) AS t (w, flag), LATERAL (SELECT flag::bool OR length(w) > 500) AS f (x));
  END IF;
  IF node ->> 'o' = 'not' THEN
    RETURN litewire._fts5_key(node -> 'k' -> 0);
  END IF;
  keys := ARRAY(SELECT litewire._fts5_key(k) FROM jsonb_array_elements(node -> 'k') AS k);
  IF node ->> 'o' = 'and' AND array_position(keys, NULL) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  keys := array_remove(keys, NULL);
  RETURN CASE WHEN cardinality(keys) > 0 THEN '(' || array_to_string(keys, CASE node ->> 'o' WHEN 'and' THEN ' & ' ELSE ' | ' END) || ')' END;
END $$;

-- An expression as a query.
CREATE OR REPLACE FUNCTION litewire._fts5_whole(node jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_object('e', node, 't', coalesce(litewire._fts5_key(node), '''' || E'\x01' || ''''))
$$;

-- Several MATCH of one table, as one query.
CREATE OR REPLACE FUNCTION litewire.fts5_both(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire._fts5_whole(jsonb_build_object('o', 'and', 'k', jsonb_build_array(a -> 'e', b -> 'e')))
$$;

CREATE OR REPLACE FUNCTION litewire.fts5_key(query jsonb) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (query ->> 't')::tsquery
$$;

-- The tokens of a query's syntax (fts5.html §3): a kind and its text in turn. S is a string, E an error.
CREATE OR REPLACE FUNCTION litewire._fts5_lex(query text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  rest text := coalesce(query, '');
  word text;
  out text[] := '{}';
BEGIN
  LOOP
    rest := ltrim(rest, E' \t\n\r');
    word := CASE WHEN rest = '' THEN '' ELSE coalesce(substring(rest FROM '^[(){}:,+*^-]'), substring(rest FROM '^"(?:[^"]|"")*"'),
      substring(rest FROM '^[A-Za-z0-9_\u001A\u0080-\U0010FFFF]+')) END;
    IF word IS NULL THEN
      RETURN out || ARRAY['E', CASE WHEN left(rest, 1) = '"' THEN 'unterminated string' ELSE format('fts5: syntax error near "%s"', left(rest, 1)) END];
    END IF;
    out := out || ARRAY[CASE WHEN word IN ('OR', 'AND', 'NOT', '') OR word ~ '^[(){}:,+*^-]' THEN word ELSE 'S' END, word];
    IF word = '' THEN
      RETURN out;
    END IF;
    rest := substr(rest, length(word) + 1);
  END LOOP;
END $$;

-- Parses a query, of FTS3 by its own rules. `column` is the one that MATCH names, NULL for the table; `phrase` the number of the first phrase.
CREATE OR REPLACE FUNCTION litewire.fts5_query(query text, spec jsonb, "column" int, phrase int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  lexed constant text[] := litewire._fts5_lex(query);
  names constant text[] := ARRAY(SELECT jsonb_array_elements_text(spec -> 'c'));
  kinds text[] := ARRAY(SELECT k FROM unnest(lexed) WITH ORDINALITY AS u (k, at) WHERE at % 2 = 1 ORDER BY at);
  words text[] := ARRAY(SELECT k FROM unnest(lexed) WITH ORDINALITY AS u (k, at) WHERE at % 2 = 0 ORDER BY at);
  at int := 1;
  kind text;
  -- Operands, and operators with the columns of open parentheses.
  operands jsonb[] := '{}';
  operators text[] := '{}';
  filters jsonb[] := '{}';
  list jsonb;
  node jsonb;
  phrases jsonb;
  filter int[];
  near bool;
  inverted bool;
  first bool;
  terms text[];
  prefixes bool[];
  more text[];
  found int;
  distance int;
BEGIN
  IF spec ? 'v' THEN
    RETURN litewire._fts3_query(query, spec, "column", phrase);
  ELSIF left(query, 1) = '*' THEN
    PERFORM litewire._fts5_error('unknown special query: ' || substr(query, 2));
  END IF;
  <<operand>>
  LOOP
    kind := kinds[at];
    IF kind = '(' THEN
      operators := operators || '('::text;
      filters := filters || 'null'::jsonb;
      at := at + 1;
      CONTINUE operand;
    END IF;
    -- Phrases and NEAR groups side by side: an implicit AND.
    list := NULL;
    LOOP
      kind := kinds[at];
      EXIT WHEN list IS NOT NULL AND kind NOT IN ('S', '{', '-', '^', 'E');
      filter := NULL;
      IF kind IN ('{', '-') OR kind = 'S' AND kinds[at + 1] = ':' THEN
        inverted := kind = '-';
        at := at + inverted::int;
        filter := '{}';
        near := kinds[at] = '{';
        at := at + near::int;
        LOOP
          IF kinds[at] <> 'S' THEN
            PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
          END IF;
          found := array_position(ARRAY(SELECT lower(n) FROM unnest(names) AS n), lower(litewire._fts5_string(words[at])));
          IF found IS NULL THEN
            PERFORM litewire._fts5_error('no such column: ' || litewire._fts5_string(words[at]));
          END IF;
          filter := filter || found - 1;
          at := at + 1;
          EXIT WHEN NOT near OR kinds[at] = '}';
        END LOOP;
        at := at + near::int;
        IF spec ->> 'f' = 'none' THEN
          PERFORM litewire._fts5_error('fts5: column queries are not supported (detail=none)');
        END IF;
        IF inverted THEN
          filter := ARRAY(SELECT c FROM generate_series(0, cardinality(names) - 1) AS c WHERE c <> ALL (filter));
        END IF;
        IF kinds[at] <> ':' THEN
          PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
        END IF;
        at := at + 1;
        IF kinds[at] = '(' AND list IS NULL THEN
          operators := operators || '('::text;
          filters := filters || to_jsonb(filter);
          at := at + 1;
          CONTINUE operand;
        END IF;
      END IF;
      first := kinds[at] = '^';
      at := at + first::int;
      near := NOT first AND kinds[at] = 'S' AND kinds[at + 1] = '(';
      found := at;
      at := at + near::int * 2;
      phrases := '[]';
      LOOP
        IF kinds[at] <> 'S' THEN
          PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
        END IF;
        terms := '{}';
        prefixes := '{}';
        LOOP
          more := litewire.fts_tokens(litewire._fts5_string(words[at]), spec -> 'k');
          terms := terms || more;
          at := at + 1;
          prefixes := prefixes || array_fill(false, ARRAY[cardinality(more)]);
          IF cardinality(terms) > 0 THEN
            prefixes[cardinality(terms)] := kinds[at] = '*';
          END IF;
          at := at + (kinds[at] = '*')::int;
          EXIT WHEN kinds[at] <> '+';
          at := at + 1;
          IF kinds[at] <> 'S' THEN
            PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
          END IF;
        END LOOP;
        -- A phrase without a term counts for nothing beside others.
        IF cardinality(terms) > 0 OR phrases = '[]' THEN
          IF phrases -> 0 -> 'w' = '[]' THEN
            phrases := '[]';
          END IF;
          phrases := phrases || jsonb_build_object('i', phrase, 'w', terms, 'x', prefixes, 'f', first AND cardinality(terms) > 0);
          phrase := phrase + 1;
        END IF;
        EXIT WHEN NOT near OR kinds[at] <> 'S';
      END LOOP;
      distance := 10;
      IF near THEN
        IF kinds[at] = ',' THEN
          at := at + 1;
          IF kinds[at] <> 'S' THEN
            PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
          END IF;
          at := at + 1;
        END IF;
        IF kinds[at] <> ')' THEN
          PERFORM litewire._fts5_error(CASE kinds[at] WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
        END IF;
        IF words[found] <> 'NEAR' THEN
          PERFORM litewire._fts5_error(format('fts5: syntax error near "%s"', words[found]));
        END IF;
        IF kinds[at - 2] = ',' THEN
          IF words[at - 1] !~ '^[0-9]+$' THEN
            PERFORM litewire._fts5_error(format('expected integer, got "%s"', words[at - 1]));
          END IF;
          distance := least(words[at - 1]::numeric, 2147483639);
        END IF;
        at := at + 1;
      END IF;
      IF spec ? 'f' AND (jsonb_array_length(phrases) <> 1 OR jsonb_array_length(phrases -> 0 -> 'w') > 1 OR (phrases -> 0 -> 'f')::bool) THEN
        PERFORM litewire._fts5_error(format('fts5: %s queries are not supported (detail!=full)', CASE jsonb_array_length(phrases) WHEN 1 THEN 'phrase' ELSE 'NEAR' END));
      END IF;
      node := jsonb_build_object('o', 'near', 'd', distance, 'c', filter, 'p', phrases);
      -- An empty string beside others counts for nothing either.
      IF list IS NULL THEN
        list := jsonb_build_array(node);
      ELSIF phrases -> 0 -> 'w' <> '[]' THEN
        IF list -> -1 -> 'p' -> 0 -> 'w' = '[]' THEN
          list := list - -1;
        END IF;
        list := list || node;
      END IF;
    END LOOP;
    operands := operands || CASE jsonb_array_length(list) WHEN 1 THEN list -> 0 ELSE jsonb_build_object('o', 'and', 'k', list) END;
    LOOP
      kind := kinds[at];
      IF kind NOT IN ('AND', 'OR', 'NOT', ')', '') THEN
        PERFORM litewire._fts5_error(CASE kind WHEN 'E' THEN words[at] ELSE format('fts5: syntax error near "%s"', words[at]) END);
      END IF;
      -- NOT binds tighter than AND, and AND than OR; all from the left.
      WHILE cardinality(operators) > 0 AND operators[cardinality(operators)] <> '('
          AND position(operators[cardinality(operators)] IN 'OR AND NOT') >= (CASE kind WHEN 'OR' THEN 1 WHEN 'AND' THEN 4 WHEN 'NOT' THEN 8 ELSE 0 END) LOOP
        node := jsonb_build_object('o', lower(operators[cardinality(operators)]),
          'k', jsonb_build_array(operands[cardinality(operands) - 1], operands[cardinality(operands)]));
        operands := operands[:cardinality(operands) - 2] || node;
        operators := operators[:cardinality(operators) - 1];
        filters := filters[:cardinality(filters) - 1];
      END LOOP;
      EXIT operand WHEN kind = '' AND cardinality(operators) = 0;
      IF kind = '' OR kind = ')' AND cardinality(operators) = 0 THEN
        PERFORM litewire._fts5_error(format('fts5: syntax error near "%s"', words[at]));
      END IF;
      at := at + 1;
      IF kind <> ')' THEN
        operators := operators || kind;
        filters := filters || 'null'::jsonb;
        CONTINUE operand;
      END IF;
      node := filters[cardinality(filters)];
      IF node <> 'null' THEN
        operands[cardinality(operands)] := litewire._fts5_columns(operands[cardinality(operands)], ARRAY(SELECT jsonb_array_elements_text(node)::int));
      END IF;
      operators := operators[:cardinality(operators) - 1];
      filters := filters[:cardinality(filters) - 1];
    END LOOP;
  END LOOP;
  IF "column" IS NOT NULL AND spec ->> 'f' = 'none' THEN
    PERFORM litewire._fts5_error('fts5: column queries are not supported (detail=none)');
  END IF;
  RETURN litewire._fts5_whole(litewire._fts5_columns(operands[1], CASE WHEN "column" IS NOT NULL THEN ARRAY["column"] END));
END $$;

-- A string of a query without its quotes.
CREATE OR REPLACE FUNCTION litewire._fts5_string(word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN left(word, 1) = '"' THEN replace(substr(word, 2, length(word) - 2), '""', '"') ELSE word END
$$;

-- Where a phrase stands: (column << 32) | offset, in order.
CREATE OR REPLACE FUNCTION litewire._fts5_places(phrase jsonb, columns jsonb, tokens text[], ends int4[]) RETURNS int8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  terms constant text[] := ARRAY(SELECT jsonb_array_elements_text(phrase -> 'w'));
  prefixes constant bool[] := ARRAY(SELECT jsonb_array_elements_text(phrase -> 'x')::bool);
  among constant int[] := CASE jsonb_typeof(columns) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(columns)::int) END;
  first constant bool := phrase -> 'f';
  size constant int := cardinality(terms);
  places int8[] := '{}';
  starts int[];
  col int := 1;
  at int;
  fits bool;
BEGIN
  IF size = 0 THEN
    RETURN places;
  END IF;
  starts := CASE WHEN prefixes[1] THEN ARRAY(SELECT n FROM unnest(tokens) WITH ORDINALITY AS u (t, n) WHERE starts_with(t, terms[1]) ORDER BY n)
    ELSE array_positions(tokens, terms[1]) END;
  FOREACH at IN ARRAY starts LOOP
    WHILE at > ends[col] LOOP
      col := col + 1;
    END LOOP;
    CONTINUE WHEN at + size - 1 > ends[col] OR among IS NOT NULL AND col - 1 <> ALL (among) OR first AND at <> coalesce(ends[col - 1], 0) + 1;
    fits := true;
    FOR n IN 2 .. size LOOP
      fits := CASE WHEN prefixes[n] THEN starts_with(tokens[at + n - 1], terms[n]) ELSE tokens[at + n - 1] = terms[n] END;
      EXIT WHEN NOT fits;
    END LOOP;
    IF fits THEN
      places := places || ((col - 1)::int8 << 32 | at - coalesce(ends[col - 1], 0) - 1);
    END IF;
  END LOOP;
  RETURN places;
END $$;

-- The hits of a node in a row; NULL where there are none. Those of a node that does not match start with -1: of a NEAR group all of
-- whose terms the row has, SQLite counts the phrases before the first that is missing, where another part of the query matches.
CREATE OR REPLACE FUNCTION litewire._fts5_hits(node jsonb, tokens text[], ends int4[]) RETURNS int8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  hits int8[] := '{}';
  more int8[];
  child jsonb;
  phrase jsonb;
  matched bool := false;
  -- Of a NEAR group: each phrase's places, one after the other, where they start and end, which one is looked at.
  places int8[] := '{}';
  heads int[] := '{}';
  tails int[] := '{}';
  sizes int[] := '{}';
  numbers int[] := '{}';
  kept int[] := '{}';
  latest int8;
  earliest int8;
  next int8;
  advance int;
BEGIN
  IF node ->> 'o' = 'near' THEN
    IF litewire._fts5_is_void(node) THEN
      RETURN NULL;
    END IF;
    FOR phrase IN SELECT jsonb_array_elements(node -> 'p') LOOP
      more := litewire._fts5_places(phrase, coalesce(phrase -> 'c', node -> 'c'), tokens, ends);
      IF more = '{}' THEN
        -- FTS5 has looked at the phrases before this one where the row has all the terms.
        RETURN CASE WHEN places <> '{}' AND NOT node ? 'n' AND litewire.fts_terms(tokens) @@ litewire._fts5_key(jsonb_set(node, '{c}', 'null'))::tsquery
          THEN -1::int8 || ARRAY(SELECT places[n] << 16 | numbers[i] FROM unnest(numbers) WITH ORDINALITY AS u (number, i),
            generate_series(heads[i], tails[i]) AS n ORDER BY 1) END;
      END IF;
      heads := heads || cardinality(places) + 1;
      places := places || more;
      tails := tails || cardinality(places);
      sizes := sizes || jsonb_array_length(phrase -> 'w');
      numbers := numbers || (phrase ->> 'i')::int;
      kept := kept || 0;
    END LOOP;
    IF cardinality(heads) = 1 THEN
      RETURN ARRAY(SELECT p << 16 | numbers[1] FROM unnest(places) AS p ORDER BY p);
    ELSIF node ? 'n' THEN
      RETURN litewire._fts3_near(places, heads, tails, sizes, numbers, ARRAY(SELECT jsonb_array_elements_text(node -> 'n')::int));
    END IF;
    -- Each set of places of which all stand near enough, as fts5ExprNearIsMatch() finds them.
    <<search>>
    LOOP
      latest := places[heads[1]];
      LOOP
        matched := true;
        FOR i IN 1 .. cardinality(heads) LOOP
          earliest := latest - sizes[i] - (node -> 'd')::int8;
          IF places[heads[i]] < earliest OR places[heads[i]] > latest THEN
            matched := false;
            WHILE places[heads[i]] < earliest LOOP
              heads[i] := heads[i] + 1;
              EXIT search WHEN heads[i] > tails[i];
            END LOOP;
            latest := greatest(latest, places[heads[i]]);
          END IF;
        END LOOP;
        EXIT WHEN matched;
      END LOOP;
      FOR i IN 1 .. cardinality(heads) LOOP
        IF kept[i] <> heads[i] THEN
          hits := hits || (places[heads[i]] << 16 | numbers[i]);
          kept[i] := heads[i];
        END IF;
      END LOOP;
      advance := 1;
      next := NULL;
      FOR i IN 1 .. cardinality(heads) LOOP
        earliest := CASE WHEN heads[i] < tails[i] THEN places[heads[i] + 1] ELSE 1::int8 << 62 END;
        IF next IS NULL OR earliest < next THEN
          next := earliest;
          advance := i;
        END IF;
      END LOOP;
      heads[advance] := heads[advance] + 1;
      EXIT search WHEN heads[advance] > tails[advance];
    END LOOP;
    RETURN CASE WHEN hits <> '{}' THEN ARRAY(SELECT h FROM unnest(hits) AS h ORDER BY h) END;
  END IF;
  IF node ->> 'o' = 'not' THEN
    hits := litewire._fts5_hits(node -> 'k' -> 0, tokens, ends);
    IF hits IS NULL OR hits[1] = -1 THEN
      RETURN hits;
    END IF;
    more := litewire._fts5_hits(node -> 'k' -> 1, tokens, ends);
    RETURN CASE WHEN more IS NULL THEN hits WHEN more[1] = -1 THEN ARRAY(SELECT h FROM unnest(hits || more[2:]) AS h ORDER BY h) END;
  END IF;
  FOR child IN SELECT jsonb_array_elements(node -> 'k') LOOP
    more := litewire._fts5_hits(child, tokens, ends);
    IF more[1] IS DISTINCT FROM -1 AND more IS NOT NULL THEN
      matched := true;
      hits := hits || more;
    ELSIF node ->> 'o' = 'and' THEN
      RETURN NULL;
    ELSE
      hits := hits || more[2:];
    END IF;
  END LOOP;
  RETURN CASE WHEN matched OR hits <> '{}' THEN ARRAY(SELECT h FROM unnest(CASE WHEN matched THEN hits ELSE -1::int8 || hits END) AS h ORDER BY h) END;
END $$;

-- Does a row match?
CREATE OR REPLACE FUNCTION litewire.fts5_match(query jsonb, tokens text[], ends int4[]) RETURNS bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
  SELECT coalesce(h[1] IS DISTINCT FROM -1 AND h IS NOT NULL, false) FROM (SELECT litewire._fts5_hits(query -> 'e', tokens, ends) AS h OFFSET 0) AS u
$$;

-- The phrases of a node, each alone in a node of its own.
CREATE OR REPLACE FUNCTION litewire._fts5_phrases(node jsonb) RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH RECURSIVE nodes AS (
    SELECT node AS n UNION ALL SELECT k FROM nodes, jsonb_array_elements(n -> 'k') AS k
  )
  SELECT jsonb_set(n, '{p}', jsonb_build_array(p)) FROM nodes, jsonb_array_elements(n -> 'p') AS p ORDER BY (p -> 'i')::int
$$;

-- What bm25() needs to know of a table: the mean number of tokens of a row, then each phrase's number and inverse document frequency.
CREATE OR REPLACE FUNCTION litewire.fts5_statistics(of regclass, query jsonb) RETURNS float8[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  n int8;
  tokens int8;
  hits int8;
  phrase jsonb;
  idf float8;
  out float8[];
BEGIN
  EXECUTE format('SELECT count(*), coalesce(sum(_fts_ends[cardinality(_fts_ends)]), 0) FROM %s', of) INTO n, tokens;
  IF n = 0 THEN
    RETURN NULL;
  END IF;
  out := ARRAY[tokens::float8 / n::float8];
  FOR phrase IN SELECT litewire._fts5_phrases(query -> 'e') LOOP
    EXECUTE format('SELECT count(*) FROM %s WHERE litewire.fts_terms(_fts_tokens) @@ $1 AND litewire.fts5_match($2, _fts_tokens, _fts_ends)', of)
      INTO hits USING litewire.fts5_key(litewire._fts5_whole(phrase)), jsonb_build_object('e', phrase);
    idf := ln((n - hits + 0.5::float8) / (hits + 0.5::float8));
    out := out || ARRAY[(phrase -> 'p' -> 0 -> 'i')::float8, CASE WHEN idf <= 0 THEN 1e-6::float8 ELSE idf END];
  END LOOP;
  RETURN out;
END $$;

CREATE OR REPLACE FUNCTION litewire.fts5_bm25(query jsonb, tokens text[], ends int4[], statistics float8[], weights float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  hits constant int8[] := litewire._fts5_hits(query -> 'e', tokens, ends);
  k1 constant float8 := 1.2;
  b constant float8 := 0.75;
  score float8 := 0;
  frequency float8;
  hit int8;
BEGIN
  FOR i IN 1 .. cardinality(statistics) / 2 LOOP
    frequency := 0;
    FOREACH hit IN ARRAY coalesce(hits, '{}') LOOP
      IF hit & 65535 = statistics[2 * i] THEN
        frequency := frequency + coalesce(weights[(hit >> 48) + 1], 1.0);
      END IF;
    END LOOP;
    score := score + statistics[2 * i + 1] * ((frequency * (k1 + 1.0::float8))
      / (frequency + k1 * (1 - b + b * ends[cardinality(ends)]::float8 / statistics[1])));
  END LOOP;
  RETURN -1.0::float8 * score;
END $$;

-- The weights in a text like `bm25(10.0, 5.0)`: what `rank` computes.
CREATE OR REPLACE FUNCTION litewire.fts5_weights(rank text) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  parts constant text[] := regexp_match(rank, '^\s*([A-Za-z0-9_]+)\s*\(\s*((?:[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*(?:,\s*|(?=\))))*)\)\s*$');
BEGIN
  IF parts IS NULL THEN
    PERFORM litewire._fts5_error(format('parse error in rank function: %s', rank));
  ELSIF lower(parts[1]) <> 'bm25' THEN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('a rank function other than bm25(): %s', parts[1]);
  END IF;
  RETURN ARRAY(SELECT w::float8 FROM regexp_split_to_table(parts[2], '[\s,]+') AS w WHERE w <> '');
END $$;

-- The weights that a table's `rank` has.
CREATE OR REPLACE FUNCTION litewire.fts5_rank(of regclass) RETURNS float8[]
LANGUAGE sql STABLE AS $$
  SELECT litewire.fts5_weights(coalesce((SELECT value FROM litewire.meta WHERE key = 'rank ' || of::oid), 'bm25()'))
$$;

-- The spans of tokens that a column's hits cover, those that touch in one: first and last of each in turn.
CREATE OR REPLACE FUNCTION litewire._fts5_spans(query jsonb, hits int8[], col int) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  sizes jsonb := '{}';
  out int[] := '{}';
  hit int8;
  at int;
  last int;
BEGIN
  SELECT jsonb_object_agg(p -> 'p' -> 0 ->> 'i', jsonb_array_length(p -> 'p' -> 0 -> 'w')) INTO sizes FROM litewire._fts5_phrases(query -> 'e') AS p;
  FOREACH hit IN ARRAY coalesce(hits, '{}') LOOP
    CONTINUE WHEN hit >> 48 <> col;
    at := hit >> 16 & 4294967295;
    last := at - 1 + (sizes ->> (hit & 65535)::text)::int;
    IF out <> '{}' AND at <= out[cardinality(out)] THEN
      out[cardinality(out)] := greatest(out[cardinality(out)], last);
    ELSE
      out := out || ARRAY[at, last];
    END IF;
  END LOOP;
  RETURN out;
END $$;

-- highlight() of a text, or of its tokens from `range_start` to `range_end`; as fts5HighlightCb() does it.
CREATE OR REPLACE FUNCTION litewire._fts5_marked(t text, spans int[], offsets int4[], "open" text, "close" text, range_start int, range_end int,
  OUT marked text, OUT done int)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  span int := 1;
  is_open bool := false;
  head int;
  tail int;
BEGIN
  marked := '';
  done := 0;
  WHILE spans[span] < range_start LOOP
    span := span + 2;
  END LOOP;
  FOR at IN range_start .. least(range_end, cardinality(offsets) / 2 - 1) LOOP
    head := offsets[2 * at + 1];
    tail := offsets[2 * at + 2];
    IF range_start > 0 AND at = range_start THEN
      done := head;
    END IF;
    IF is_open AND (spans[span] IS NULL OR at <= spans[span]) AND head > done THEN
      marked := marked || "close";
      is_open := false;
    END IF;
    IF at = spans[span] AND NOT is_open THEN
      marked := marked || substr(t, done + 1, head - done) || "open";
      done := head;
      is_open := true;
    END IF;
    IF at = spans[span + 1] THEN
      IF NOT is_open THEN
        marked := marked || "open";
        is_open := true;
      END IF;
      marked := marked || substr(t, done + 1, greatest(tail - done, 0));
      done := tail;
      span := span + 2;
    END IF;
    IF at = range_end THEN
      IF is_open THEN
        IF spans[span] IS NOT NULL AND at >= spans[span] THEN
          marked := marked || substr(t, done + 1, greatest(tail - done, 0));
          done := tail;
        END IF;
        marked := marked || "close";
        is_open := false;
      END IF;
      marked := marked || substr(t, done + 1, greatest(tail - done, 0));
      done := tail;
    END IF;
  END LOOP;
  IF is_open THEN
    marked := marked || "close";
  END IF;
END $$;

-- `texts` are those of the table's columns. Without a query there are no hits.
CREATE OR REPLACE FUNCTION litewire.fts5_highlight(query jsonb, tokens text[], ends int4[], spec jsonb, texts text[], col int8, "open" text, "close" text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  t text;
  made record;
BEGIN
  col := greatest(least(coalesce(col, 0), 2147483647), -1);
  IF col NOT BETWEEN 0 AND jsonb_array_length(spec -> 'c') - 1 THEN
    RETURN '';
  END IF;
  t := texts[col + 1];
  made := litewire._fts5_marked(t, litewire._fts5_spans(query, litewire._fts5_hits(query -> 'e', tokens, ends), col::int),
    litewire.fts_offsets(t, spec -> 'k'), coalesce("open", ''), coalesce("close", ''), 0, 2147483647);
  RETURN made.marked || substr(t, made.done + 1);
END $$;

-- The score of the tokens from `start` on, and where they are best cut out; as fts5SnippetScore() does it.
CREATE OR REPLACE FUNCTION litewire._fts5_score(hits int8[], sizes jsonb, col int, start int, size int, docsize int, OUT score int, OUT place int)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  seen int8[] := '{}';
  first int := -1;
  last int := 0;
  hit int8;
  at int;
BEGIN
  score := 0;
  FOREACH hit IN ARRAY hits LOOP
    at := hit >> 16 & 4294967295;
    CONTINUE WHEN hit >> 48 <> col OR at < start OR at >= start + size;
    score := score + CASE WHEN hit & 65535 = ANY (seen) THEN 1 ELSE 1000 END;
    seen := seen || (hit & 65535);
    first := CASE WHEN first < 0 THEN at ELSE first END;
    last := at + (sizes ->> (hit & 65535)::text)::int;
  END LOOP;
  place := first - (size - (last - first)) / 2;
  place := greatest(CASE WHEN place + size > docsize THEN docsize - size ELSE place END, 0);
END $$;

CREATE OR REPLACE FUNCTION litewire.fts5_snippet(query jsonb, tokens text[], ends int4[], spec jsonb, texts text[], col int8, "open" text, "close" text,
  ellipsis text, size int8)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  wanted constant int := greatest(least(coalesce(col, 0), 2147483647), -1);
  n constant int := least(greatest(coalesce(size, 0), 0), 64);
  hits constant int8[] := coalesce(litewire._fts5_hits(query -> 'e', tokens, ends), '{}');
  columns constant int := jsonb_array_length(spec -> 'c');
  sizes jsonb;
  best_column int := greatest(wanted, 0);
  best_start int := 0;
  best_score int := 0;
  best_size int := 0;
  docsize int;
  offsets int4[];
  sentences int[];
  sentence int;
  before text;
  hit int8;
  at int;
  made record;
  out text := '';
BEGIN
  SELECT jsonb_object_agg(p -> 'p' -> 0 ->> 'i', jsonb_array_length(p -> 'p' -> 0 -> 'w')) INTO sizes FROM litewire._fts5_phrases(query -> 'e') AS p;
  FOR c IN 0 .. columns - 1 LOOP
    CONTINUE WHEN wanted >= 0 AND wanted <> c;
    CONTINUE WHEN NOT EXISTS (SELECT FROM unnest(hits) AS h WHERE h >> 48 = c);
    docsize := ends[c + 1] - coalesce(ends[c], 0);
    offsets := litewire.fts_offsets(texts[c + 1], spec -> 'k');
    -- The tokens that a sentence begins with.
    sentences := '{}';
    FOR i IN 0 .. cardinality(offsets) / 2 - 1 LOOP
      before := left(texts[c + 1], offsets[2 * i + 1]);
      IF i = 0 OR before ~ '[.:][ \t\n\r]+$' THEN
        sentences := sentences || i;
      END IF;
    END LOOP;
    FOREACH hit IN ARRAY hits LOOP
      CONTINUE WHEN hit >> 48 <> c;
      at := hit >> 16 & 4294967295;
      made := litewire._fts5_score(hits, sizes, c, at, n, docsize);
      IF made.score > best_score THEN
        best_score := made.score;
        best_column := c;
        best_start := made.place;
        best_size := docsize;
      END IF;
      IF cardinality(sentences) > 0 AND docsize > n THEN
        sentence := coalesce((SELECT max(s) FROM unnest(sentences) AS s WHERE s <= at), sentences[1]);
        IF sentence < at THEN
          made := litewire._fts5_score(hits, sizes, c, sentence, n, docsize);
          made.score := made.score + CASE sentence WHEN 0 THEN 120 ELSE 100 END;
          IF made.score > best_score THEN
            best_score := made.score;
            best_column := c;
            best_start := sentence;
            best_size := docsize;
          END IF;
        END IF;
      END IF;
    END LOOP;
  END LOOP;
  IF best_column >= columns THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'column index out of range';
  END IF;
  IF texts[best_column + 1] IS NULL THEN
    RETURN NULL;
  END IF;
  IF best_size = 0 THEN
    best_size := ends[best_column + 1] - coalesce(ends[best_column], 0);
  END IF;
  made := litewire._fts5_marked(texts[best_column + 1], litewire._fts5_spans(query, hits, best_column),
    litewire.fts_offsets(texts[best_column + 1], spec -> 'k'), coalesce("open", ''), coalesce("close", ''), best_start, best_start + n - 1);
  out := CASE WHEN best_start > 0 THEN coalesce(ellipsis, '') ELSE '' END || made.marked;
  RETURN out || CASE WHEN best_start + n - 1 >= best_size - 1 THEN substr(texts[best_column + 1], made.done + 1) ELSE coalesce(ellipsis, '') END;
END $$;

-- A value as a tokenizer reads it; a blob by its bytes.
CREATE OR REPLACE FUNCTION litewire.fts_text(v litewire."any") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.any_text(v)
$$;

-- The tokens of a row's texts and where its columns end; a column that is not indexed has none.
CREATE OR REPLACE FUNCTION litewire.fts_index(texts text[], spec jsonb, OUT tokens text[], OUT ends int4[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  tokens := '{}';
  ends := '{}';
  FOR c IN 1 .. jsonb_array_length(spec -> 'c') LOOP
    IF NOT coalesce((spec -> 'u' -> (c - 1))::bool, false) THEN
      tokens := tokens || litewire.fts_tokens(texts[c], spec -> 'k');
    END IF;
    ends := ends || cardinality(tokens);
  END LOOP;
END $$;

-- The trigger of every full-text table: it keeps the index, and carries out the commands of `INSERT INTO ft (ft) VALUES (…)`
-- (fts5.html §6).  Its arguments: the spec, the query of the texts of a row $1, and of $1 with its columns emptied; the query of a
-- table elsewhere that holds the content (rowid and texts).  In the spec, e is 'none' or 'external' where there is no content,
-- d is true where a row without content may be deleted; v is 3 or 4 for FTS3 and FTS4.
CREATE OR REPLACE FUNCTION litewire.fts5_write() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  spec constant jsonb := TG_ARGV[0];
  content constant text := coalesce(spec ->> 'e', '');
  own constant text := format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME);
  command text;
  argument text;
  texts text[];
  made record;
BEGIN
  IF current_setting('litewire.fts', true) = 'on' THEN
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  IF TG_OP = 'DELETE' THEN
    IF content = 'none' AND NOT coalesce((spec -> 'd')::bool, false) THEN
      PERFORM litewire._fts5_error(CASE WHEN spec ? 'v' THEN 'SQL logic error' ELSE 'cannot DELETE from contentless fts5 table: ' || TG_TABLE_NAME END);
    END IF;
    RETURN OLD;
  END IF;
  IF TG_OP = 'INSERT' THEN
    EXECUTE TG_ARGV[1] INTO command, argument, texts USING NEW;
  ELSE
    EXECUTE TG_ARGV[1] INTO made USING NEW;
    texts := made.texts;
    IF content = 'none' AND NOT coalesce((spec -> 'd')::bool, false) THEN
      PERFORM litewire._fts5_error(CASE WHEN spec ? 'v' THEN 'SQL logic error' ELSE 'cannot UPDATE contentless fts5 table: ' || TG_TABLE_NAME END);
    END IF;
  END IF;
  IF command IS NULL THEN
    IF TG_OP = 'INSERT' AND content = 'external' THEN
      EXECUTE format('DELETE FROM %s WHERE _rowid_ = $1', own) USING NEW._rowid_;
    END IF;
    made := litewire.fts_index(texts, spec);
    NEW._fts_tokens := made.tokens;
    NEW._fts_ends := made.ends;
    IF content <> '' THEN
      EXECUTE TG_ARGV[2] INTO NEW USING NEW;
    END IF;
    RETURN NEW;
  END IF;
  IF spec ? 'v' AND command !~* '^(optimize|rebuild|integrity-check|flush|merge=[0-9]*(,([2-9]|[0-9]{2,}))?|automerge=.+)$' THEN
    PERFORM litewire._fts5_error('SQL logic error');
  END IF;
  PERFORM set_config('litewire.fts', 'on', true);
  CASE
    WHEN lower(command) = 'delete' AND content <> '' THEN
      IF coalesce((spec -> 'd')::bool, false) THEN
        PERFORM litewire._fts5_error('''delete'' may not be used with a contentless_delete=1 table');
      END IF;
      EXECUTE format('DELETE FROM %s WHERE _rowid_ = $1', own) USING NEW._rowid_;
    WHEN lower(command) = 'delete-all' THEN
      IF content = '' THEN
        PERFORM litewire._fts5_error('''delete-all'' may only be used with a contentless or external content fts5 table');
      END IF;
      EXECUTE format('DELETE FROM %s', own);
    WHEN lower(command) = 'rebuild' THEN
      IF content = 'none' THEN
        PERFORM litewire._fts5_error(CASE WHEN spec ? 'v' THEN 'SQL logic error' ELSE '''rebuild'' may not be used with a contentless fts5 table' END);
      ELSIF content = '' THEN
        PERFORM set_config('litewire.fts', '', true);
        EXECUTE format('UPDATE %s SET _fts_ends = NULL', own);
      ELSE
        EXECUTE format('DELETE FROM %s', own);
        EXECUTE format('INSERT INTO %s (_rowid_, _fts_tokens, _fts_ends) SELECT c.id, i.tokens, i.ends FROM (%s) AS c (id, texts), litewire.fts_index(c.texts, $1) AS i',
          own, litewire._fts_content(TG_ARGV[3]::jsonb)) USING spec;
      END IF;
    WHEN lower(command) = 'rank' THEN
      PERFORM litewire.fts5_weights(argument);
      INSERT INTO litewire.meta (key, value) VALUES ('rank ' || TG_RELID, argument) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    WHEN spec ? 'v' OR lower(command) = ANY ('{optimize,merge,integrity-check,flush,automerge,usermerge,crisismerge,pgsz,hashsize,deletemerge,secure-delete,insttoken}') THEN
      -- They are about how SQLite keeps its index.
      NULL;
    ELSE
      PERFORM litewire._fts5_error('SQL logic error');
  END CASE;
  PERFORM set_config('litewire.fts', '', true);
  RETURN NULL;
END $$;

-- The query of the rowids and texts of a table that holds a full-text table's content: {"t": table, "r": rowid, "c": columns}.
CREATE OR REPLACE FUNCTION litewire._fts_content(content jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  of constant regclass := to_regclass(content ->> 't');
  col text;
  texts text := '';
  kind text;
BEGIN
  IF of IS NULL THEN
    PERFORM litewire._fts5_error('no such table: ' || replace(content ->> 't', '"', ''));
  END IF;
  FOR col IN SELECT jsonb_array_elements_text(content -> 'c') LOOP
    SELECT format_type(a.atttypid, NULL), quote_ident(a.attname) INTO kind, col FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = of AND lower(a.attname) = lower(col) AND a.attnum > 0 AND NOT a.attisdropped;
    IF kind IS NULL THEN
      PERFORM litewire._fts5_error('no such column: T.' || col);
    END IF;
    texts := concat_ws(', ', nullif(texts, ''), CASE kind WHEN 'litewire."any"' THEN format('litewire.fts_text(%s)', col)
      WHEN 'double precision' THEN format('litewire.real_text(%s)', col) WHEN 'numeric' THEN format('litewire.num_text(%s)', col)
      WHEN 'bytea' THEN format('convert_from(%s, ''UTF8'')', col) ELSE col || '::text' END);
  END LOOP;
  RETURN format('SELECT %s::int8, ARRAY[%s]::text[] FROM %s', content ->> 'r', texts, of);
END $$;
