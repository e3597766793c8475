//! The queries over pg_catalog: few, and each over all relations at once.

/// Everything that is true of the database as a whole: schemas on the path that exist, helper registry, byte order.
pub(super) const DATABASE: &str = "
SELECT array_remove(current_schemas(false), 'litewire')::text[], (array_remove(current_schemas(false), 'litewire'))[1]::text,
    EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'litewire' AND c.relname = 'meta' AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')),
    coalesce(to_jsonb(d)->>'datlocprovider', 'c') IN ('c', 'b') AND
    coalesce(to_jsonb(d)->>'datlocale', d.datcollate) IN ('C', 'POSIX', 'C.UTF-8', 'C.UTF8', 'C.utf8'),
    (SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}') FROM pg_catalog.pg_namespace
        WHERE nspname ~ '^(file|memory):' AND has_schema_privilege(oid, 'USAGE'))
FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

/// Relations, in the order of the path with what can be attached ($1).
pub(super) const RELATIONS: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, coalesce(has_table_privilege(c.oid, 'SELECT'), false)
FROM unnest($1::text[]) WITH ORDINALITY p(name, at)
JOIN pg_catalog.pg_namespace n ON n.nspname = p.name
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
ORDER BY p.at, c.relname";

/// Columns of the relations $1. A domain's base type is looked up through domains over domains; a sequence counts when the
/// column owns it.
pub(super) const COLUMNS: &str = "
WITH RECURSIVE base(oid, type) AS (
    SELECT oid, oid FROM pg_catalog.pg_type WHERE typtype <> 'd'
    UNION ALL SELECT t.oid, b.type FROM pg_catalog.pg_type t JOIN base b ON t.typbasetype = b.oid WHERE t.typtype = 'd')
SELECT a.attrelid, a.attname::text, a.attnum, b.type, pg_catalog.format_type(a.atttypid, a.atttypmod),
    t.typname = 'any' AND tn.nspname = 'litewire', a.attnotnull OR t.typnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    a.attidentity::text, a.attgenerated::text, s.name,
    CASE WHEN a.attcollation IN (0, 100) THEN NULL
        ELSE co.collname IN ('C', 'POSIX', 'ucs_basic') OR co.collprovider = 'b'
            OR co.collprovider = 'c' AND coalesce(co.collcollate, '') IN ('C', 'POSIX', 'C.UTF-8', 'C.UTF8', 'C.utf8') END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
JOIN base b ON b.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN (
    SELECT DISTINCT ON (p.refobjid, p.refobjsubid) p.refobjid, p.refobjsubid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
    FROM pg_catalog.pg_depend p
    JOIN pg_catalog.pg_class c ON c.oid = p.objid AND c.relkind = 'S'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE p.classid = 'pg_catalog.pg_class'::regclass AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.deptype IN ('a', 'i') AND p.refobjsubid > 0
    ORDER BY p.refobjid, p.refobjsubid, p.objid
) s ON s.refobjid = a.attrelid AND s.refobjsubid = a.attnum
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// Indexes of the relations $1, by creation: parts as column numbers, or the expression where the number is 0.
pub(super) const INDEXES: &str = "
SELECT i.indrelid, i.indexrelid, c.relname::text, i.indisunique, i.indisprimary, k.conindid IS NOT NULL,
    (SELECT array_agg(u.number ORDER BY u.at) FROM unnest(i.indkey) WITH ORDINALITY u(number, at) WHERE u.at <= i.indnkeyatts),
    (SELECT array_agg(CASE WHEN u.number = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, u.at::int, false) END ORDER BY u.at)
        FROM unnest(i.indkey) WITH ORDINALITY u(number, at) WHERE u.at <= i.indnkeyatts),
    (SELECT array_agg(o.flags ORDER BY o.at) FROM unnest(i.indoption) WITH ORDINALITY o(flags, at)),
    pg_catalog.pg_get_expr(i.indpred, i.indrelid)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
LEFT JOIN (SELECT DISTINCT conindid FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'u', 'x')) k ON k.conindid = i.indexrelid
WHERE i.indrelid = ANY($1::oid[]) AND i.indisvalid
ORDER BY i.indrelid, i.indexrelid";

