//! Triggers (lang_createtrigger.html). SQLite's text is what is kept; the backend's trigger and its function are made from it, and
//! made anew when DDL changes what the text means: a body may name what does not exist until it fires.

mod function;
mod halt;
pub use function::mentions;
pub use halt::{AFTER_STEP, may_halt};

use super::bind::{Bound, quote_ident, quote_relation};
use super::lower::{Misfit, literal_text};
use super::parse::scan;
use super::parse::trigger::{self, Event, Time};
use super::{Options, ddl};
use crate::catalog::{Catalog, Column, Relation, RelationKind, TEMPORARY, Trigger};
use crate::error::{ClientError, SqlState};
use function::{checked, definition};

/// What a CREATE or DROP of a trigger comes to: the catalog that is to be, or nothing to do.
pub type Change = Option<Box<Catalog>>;

/// CREATE TRIGGER.
pub fn create(sql: &str, catalog: &Catalog, options: &Options, misfit: &mut Option<Misfit>) -> Bound<Change> {
    let parsed = trigger::parse(sql)?;
    let at_name = |state, message: String| ClientError::new(state, message).at(parsed.name_at.start);
    let at_table = |state, message: String| ClientError::new(state, message).at(parsed.table_at.start);
    if parsed.temporary && parsed.schema.is_some() {
        return Err(at_name(SqlState::SYNTAX_ERROR, "temporary trigger may not have qualified name".to_owned()));
    }
    if parsed.table.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(at_table(SqlState::INVALID_PARAMETER_VALUE, "cannot create trigger on system table".to_owned()));
    }
    let is_temp = |schema: &Option<String>| schema.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("temp"));
    let temporary = parsed.temporary || is_temp(&parsed.schema);
    let database = parsed.table_schema.as_deref().or(parsed.schema.as_deref().filter(|_| !temporary));
    if let Some(unknown) = parsed.schema.as_deref().filter(|d| catalog.schema_of(d).is_none()) {
        return Err(at_name(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {unknown}")));
    }
    let Some(relation) = catalog.relation_in(database, &parsed.table) else {
        return Err(at_table(SqlState::UNDEFINED_TABLE, format!("no such table: {}.{}", database.unwrap_or("main"), parsed.table)));
    };
    let session = temporary && !relation.is_temporary();
    if session && relation.kind != RelationKind::Table {
        // PostgreSQL's INSTEAD OF triggers have no condition, and would fire for everybody.
        return Err(ClientError::refused("a temporary trigger on a view").at(parsed.name_at.start));
    }
    if session && (parsed.time, parsed.event) == (Time::Before, Event::Insert) && sequence(relation).is_some() {
        return Err(ClientError::refused("a temporary BEFORE INSERT trigger on a table that is not temporary").at(parsed.name_at.start));
    }
    let own = if session { "temp" } else { catalog.database(relation) };
    let said = parsed.schema.as_deref().or((!relation.is_temporary()).then_some("main"));
    if !temporary && said.is_some_and(|said| !said.eq_ignore_ascii_case(own)) {
        if database.is_none() {
            return Err(at_table(SqlState::UNDEFINED_TABLE, format!("no such table: main.{}", parsed.table)));
        }
        return Err(at_table(SqlState::DATATYPE_MISMATCH, format!("trigger {} cannot reference objects in database {own}", parsed.name)));
    }
    if !temporary && let Some(other) = ddl::reads_other(sql, &relation.schema, catalog) {
        return Err(at_name(SqlState::DATATYPE_MISMATCH, format!("trigger {} cannot reference objects in database {other}", parsed.name)));
    }
    if catalog.trigger_in(Some(own), &parsed.name).is_some() {
        if parsed.if_not_exists {
            return Ok(None);
        }
        return Err(at_name(SqlState::DUPLICATE_OBJECT, format!("trigger {} already exists", parsed.name)));
    }
    if parsed.name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(at_name(SqlState::INVALID_PARAMETER_VALUE, format!("object name reserved for internal use: {}", parsed.name)));
    }
    if relation.module.is_some() {
        return Err(at_table(SqlState::WRONG_OBJECT, "cannot create triggers on virtual tables".to_owned()));
    }
    match (relation.kind, parsed.time) {
        (RelationKind::Table, Time::InsteadOf) => {
            return Err(at_table(SqlState::SYNTAX_ERROR, format!("cannot create INSTEAD OF trigger on table: {}", parsed.table)));
        }
        (RelationKind::View, Time::Before | Time::After) => {
            return Err(at_table(SqlState::SYNTAX_ERROR, format!("cannot create {} trigger on view: {}", parsed.time.text(), parsed.table)));
        }
        (RelationKind::View, _) if relation.is_temporary() => {
            // It is no object of the backend's.
            return Err(ClientError::refused("a trigger on a temporary view").at(parsed.table_at.start));
        }
        (RelationKind::Other, _) => return Err(ClientError::refused("a trigger on a foreign table or a materialized view").at(parsed.table_at.start)),
        _ => {}
    }
    checked(&parsed, sql)?;
    let last = catalog.relations.iter().flat_map(|r| &r.triggers).map(|t| t.number).max().unwrap_or(0);
    let made = Trigger { name: parsed.name.clone(), oid: 0, number: last + 1, sql: parsed.schema_text(sql), temporary: session };
    let mut after = catalog.clone();
    after.version = 0;
    if let Some(at) = catalog.index_of(relation) {
        after.relations[at].triggers.insert(0, made);
    }
    ddl::typed_views(&mut after, options);
    // What is missing may be made before the trigger fires; what is refused stays so.
    let shift = parsed.name_at.start as isize - "CREATE TRIGGER ".len() as isize;
    if let Some((relation, made)) = after.trigger_in(Some(own), &parsed.name)
        && let Err(mut error) = function::body(made, relation, &after, options, misfit)
        && (error.state == SqlState::FEATURE_NOT_SUPPORTED || misfit.is_some())
    {
        error.position = error.position.and_then(|p| p.checked_add_signed(shift));
        return Err(error);
    }
    Ok(Some(Box::new(after)))
}

