-- FTS3 and FTS4 (fts3.html): their own language of queries, and their auxiliary functions. Tables, tokens and the evaluation of a query
-- are those of FTS5. Beside what a query's nodes have there (see 91_fts5.sql), a phrase has its columns in `c`, and the phrases of a NEAR
-- chain the distances between them in `n`; the query has the number of its phrases in `n`.

-- A token's stem by FTS3's porter, which shortens what is no word of a to z by its ends.
CREATE OR REPLACE FUNCTION litewire._fts3_stem(w text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  bytes bytea := convert_to(w, 'UTF8');
  kept constant int := CASE WHEN w ~ '[0-9]' THEN 3 ELSE 10 END;
BEGIN
  IF w ~ '^[a-z]{3,20}$' THEN
    RETURN CASE w WHEN 'ies' THEN 'i' WHEN 'sses' THEN 'ss' ELSE litewire._fts_stem(w) END;
  ELSIF length(bytes) <= 2 * kept THEN
    RETURN w;
  END IF;
  bytes := substr(bytes, 1, kept) || substr(bytes, length(bytes) - kept + 1);
  RETURN encode(bytes, 'escape');
END $$;

-- The operators on top of a stack that bind at least as tightly as one of `precedence` are carried out.
CREATE OR REPLACE FUNCTION litewire._fts3_reduce(precedence int, INOUT operands jsonb[], INOUT operators text[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  operator text;
  a jsonb;
  b jsonb;
BEGIN
  LOOP
    operator := operators[cardinality(operators)];
    EXIT WHEN operator IS NULL OR operator = '(' OR litewire._fts3_precedence(operator) > precedence;
    a := operands[cardinality(operands) - 1];
    b := operands[cardinality(operands)];
    IF operator ~ '^[0-9]' THEN
      a := jsonb_build_object('o', 'near', 'c', NULL, 'p', (a -> 'p') || (b -> 'p'), 'n', coalesce(a -> 'n', '[]') || to_jsonb(operator::int));
    ELSE
      a := jsonb_build_object('o', lower(operator), 'k', jsonb_build_array(a, b));
    END IF;
    operands := operands[:cardinality(operands) - 2] || a;
    operators := operators[:cardinality(operators) - 1];
  END LOOP;
END $$;

-- How tightly an operator binds, the tightest first; a NEAR is told by its distance.
CREATE OR REPLACE FUNCTION litewire._fts3_precedence(operator text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE operator WHEN 'NOT' THEN 2 WHEN 'AND' THEN 3 WHEN 'OR' THEN 4 ELSE 1 END
$$;

-- Parses a query of the enhanced syntax (fts3.html §3.2). `column` is the one that MATCH names, NULL for the table; `phrase` the number
-- of the first phrase. A query of nothing matches nothing.
CREATE OR REPLACE FUNCTION litewire._fts3_query(query text, spec jsonb, "column" int, phrase int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  blank constant text := E' \t\n\r\v\f';
  tokenizer constant jsonb := spec -> 'k';
  rest text := coalesce(query, '');
  word text;
  piece text;
  col int;
  terms text[];
  offsets int4[];
  prefixes bool[];
  starts bool[];
  -- Operands and operators; of each open parenthesis how many operands there were, whether one had to come, and whether a phrase stood
  -- before it.
  operands jsonb[] := '{}';
  operators text[] := '{}';
  depths int[] := '{}';
  needs bool[] := '{}';
  befores bool[] := '{}';
  need bool := true;
  after_phrase bool := false;
  is_phrase bool;
  node jsonb;
  numbered record;
BEGIN
  LOOP
    rest := ltrim(rest, blank);
    EXIT WHEN rest = '';
    word := substring(rest FROM '^(?:OR|AND|NOT|NEAR(?:/[0-9]+)?)(?=[ \t\n\r\v\f"()]|$)');
    IF word IS NOT NULL THEN
      rest := substr(rest, length(word) + 1);
      IF need OR left(word, 4) = 'NEAR' AND NOT after_phrase THEN
        PERFORM litewire._fts5_error(format('malformed MATCH expression: [%s]', query));
      END IF;
      word := CASE WHEN word = 'NEAR' THEN '10' WHEN left(word, 4) = 'NEAR' THEN least(substr(word, 6)::numeric, 1000000000)::text ELSE word END;
      SELECT r.operands, r.operators INTO operands, operators FROM litewire._fts3_reduce(litewire._fts3_precedence(word), operands, operators) AS r;
      operators := operators || word;
      need := true;
      after_phrase := false;
      CONTINUE;
    END IF;
    CASE left(rest, 1)
      WHEN '(' THEN
        rest := substr(rest, 2);
        operators := operators || '('::text;
        depths := depths || cardinality(operands);
        needs := needs || need;
        befores := befores || after_phrase;
        need := true;
        after_phrase := false;
        CONTINUE;
      WHEN ')' THEN
        rest := substr(rest, 2);
        SELECT r.operands, r.operators INTO operands, operators FROM litewire._fts3_reduce(4, operands, operators) AS r;
        IF cardinality(depths) = 0 OR cardinality(operands) > depths[cardinality(depths)] AND need THEN
          PERFORM litewire._fts5_error(format('malformed MATCH expression: [%s]', query));
        END IF;
        node := CASE WHEN cardinality(operands) > depths[cardinality(depths)] THEN operands[cardinality(operands)] END;
        operands := operands[:depths[cardinality(depths)]];
        operators := operators[:cardinality(operators) - 1];
        need := needs[cardinality(needs)];
        after_phrase := befores[cardinality(befores)];
        depths := depths[:cardinality(depths) - 1];
        needs := needs[:cardinality(needs) - 1];
        befores := befores[:cardinality(befores) - 1];
        CONTINUE WHEN node IS NULL;
        is_phrase := node ->> 'o' = 'near' AND NOT node ? 'n';
      ELSE
        col := "column";
        IF left(rest, 1) = '"' THEN
          piece := substring(rest FROM '^"([^"]*)"');
          IF piece IS NULL THEN
            PERFORM litewire._fts5_error(format('malformed MATCH expression: [%s]', query));
          END IF;
          rest := substr(rest, length(piece) + 3);
          terms := litewire.fts_tokens(piece, tokenizer);
          offsets := litewire.fts_offsets(piece, tokenizer);
          prefixes := ARRAY(SELECT substr(piece, offsets[2 * i] + 1, 1) = '*' FROM generate_series(1, cardinality(terms)) AS i);
          starts := ARRAY(SELECT offsets[2 * i - 1] > 0 AND substr(piece, offsets[2 * i - 1], 1) = '^' FROM generate_series(1, cardinality(terms)) AS i);
        ELSE
          -- The first column that the word begins with.
          SELECT at - 1, name INTO col, word FROM jsonb_array_elements_text(spec -> 'c') WITH ORDINALITY AS c (name, at)
          WHERE lower(left(rest, length(name) + 1)) = lower(name) || ':' ORDER BY at LIMIT 1;
          rest := substr(rest, coalesce(length(word) + 2, 1));
          col := coalesce(col, "column");
          piece := substring(rest FROM '^[^"()]*');
          -- Behind a column's name that no word follows nothing more is read.
          EXIT WHEN piece = '';
          terms := (litewire.fts_tokens(piece, tokenizer))[:1];
          IF cardinality(terms) = 0 THEN
            rest := substr(rest, length(piece) + 1);
            CONTINUE;
          END IF;
          offsets := litewire.fts_offsets(piece, tokenizer);
          prefixes := ARRAY[substr(piece, offsets[2] + 1, 1) = '*'];
          starts := ARRAY[(spec ->> 'v')::int = 4 AND offsets[1] > 0 AND substr(piece, offsets[1], 1) = '^'];
          rest := substr(rest, offsets[2] + 1 + prefixes[1]::int);
        END IF;
        -- A token that is not a phrase's first cannot be a column's.
        node := jsonb_build_object('o', 'near', 'd', 10, 'c', NULL, 'p', jsonb_build_array(jsonb_build_object('i', 65535, 'w', terms, 'x', prefixes,
          'f', coalesce(starts[1], false), 'c', CASE WHEN true = ANY (starts[2:]) THEN '{}' WHEN col IS NOT NULL THEN ARRAY[col] END)));
        is_phrase := true;
    END CASE;
    IF NOT need THEN
      SELECT r.operands, r.operators INTO operands, operators FROM litewire._fts3_reduce(3, operands, operators) AS r;
      operators := operators || 'AND'::text;
    ELSIF NOT is_phrase AND operators[cardinality(operators)] ~ '^[0-9]' THEN
      PERFORM litewire._fts5_error(format('malformed MATCH expression: [%s]', query));
    END IF;
    operands := operands || node;
    need := false;
    after_phrase := is_phrase;
  END LOOP;
  IF cardinality(depths) > 0 OR need AND cardinality(operands) > 0 THEN
    PERFORM litewire._fts5_error(format('malformed MATCH expression: [%s]', query));
  END IF;
  SELECT r.operands, r.operators INTO operands, operators FROM litewire._fts3_reduce(4, operands, operators) AS r;
  numbered := litewire._fts3_numbered(coalesce(operands[1], '{"o": "or", "k": []}'), phrase);
  RETURN litewire._fts5_whole(numbered.numbered) || jsonb_build_object('n', numbered.phrase - phrase);
END $$;

-- The hits of a NEAR chain: of each phrase the places that stand near enough to some of its neighbours', as fts3EvalNearTest() finds them.
-- `places` has each phrase's, from heads[i] to tails[i].
CREATE OR REPLACE FUNCTION litewire._fts3_near(places int8[], heads int[], tails int[], sizes int[], numbers int[], distances int[]) RETURNS int8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  n constant int := cardinality(heads);
  -- The places of the phrases' last tokens, each with its phrase.
  kept int8[] := '{}';
  owners int[] := '{}';
  here int;
  there int;
  distance int;
BEGIN
  FOR i IN 1 .. n LOOP
    kept := kept || ARRAY(SELECT p + sizes[i] - 1 FROM unnest(places[heads[i]:tails[i]]) AS p);
    owners := owners || array_fill(i, ARRAY[tails[i] - heads[i] + 1]);
  END LOOP;
  FOR step IN 1 .. 2 * n - 2 LOOP
    here := CASE WHEN step < n THEN step ELSE 2 * n - step END;
    there := CASE WHEN step < n THEN step + 1 ELSE here - 1 END;
    distance := distances[least(here, there)];
    SELECT coalesce(array_agg(k ORDER BY at), '{}'), coalesce(array_agg(o ORDER BY at), '{}') INTO kept, owners
    FROM unnest(kept, owners) WITH ORDINALITY AS u (k, o, at)
    WHERE o <> there OR EXISTS (SELECT FROM unnest(kept, owners) AS other (k, o) WHERE other.o = here AND other.k >> 32 = u.k >> 32
      AND (u.k > other.k AND u.k - other.k <= distance::int8 + sizes[there] OR u.k < other.k AND other.k - u.k <= distance::int8 + sizes[here]));
    IF there <> ALL (owners) THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RETURN ARRAY(SELECT (k - sizes[o] + 1) << 16 | numbers[o] FROM unnest(kept, owners) AS u (k, o) ORDER BY 1);
END $$;

-- A node whose phrases are numbered from `phrase` on. What stands on the right of a NOT has no number, and is nothing to the auxiliary
-- functions.
CREATE OR REPLACE FUNCTION litewire._fts3_numbered(node jsonb, INOUT phrase int, OUT numbered jsonb)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  child record;
BEGIN
  numbered := node;
  IF node ->> 'o' = 'near' THEN
    FOR i IN 0 .. jsonb_array_length(node -> 'p') - 1 LOOP
      numbered := jsonb_set(numbered, ARRAY['p', i::text, 'i'], to_jsonb(phrase));
      phrase := phrase + 1;
    END LOOP;
    RETURN;
  END IF;
  FOR i IN 0 .. CASE node ->> 'o' WHEN 'not' THEN 0 ELSE jsonb_array_length(node -> 'k') - 1 END LOOP
    child := litewire._fts3_numbered(node -> 'k' -> i, phrase);
    phrase := child.phrase;
    numbered := jsonb_set(numbered, ARRAY['k', i::text], child.numbered);
  END LOOP;
END $$;

-- The phrases and NEAR chains of an expression that are numbered; of a chain beside others `is_beside` is true.
CREATE OR REPLACE FUNCTION litewire._fts3_counted(node jsonb) RETURNS TABLE (n jsonb, is_beside bool)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH RECURSIVE nodes AS (
    SELECT node AS n, false AS is_beside
    UNION ALL
    SELECT k, is_beside OR n ->> 'o' <> 'or' FROM nodes, jsonb_array_elements(n -> 'k') WITH ORDINALITY AS u (k, at) WHERE n ->> 'o' <> 'not' OR at = 1
  )
  SELECT n, is_beside AND n ? 'n' FROM nodes WHERE n ->> 'o' = 'near'
$$;

-- The hits of a row that matches.
CREATE OR REPLACE FUNCTION litewire._fts3_hits(query jsonb, tokens text[], ends int4[]) RETURNS int8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY(SELECT h FROM litewire._fts3_counted(query -> 'e') AS c, unnest(litewire._fts5_hits(c.n, tokens, ends)) AS h ORDER BY h)
$$;

-- How many tokens each phrase has, by its number.
CREATE OR REPLACE FUNCTION litewire._fts3_sizes(query jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(jsonb_object_agg(p -> 'p' -> 0 ->> 'i', jsonb_array_length(p -> 'p' -> 0 -> 'w')), '{}') FROM litewire._fts5_phrases(query -> 'e') AS p
$$;

-- offsets() (fts3.html §4.1): of each token that a phrase covers its column, its term's number, and its place and size in bytes.
CREATE OR REPLACE FUNCTION litewire.fts3_offsets(query jsonb, tokens text[], ends int4[], spec jsonb, texts text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  sizes constant jsonb := litewire._fts3_sizes(query);
  col int := -1;
  offsets int4[];
  hit record;
  out text := '';
BEGIN
  FOR hit IN
    SELECT (h >> 48)::int AS col, ((h >> 16 & 4294967295) + i)::int AS place, b.base + i AS term
    FROM unnest(litewire._fts3_hits(query, tokens, ends)) AS h,
      LATERAL (SELECT (sizes ->> (h & 65535)::text)::int AS size) AS s,
      LATERAL (SELECT coalesce(sum(value::int), 0) AS base FROM jsonb_each_text(sizes) WHERE key::int < h & 65535) AS b,
      generate_series(0, s.size - 1) AS i
    ORDER BY 1, 2, 3
  LOOP
    IF col <> hit.col THEN
      col := hit.col;
      offsets := litewire.fts_offsets(texts[col + 1], spec -> 'k');
    END IF;
    out := out || format(' %s %s %s %s', col, hit.term, octet_length(convert_to(left(texts[col + 1], offsets[2 * hit.place + 1]), 'UTF8')),
      octet_length(convert_to(substr(texts[col + 1], offsets[2 * hit.place + 1] + 1, offsets[2 * hit.place + 2] - offsets[2 * hit.place + 1]), 'UTF8')));
  END LOOP;
  RETURN substr(out, 2);
END $$;

-- The best fragment of `size` tokens of a column: where it starts, its score, the phrases that it covers, the tokens to be marked, counted
-- from its start; and all phrases that the column has. As fts3BestSnippet() finds it.
CREATE OR REPLACE FUNCTION litewire._fts3_fragment(hits int8[], sizes jsonb, col int, size int, already int[],
  OUT start int, OUT score int, OUT covered int[], OUT marks int[], OUT seen int[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  -- Of each hit, by its last token: that, the phrase, and how many tokens are marked; then those within the fragment that is looked at.
  lasts int[];
  phrases int[];
  widths int[];
  low int := 1;
  high int := 0;
  candidate int := 0;
  points int;
  cover int[];
  marked int[];
BEGIN
  SELECT array_agg(place + width - 1 ORDER BY place + width), array_agg(phrase ORDER BY place + width), array_agg(least(width, size) ORDER BY place + width),
    coalesce(array_agg(DISTINCT phrase), '{}') INTO lasts, phrases, widths, seen
  FROM unnest(hits) AS h, LATERAL (SELECT (h & 65535)::int AS phrase, (h >> 16 & 4294967295)::int AS place, (sizes ->> (h & 65535)::text)::int AS width) AS p
  WHERE h >> 48 = col;
  score := -1;
  LOOP
    WHILE lasts[high + 1] < candidate + size LOOP
      high := high + 1;
    END LOOP;
    WHILE lasts[low] < candidate LOOP
      low := low + 1;
    END LOOP;
    points := 0;
    cover := '{}';
    marked := '{}';
    FOR i IN low .. high LOOP
      points := points + CASE WHEN phrases[i] = ANY (cover || already) THEN 1 ELSE 1000 END;
      cover := cover || phrases[i];
      FOR at IN greatest(lasts[i] - candidate - widths[i] + 1, 0) .. lasts[i] - candidate LOOP
        marked := marked || at;
      END LOOP;
    END LOOP;
    IF points > score THEN
      start := candidate;
      score := points;
      covered := cover;
      marks := marked;
    END IF;
    EXIT WHEN lasts[high + 1] IS NULL;
    candidate := lasts[high + 1] - size + 1;
  END LOOP;
END $$;

-- snippet() (fts3.html §4.2): up to four fragments that cover the phrases of the row.
CREATE OR REPLACE FUNCTION litewire.fts3_snippet(query jsonb, tokens text[], ends int4[], spec jsonb, texts text[], "open" text, "close" text,
  ellipsis text, col int8, size int8) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  columns constant int := jsonb_array_length(spec -> 'c');
  hits constant int8[] := litewire._fts3_hits(query, tokens, ends);
  sizes constant jsonb := litewire._fts3_sizes(query);
  n int;
  fragments int := 0;
  covered int[];
  seen int[];
  found record;
  best int;
  best_column int;
  best_start int;
  best_covered int[];
  best_marks int[];
  -- Of the fragments: the columns, the starts; the tokens to be marked as fragment * 64 + token.
  cols int[];
  starts int[];
  marks int[];
  own int[];
  offsets int4[];
  shift int;
  start int;
  done int;
  t text;
  out text := '';
BEGIN
  col := greatest(coalesce(col, 0), -1);
  size := greatest(least(coalesce(size, 0), 64), -64);
  IF "open" IS NULL OR "close" IS NULL OR ellipsis IS NULL THEN
    PERFORM litewire._fts5_error('out of memory');
  ELSIF query IS NULL OR size = 0 OR col >= columns THEN
    RETURN '';
  END IF;
  LOOP
    fragments := fragments + 1;
    n := CASE WHEN size >= 0 THEN (size + fragments - 1) / fragments ELSE -size END;
    covered := '{}';
    seen := '{}';
    cols := '{}';
    starts := '{}';
    marks := '{}';
    FOR f IN 1 .. fragments LOOP
      best := -1;
      FOR c IN 0 .. columns - 1 LOOP
        CONTINUE WHEN col >= 0 AND c <> col;
        found := litewire._fts3_fragment(hits, sizes, c, n, covered);
        seen := seen || found.seen;
        IF found.score > best THEN
          best := found.score;
          best_column := c;
          best_start := found.start;
          best_covered := found.covered;
          best_marks := found.marks;
        END IF;
      END LOOP;
      covered := covered || best_covered;
      cols := cols || best_column;
      starts := starts || best_start;
      marks := marks || ARRAY(SELECT f * 64 + m FROM unnest(best_marks) AS m);
    END LOOP;
    EXIT WHEN seen <@ covered OR fragments = 4;
  END LOOP;
  FOR f IN 1 .. fragments LOOP
    t := texts[cols[f] + 1];
    CONTINUE WHEN t IS NULL;
    offsets := litewire.fts_offsets(t, spec -> 'k');
    start := starts[f];
    own := ARRAY(SELECT m - f * 64 FROM unnest(marks) AS m WHERE m / 64 = f);
    IF start < cardinality(offsets) / 2 THEN
      -- The marked tokens are moved to the middle, as far as there are tokens behind them.
      shift := coalesce(((SELECT min(m) FROM unnest(own) AS m) - (n - 1 - (SELECT max(m) FROM unnest(own) AS m))) / 2, 0);
      shift := greatest(least(shift, cardinality(offsets) / 2 - start - n), 0);
      IF start + shift > 0 OR f > 1 THEN
        out := out || ellipsis;
      ELSE
        out := out || left(t, offsets[1]);
      END IF;
      start := start + shift;
      own := ARRAY(SELECT m - shift FROM unnest(own) AS m);
    END IF;
    done := 0;
    FOR at IN start .. least(start + n, cardinality(offsets) / 2) - 1 LOOP
      IF at > start THEN
        out := out || substr(t, done + 1, offsets[2 * at + 1] - done);
      END IF;
      done := offsets[2 * at + 2];
      out := out || CASE WHEN at - start = ANY (own) THEN "open" ELSE '' END || substr(t, offsets[2 * at + 1] + 1, done - offsets[2 * at + 1])
        || CASE WHEN at - start = ANY (own) THEN "close" ELSE '' END;
    END LOOP;
    IF start + n >= cardinality(offsets) / 2 THEN
      out := out || substr(t, done + 1);
    ELSIF f = fragments THEN
      out := out || ellipsis;
    END IF;
  END LOOP;
  RETURN out;
END $$;

-- What matchinfo() of a format needs to know of all rows: `n` how many there are, `a` the tokens of each column, and under each phrase's
-- number its hits and the rows that have some, column after column.
CREATE OR REPLACE FUNCTION litewire.fts3_statistics(of regclass, query jsonb, format text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  out jsonb := '{}';
  node jsonb;
  is_beside bool;
  hit record;
BEGIN
  IF query IS NULL THEN
    RETURN out;
  END IF;
  IF format ~ '[na]' THEN
    EXECUTE format('SELECT jsonb_build_object(''n'', count(*), ''a'', (SELECT jsonb_agg(tokens ORDER BY c) FROM ('
      'SELECT c, sum(_fts_ends[c] - coalesce(_fts_ends[c - 1], 0)) AS tokens FROM %1$s, generate_subscripts(_fts_ends, 1) AS c GROUP BY c) AS s)) FROM %1$s', of)
      INTO out;
  END IF;
  FOR node, is_beside IN SELECT c.n, c.is_beside FROM litewire._fts3_counted(query -> 'e') AS c WHERE format IS NULL OR format ~ 'x' LOOP
    IF is_beside THEN
      -- SQLite counts the chain in the first row only that the query finds.
      RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'matchinfo() with x of a NEAR beside other terms is not supported';
    END IF;
    FOR hit IN EXECUTE format('SELECT (h & 65535)::text AS phrase, (h >> 48)::text AS col, count(*) AS hits, count(DISTINCT id) AS rows FROM ('
      'SELECT _rowid_ AS id, unnest(litewire._fts5_hits($2, _fts_tokens, _fts_ends)) AS h FROM %s WHERE litewire.fts_terms(_fts_tokens) @@ $1'
      ') AS u WHERE h >= 0 GROUP BY 1, 2', of) USING litewire.fts5_key(litewire._fts5_whole(node)), node LOOP
      out := out || jsonb_build_object(hit.phrase, coalesce(out -> hit.phrase, '{}') || jsonb_build_object(hit.col, jsonb_build_array(hit.hits, hit.rows)));
    END LOOP;
  END LOOP;
  RETURN out;
END $$;

-- The longest runs of phrases that follow one another in a column as in the query, as fts3MatchinfoLcs() finds them.
CREATE OR REPLACE FUNCTION litewire._fts3_longest(hits int8[], sizes jsonb, phrases int, col int) RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  -- Each phrase's places, less the tokens of the query up to its end; and where among them it is.
  places jsonb := '[]';
  at int[] := '{}';
  shift int := 0;
  run int;
  longest int := 0;
  next int;
  here int;
  before int;
  least int;
BEGIN
  FOR i IN 0 .. phrases - 1 LOOP
    shift := shift + coalesce((sizes ->> i::text)::int, 0);
    places := places || jsonb_build_array(to_jsonb(ARRAY(SELECT (h >> 16 & 4294967295)::int + (sizes ->> i::text)::int - 1 - shift FROM unnest(hits) AS h
      WHERE h >> 48 = col AND h & 65535 = i ORDER BY h)));
    at := at || 0;
  END LOOP;
  LOOP
    next := NULL;
    run := 0;
    FOR i IN 0 .. phrases - 1 LOOP
      here := (places -> i ->> at[i + 1])::int;
      IF here IS NULL THEN
        run := 0;
      ELSE
        IF next IS NULL OR here < least THEN
          next := i;
          least := here;
        END IF;
        run := CASE WHEN run = 0 OR here = before THEN run + 1 ELSE 1 END;
        longest := greatest(longest, run);
      END IF;
      before := here;
    END LOOP;
    EXIT WHEN next IS NULL;
    at[next + 1] := at[next + 1] + 1;
  END LOOP;
  RETURN longest;
END $$;

-- matchinfo() (fts3.html §4.3): 32-bit numbers, the least byte first.
CREATE OR REPLACE FUNCTION litewire.fts3_matchinfo(query jsonb, tokens text[], ends int4[], spec jsonb, statistics jsonb, format text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  columns constant int := jsonb_array_length(spec -> 'c');
  phrases constant int := coalesce((query ->> 'n')::int, 0);
  sizes constant jsonb := litewire._fts3_sizes(query);
  hits constant int8[] := litewire._fts3_hits(query, tokens, ends);
  own int8[];
  letter text;
  numbers int8[] := '{}';
BEGIN
  IF query IS NULL THEN
    RETURN '';
  END IF;
  FOR letter IN SELECT unnest(string_to_array(coalesce(format, 'pcx'), NULL)) LOOP
    CASE
      WHEN letter = 'p' THEN
        numbers := numbers || phrases::int8;
      WHEN letter = 'c' THEN
        numbers := numbers || columns::int8;
      WHEN letter = 'n' AND spec ->> 'v' = '4' THEN
        numbers := numbers || (statistics ->> 'n')::int8;
      WHEN letter = 'a' AND spec ->> 'v' = '4' THEN
        numbers := numbers || ARRAY(SELECT (t::int8 + (statistics ->> 'n')::int8 / 2) / (statistics ->> 'n')::int8
          FROM jsonb_array_elements_text(statistics -> 'a') WITH ORDINALITY AS u (t, at) ORDER BY at);
      WHEN letter = 'l' AND NOT spec ? 's' THEN
        numbers := numbers || ARRAY(SELECT (ends[c] - coalesce(ends[c - 1], 0))::int8 FROM generate_series(1, columns) AS c);
      WHEN letter = 's' THEN
        numbers := numbers || ARRAY(SELECT litewire._fts3_longest(hits, sizes, phrases, c) FROM generate_series(0, columns - 1) AS c);
      WHEN letter = 'x' THEN
        numbers := numbers || ARRAY(SELECT n FROM generate_series(0, phrases - 1) AS p, generate_series(0, columns - 1) AS c, LATERAL (VALUES
          (1, (SELECT count(*) FROM unnest(hits) AS h WHERE h & 65535 = p AND h >> 48 = c)),
          (2, coalesce((statistics -> p::text -> c::text ->> 0)::int8, 0)), (3, coalesce((statistics -> p::text -> c::text ->> 1)::int8, 0))) AS v (at, n)
          ORDER BY p, c, at);
      WHEN letter IN ('y', 'b') THEN
        IF query -> 'e' @? '$.** ? (@.o == "not")' OR query -> 'e' ? 'k' AND query -> 'e' @? '$.**.n' THEN
          -- SQLite counts what only part of the expression finds, under the wrong phrase.
          RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('matchinfo() with %s of a query with NOT or NEAR is not supported', letter);
        END IF;
        own := litewire._fts5_hits(query -> 'e', tokens, ends);
        own := CASE WHEN own[1] = -1 THEN '{}' ELSE coalesce(own, '{}') END;
        IF letter = 'y' THEN
          numbers := numbers || ARRAY(SELECT (SELECT count(*) FROM unnest(own) AS h WHERE h & 65535 = p AND h >> 48 = c)
            FROM generate_series(0, phrases - 1) AS p, generate_series(0, columns - 1) AS c ORDER BY p, c);
        ELSE
          numbers := numbers || ARRAY(SELECT (SELECT coalesce(bit_or(1::int8 << (h >> 48)::int % 32), 0) FROM unnest(own) AS h WHERE h & 65535 = p AND h >> 48 >> 5 = w)
            FROM generate_series(0, phrases - 1) AS p, generate_series(0, (columns + 31) / 32 - 1) AS w ORDER BY p, w);
        END IF;
      ELSE
        PERFORM litewire._fts5_error('unrecognized matchinfo request: ' || letter);
    END CASE;
  END LOOP;
  RETURN (SELECT coalesce(string_agg(decode(regexp_replace(lpad(to_hex(n & 4294967295), 8, '0'), '(..)(..)(..)(..)', '\4\3\2\1'), 'hex'), '' ORDER BY at), '')
    FROM unnest(numbers) WITH ORDINALITY AS u (n, at));
END $$;
