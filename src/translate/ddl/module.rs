//! CREATE VIRTUAL TABLE (lang_createvtab.html): an ordinary table at the backend, with what its module needs beside it.

use super::create::{register_column, sequence_name};
use super::types::column;
use super::{Change, named_otherwise, needs_registry, qualified, register};
use crate::catalog::module::{Content, Declaration, ENDS, Fault, FullText, Module, ROWID, Rtree, TOKENS, Version, Vocabulary, mark_internal};
use crate::catalog::{Catalog, Column, Index, IndexPart, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::Options;
use crate::translate::bind::{Binder, Bound, quote_ident};
use crate::translate::functions::fts;
use crate::translate::lower::literal_text;
use sqlparser::ast::Ident;

/// A relation with its module, while it is made.
struct Making {
    relation: Relation,
    /// The columns for the backend.
    columns: Vec<String>,
    /// What follows CREATE TABLE.
    after: Vec<String>,
}

/// What the statement does; None when that is nothing (IF NOT EXISTS).
pub(super) fn create(sql: &str, catalog: &Catalog, options: &Options) -> Bound<Option<Change>> {
    needs_registry(catalog)?;
    let declaration = Declaration::parse(sql).ok_or_else(|| ClientError::syntax("VIRTUAL"))?;
    let at = declaration.at;
    let database = declaration.database.as_deref().unwrap_or("main");
    let schema = catalog.schema_of(database).map(str::to_owned);
    let schema = schema.ok_or_else(|| ClientError::new(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {database}")).at(at))?;
    let binder = Binder::new(sql, &[], catalog, options);
    if named_otherwise(&Ident::new(&declaration.name), &schema, declaration.if_not_exists, &binder).map_err(|e| e.at(at))? {
        return Ok(None);
    }
    let mut module = Module::of(&declaration).map_err(|fault| match fault {
        Fault::Error(message) => ClientError::new(SqlState::SYNTAX_ERROR, message).at(at),
        Fault::Refused(what) => ClientError::refused(what).at(at),
    })?;
    if let Module::FullText(full_text) = &mut module {
        content_columns(full_text, database, catalog).map_err(|e| e.at(at))?;
    }
    let text = super::text::stored(sql, "VIRTUAL TABLE");
    let relation = Relation { schema, name: declaration.name, sql: Some(text), may_select: true, ..Relation::default() };
    let printed = qualified(&relation.schema, &relation.name);
    let Making { mut relation, columns, after } = match &module {
        Module::FullText(full_text) => searched(relation, full_text, catalog)?,
        Module::Rtree(rtree) => spatial(relation, rtree)?,
        Module::Vocabulary(vocabulary) => listed(relation, vocabulary, database, catalog)?,
    };
    let made = match &module {
        Module::Vocabulary(_) => format!("CREATE VIEW {printed} AS {}", columns.join("")),
        _ => format!("CREATE TABLE {printed} (\n  {}\n)", columns.join(",\n  ")),
    };
    relation.module = Some(module);
    let mut steps = vec![made];
    steps.extend(register(&relation.schema, "table", &relation.name, &relation.name, relation.sql.as_deref().unwrap_or_default()));
    steps.extend(relation.columns.iter().filter_map(|c| register_column(&relation, c)));
    steps.extend(after);
    let touched = vec![relation.name.clone()];
    let mut relations = catalog.relations.clone();
    relations.push(relation);
    Ok(Some(Change { steps, relations, touched }))
}

/// A full-text table of FTS4 that names no columns has those of its external content (fts3.html §6.2.2).
fn content_columns(full_text: &mut FullText, database: &str, catalog: &Catalog) -> Bound<()> {
    let Content::External(table, _) = &full_text.content else { return Ok(()) };
    if !full_text.columns.is_empty() || full_text.version == Version::Five {
        return Ok(());
    }
    let content = catalog.relation_in(Some(database), table);
    let content = content.ok_or_else(|| ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {database}.{table}")))?;
    full_text.columns = content.columns.iter().filter(|c| !c.hidden && !c.argument).map(|c| (c.name.clone(), false)).collect();
    Ok(())
}

/// Columns and what makes them, named once.
fn add(making: &mut Making, made: Column, rest: &str) -> Bound<()> {
    if making.relation.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&made.name)) {
        return Err(ClientError::new(SqlState::DUPLICATE_COLUMN, format!("duplicate column name: {}", made.name)));
    }
    if made.name.len() > 63 {
        return Err(ClientError::refused("a name of more than 63 bytes"));
    }
    making.columns.push(format!("{} {}{rest}", quote_ident(&made.name), made.type_name));
    making.relation.columns.push(made);
    Ok(())
}

fn typeless(making: &Making, name: &str) -> Column {
    column(name, making.relation.columns.len() as i16 + 1, None, false)
}

fn searched(relation: Relation, full_text: &FullText, catalog: &Catalog) -> Bound<Making> {
    let mut making = Making { relation, columns: Vec::new(), after: Vec::new() };
    for (name, _) in &full_text.columns {
        let made = typeless(&making, name);
        add(&mut making, made, "")?;
    }
    let table = making.relation.name.clone();
    for name in full_text.arguments(&table) {
        let made = Column { argument: true, ..typeless(&making, name) };
        add(&mut making, made, "")?;
    }
    let sequence = Some(sequence_name(&making.relation.schema, &making.relation.name, ROWID));
    let rowid = Column {
        hidden: true,
        sequence,
        not_null: true,
        ..column(ROWID, making.relation.columns.len() as i16 + 1, Some("INTEGER".to_owned()), false)
    };
    let at = making.relation.columns.len();
    add(&mut making, rowid, " GENERATED BY DEFAULT AS IDENTITY UNIQUE")?;
    making.relation.indexes.push(unique(at));
    for (name, type_name) in [(TOKENS, "text[]"), (ENDS, "integer[]")] {
        let mut made = Column { opaque: true, type_name: type_name.to_owned(), dynamic: false, ..typeless(&making, name) };
        mark_internal(&mut made);
        add(&mut making, made, "")?;
    }
    let printed = qualified(&making.relation.schema, &making.relation.name);
    making.after.push(format!("CREATE INDEX ON {printed} USING gin (litewire.fts_terms({TOKENS}))"));
    making.after.push(trigger(&making.relation, full_text, catalog)?);
    Ok(making)
}

fn unique(column: usize) -> Index {
    Index {
        unique: true,
        constraint: true,
        parts: vec![IndexPart::Column(column)],
        descending: vec![false],
        nulls_first: vec![false],
        ..Index::default()
    }
}

/// The trigger that keeps the index of a full-text table.
pub(super) fn trigger(relation: &Relation, full_text: &FullText, catalog: &Catalog) -> Bound<String> {
    let cell = |name: &str| format!("litewire.fts_text(($1).{})", quote_ident(name));
    let texts: Vec<String> = full_text.columns.iter().map(|(name, _)| cell(name)).collect();
    let value = if full_text.version == Version::Five { cell("rank") } else { "NULL::text".to_owned() };
    let read = format!("SELECT {} AS command, {value} AS value, ARRAY[{}]::text[] AS texts", cell(&relation.name), texts.join(", "));
    let own = |c: &Column| format!("($1).{}", quote_ident(&c.name));
    let kept = relation.columns.iter().map(|c| if c.hidden { own(c) } else { format!("NULL::{}", c.type_name) });
    let emptied = format!("SELECT {}", kept.collect::<Vec<_>>().join(", "));
    let content = match &full_text.content {
        Content::External(table, rowid) => {
            let (schema, rowid) = content_place(catalog, relation, table, rowid.as_deref());
            let columns: Vec<&str> = full_text.columns.iter().map(|(name, _)| name.as_str()).collect();
            serde_json::json!({ "t": qualified(&schema, table), "r": quote_ident(&rowid), "c": columns }).to_string()
        }
        _ => "{}".to_owned(),
    };
    let arguments = [fts::spec(full_text), read, emptied, content].map(|a| literal_text(&a)).join(", ");
    let printed = qualified(&relation.schema, &relation.name);
    Ok(format!(
        "CREATE TRIGGER _lw_fts BEFORE INSERT OR UPDATE OR DELETE ON {printed} FOR EACH ROW EXECUTE FUNCTION litewire.fts5_write({arguments})"
    ))
}

/// The schema of a table that holds the content, and its rowid's column.
fn content_place(catalog: &Catalog, relation: &Relation, table: &str, rowid: Option<&str>) -> (String, String) {
    let named = rowid.unwrap_or("rowid");
    let Some(content) = catalog.relation_in(Some(catalog.database(relation)), table) else { return (relation.schema.clone(), named.to_owned()) };
    let column = content.column(named).map(|(_, c)| c).or_else(|| content.rowid().map(|(_, c)| c));
    (content.schema.clone(), column.map_or_else(|| named.to_owned(), |c| c.name.clone()))
}

fn spatial(relation: Relation, rtree: &Rtree) -> Bound<Making> {
    let mut making = Making { relation, columns: Vec::new(), after: Vec::new() };
    let declared = if rtree.whole { "INT" } else { "REAL" };
    for (at, name) in rtree.columns.iter().enumerate() {
        let declared = if at == 0 { "INT" } else { declared };
        let mut made = column(name, at as i16 + 1, Some(declared.to_owned()), false);
        if at == 0 {
            made.sequence = Some(sequence_name(&making.relation.schema, &making.relation.name, name));
            made.not_null = true;
        }
        add(&mut making, made, if at == 0 { " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY" } else { "" })?;
    }
    making.relation.indexes.push(Index { primary: true, ..unique(0) });
    for name in &rtree.auxiliary {
        let made = typeless(&making, name);
        add(&mut making, made, "")?;
    }
    let printed = qualified(&making.relation.schema, &making.relation.name);
    let cell = |(at, c): (usize, &Column)| {
        let own = format!("($1).{}", quote_ident(&c.name));
        match at {
            1.. if at >= rtree.columns.len() => own,
            0 => own,
            _ if rtree.whole => format!("litewire.rtree_whole({own})"),
            _ => format!("litewire.rtree_real({own}, {})", at % 2 == 0),
        }
    };
    let kept: Vec<String> = making.relation.columns.iter().enumerate().map(cell).collect();
    let (mut tests, mut points) = (Vec::new(), Vec::new());
    for (names, kept) in rtree.columns[1..].chunks(2).zip(kept[1..].chunks(2)) {
        let ([low, high], [kept_low, kept_high]) = (names, kept) else { continue };
        points.push(format!("point({}, {})", quote_ident(low), quote_ident(high)));
        tests.push(format!("SELECT {kept_low} > {kept_high}"));
        tests.push(format!("{low}<={high}"));
    }
    let arguments: Vec<String> = std::iter::once(format!("SELECT {}", kept.join(", "))).chain(tests).map(|a| literal_text(&a)).collect();
    making.after.push(format!("CREATE INDEX ON {printed} USING gist ({})", points.join(", ")));
    making.after.push(format!(
        "CREATE TRIGGER _lw_rtree BEFORE INSERT OR UPDATE ON {printed} FOR EACH ROW EXECUTE FUNCTION litewire.rtree_write({})",
        arguments.join(", ")
    ));
    Ok(making)
}

/// A view of what a full-text table's index holds, found when it is read.
fn listed(relation: Relation, vocabulary: &Vocabulary, own: &str, catalog: &Catalog) -> Bound<Making> {
    let database = vocabulary.database.as_deref().unwrap_or(own);
    let found = catalog.relation_in(Some(database), &vocabulary.table);
    let schema = found.map(|r| r.schema.clone()).or_else(|| catalog.schema_of(database).map(str::to_owned)).unwrap_or_default();
    let name = found.map_or(&vocabulary.table, |r| &r.name);
    let called = format!("{database}.{}", vocabulary.table);
    let arguments = [qualified(&schema, name), called].map(|a| literal_text(&a)).join(", ");
    let query = format!("SELECT * FROM litewire.{}({arguments})", vocabulary.kind.helper());
    let mut making = Making { relation, columns: Vec::new(), after: Vec::new() };
    for name in vocabulary.kind.columns() {
        let made = Column { argument: vocabulary.kind.argument() == Some(name), ..typeless(&making, name) };
        add(&mut making, made, "")?;
    }
    making.columns = vec![query];
    Ok(making)
}

/// What follows the renaming of a virtual table: the hidden column of a full-text table is named as it is.
pub(super) fn renamed(relation: &mut Relation, old: &str, catalog: &Catalog, steps: &mut Vec<String>) -> Bound<()> {
    let Some(Module::FullText(full_text)) = relation.module.clone() else { return Ok(()) };
    let printed = qualified(&relation.schema, &relation.name);
    let name = relation.name.clone();
    if let Some(column) = relation.columns.iter_mut().find(|c| c.argument && c.name == old) {
        column.name.clone_from(&name);
    }
    let class = literal_text(&printed);
    steps.push(format!("ALTER TABLE {printed} RENAME COLUMN {} TO {}", quote_ident(old), quote_ident(&name)));
    steps.push(format!(
        "UPDATE litewire.columns SET name = {} WHERE relid = {class}::regclass AND name = {}",
        literal_text(&name),
        literal_text(old)
    ));
    steps.push(format!("DROP TRIGGER _lw_fts ON {printed}"));
    steps.push(trigger(relation, &full_text, catalog)?);
    Ok(())
}