/// DROP TRIGGER.
pub fn drop(sql: &str, tokens: &[scan::Token], catalog: &Catalog) -> Bound<Change> {
    let words: Vec<&scan::Token> = tokens.iter().filter(|t| !t.is_op(sql, ";")).collect();
    let if_exists = words.get(2).is_some_and(|t| t.is(sql, "IF")) && words.get(3).is_some_and(|t| t.is(sql, "EXISTS"));
    let (database, name) = match &words[if if_exists { 4 } else { 2 }.min(words.len())..] {
        [name] => (None, name),
        [database, dot, name] if dot.is_op(sql, ".") => (Some(scan::unquote(database.text(sql))), name),
        [] => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len())),
        [first, rest @ ..] => {
            let unexpected = rest.first().unwrap_or(first);
            return Err(ClientError::syntax(unexpected.text(sql)).at(unexpected.at.start));
        }
    };
    let wanted = scan::unquote(name.text(sql));
    let Some((owner, found)) = catalog.trigger_in(database.as_deref(), &wanted) else {
        if if_exists {
            return Ok(None);
        }
        let start = words.get(if if_exists { 4 } else { 2 }).map_or(0, |t| t.at.start);
        let message = format!("no such trigger: {}", &sql[start..name.at.end]);
        return Err(ClientError::new(SqlState::UNDEFINED_OBJECT, message).at(name.at.start));
    };
    let mut after = catalog.clone();
    after.version = 0;
    if let Some(at) = catalog.index_of(owner) {
        after.relations[at].triggers.retain(|t| t != found);
    }
    Ok(Some(Box::new(after)))
}

/// The statements that make the backend's triggers those of another catalog.
pub fn steps(before: &Catalog, after: &Catalog, options: &Options) -> Vec<String> {
    let mut steps = Vec::new();
    let changed = changed_names(before, after);
    let is_touched = |relation: &Relation, trigger: &Trigger| {
        let named = |t: &scan::Token| changed.iter().any(|c| scan::unquote(t.text(&trigger.sql)).eq_ignore_ascii_case(c));
        changed.iter().any(|c| relation.name.eq_ignore_ascii_case(c)) || scan::tokens(&trigger.sql).iter().any(named)
    };
    for (relation, trigger) in all(before) {
        if find(after, relation, trigger).is_some() {
            continue;
        }
        if after.relations.iter().any(|r| r.schema == relation.schema && r.name == relation.name) {
            steps.push(detachment(trigger, relation));
        }
        if !relation.is_temporary() && !trigger.temporary {
            steps.push(format!("DELETE FROM litewire.objects WHERE relid = {}", procedure(relation, trigger)));
        }
        steps.push(format!("DROP FUNCTION {}", function_name(relation, trigger)));
    }
    for (relation, trigger) in all(after) {
        let old = find(before, relation, trigger);
        if old.is_some() && !is_touched(relation, trigger) {
            continue;
        }
        let text = definition(trigger, relation, after, options);
        match old {
            None => {
                steps.push(text);
                steps.extend(attachment(trigger, relation));
                steps.extend(registration(trigger, relation));
            }
            Some((old_relation, old)) => {
                if definition(old, old_relation, before, options) != text {
                    steps.push(text);
                }
                if old.sql != trigger.sql || old_relation.name != relation.name {
                    steps.extend(registration(trigger, relation));
                }
            }
        }
    }
    steps.extend(numbering_steps(before, after));
    steps
}

