use super::sql;
use crate::catalog::{
    Affinity, Catalog, Collation, Column, ForeignKey, Index, IndexPart, Relation, RelationKind, Trigger, affinity_of_declared, affinity_of_pg,
    is_called, module, oid, short_name,
};
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

/// Types of which the translator knows something; the others are opaque.
const KNOWN: [u32; 21] = [
    oid::BOOL,
    oid::BYTEA,
    oid::NAME,
    oid::INT8,
    oid::INT2,
    oid::INT4,
    oid::TEXT,
    oid::OID,
    oid::JSON,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::UNKNOWN,
    oid::BPCHAR,
    oid::VARCHAR,
    oid::DATE,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::NUMERIC,
    oid::UUID,
    oid::JSONB,
];

/// What SQLite's DDL said of one column.
struct Declared {
    name: String,
    declared: Option<String>,
    collation: Option<String>,
    hidden: bool,
    key: i16,
}

/// The helper registry's rows, by relation.
#[derive(Default)]
struct Registry {
    /// Name and text.
    objects: HashMap<u32, (String, String)>,
    columns: HashMap<(u32, String), Declared>,
    triggers: Vec<(u32, Trigger)>,
    meta: BTreeMap<String, String>,
}

/// Reads the whole catalog. Version 0: the keeper numbers it. In a repeatable-read transaction all of it is of one moment.
pub async fn load(client: &Client) -> Result<Catalog, Error> {
    let database = client.query_one(sql::DATABASE, &[]).await?;
    let path: Vec<String> = database.get(0);
    let attachable: Vec<String> = database.get(4);
    let schemas: Vec<&String> = path.iter().chain(&attachable).collect();
    let rows = client.query(sql::RELATIONS, &[&schemas]).await?;
    let oids: Vec<u32> = rows.iter().map(|row| row.get(0)).collect();
    let (of_relations, of_path): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) = ([&oids], [&path]);
    // Sent together: one round trip.
    let (columns, indexes, constraints, functions, registry) = tokio::try_join!(
        client.query(sql::COLUMNS, &of_relations),
        client.query(sql::INDEXES, &of_relations),
        client.query(sql::CONSTRAINTS, &of_relations),
        client.query(sql::FUNCTIONS, &of_path),
        registry(client, database.get(2)),
    )?;

    let byte_order = database.get(3);
    let mut relations: Vec<Relation> = rows.iter().map(|row| relation(row, &registry)).collect();
    let at: HashMap<u32, usize> = oids.iter().enumerate().map(|(at, &oid)| (oid, at)).collect();
    let mut each = |rows: &[Row], add: &mut dyn FnMut(&mut Relation, &Row)| {
        for row in rows {
            if let Some(&at) = at.get(&row.get(0)) {
                add(&mut relations[at], row);
            }
        }
    };
    each(&columns, &mut |relation, row| relation.columns.push(column(row, byte_order, relation, &registry)));
    each(&indexes, &mut |relation, row| relation.indexes.extend(index(row, &relation.columns, &registry)));
    each(&constraints, &mut constraint);
    for (relid, trigger) in registry.triggers {
        if let Some(&at) = at.get(&relid) {
            relations[at].triggers.push(trigger);
        }
    }
    relations.iter_mut().for_each(primary_key);
    whole_names(&mut relations);
    relations.iter_mut().for_each(module::mark);

    let mut catalog = Catalog {
        functions: functions.iter().map(|row| row.get(0)).collect(),
        helpers: registry.meta.get("helpers").and_then(|version| version.parse().ok()),
        byte_order,
        current_schema: database.get::<_, Option<String>>(1).unwrap_or_default(),
        meta: registry.meta,
        ..Catalog::default()
    };
    catalog.attachable = attachable.into_iter().map(|schema| (schema, Vec::new())).collect();
    for relation in relations {
        match catalog.attachable.get_mut(&relation.schema) {
            Some(those) => those.push(relation),
            None => catalog.add(relation),
        }
    }
    Ok(catalog)
}

