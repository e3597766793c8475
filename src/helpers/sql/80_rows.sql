-- Rows written one after the other, as SQLite does it, where PostgreSQL's own ON CONFLICT does not reach: REPLACE over several keys,
-- several ON CONFLICT clauses, OR FAIL, a key twice in one statement. Statements come as text, with the row as $1.

-- Fails as the backend does for a key that is there already.
CREATE OR REPLACE FUNCTION litewire.conflict(key text, "table" text, columns text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = format('duplicate key value violates unique constraint "%s"', key),
    DETAIL = format('Key (%s)=() already exists.', columns), CONSTRAINT = key, TABLE = "table";
END $$;

-- Runs the BEFORE triggers of an event for a row, all alone: they may change what is found then, and what they do stays. The row as they
-- leave it; an empty text where RAISE has left it out.
CREATE OR REPLACE FUNCTION litewire._run_before(r anyelement, place tid, write text, before text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  around constant text := coalesce(current_setting('litewire.before', true), '');
  kept text;
BEGIN
  PERFORM set_config('litewire.kept', '', true), set_config('litewire.before', 'only:' || before || ':' || (pg_trigger_depth() + 1), true);
  EXECUTE write USING r, place;
  kept := current_setting('litewire.kept');
  PERFORM set_config('litewire.kept', '', true), set_config('litewire.before', around, true);
  RETURN kept;
END $$;

-- Writes one row; no row comes back when none was written.
--   probes[i], upserts[i]  when the query probes[i] says true, upserts[i] is run in place of all else; NULL does nothing
--   early, late            queries that fail on what is in the row's way, before it is left out, and before something is deleted
--   before, kept           the event whose BEFORE triggers have run, and the row as they left it
--   skip                   a query that says whether the row is left out
--   remove                 deletes what is in the row's way
--   write                  inserts the row, or updates the one at `place` ($2)
CREATE OR REPLACE FUNCTION litewire._write_row(
  shape anyelement, r anyelement, place tid, probes text[], upserts text[], skip text, remove text, write text,
  early text[], late text[], before text, kept text)
RETURNS TABLE ("row" anyelement, inserted bool)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  hit bool;
  around constant text := coalesce(current_setting('litewire.before', true), '');
  mine constant text := before || ':' || (pg_trigger_depth() + 1);
BEGIN
  IF kept IS NOT NULL THEN
    EXECUTE format('SELECT ($1::%s).*', pg_typeof(r)) USING kept INTO r;
  END IF;
  FOR i IN 1 .. coalesce(cardinality(probes), 0) LOOP
    EXECUTE probes[i] INTO hit USING r;
    IF hit THEN
      IF upserts[i] IS NOT NULL THEN
        PERFORM set_config('litewire.before', coalesce('done:' || mine, around), true);
        RETURN QUERY EXECUTE upserts[i] USING r;
        PERFORM set_config('litewire.before', around, true);
      END IF;
      RETURN;
    END IF;
  END LOOP;
  FOR i IN 1 .. coalesce(cardinality(early), 0) LOOP
    EXECUTE early[i] USING r, place;
  END LOOP;
  IF skip IS NOT NULL THEN
    EXECUTE skip INTO hit USING r, place;
    IF hit THEN
      RETURN;
    END IF;
  END IF;
  FOR i IN 1 .. coalesce(cardinality(late), 0) LOOP
    EXECUTE late[i] USING r, place;
  END LOOP;
  IF remove IS NOT NULL THEN
    -- No DELETE trigger fires, unless triggers may be recursive.
    PERFORM set_config('litewire.quiet', 'on', true);
    EXECUTE remove USING r, place;
    PERFORM set_config('litewire.quiet', '', true);
  END IF;
  IF before IS NULL THEN
    RETURN QUERY EXECUTE write USING r, place;
    RETURN;
  END IF;
  PERFORM set_config('litewire.before', 'done:' || mine, true);
  RETURN QUERY EXECUTE write USING r, place;
  IF NOT FOUND AND place IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'a BEFORE trigger that changes the row under way is not supported';
  END IF;
  PERFORM set_config('litewire.before', around, true);
END $$;

-- What a trigger, or a conflict, has failed with, when the client's own statement asks; a RAISE(IGNORE) is over with its row.
CREATE OR REPLACE FUNCTION litewire.halted() RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  halt constant text := current_setting('litewire.halt', true);
BEGIN
  IF halt = '' OR halt IS NULL OR halt = 'F' AND pg_trigger_depth() > 0 THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('litewire.halt', '', true);
  IF halt = 'F' THEN
    PERFORM set_config('litewire.policy', '', true);
  END IF;
  RETURN CASE WHEN halt = 'F' THEN current_setting('litewire.failure') END;
END $$;

-- Writes all rows.
--   bulk     does it in one statement, with the rows as $1; where a key comes twice the rows are taken one by one after all
--   keeps    constraints (columns for NOT NULL, * for all) whose violation, as RAISE(FAIL) does, leaves the rows before it: it comes back as
--            `failure`, and within a trigger ends the statement that fired it
--   defers   foreign keys that are looked at when all rows are written
--   policy   the statement's word on conflicts, which stands over that of its triggers' statements
CREATE OR REPLACE FUNCTION litewire.write_rows(
  shape anyelement, rows anyarray, places tid[], bulk text, probes text[], upserts text[], skip text, remove text, write text, keeps text[],
  defers text, policy text, early text[], late text[], before text)
RETURNS TABLE ("row" anyelement, inserted bool, failure text)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  done record;
  tries int;
  kept text;
  state text;
  told text;
  "schema" text;
  "table" text;
  "column" text;
  "constraint" text;
  outer_policy constant text := coalesce(current_setting('litewire.policy', true), '');
BEGIN
  IF bulk IS NOT NULL THEN
    BEGIN
      -- All are written before the first comes back, so that none does when one fails.
      FOR done IN EXECUTE bulk USING rows LOOP
        "row" := done."row";
        inserted := done.inserted;
        RETURN NEXT;
      END LOOP;
      RETURN;
    EXCEPTION WHEN cardinality_violation THEN
      NULL;
    END;
  END IF;
  IF defers IS NOT NULL THEN
    EXECUTE 'SET CONSTRAINTS ' || defers || ' DEFERRED';
  END IF;
  IF policy IS NOT NULL AND outer_policy = '' THEN
    PERFORM set_config('litewire.policy', policy, true);
  END IF;
  FOR n IN 1 .. coalesce(cardinality(rows), 0) LOOP
    tries := 0;
    kept := CASE WHEN NOT (before IS NULL) THEN litewire._run_before(rows[n], places[n], write, before) END;
    LOOP
      EXIT WHEN kept = '';
      IF remove IS NULL AND keeps IS NULL THEN
        RETURN QUERY SELECT w."row", w.inserted, NULL::text FROM litewire._write_row(shape, rows[n], places[n], probes, upserts, skip, remove, write, early, late, before, kept) w;
        EXIT;
      END IF;
      BEGIN
        RETURN QUERY SELECT w."row", w.inserted, NULL::text FROM litewire._write_row(shape, rows[n], places[n], probes, upserts, skip, remove, write, early, late, before, kept) w;
        EXIT;
      EXCEPTION WHEN unique_violation OR not_null_violation OR check_violation OR SQLSTATE 'LW003' THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, told = MESSAGE_TEXT, "schema" = SCHEMA_NAME, "table" = TABLE_NAME,
          "column" = COLUMN_NAME, "constraint" = CONSTRAINT_NAME;
        IF state = 'LW003' OR '*' = ANY (keeps) OR coalesce(nullif("constraint", ''), "column") = ANY (keeps) THEN
          PERFORM set_config('litewire.halt', 'F', true), set_config('litewire.failure',
            json_build_object('C', state, 'M', told, 's', "schema", 't', "table", 'c', "column", 'n', "constraint")::text, true);
          EXIT;
        END IF;
        -- Somebody else's row may have come between what was removed and what is written.
        tries := tries + 1;
        IF remove IS NULL OR state <> '23505' OR tries > 4 THEN
          RAISE;
        END IF;
      END;
    END LOOP;
    failure := litewire.halted();
    IF failure IS NOT NULL THEN
      RETURN NEXT;
    END IF;
    EXIT WHEN current_setting('litewire.halt', true) = 'F' OR failure IS NOT NULL;
  END LOOP;
  IF policy IS NOT NULL AND outer_policy = '' THEN
    PERFORM set_config('litewire.policy', '', true);
  END IF;
  IF defers IS NOT NULL THEN
    EXECUTE 'SET CONSTRAINTS ' || defers || ' IMMEDIATE';
  END IF;
END $$;