/// Foreign keys and checks of the relations $1, by creation.
pub(super) const CONSTRAINTS: &str = "
SELECT k.conrelid, k.conname::text, k.contype::text, t.relname::text,
    (SELECT array_agg(a.attname::text ORDER BY u.at) FROM unnest(k.conkey) WITH ORDINALITY u(number, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
    (SELECT array_agg(a.attname::text ORDER BY u.at) FROM unnest(k.confkey) WITH ORDINALITY u(number, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number),
    k.confupdtype::text, k.confdeltype::text, pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.condeferred
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
WHERE k.conrelid = ANY($1::oid[]) AND (k.contype IN ('f', 'c') OR k.contype = 't' AND k.conname LIKE '\\_lw\\_fk%')
ORDER BY k.conrelid, k.oid";

/// Names of functions that a call may mean, with the path $1.
pub(super) const FUNCTIONS: &str = "
SELECT DISTINCT lower(p.proname) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'pg_catalog' OR n.nspname = ANY($1::text[])";

/// SQLite's text and name of tables, views and indexes, and the name at the backend: where that is another, the row is stale.
pub(super) const OBJECTS: &str = "
SELECT o.relid, o.sql, o.name, c.relname::text FROM litewire.objects o JOIN pg_catalog.pg_class c ON c.oid = o.relid";

/// SQLite's triggers, by the oids of their functions, in the order in which they fire.
pub(super) const TRIGGERS: &str = "
SELECT g.tgrelid, g.tgname::text, o.name, o.sql, o.relid FROM litewire.objects o JOIN pg_catalog.pg_trigger g ON g.tgfoid = o.relid
WHERE o.kind = 'trigger' AND o.name IS NOT NULL AND o.sql IS NOT NULL ORDER BY g.tgname COLLATE \"C\"";

/// What SQLite's DDL said of columns.
pub(super) const DECLARED: &str = "SELECT relid, name, declared, \"collation\", hidden, (to_jsonb(c)->>'key')::int2 FROM litewire.columns c";

/// SQLite's own numbers of a database, and the helper schema's version.
pub(super) const META: &str = "SELECT key, value FROM litewire.meta WHERE value IS NOT NULL";

/// A number that changes with any DDL on the search path or in a schema that ATTACH made, and not with ANALYZE, which updates its rows in place.
pub(super) const FINGERPRINT: &str = "
WITH s AS (SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY(current_schemas(false)) OR nspname ~ '^(file|memory):'),
r AS (SELECT oid, xmin FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM s) AND relpersistence <> 't')
SELECT concat_ws(' ', current_schemas(false),
    (SELECT sum(hashtextextended(nspname, 0)) FROM s),
    (SELECT sum(hashtextextended(concat(oid, ' ', xmin), 1)) FROM r),
    (SELECT sum(hashtextextended(concat(a.attrelid, ' ', a.attnum, ' ', a.xmin), 2)) FROM pg_catalog.pg_attribute a JOIN r ON r.oid = a.attrelid),
    (SELECT sum(hashtextextended(concat(k.oid, ' ', k.xmin), 3)) FROM pg_catalog.pg_constraint k WHERE k.connamespace IN (SELECT oid FROM s)),
    (SELECT sum(hashtextextended(concat(i.indexrelid, ' ', i.xmin), 4)) FROM pg_catalog.pg_index i JOIN r ON r.oid = i.indrelid),
    (SELECT sum(hashtextextended(concat(d.oid, ' ', d.xmin), 5)) FROM pg_catalog.pg_attrdef d JOIN r ON r.oid = d.adrelid),
    (SELECT sum(hashtextextended(concat(p.oid, ' ', p.xmin), 6)) FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM s)))";

/// The same of the helper registry.
pub(super) const REGISTRY_FINGERPRINT: &str = "
SELECT concat_ws(' ',
    (SELECT sum(hashtextextended(concat(relid, ' ', xmin), 1)) FROM litewire.objects),
    (SELECT sum(hashtextextended(concat(relid, name, ' ', xmin), 2)) FROM litewire.columns),
    (SELECT sum(hashtextextended(concat(key, ' ', xmin), 3)) FROM litewire.meta))";