async fn registry(client: &Client, exists: bool) -> Result<Registry, Error> {
    if !exists {
        return Ok(Registry::default());
    }
    let (objects, columns, triggers, meta) = tokio::try_join!(
        client.query(sql::OBJECTS, &[]),
        client.query(sql::DECLARED, &[]),
        client.query(sql::TRIGGERS, &[]),
        client.query(sql::META, &[])
    )?;
    let trigger = |row: &Row| {
        Some((row.get(0), Trigger { name: row.get(2), oid: row.get(4), number: Trigger::number_of(row.get(1))?, sql: row.get(3), temporary: false }))
    };
    let object = |row: &Row| {
        let (name, text): (Option<String>, Option<String>) = (row.get(2), row.get(1));
        Some((row.get(0), (name.filter(|name| is_called(name, row.get(3)))?, text?)))
    };
    let declared = |row: &Row| Declared {
        name: row.get(1),
        declared: row.get(2),
        collation: row.get(3),
        hidden: row.get::<_, Option<bool>>(4).unwrap_or_default(),
        key: row.get::<_, Option<i16>>(5).unwrap_or_default(),
    };
    Ok(Registry {
        objects: objects.iter().filter_map(object).collect(),
        columns: columns.iter().map(|row| ((row.get(0), short_name(row.get(1)).into_owned()), declared(row))).collect(),
        triggers: triggers.iter().filter_map(trigger).collect(),
        meta: meta.iter().map(|row| (row.get(0), row.get(1))).collect(),
    })
}

fn relation(row: &Row, registry: &Registry) -> Relation {
    let oid = row.get(0);
    let kind = match row.get(3) {
        "r" | "p" => RelationKind::Table,
        "v" => RelationKind::View,
        _ => RelationKind::Other,
    };
    let (name, sql) = registry.objects.get(&oid).cloned().map_or_else(|| (row.get(2), None), |(name, sql)| (name, Some(sql)));
    let (strict, without_rowid) = sql.as_deref().map_or((false, false), table_options);
    Relation { oid, schema: row.get(1), name, kind, sql, may_select: row.get(4), strict, without_rowid, ..Relation::default() }
}

/// STRICT and WITHOUT ROWID: what stands behind the column list's closing parenthesis.
fn table_options(sql: &str) -> (bool, bool) {
    let tail = sql.rsplit_once(')').map_or("", |(_, tail)| tail).to_ascii_uppercase();
    let options: Vec<Vec<&str>> = tail.trim_end_matches([';', ' ', '\n']).split(',').map(|option| option.split_whitespace().collect()).collect();
    (options.contains(&vec!["STRICT"]), options.contains(&vec!["WITHOUT", "ROWID"]))
}

fn column(row: &Row, byte_order: bool, relation: &Relation, registry: &Registry) -> Column {
    let (name, type_oid): (String, u32) = (row.get(1), row.get(3));
    let dynamic: bool = row.get(5);
    let default: Option<String> = row.get(7);
    let (identity, generated): (&str, &str) = (row.get(8), row.get(9));
    let made_by_sequence = !identity.is_empty() || default.as_deref().is_some_and(|d| d.starts_with("nextval("));
    let declared = registry.columns.get(&(relation.oid, name.clone()));
    let declared_type = declared.and_then(|d| d.declared.clone());
    Column {
        number: row.get(2),
        type_oid,
        type_name: row.get(4),
        dynamic,
        opaque: !dynamic && !KNOWN.contains(&type_oid),
        not_null: row.get(6),
        sequence: row.get::<_, Option<String>>(10).filter(|_| made_by_sequence),
        identity_always: identity == "a",
        generated: !generated.is_empty(),
        byte_order: row.get::<_, Option<bool>>(11).unwrap_or(byte_order),
        affinity: match &declared_type {
            Some(declared) if relation.strict && declared.eq_ignore_ascii_case("ANY") => Affinity::Blob,
            Some(declared) => affinity_of_declared(declared),
            None if dynamic => Affinity::Blob,
            None => affinity_of_pg(type_oid),
        },
        declared: declared_type,
        collation: declared.and_then(|d| d.collation.as_deref()).and_then(Collation::named).unwrap_or_default(),
        hidden: declared.is_some_and(|d| d.hidden),
        argument: false,
        key: declared.map_or(0, |d| d.key),
        default,
        name: declared.map_or(name, |d| d.name.clone()),
    }
}