/// What must go before the columns of a table change their type, and what must come after it: the triggers that watch them.
pub fn watching(relation: &Relation, columns: &[&str]) -> (Vec<String>, Vec<String>) {
    let watches = |t: &&Trigger| trigger::parse(&t.sql).is_ok_and(|p| p.columns.is_some() && p.watches(columns));
    let watching: Vec<&Trigger> = relation.triggers.iter().filter(watches).collect();
    let gone = |t: &&Trigger| detachment(t, relation);
    (watching.iter().map(gone).collect(), watching.iter().filter_map(|t| attachment(t, relation)).collect())
}

/// The rowid column of a table that numbers its rows, and the sequence.
pub fn sequence(relation: &Relation) -> Option<(&Column, &str)> {
    let (_, column) = relation.rowid()?;
    Some((column, column.sequence.as_deref()?))
}

/// Does a BEFORE trigger change its own table?
fn changes_own(trigger: &Trigger, relation: &Relation, event: Event) -> bool {
    let names = |text: &str| scan::tokens(text).iter().any(|t| scan::unquote(t.text(text)).eq_ignore_ascii_case(&relation.name));
    let sql = trigger.sql.as_str();
    let changes = |p: &trigger::Trigger| p.steps.iter().map(|s| &sql[s.clone()]).any(|s| !function::is_query(s) && names(s));
    !trigger.temporary && trigger::parse(sql).is_ok_and(|p| (p.time, p.event) == (Time::Before, event) && changes(&p))
}

/// Does such a trigger fire when these columns are set?
pub fn changes_itself(relation: &Relation, event: Event, columns: &[&str]) -> bool {
    let fires = |t: &Trigger| event != Event::Update || trigger::parse(&t.sql).is_ok_and(|p| p.watches(columns));
    relation.kind == RelationKind::Table && relation.triggers.iter().any(|t| fires(t) && changes_own(t, relation, event))
}

/// The trigger that ends the first pass of a statement, and restores the row in the second (`litewire.each_in_passes`).
fn passing(catalog: &Catalog) -> Vec<(&Relation, &Trigger, Event, String)> {
    let of = |relation: &Relation, event: Event| {
        let (row, kept, restored) = match event {
            Event::Update => {
                let restore = |c: &Column| {
                    let name = quote_ident(&c.name);
                    let bars = literal_text(&format!("|{}|", c.name));
                    format!("IF position({bars} IN current_setting('litewire.sets')) > 0 THEN NEW.{name} := \"_lw_kept\".{name}; END IF;\n")
                };
                let restored: String = relation.columns.iter().filter(|c| !c.generated).map(restore).collect();
                let table = quote_relation(relation);
                ("NEW", "NEW::text", format!("\"_lw_kept\" := current_setting('litewire.kept')::{table};\n{restored}"))
            }
            _ => ("OLD", "'-'", String::new()),
        };
        format!(
            "\nDECLARE\n\"_lw_kept\" {}%ROWTYPE;\nBEGIN\nIF pg_trigger_depth() > 1 THEN RETURN {row}; END IF;
IF current_setting('litewire.pass', true) = 'first' THEN PERFORM set_config('litewire.kept', {kept}, true); RETURN NULL; END IF;
IF current_setting('litewire.pass', true) = 'second' THEN\nPERFORM set_config('litewire.pass', '', true);\n{restored}END IF;\nRETURN {row};\nEND",
            quote_relation(relation)
        )
    };
    let those = |event: Event| {
        let oldest = move |r: &'_ Relation| r.triggers.iter().rposition(|t| changes_own(t, r, event)).filter(|_| r.kind == RelationKind::Table);
        catalog.relations.iter().filter_map(move |r| Some((r, &r.triggers[oldest(r)?], event)))
    };
    let deleting = those(Event::Delete).map(|(relation, trigger, event)| (relation, trigger, event, of(relation, event)));
    let updating = catalog.relations.iter().filter_map(|relation| {
        let trigger = oldest_before(relation, Event::Update)?;
        let changes = relation.triggers.iter().any(|t| changes_own(t, relation, Event::Update));
        let body = if changes { of(relation, Event::Update) } else { "\nBEGIN\nRETURN NEW;\nEND".to_owned() };
        Some((relation, trigger, Event::Update, body.replacen("BEGIN\n", &format!("BEGIN\n{}", keeping(Event::Update)), 1)))
    });
    updating.chain(deleting).collect()
}

