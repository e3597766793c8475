-- Foreign keys that PostgreSQL's own cannot express: sides of different types, or a parent under a collation.  They are enforced by
-- triggers whose statements the translator wrote, with SQLite's comparison of the two sides.

-- Runs a check ($1 the row before, $2 the row after): the statement fails where it finds a row.
CREATE OR REPLACE FUNCTION litewire.fk_check() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  broken bool;
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = TG_ARGV[0]::oid) THEN
    EXECUTE TG_ARGV[1] INTO broken USING OLD, NEW;
    IF broken THEN
      RAISE foreign_key_violation USING MESSAGE = 'FOREIGN KEY constraint failed', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- Runs an action.
CREATE OR REPLACE FUNCTION litewire.fk_act() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = TG_ARGV[0]::oid) THEN
    EXECUTE TG_ARGV[1] USING OLD, NEW;
  END IF;
  RETURN NULL;
END $$;

-- Makes the triggers of one key anew.
--   key                  its number among the child's keys
--   columns, targets     its columns, as printed lists
--   orphan               the query that says whether the child's row has no parent
--   on_delete, on_update the actions' statements; of a key without an action, the queries that say whether the parent is missed
CREATE OR REPLACE FUNCTION litewire.enforce_key(
  child regclass, parent regclass, key int, columns text, changed text, deferred bool, orphan text,
  deletes bool, on_delete text, updates bool, on_update text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  timing constant text := 'DEFERRABLE INITIALLY ' || CASE WHEN deferred THEN 'DEFERRED' ELSE 'IMMEDIATE' END;
  own constant text := '_lw_fk' || key;
  theirs constant text := '_lw_fk' || key || '_' || child::oid;
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', own, child);
  EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', theirs || 'd', parent);
  EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', theirs || 'u', parent);
  EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE OF %s ON %s %s FOR EACH ROW EXECUTE FUNCTION litewire.fk_check(%L, %L)',
    own, columns, child, timing, child::oid, orphan);
  IF deletes THEN
    EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION litewire.fk_act(%L, %L)', theirs || 'd', parent, child::oid, on_delete);
  ELSE
    EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER DELETE ON %s %s FOR EACH ROW EXECUTE FUNCTION litewire.fk_check(%L, %L)',
      theirs || 'd', parent, timing, child::oid, on_delete);
  END IF;
  IF updates THEN
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION litewire.fk_act(%L, %L)',
      theirs || 'u', parent, changed, child::oid, on_update);
  ELSE
    EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER UPDATE ON %s %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION litewire.fk_check(%L, %L)',
      theirs || 'u', parent, timing, changed, child::oid, on_update);
  END IF;
END $$;