/// None when a part is a column that the snapshot does not have (a system column).
fn index(row: &Row, columns: &[Column], registry: &Registry) -> Option<Index> {
    let (numbers, expressions, flags): (Vec<i16>, Vec<Option<String>>, Vec<i16>) = (row.get(6), row.get(7), row.get(8));
    let part = |(number, expression): (i16, Option<String>)| match expression {
        Some(expression) => Some(IndexPart::Expression(expression)),
        None => columns.iter().position(|column| column.number == number).map(IndexPart::Column),
    };
    let object = registry.objects.get(&row.get(1));
    Some(Index {
        oid: row.get(1),
        name: object.map_or_else(|| row.get(2), |(name, _)| name.clone()),
        unique: row.get(3),
        primary: row.get(4),
        constraint: row.get(5),
        parts: numbers.into_iter().zip(expressions).map(part).collect::<Option<_>>()?,
        // INDOPTION_DESC and INDOPTION_NULLS_FIRST of pg_index.h
        descending: flags.iter().map(|f| f & 1 != 0).collect(),
        nulls_first: flags.iter().map(|f| f & 2 != 0).collect(),
        predicate: row.get(9),
        sql: object.map(|(_, sql)| sql.clone()),
    })
}

/// Foreign keys by SQLite's names: the backend knows long ones by short ones.
fn whole_names(relations: &mut [Relation]) {
    let long = |r: &Relation| short_name(&r.name) != r.name || r.columns.iter().any(|c| short_name(&c.name) != c.name);
    if !relations.iter().any(long) {
        return;
    }
    let tables: Vec<(String, Vec<String>)> = relations.iter().map(|r| (r.name.clone(), r.columns.iter().map(|c| c.name.clone()).collect())).collect();
    let whole = |names: &[String], found: &mut String| {
        if let Some(name) = names.iter().find(|name| is_called(name, found)) {
            found.clone_from(name);
        }
    };
    for (relation, (_, own)) in relations.iter_mut().zip(&tables) {
        for key in &mut relation.foreign_keys {
            key.columns.iter_mut().for_each(|c| whole(own, c));
            if let Some((target, theirs)) = tables.iter().find(|(name, _)| is_called(name, &key.target)) {
                key.target.clone_from(target);
                key.target_columns.iter_mut().for_each(|c| whole(theirs, c));
            }
        }
    }
}

/// The index that is SQLite's primary key, where PostgreSQL's takes it for a unique one among others.
fn primary_key(relation: &mut Relation) {
    let mut key: Vec<usize> = (0..relation.columns.len()).filter(|c| relation.columns[*c].key > 0).collect();
    key.sort_by_key(|c| relation.columns[*c].key);
    if key.is_empty() || relation.indexes.iter().any(|i| i.primary) {
        return;
    }
    let columns = &relation.columns;
    let same = |(part, column): (&IndexPart, &usize)| match part {
        IndexPart::Column(c) => c == column,
        // The folded text of a column under NOCASE or RTRIM.
        IndexPart::Expression(_) => columns[*column].collation != Collation::Binary,
    };
    let found = relation.indexes.iter_mut().find(|i| i.unique && i.sql.is_none() && i.parts.len() == key.len() && i.parts.iter().zip(&key).all(same));
    if let Some(index) = found {
        index.primary = true;
    }
}

fn constraint(relation: &mut Relation, row: &Row) {
    let name = row.get(1);
    if row.get::<_, &str>(2) == "c" {
        relation.checks.extend(row.get::<_, Option<String>>(8).map(|expression| (name, expression)));
        return;
    }
    if row.get::<_, &str>(2) == "t" {
        relation.enforced.push(name);
        return;
    }
    relation.foreign_keys.push(ForeignKey {
        name,
        columns: row.get::<_, Option<_>>(4).unwrap_or_default(),
        target: row.get::<_, Option<_>>(3).unwrap_or_default(),
        target_columns: row.get::<_, Option<_>>(5).unwrap_or_default(),
        on_update: action(row.get(6)).to_owned(),
        on_delete: action(row.get(7)).to_owned(),
        deferred: row.get(9),
    });
}

/// A referential action by its letter in pg_constraint.
fn action(letter: &str) -> &'static str {
    match letter {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    }
}

#[cfg(test)]
mod tests {
    use super::table_options;

    #[test]
    fn options_stand_behind_the_columns() {
        assert_eq!(table_options("CREATE TABLE t(a INT) STRICT"), (true, false));
        assert_eq!(table_options("CREATE TABLE t(a PRIMARY KEY) without  rowid , Strict ;"), (true, true));
        assert_eq!(table_options("CREATE TABLE strict(a CHECK (a <> 'STRICT'))"), (false, false));
        assert_eq!(table_options("CREATE VIEW v AS SELECT 1"), (false, false));
    }
}
