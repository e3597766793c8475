-- The tokens of a full-text table, named `called` in messages: each term, its row, its column from 0 and by name, its place there.
CREATE OR REPLACE FUNCTION litewire._fts_instances(of text, called text) RETURNS TABLE (term text, id int8, col int, name text, place int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  class constant regclass := to_regclass(of);
BEGIN
  IF class IS NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = class AND attname = '_fts_tokens') THEN
    PERFORM litewire._fts5_error(called);
  END IF;
  RETURN QUERY EXECUTE format('SELECT t, _rowid_, c.col - 1, a.name, (n - coalesce(_fts_ends[c.col - 1], 0) - 1)::int
    FROM %s, unnest(_fts_tokens) WITH ORDINALITY AS u (t, n),
      LATERAL (SELECT min(c) AS col FROM generate_subscripts(_fts_ends, 1) AS c WHERE n <= _fts_ends[c]) AS c,
      LATERAL (SELECT (array_agg(attname::text ORDER BY attnum))[c.col] AS name FROM pg_catalog.pg_attribute
        WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped) AS a', class) USING class;
END $$;

CREATE OR REPLACE FUNCTION litewire.fts5_vocabulary_row(of text, called text)
RETURNS TABLE (term litewire."any", doc litewire."any", cnt litewire."any")
LANGUAGE sql STABLE AS $$
  SELECT litewire.v_text(i.term), litewire.v_int(count(DISTINCT i.id)), litewire.v_int(count(*))
  FROM litewire._fts_instances(of, 'no such fts5 table: ' || called) AS i GROUP BY i.term ORDER BY i.term COLLATE "C"
$$;

CREATE OR REPLACE FUNCTION litewire.fts5_vocabulary_col(of text, called text)
RETURNS TABLE (term litewire."any", col litewire."any", doc litewire."any", cnt litewire."any")
LANGUAGE sql STABLE AS $$
  SELECT litewire.v_text(i.term), litewire.v_text(i.name), litewire.v_int(count(DISTINCT i.id)), litewire.v_int(count(*))
  FROM litewire._fts_instances(of, 'no such fts5 table: ' || called) AS i GROUP BY i.term, i.col, i.name ORDER BY i.term COLLATE "C", i.col
$$;

CREATE OR REPLACE FUNCTION litewire.fts5_vocabulary_instance(of text, called text)
RETURNS TABLE (term litewire."any", doc litewire."any", col litewire."any", "offset" litewire."any")
LANGUAGE sql STABLE AS $$
  SELECT litewire.v_text(i.term), litewire.v_int(i.id), litewire.v_text(i.name), litewire.v_int(i.place)
  FROM litewire._fts_instances(of, 'no such fts5 table: ' || called) AS i ORDER BY i.term COLLATE "C", i.id, i.col, i.place
$$;

CREATE OR REPLACE FUNCTION litewire.fts4_auxiliary(of text, called text)
RETURNS TABLE (term litewire."any", col litewire."any", documents litewire."any", occurrences litewire."any", languageid litewire."any")
LANGUAGE sql STABLE AS $$
  SELECT litewire.v_text(i.term), CASE WHEN GROUPING(i.col) = 1 THEN litewire.v_text('*') ELSE litewire.v_int(i.col) END,
    litewire.v_int(count(DISTINCT i.id)), litewire.v_int(count(*)), litewire.v_int(0)
  FROM litewire._fts_instances(of, 'SQL logic error') AS i GROUP BY GROUPING SETS ((i.term), (i.term, i.col)) ORDER BY i.term COLLATE "C", i.col NULLS FIRST
$$;
