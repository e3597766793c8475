//! Widening: a column whose type cannot hold what SQLite would store in it becomes dynamic. Its declared type, and with it its
//! affinity, stay in the registry; defaults, checks and indexes over it are made anew from SQLite's own text.
//!
//! A rewriting ALTER TABLE is not MVCC-safe and takes the table for itself, so it is done only where that harms nobody: see
//! [`may_widen`] for what is known here, and the block's own tests for what only the backend knows.

use super::create::making;
use super::index::index_text;
use super::types::backend_type;
use super::{in_quotes, qualified, register};
use crate::catalog::{Catalog, Column, IndexPart, Relation, is_called, is_named, short_name};
use crate::error::ClientError;
use crate::translate::bind::{Binder, Bound, quote_ident};
use crate::translate::lower::{Lower, Misfit, literal_text};
use crate::translate::parse::{self, scan};
use crate::translate::tree::{Class, Ty};
use crate::translate::{Action, Options, Plan, Widening, trigger};
use sqlparser::ast;
use std::sync::Arc;

/// How long a widening waits for its table.
const LOCK_TIMEOUT: &str = "2s";
/// The dynamic carrier, as printed.
pub(super) const ANY: &str = "litewire.\"any\"";

/// Translates; where a column cannot hold a value, again with the column widened, and the plan says so.
pub fn widening(
    catalog: &Catalog,
    options: &Options,
    mut attempt: impl FnMut(&Catalog, &mut Option<Misfit>) -> Result<Plan, ClientError>,
) -> Result<Plan, ClientError> {
    let mut misfit = None;
    let mut refusal = match attempt(catalog, &mut misfit) {
        Err(error) if misfit.is_some() && options.widen.is_some() => error,
        outcome => return outcome,
    };
    let mut misfits: Vec<Misfit> = Vec::new();
    let mut widened = catalog.clone();
    // Each turn widens another column, so it ends.
    while let Some(found) = misfit.take() {
        if misfits.contains(&found) || !may_widen(&widened, &found) {
            return Err(refusal);
        }
        set_dynamic(&mut widened, &found);
        misfits.push(found);
        match attempt(&widened, &mut misfit) {
            Ok(mut plan) => {
                if let Action::Execute(statement) = &mut plan.action {
                    statement.widens = Some(Box::new(widen(catalog, &misfits, options, refusal)?));
                }
                return Ok(plan);
            }
            Err(error) if misfit.is_none() => return Err(error),
            Err(_) => {}
        }
    }
    refusal.position = None;
    Err(refusal)
}

/// May a column be widened at all: one of a table that SQLite's DDL made under `faithful`, and not STRICT; no key of an identity,
/// no enforced foreign key's, on neither side; nothing generated in its table.
pub fn may_widen(catalog: &Catalog, misfit: &Misfit) -> bool {
    let Some((relation, column)) = find(catalog, misfit) else { return false };
    let declared = column.declared.as_deref().filter(|d| !d.is_empty());
    let faithful = declared.is_some_and(|d| backend_type(Some(d), false).oid == column.type_oid);
    let refers = |r: &Relation, own: bool| {
        r.foreign_keys.iter().any(|k| {
            let names = if own { &k.columns } else { &k.target_columns };
            !k.name.is_empty() && (own || k.target.eq_ignore_ascii_case(&relation.name)) && names.iter().any(|n| n.eq_ignore_ascii_case(&column.name))
        })
    };
    let by_trigger =
        |r: &Relation| !r.enforced.is_empty() && r.sql.as_deref().is_some_and(|sql| names(sql, &column.name) || names(sql, &relation.name));
    let keyed = refers(relation, true) || catalog.relations.iter().any(|r| refers(r, false) || by_trigger(r));
    relation.is_sqlite()
        && relation.module.is_none()
        && faithful
        && !relation.strict
        && !column.dynamic
        && !column.hidden
        && column.sequence.is_none()
        && relation.columns.iter().all(|c| !c.generated)
        && !keyed
}

