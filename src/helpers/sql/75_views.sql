-- The backend's views of SQLite's views, for readers other than Litewire.  SQLite's views do not keep what they name from being
-- dropped: a view is first detached (same columns, an error when it is read), and made again of what is there.

CREATE OR REPLACE FUNCTION litewire.detach_view(view regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  cells text;
BEGIN
  SELECT string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                           CASE WHEN a.attcollation <> 0 THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, a.attname), ', ' ORDER BY a.attnum)
    INTO cells FROM pg_catalog.pg_attribute a WHERE a.attrelid = view AND a.attnum > 0 AND NOT a.attisdropped;
  EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE litewire.raise_error(''42P01'', %L) IS NULL',
                 view, cells, 'what the view ' || view || ' names is not there');
END $$;

-- Gives a detached view its body.  Other columns than before need a new view: its triggers come along.  What PostgreSQL does not
-- take stays detached.
CREATE OR REPLACE FUNCTION litewire.make_view(view regclass, body text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  printed constant text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
                         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = view);
  triggers text[];
  definition text;
BEGIN
  IF body IS NULL THEN
    PERFORM litewire.detach_view(view);
    RETURN;
  END IF;
  BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ' || printed || ' AS ' || body;
    RETURN;
  EXCEPTION WHEN invalid_table_definition THEN
    triggers := array(SELECT pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = view AND NOT tgisinternal ORDER BY oid);
  END;
  EXECUTE 'DROP VIEW ' || printed;
  EXECUTE 'CREATE VIEW ' || printed || ' AS ' || body;
  UPDATE litewire.objects SET relid = printed::regclass WHERE relid = view;
  FOREACH definition IN ARRAY triggers LOOP
    EXECUTE definition;
  END LOOP;
EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported OR data_exception OR program_limit_exceeded
    OR dependent_objects_still_exist THEN
  PERFORM litewire.detach_view(view);
END $$;
