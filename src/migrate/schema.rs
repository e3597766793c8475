//! DDL by the translator that a client's DDL goes through.

use super::Error;
use super::constraints::savepoint;
use super::source::{Object, ObjectKind};
use crate::catalog::module::{Content, Module};
use crate::catalog::{Catalog, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::{self, Action, Options, bind_ident, literal_text};
use tokio_postgres::Client;

/// What becomes of one object.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The object.
    pub object: Object,
    /// PostgreSQL's statement (None where there is nothing to do), or why there is none.
    pub outcome: Result<Option<String>, ClientError>,
    /// Why a view that can be made cannot be read.
    pub unreadable: Option<ClientError>,
}

impl Planned {
    /// `trigger t_au: CREATE TRIGGER is not supported`, for one that is refused.
    pub fn refusal(&self) -> Option<String> {
        Some(format!("{} {}: {}", self.object.kind.name(), self.object.name, self.reason()?))
    }

    /// Why it is refused, and what to do.
    pub fn reason(&self) -> Option<String> {
        let error = self.outcome.as_ref().err().or(self.unreadable.as_ref())?;
        let hint = error.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        Some(format!("{}{hint}", error.message))
    }
}

/// One statement for PostgreSQL, as its text.
pub fn statement(sql: &str, catalog: &Catalog, options: &Options) -> Result<Option<String>, ClientError> {
    match translate::translate(sql, &[], catalog, options)?.action {
        Action::Execute(statement) if statement.template.slots.is_empty() => Ok(Some(statement.template.numbered())),
        Action::Execute(_) => Err(ClientError::refused("DDL with a value of the moment")),
        _ => Ok(None),
    }
}

/// All of a file's objects against `catalog`, each seeing those before it; the catalog as it is with all that could be translated.
pub fn plan(objects: &[Object], catalog: &Catalog, options: &Options) -> (Vec<Planned>, Catalog) {
    let mut known = catalog.clone();
    let mut planned = Vec::new();
    let (views, others): (Vec<&Object>, Vec<&Object>) = objects.iter().partition(|o| o.kind == ObjectKind::View);
    let (triggers, made): (Vec<&Object>, Vec<&Object>) = others.into_iter().partition(|o| o.kind == ObjectKind::Trigger);
    let mut take = |object: &Object, known: &mut Catalog, keep: bool| {
        let outcome = readable(object).and_then(|()| statement(&object.sql, known, options));
        let done = outcome.is_ok();
        if done && let Some(next) = translate::overlay(&object.sql, known, options) {
            *known = next;
        }
        if done || keep {
            planned.push(Planned { object: object.clone(), outcome, unreadable: None });
        }
        done
    };
    for object in made {
        take(object, &mut known, true);
    }
    // SQLite does not mind a view that reads one made after it.
    let mut waiting = views;
    loop {
        let before = waiting.len();
        waiting.retain(|view| !take(view, &mut known, false));
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    for object in waiting.into_iter().chain(triggers) {
        take(object, &mut known, true);
    }
    // A view is kept as its text, whatever that means: it shows when it is read.
    for view in planned.iter_mut().filter(|p| p.object.kind == ObjectKind::View && p.outcome.is_ok()) {
        view.unreadable = statement(&format!("SELECT * FROM {}", super::source::quoted(&view.object.name)), &known, options).err();
    }
    (planned, known)
}

/// Makes everything in a transaction that is taken back, so that what PostgreSQL itself refuses (a name that is taken, say) is known
/// before anything changes.
pub async fn rehearse(client: &Client, planned: &mut [Planned]) -> Result<(), Error> {
    client.batch_execute("BEGIN").await?;
    for plan in planned {
        let Ok(Some(sql)) = &plan.outcome else { continue };
        if let Err(error) = savepoint(client, sql).await? {
            plan.outcome = Err(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, crate::backend::detail(&error)));
        }
    }
    client.batch_execute("ROLLBACK").await?;
    Ok(())
}

/// What a full-text table has no content of cannot be read.
fn readable(object: &Object) -> Result<(), ClientError> {
    let module = Module::of_text(&object.sql).filter(|_| object.kind == ObjectKind::Virtual);
    match module.as_ref().and_then(Module::full_text) {
        Some(full_text) if full_text.content == Content::None => Err(ClientError::refused("reading the rows of a contentless full-text table")),
        _ => Ok(()),
    }
}

/// A command to a full-text table, as the backend's table takes it.
pub fn command(relation: &Relation, command: &str, argument: Option<&str>) -> String {
    let (column, value) = match argument {
        Some(argument) => (", rank", format!(", litewire.v_text({})", literal_text(argument))),
        None => ("", String::new()),
    };
    format!(
        "INSERT INTO {}.{} ({}{column}) VALUES (litewire.v_text({}){value})",
        bind_ident(&relation.schema),
        bind_ident(&relation.name),
        bind_ident(&relation.name),
        literal_text(command)
    )
}

/// Makes an object unless it is there. True when it was made.
pub async fn make(client: &Client, object: &Object, catalog: &Catalog, options: &Options) -> Result<bool, Error> {
    let there = match object.kind {
        ObjectKind::Table | ObjectKind::View | ObjectKind::Virtual | ObjectKind::Search => catalog.relation(&object.name).is_some(),
        ObjectKind::Index => catalog.relations.iter().any(|r| r.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(&object.name))),
        ObjectKind::Trigger => {
            let known = "SELECT EXISTS (SELECT FROM litewire.objects WHERE kind = 'trigger' AND lower(name) = lower($1))";
            client.query_one(known, &[&object.name]).await?.get(0)
        }
    };
    if there {
        return Ok(false);
    }
    let failed = |error: ClientError| Error::refused(format!("{} {}: {error}", object.kind.name(), object.name));
    if let Some(sql) = statement(&object.sql, catalog, options).map_err(failed)? {
        client
            .batch_execute(&sql)
            .await
            .map_err(|e| Error::refused(format!("{} {}: {}", object.kind.name(), object.name, crate::backend::detail(&e))))?;
    }
    Ok(true)
}