/// Does a text name something?
fn names(sql: &str, name: &str) -> bool {
    scan::tokens(sql).iter().any(|t| t.may_name() && scan::unquote(t.text(sql)).eq_ignore_ascii_case(name))
}

fn find<'c>(catalog: &'c Catalog, misfit: &Misfit) -> Option<(&'c Relation, &'c Column)> {
    let relation = catalog.relations.iter().find(|r| r.schema == misfit.schema && is_called(&r.name, &misfit.table))?;
    relation.columns.iter().find(|c| is_called(&c.name, &misfit.column)).map(|c| (relation, c))
}

fn set_dynamic(catalog: &mut Catalog, misfit: &Misfit) {
    let relation = catalog.relations.iter_mut().find(|r| r.schema == misfit.schema && is_called(&r.name, &misfit.table));
    if let Some(column) = relation.and_then(|r| r.columns.iter_mut().find(|c| is_called(&c.name, &misfit.column))) {
        make_dynamic(column);
    }
}

/// The column in the dynamic carrier.
pub(super) fn make_dynamic(column: &mut Column) {
    (column.dynamic, column.type_oid) = (true, 0);
    ANY.clone_into(&mut column.type_name);
}

/// What widens the columns, all of one table.
pub fn widen(catalog: &Catalog, misfits: &[Misfit], options: &Options, refusal: ClientError) -> Bound<Widening> {
    let mut widened = catalog.clone();
    misfits.iter().for_each(|m| set_dynamic(&mut widened, m));
    let Some((table, _)) = misfits.first().and_then(|m| find(catalog, m)) else { return Err(refusal) };
    let columns: Vec<&Column> = misfits.iter().filter_map(|m| find(catalog, m)).map(|(_, c)| c).collect();
    let printed = qualified(&table.schema, &table.name);
    let class = format!("{}::regclass", literal_text(&printed));
    let touched = |text: &str| scan::tokens(text).iter().any(|t| columns.iter().any(|c| is_named(&c.name, &scan::unquote(t.text(text)))));

    let (mut before, mut after) = (Vec::new(), Vec::new());
    // What SQLite's text of the table makes of it now.
    let sql = table.sql.as_deref().unwrap_or_default();
    let ast::Statement::CreateTable(create) = parse::parse(sql)? else { return Err(refusal) };
    let mut binder = Binder::new(sql, &[], &widened, options);
    let mut lower = Lower::new(&widened, options);
    let dynamic: Vec<String> = widened
        .relations
        .iter()
        .find(|r| r.name == table.name && r.schema == table.schema)
        .map_or(Vec::new(), |r| r.columns.iter().filter(|c| c.dynamic).map(|c| c.name.clone()).collect());
    let made = making(&create, &table.name, &dynamic, &mut binder, &mut lower)?.relation;
    if made.checks.iter().any(|(_, text)| touched(text)) {
        before.extend(table.checks.iter().map(|(name, _)| format!("ALTER TABLE {printed} DROP CONSTRAINT {}", quote_ident(name))));
        after.extend(made.checks.iter().map(|(name, text)| format!("ALTER TABLE {printed} ADD CONSTRAINT {} CHECK ({text})", quote_ident(name))));
    }
    let by_expression = |parts: &[IndexPart]| parts.iter().any(|p| matches!(p, IndexPart::Expression(_)));
    for index in &table.indexes {
        let of_text = index.sql.as_deref().filter(|sql| touched(sql) && (by_expression(&index.parts) || index.predicate.is_some()));
        let folded = index.sql.is_none()
            && index.unique
            && !index.constraint
            && index.parts.iter().any(|p| matches!(p, IndexPart::Expression(e) if touched(e)));
        let name = qualified(&table.schema, &index.name);
        if of_text.is_none() && !folded {
            // PostgreSQL makes it anew, as another object.
            if let Some(sql) = index.sql.as_deref().filter(|sql| touched(sql)) {
                before.push(format!("DELETE FROM litewire.objects WHERE relid = {}::regclass", literal_text(&name)));
                after.extend(register(&table.schema, "index", &index.name, &table.name, sql));
            }
            continue;
        }
        before.push(format!("DELETE FROM litewire.objects WHERE relid = {}::regclass", literal_text(&name)));
        before.push(format!("DROP INDEX {name}"));
        if let Some(sql) = of_text {
            let ast::Statement::CreateIndex(create) = parse::parse(sql)? else { return Err(refusal) };
            let mut binder = Binder::new(sql, &[], &widened, options);
            after.push(index_text(&create, &mut binder, &mut Lower::new(&widened, options))?);
            after.extend(register(&table.schema, "index", &index.name, &table.name, sql));
        }
    }
    let folded = |parts: &[IndexPart]| parts.iter().any(|p| matches!(p, IndexPart::Expression(e) if touched(e)));
    for index in made.indexes.iter().filter(|i| !i.constraint && folded(&i.parts)) {
        after.push(super::create::folded_index(&printed, index));
    }
    let mut changes = Vec::new();
    for column in &columns {
        let name = quote_ident(&column.name);
        let carried = lower.recarry(&crate::translate::lower::Frag::text(name.clone()), Ty::of_column(column).class, Class::Dynamic)?;
        let carried = carried.into_fixed().ok_or_else(|| refusal.clone())?;
        before.push(format!("ALTER TABLE {printed} ALTER COLUMN {name} DROP DEFAULT"));
        changes.push(format!("ALTER COLUMN {name} TYPE {ANY} USING {carried}"));
        let default = made.columns.iter().find(|c| c.name == column.name).and_then(|c| c.default.as_ref());
        after.extend(default.map(|d| format!("ALTER TABLE {printed} ALTER COLUMN {name} SET DEFAULT ({d})")));
    }
    let (gone, again) = trigger::watching(table, &columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>());
    before.extend(gone);
    after.extend(again);
    let mut steps: Vec<String> = before.into_iter().chain([format!("ALTER TABLE {printed} {}", changes.join(", "))]).chain(after).collect();
    super::view::around(&mut steps, std::slice::from_ref(&table.name), catalog, &widened, options);
    steps.extend(trigger::steps(catalog, &widened, options));
    let limit = options.widen.unwrap_or_default();
    let raise = format!("RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {}", refusal.state.as_str(), literal_text(&refusal.message));
    let names = columns.iter().map(|c| literal_text(&short_name(&c.name))).collect::<Vec<_>>().join(", ");
    let body = format!(
        "DECLARE
  waited constant text := current_setting('lock_timeout');
BEGIN
  IF pg_catalog.pg_total_relation_size({class}) > {limit} THEN
    {raise}, HINT = 'The table is larger than misfit_widen_limit.';
  END IF;
  PERFORM set_config('lock_timeout', '{LOCK_TIMEOUT}', true);
  BEGIN
    LOCK TABLE {printed} IN ACCESS EXCLUSIVE MODE;
  EXCEPTION WHEN lock_not_available THEN
    {raise}, HINT = 'The table was in use, so that its column could not be widened.';
  END;
  PERFORM set_config('lock_timeout', waited, true);
  -- Somebody else may have been first.
  IF EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = {class} AND attname IN ({names}) AND atttypid = {any}::regtype) THEN
    RETURN;
  END IF;
  {steps};
END",
        any = literal_text(ANY),
        steps = steps.join(";\n  ")
    );
    let widening = Widening {
        sql: format!("DO {}", in_quotes(&body)),
        columns: columns.iter().map(|c| format!("{}.{}", table.name, c.name)).collect::<Vec<_>>().join(", "),
        fresh: table.oid == 0 || table.is_temporary(),
        temporary: table.is_temporary(),
        refusal,
        catalog: Arc::new(widened.clone().numbered()),
    };
    Ok(widening)
}