/// The oldest of the BEFORE triggers of a table, which are everybody's.
fn oldest_before(relation: &Relation, event: Event) -> Option<&Trigger> {
    let before = |t: &&Trigger| !t.temporary && trigger::parse(&t.sql).is_ok_and(|p| (p.time, p.event) == (Time::Before, event));
    relation.triggers.iter().rfind(before).filter(|_| relation.kind == RelationKind::Table)
}

/// Has a table BEFORE triggers for an event, and can a helper run them apart from the rest (`litewire._write_row`)?
pub fn runs_before(relation: &Relation, event: Event) -> bool {
    oldest_before(relation, event).is_some()
}

/// Where the helper has asked for the BEFORE triggers alone, the last of them keeps the row and stops.
fn keeping(event: Event) -> String {
    let asked = format!("'only:{}:' || pg_trigger_depth()", event.text());
    format!("IF current_setting('litewire.before', true) = {asked} THEN PERFORM set_config('litewire.kept', NEW::text, true); RETURN NULL; END IF;\n")
}

/// The trigger that numbers a row once its BEFORE INSERT triggers have run, as SQLite does. It goes with the oldest of them, and
/// its name has it fire last.
fn numbering(catalog: &Catalog) -> Vec<(&Relation, &Trigger, Event, String)> {
    let of = |relation: &'_ Relation| -> String {
        let number = sequence(relation).map_or_else(String::new, |(column, sequence)| {
            let name = quote_ident(&column.name);
            format!("NEW.{name} := coalesce(NEW.{name}, nextval({}));\n", literal_text(sequence))
        });
        format!("\nBEGIN\n{}{number}RETURN NEW;\nEND", keeping(Event::Insert))
    };
    let those = catalog.relations.iter().filter_map(|r| Some((r, oldest_before(r, Event::Insert)?, Event::Insert, of(r))));
    those.chain(passing(catalog)).collect()
}

/// The steps that make the triggers which fire last those of another catalog.
fn numbering_steps(before: &Catalog, after: &Catalog) -> Vec<String> {
    let mut steps = Vec::new();
    let name = |t: &Trigger| quote_ident(&t.backend_name().replacen('_', "~", 1));
    let function =
        |r: &Relation, t: &Trigger| format!("{}{}()", if r.schema.is_empty() { String::new() } else { quote_ident(&r.schema) + "." }, name(t));
    let (old, new) = (numbering(before), numbering(after));
    type Last<'c> = (&'c Relation, &'c Trigger, Event, String);
    let same = |(a, t, ..): &Last, (b, u, ..): &Last| a.schema == b.schema && t.number == u.number;
    for gone in old.iter().filter(|o| !new.iter().any(|n| same(o, n))) {
        let (relation, trigger, ..) = gone;
        if after.relations.iter().any(|r| r.schema == relation.schema && r.name == relation.name) {
            steps.push(format!("DROP TRIGGER {} ON {}", name(trigger), quote_relation(relation)));
        }
        steps.push(format!("DROP FUNCTION {}", function(relation, trigger)));
    }
    for made in &new {
        let (relation, trigger, event, body) = made;
        let there = old.iter().find(|o| same(o, made));
        if there.is_some_and(|(.., old)| old == body) {
            continue;
        }
        let called = function(relation, trigger);
        steps.push(format!("CREATE OR REPLACE FUNCTION {called} RETURNS trigger LANGUAGE plpgsql AS {}", ddl::in_quotes(body)));
        if there.is_none() {
            let table = quote_relation(relation);
            steps.push(format!("CREATE TRIGGER {} BEFORE {} ON {table} FOR EACH ROW EXECUTE FUNCTION {called}", name(trigger), event.text()));
        }
    }
    steps
}

/// The relations that two catalogs do not share.
fn changed_names<'c>(before: &'c Catalog, after: &'c Catalog) -> Vec<&'c str> {
    let missing = |from: &'c Catalog, other: &Catalog| -> Vec<&'c str> {
        let same = |r: &Relation| other.relations.iter().any(|o| o == r);
        from.relations.iter().filter(|r| !same(r)).map(|r| r.name.as_str()).collect()
    };
    let mut names = missing(before, after);
    names.extend(missing(after, before));
    names
}

