//! EXPLAIN QUERY PLAN (eqp.html): the backend's plan, in SQLite's columns and words.

use super::lower::literal_text;
use super::parse::scan::Token;
use super::{Action, Answer, Columns, Demand, Hatch, Options, OutColumn, OutKind, ParamClass, Plan, Statement, Template};
use crate::catalog::Catalog;
use crate::error::{ClientError, SqlState};

/// Translates EXPLAIN. SQLite's bytecode, which it shows without QUERY PLAN, is not to be had.
pub fn explain(sql: &str, tokens: &[Token], params: &[ParamClass], catalog: &Catalog, options: &Options) -> Result<Plan, ClientError> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| t.is(sql, word));
    let start = tokens.first().map_or(0, |t| t.at.start);
    let of_plan = is(1, "QUERY") && is(2, "PLAN");
    if !of_plan {
        let refusal = || ClientError::refused("EXPLAIN").hint("EXPLAIN QUERY PLAN shows the backend's plan.").at(start);
        options.hatches.pass(Hatch::Bytecode, refusal)?;
    }
    let Some(first) = tokens.get(if of_plan { 3 } else { 1 }) else {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len()));
    };
    let inner = super::translate(&sql[first.at.start..], params, catalog, options).map_err(|mut e| {
        e.position = e.position.map(|p| p + first.at.start);
        e
    })?;
    let columns = [("id", OutKind::Integer), ("parent", OutKind::Integer), ("notused", OutKind::Integer), ("detail", OutKind::Text)];
    let columns: Vec<OutColumn> = columns.into_iter().map(|(name, kind)| OutColumn { name: name.to_owned(), kind }).collect();
    let action = match inner.action {
        Action::Execute(statement) if !statement.schema_change && planned(&statement) => {
            if catalog.helpers.is_none() {
                return Err(ClientError::refused("EXPLAIN QUERY PLAN without the helper schema").at(start));
            }
            let text = statement.template.printed(|at, out| out.push_str(&sample(statement.template.slots[at].demand)));
            let text = format!("SELECT id, parent, notused, detail FROM litewire.query_plan({})", literal_text(&text));
            let columns = Columns::Shaped(columns.into());
            Action::Execute(Box::new(Statement { template: Template::fixed(text), columns, guard: true, ..Statement::default() }))
        }
        // What is no query has no plan.
        _ => Action::Answer(Answer { columns: Some(columns), rows: Vec::new(), tag: "SELECT {}" }),
    };
    Ok(Plan::of(action, inner.params))
}

/// Is it a statement that the backend makes a plan for?
fn planned(statement: &Statement) -> bool {
    let text = statement.template.numbered();
    ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES", "("].iter().any(|verb| text.starts_with(verb))
}

/// A value in a parameter's place: its plan hardly depends on it.
fn sample(demand: Demand) -> String {
    match demand {
        Demand::Native(_) => "NULL".to_owned(),
        known => format!("'1'::{}", known.type_name()),
    }
}
