-- The helper schema: the registry and the dynamic carrier.  Everything here may be run again at any time, and needs no superuser.
-- The lock lets several proxies install at once; it lasts as long as the transaction that this script runs in.
DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(x'6c697465'::int, 0);
END $$;

CREATE SCHEMA IF NOT EXISTS litewire;

-- Settings of the database: `helpers` (the version of this schema), user_version, application_id, foreign_keys, …
CREATE TABLE IF NOT EXISTS litewire.meta (
  key   text COLLATE "C" PRIMARY KEY,
  value text
);

-- What SQLite's DDL made, by the oid of the relation, of a trigger by that of its function; rows whose object is gone are ignored.
CREATE TABLE IF NOT EXISTS litewire.objects (
  relid    oid PRIMARY KEY,
  kind     text,
  name     text,
  tbl_name text,
  sql      text
);

-- What SQLite's DDL said about a column that PostgreSQL does not keep.
CREATE TABLE IF NOT EXISTS litewire.columns (
  relid     oid,
  name      text COLLATE "C",
  declared  text,
  "collation" text,
  hidden    bool NOT NULL DEFAULT false,
  PRIMARY KEY (relid, name)
);

-- The column's place in SQLite's primary key, from 1; 0 for none.  PostgreSQL's own lets no NULL in, so that it is often only unique.
ALTER TABLE litewire.columns ADD COLUMN IF NOT EXISTS key int2 NOT NULL DEFAULT 0;

-- Always empty: BEGIN IMMEDIATE locks it, so that SQLite's writers follow one another.
CREATE TABLE IF NOT EXISTS litewire.writer ();

-- A value of any storage class (CARRIER.md).  Its first format was a domain over jsonb, which is replaced where no column has it.
DO $$
DECLARE
  f regprocedure;
BEGIN
  IF (SELECT t.typtype FROM pg_type AS t WHERE t.oid = to_regtype('litewire."any"')) = 'd' THEN
    FOR f IN SELECT p.oid FROM pg_proc AS p
             WHERE p.pronamespace = 'litewire'::regnamespace AND 'jsonb'::regtype = ANY (p.prorettype || p.proargtypes::oid[]) LOOP
      EXECUTE 'DROP FUNCTION ' || f;
    END LOOP;
    DROP DOMAIN litewire."any";
  END IF;
  IF to_regtype('litewire."any"') IS NULL THEN
    CREATE TYPE litewire."any" AS (k int2, n numeric, b bytea);
  END IF;
END $$;

GRANT USAGE ON SCHEMA litewire TO PUBLIC;
GRANT USAGE ON TYPE litewire."any" TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON litewire.meta, litewire.objects, litewire.columns, litewire.writer TO PUBLIC;
