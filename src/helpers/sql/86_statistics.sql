-- The `stat` of sqlite_stat1: of `n` rows, how many on average share the first columns of an index, of which there are so many distinct.
CREATE OR REPLACE FUNCTION litewire.statistic(n int8, "distinct" int8[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT concat_ws(' ', n, (
    SELECT string_agg(CASE WHEN a = 2 AND n * 10 <= d * 11 THEN 1 ELSE a END::text, ' ' ORDER BY at)
    FROM unnest("distinct") WITH ORDINALITY AS u (d, at), LATERAL (SELECT (n + d - 1) / d AS a) AS v))
$$;
