//! The word on conflicts of the statement that fires a trigger stands over that of the statements within (lang_createtrigger.html §2).
//! A trigger's function has a step in each form that can matter, and takes the one that the setting `litewire.policy` names.

use super::Write;
use crate::catalog::{Catalog, IndexPart, Relation, is_rowid};
use crate::translate::parse::trigger::Event;
use crate::translate::parse::{self, Resolution, scan};
use sqlparser::ast::{self, SqliteOnConflict};

/// A step with another policy, and the name by which it is taken.
pub fn under(step: &ast::Statement, policy: Resolution) -> ast::Statement {
    let or = Some(match policy {
        Resolution::Rollback => SqliteOnConflict::Rollback,
        Resolution::Abort => SqliteOnConflict::Abort,
        Resolution::Fail => SqliteOnConflict::Fail,
        Resolution::Ignore => SqliteOnConflict::Ignore,
        Resolution::Replace => SqliteOnConflict::Replace,
    });
    let mut step = step.clone();
    match &mut step {
        ast::Statement::Insert(insert) => (insert.or, insert.replace_into) = (or, false),
        ast::Statement::Update(update) => update.or = or,
        _ => {}
    }
    step
}

/// What a step itself says.
pub fn own(step: &ast::Statement) -> Option<Resolution> {
    match step {
        ast::Statement::Insert(insert) if insert.replace_into => Some(Resolution::Replace),
        ast::Statement::Insert(insert) => super::insert::resolution(insert.or),
        ast::Statement::Update(update) => super::insert::resolution(update.or),
        _ => None,
    }
}

/// The table that a step changes.
pub fn target<'c>(step: &ast::Statement, catalog: &'c Catalog) -> Option<&'c Relation> {
    let name = match step {
        ast::Statement::Insert(insert) => insert.table.to_string(),
        ast::Statement::Update(update) => match &update.table.relation {
            ast::TableFactor::Table { name, .. } => name.to_string(),
            _ => return None,
        },
        _ => return None,
    };
    catalog.relation(&scan::unquote(&name))
}

/// Can a step meet a constraint, itself or by way of triggers?
pub fn is_constrained(step: &ast::Statement, catalog: &Catalog) -> bool {
    if !matches!(step, ast::Statement::Insert(_) | ast::Statement::Update(_)) {
        return false;
    }
    let Some(table) = target(step, catalog) else { return true };
    let rowid = table.rowid().map(|(at, _)| at);
    let is_set = |at: usize| match step {
        ast::Statement::Insert(insert) => {
            let listed = |c: &ast::ObjectName| scan::unquote(&c.to_string()).eq_ignore_ascii_case(&table.columns[at].name);
            // A rowid that nobody gives is a new one.
            rowid != Some(at) || insert.columns.iter().any(listed) || insert.columns.is_empty() && !table.columns[at].hidden
        }
        ast::Statement::Update(update) => {
            let named = |name: &ast::ObjectName| {
                let name = scan::unquote(&name.to_string());
                name.eq_ignore_ascii_case(&table.columns[at].name) || is_rowid(&name) && rowid == Some(at)
            };
            let generated = table.columns[at].generated;
            generated
                || update.assignments.iter().any(|a| match &a.target {
                    ast::AssignmentTarget::ColumnName(name) => named(name),
                    ast::AssignmentTarget::Tuple(names) => names.iter().any(named),
                })
        }
        _ => true,
    };
    let met = |i: &crate::catalog::Index| i.unique && i.parts.iter().any(|p| !matches!(p, IndexPart::Column(at) if !is_set(*at)));
    let required = table.columns.iter().enumerate().any(|(at, c)| c.not_null && rowid != Some(at) && is_set(at));
    !table.triggers.is_empty() || !table.checks.is_empty() || required || table.indexes.iter().any(met)
}

impl Write<'_, '_> {
    /// The policy that the triggers of a statement must hear.
    pub(super) fn policy(&self, or: Option<Resolution>, events: &[(Event, &[&str])]) -> Option<Resolution> {
        let own = self.binder.rows.is_none().then_some(or).flatten()?;
        let heard = |sql: &str, place: &std::ops::Range<usize>| {
            parse::parse(&sql[place.clone()]).is_ok_and(|step| is_constrained(&step, self.binder.catalog))
        };
        let fired = events.iter().flat_map(|(event, columns)| self.triggers(*event, columns));
        fired.into_iter().any(|(trigger, sql)| trigger.steps.iter().any(|step| heard(sql, step))).then_some(own)
    }
}