fn all(catalog: &Catalog) -> impl Iterator<Item = (&Relation, &Trigger)> {
    catalog.relations.iter().flat_map(|r| r.triggers.iter().map(move |t| (r, t)))
}

/// A trigger in another catalog.
fn find<'c>(catalog: &'c Catalog, relation: &Relation, trigger: &Trigger) -> Option<(&'c Relation, &'c Trigger)> {
    all(catalog).find(|(r, t)| r.schema == relation.schema && t.number == trigger.number && t.temporary == trigger.temporary)
}

fn function_name(relation: &Relation, trigger: &Trigger) -> String {
    let name = quote_ident(&trigger.backend_name());
    if trigger.temporary {
        return format!("{TEMPORARY}.{name}()");
    }
    if relation.schema.is_empty() { format!("{name}()") } else { format!("{}.{name}()", quote_ident(&relation.schema)) }
}

fn procedure(relation: &Relation, trigger: &Trigger) -> String {
    format!("{}::regprocedure", literal_text(&function_name(relation, trigger)))
}

/// The backend's own trigger.
fn attachment(trigger: &Trigger, relation: &Relation) -> Option<String> {
    let parsed = trigger::parse(&trigger.sql).ok()?;
    let (mut list, mut never) = (String::new(), "");
    if let (Some(columns), Time::Before | Time::After) = (&parsed.columns, parsed.time) {
        // A name that is no column's is never set.
        let known: Vec<String> = columns.iter().filter_map(|c| relation.column(c)).map(|(_, c)| quote_ident(&c.name)).collect();
        if known.is_empty() {
            never = " WHEN (false)";
        } else {
            list = format!(" OF {}", known.join(", "));
        }
    }
    let made = |name: &str, when: &str| {
        format!(
            "CREATE TRIGGER {name} {} {}{list} ON {} FOR EACH ROW{when} EXECUTE FUNCTION {}",
            parsed.time.text(),
            parsed.event.text(),
            quote_relation(relation),
            function_name(relation, trigger)
        )
    };
    Some(match trigger.temporary {
        false => made(&quote_ident(&trigger.backend_name()), never),
        // It hangs on the session's backend: it fires nowhere else, and goes with the function, which is temporary.
        true => {
            let when = if never.is_empty() { format!(" WHEN (pg_catalog.pg_backend_pid() = {BACKEND})") } else { never.to_owned() };
            for_backend(&made(&name_there(trigger), &when))
        }
    })
}

/// What takes a trigger off its table.
fn detachment(trigger: &Trigger, relation: &Relation) -> String {
    let table = quote_relation(relation);
    if trigger.temporary {
        return for_backend(&format!("DROP TRIGGER {} ON {table}", name_there(trigger)));
    }
    format!("DROP TRIGGER {} ON {table}", quote_ident(&trigger.backend_name()))
}

/// Stands for the backend's process number.
const BACKEND: &str = "{backend}";

/// The name of a session's own trigger, which no other session's has.
fn name_there(trigger: &Trigger) -> String {
    quote_ident(&format!("{}_{BACKEND}", trigger.backend_name()))
}

/// Runs a statement with the backend's process number in it.
fn for_backend(statement: &str) -> String {
    format!("EXECUTE replace({}, '{BACKEND}', pg_catalog.pg_backend_pid()::text)", literal_text(statement))
}

/// The statement that keeps SQLite's text; that of a temporary trigger is kept by the session.
fn registration(trigger: &Trigger, relation: &Relation) -> Option<String> {
    (!relation.is_temporary() && !trigger.temporary).then(|| format!(
        "INSERT INTO litewire.objects (relid, kind, name, tbl_name, sql) VALUES ({}, 'trigger', {}, {}, {}) ON CONFLICT (relid) DO UPDATE SET kind = excluded.kind, name = excluded.name, tbl_name = excluded.tbl_name, sql = excluded.sql",
        procedure(relation, trigger),
        literal_text(&trigger.name),
        literal_text(&relation.name),
        literal_text(&trigger.sql)
    ))
}

/// NEW where an event has one, and OLD.
fn rows_of(event: Event) -> &'static [&'static str] {
    match event {
        Event::Insert => &["NEW"],
        Event::Update => &["NEW", "OLD"],
        Event::Delete => &["OLD"],
    }
}
