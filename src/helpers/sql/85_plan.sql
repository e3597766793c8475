-- EXPLAIN QUERY PLAN: the backend's plan of a statement in SQLite's words and columns (eqp.html).  Scans stand in the order of the
-- join; what is sorted, after what is read; a subquery's lines, below its own.
CREATE OR REPLACE FUNCTION litewire.query_plan(statement text) RETURNS TABLE (id int8, parent int8, notused int8, detail text)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON, COSTS false, VERBOSE) ' || statement INTO plan;
  RETURN QUERY
  WITH RECURSIVE nodes(node, kind, path, above) AS (
    SELECT plan->0->'Plan', plan->0->'Plan'->>'Node Type', ARRAY[1], ''
    UNION ALL
    SELECT c.node, c.node->>'Node Type', n.path || c.at::int, n.kind
    FROM nodes n, jsonb_array_elements(n.node->'Plans') WITH ORDINALITY c(node, at)
  ), described AS (
    SELECT n.*, n.node->>'Alias' AS alias, coalesce(n.node->>'Index Name', jsonb_path_query_first(n.node, '$.**."Index Name"') #>> '{}') AS index,
      coalesce(n.node->>'Index Cond', jsonb_path_query_first(n.node, '$.**."Index Cond"') #>> '{}') AS condition
    FROM nodes n
  ), searched AS (
    SELECT d.*, CASE
      WHEN EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
          WHERE c.relname = d.index AND i.indrelid = to_regclass(format('%I.%I', d.node->>'Schema', d.node->>'Relation Name'))
            AND i.indnatts = 1 AND a.attidentity <> '')
        THEN ' USING INTEGER PRIMARY KEY' || CASE WHEN d.condition IS NULL THEN '' ELSE format(' (rowid%s?)', substring(d.condition FROM ' ([<>=]+) ')) END
      ELSE format(' USING %sINDEX %s', CASE WHEN d.kind = 'Index Only Scan' THEN 'COVERING ' ELSE '' END, d.index)
        || coalesce((SELECT format(' (%s)', string_agg(replace(m[1], '"', '') || m[2] || '?', ' AND '))
          FROM regexp_matches(d.condition, '(?:[a-z_0-9]+\.)?("[^"]+"|[[:alnum:]_]+)(?:\)?::[a-z ]+)?\)? ([<>=]+) ', 'g') m), '')
      END AS how
    FROM described d
  ), lines(path, place, below, detail) AS (
    SELECT s.path, s.path || CASE WHEN s.kind IN ('Sort', 'Incremental Sort', 'Aggregate', 'Unique') THEN 1000000 ELSE 0 END,
      s.kind IN ('Append', 'Merge Append', 'SetOp', 'Recursive Union', 'Subquery Scan'),
      CASE
        WHEN s.kind IN ('Index Scan', 'Index Only Scan', 'Bitmap Heap Scan')
          THEN CASE WHEN s.condition IS NULL THEN 'SCAN ' ELSE 'SEARCH ' END || s.alias || s.how
        WHEN s.kind IN ('Seq Scan', 'Tid Scan', 'Function Scan', 'CTE Scan', 'WorkTable Scan', 'Table Function Scan') THEN 'SCAN ' || s.alias
        WHEN s.kind = 'Values Scan' THEN 'SCAN VALUES CLAUSE'
        WHEN s.kind = 'Result' AND s.node->'Plans' IS NULL THEN 'SCAN CONSTANT ROW'
        WHEN s.kind = 'Subquery Scan' THEN 'CO-ROUTINE ' || s.alias
        WHEN s.kind IN ('Append', 'Merge Append', 'SetOp', 'Recursive Union') THEN 'COMPOUND QUERY'
        WHEN s.kind IN ('Sort', 'Incremental Sort') THEN 'USE TEMP B-TREE FOR '
          || CASE WHEN s.above IN ('Aggregate', 'Group') THEN 'GROUP BY' WHEN s.above = 'Unique' THEN 'DISTINCT' ELSE 'ORDER BY' END
        WHEN s.kind = 'Aggregate' AND s.node->>'Strategy' = 'Hashed' THEN 'USE TEMP B-TREE FOR GROUP BY'
      END
    FROM searched s
    UNION ALL
    SELECT d.path, d.path || -1, true,
      CASE WHEN d.node->>'Subplan Name' LIKE 'CTE %' THEN 'MATERIALIZE ' || substr(d.node->>'Subplan Name', 5) ELSE 'SCALAR SUBQUERY' END
    FROM described d WHERE d.node->>'Parent Relationship' IN ('InitPlan', 'SubPlan')
  ), numbered AS (
    SELECT l.*, row_number() OVER (ORDER BY l.place) + 1 AS number FROM lines l WHERE l.detail IS NOT NULL
  )
  SELECT n.number, coalesce((SELECT max(p.number) FROM numbered p WHERE p.below AND p.number < n.number
      AND n.path[:cardinality(p.path)] = p.path), 0), 0::int8, n.detail
  FROM numbered n ORDER BY n.number;
END $$;
