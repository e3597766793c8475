//! A trigger's program as a function of the backend.

use super::{halt, rows_of};
use crate::catalog::{Catalog, Relation, Trigger};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Mention, Mentioned, Scope, Source, quote_ident};
use crate::translate::ddl::in_quotes;
use crate::translate::lower::{CHANGES_VARIABLE, Frag, GOT_VARIABLE, Lower, Misfit, Program, ROW_VARIABLE, ROWID_VARIABLE, literal_text, wrapped};
use crate::translate::parse::Resolution;
use crate::translate::parse::scan::{self, Kind, Token};
use crate::translate::parse::trigger::{self, Event, Time};
use crate::translate::plan::{self as written, Hidden, Part};
use crate::translate::tree::Class;
use crate::translate::write::policy;
use crate::translate::{Options, parse, write};
use sqlparser::ast::{self, SelectItem, SetExpr, Statement};
use std::cell::RefCell;
use std::ops::Range;

/// The policy that the firing statement has, or nothing.
const POLICY: &str = "\"_lw_policy\"";

/// The statement that makes the function. What cannot be translated now fails when the trigger fires, as in SQLite.
pub(super) fn definition(made: &Trigger, relation: &Relation, catalog: &Catalog, options: &Options) -> String {
    let body = body(made, relation, catalog, options, &mut None).unwrap_or_else(|error| {
        format!("BEGIN\nRAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {};\nEND", error.state.as_str(), literal_text(&error.message))
    });
    let name = super::function_name(relation, made);
    format!(
        "CREATE OR REPLACE FUNCTION {name} RETURNS trigger LANGUAGE plpgsql AS {}",
        in_quotes(&format!("\n#variable_conflict use_column\n{body}"))
    )
}

/// The function's body. Errors carry a position into the trigger's text.
pub(super) fn body(made: &Trigger, relation: &Relation, catalog: &Catalog, options: &Options, misfit: &mut Option<Misfit>) -> Bound<String> {
    let parsed = trigger::parse(&made.sql)?;
    let options = Options { native_results: false, ..options.clone() };
    let mut making = Making {
        parsed: &parsed,
        sql: &made.sql,
        relation,
        catalog,
        options: &options,
        temporary: made.temporary,
        counts: false,
        misfit,
        mentions: None,
    };
    let mut steps = making.steps()?;
    if making.counts {
        // Now every step keeps the counters.
        steps = making.steps()?;
    }
    let when = parsed.when.clone().map(|place| making.when(place)).transpose()?;
    let writes = parsed.steps.iter().any(|s| !is_query(&made.sql[s.clone()]));
    let row = if parsed.event == Event::Delete { "OLD" } else { "NEW" };
    let done = if parsed.time == Time::After { "RETURN NULL" } else { &format!("RETURN {row}") };
    let leave = if writes { "PERFORM set_config('litewire.firing', \"_lw_firing\", true);\n" } else { "" };
    // Numbers are counted by database.
    let place: String = match catalog.database(relation) {
        _ if made.temporary => "o".to_owned(),
        "main" => String::new(),
        "temp" => "t".to_owned(),
        _ => relation.schema.chars().filter(char::is_ascii_alphanumeric).chain(['.']).collect(),
    };
    let mark = format!(":{place}{}:", made.number);
    let hides = halt::hides_others(relation, made, parsed.event);
    let recursive = "current_setting('litewire.recursive_triggers', true) IS DISTINCT FROM 'on'";

    let mut text = String::from("DECLARE\n");
    for record in [ROW_VARIABLE, GOT_VARIABLE].into_iter().filter(|r| steps.iter().any(|s| s.contains(r))) {
        text.push_str(&format!("{record} record;\n"));
    }
    if steps.iter().any(|s| s.contains(POLICY)) {
        text.push_str(&format!("{POLICY} constant text := coalesce(current_setting('litewire.policy', true), '');\n"));
    }
    if writes {
        text.push_str("\"_lw_firing\" text := coalesce(current_setting('litewire.firing', true), '');\n");
    }
    if making.counts {
        let inserted = relation.rowid().filter(|_| (parsed.time, parsed.event) == (Time::After, Event::Insert));
        let start = inserted.map_or("NULL".to_owned(), |(_, c)| format!("NEW.{}", quote_ident(&c.name)));
        text.push_str(&format!("{ROWID_VARIABLE} int8 := {start};\n{CHANGES_VARIABLE} int8;\n\"_lw_count\" int8;\n\"_lw_n\" int8;\n"));
    }
    text.push_str("BEGIN\n");
    text.push_str(halt::ENTRY);
    if parsed.time == Time::Before && relation.triggers.iter().any(|t| super::changes_own(t, relation, parsed.event)) {
        text.push_str(&format!("IF current_setting('litewire.pass', true) = 'second' AND pg_trigger_depth() = 1 THEN {done}; END IF;\n"));
    }
    if parsed.time == Time::Before && parsed.event != Event::Delete {
        let event = parsed.event.text();
        text.push_str(&format!("IF current_setting('litewire.before', true) = 'done:{event}:' || pg_trigger_depth() THEN {done}; END IF;\n"));
    }
    if parsed.event == Event::Delete {
        text.push_str(&format!("IF current_setting('litewire.quiet', true) = 'on' AND {recursive} THEN {done}; END IF;\n"));
    }
    if writes {
        // A trigger that is under way does not fire itself.
        text.push_str(&format!("IF position('{mark}' IN \"_lw_firing\") > 0 AND {recursive} THEN {done}; END IF;\n"));
        text.push_str(
            "IF pg_trigger_depth() > 1000 THEN RAISE EXCEPTION USING ERRCODE = '54001', MESSAGE = 'too many levels of trigger recursion'; END IF;\n",
        );
    }
    if let Some(when) = when {
        let test = format!("IF ({when}) IS NOT TRUE THEN {done}; END IF");
        let raises = parsed.when.clone().is_some_and(|place| raises(&made.sql[place]));
        text.push_str(&if raises { halt::raising(&test, "", hides) } else { format!("{test};\n") });
    }
    if writes {
        text.push_str(&format!("PERFORM set_config('litewire.firing', \"_lw_firing\" || '{mark}', true);\n"));
    }
    for (step, place) in steps.iter().zip(&parsed.steps) {
        let sql = &made.sql[place.clone()];
        text.push_str(&if raises(sql) { halt::raising(step, leave, hides) } else { format!("{step};\n") });
        if !is_query(sql) {
            text.push_str(&format!("{};\n", halt::AFTER_STEP));
        }
    }
    text.push_str(&format!("{leave}{done};\nEND"));
    Ok(text)
}

/// What is made of a trigger's parts.
struct Making<'m> {
    parsed: &'m trigger::Trigger,
    sql: &'m str,
    relation: &'m Relation,
    catalog: &'m Catalog,
    options: &'m Options,
    /// Does it see every database?
    temporary: bool,
    /// Does a step read a counter of the connection?
    counts: bool,
    /// A column that a step's value does not fit.
    misfit: &'m mut Option<Misfit>,
    /// What the text mentions, where that is asked for.
    mentions: Option<Vec<Mention>>,
}

/// What a trigger's text mentions.
pub fn mentions(sql: &str, relation: &Relation, catalog: &Catalog, options: &Options) -> Bound<Vec<Mention>> {
    let temporary = relation.triggers.iter().any(|t| t.temporary && t.sql == sql);
    let parsed = trigger::parse(sql)?;
    let mut found = Vec::new();
    if let Some(own) = catalog.index_of(relation) {
        found.push(Mention { at: parsed.table_at.start, what: Mentioned::Relation(own) });
        for (name, at) in parsed.columns.iter().flatten().zip(&parsed.columns_at) {
            found.extend(relation.column(name).map(|(column, _)| Mention { at: *at, what: Mentioned::Column((own, column)) }));
        }
    }
    let mut making = Making { parsed: &parsed, sql, relation, catalog, options, temporary, counts: false, misfit: &mut None, mentions: Some(found) };
    parsed.when.clone().map(|place| making.when(place)).transpose()?;
    making.steps()?;
    Ok(making.mentions.unwrap_or_default())
}

impl<'m> Making<'m> {
    fn steps(&mut self) -> Bound<Vec<String>> {
        let mut steps = Vec::new();
        for place in &self.parsed.steps {
            steps.push(self.step(place.clone())?);
        }
        Ok(steps)
    }

    fn step(&mut self, place: Range<usize>) -> Bound<String> {
        let sql = &self.sql[place.clone()];
        let shifted = |mut e: ClientError| {
            e.position = e.position.map(|p| p + place.start);
            e
        };
        self.whole_rows(sql).map_err(shifted)?;
        let statement = parse::parse(sql).map_err(shifted)?;
        let (mut binder, mut lower) = self.tools(sql);
        let text = match &statement {
            Statement::Query(query) => {
                let bound = binder.query(query).map_err(shifted)?;
                let classes: Vec<Class> = bound.columns.iter().map(|c| c.ty.class.or_text()).collect();
                let text = lower.query_as(&bound, &classes).map_err(shifted)?;
                wrapped("PERFORM * FROM (", &text, ") AS \"_s\"")
            }
            // What it has changed before it raises stays, which an error at the backend does not leave.
            write if raises(sql) && !is_one_row(write) => {
                return Err(shifted(ClientError::refused("RAISE() in a statement that may change several rows").at(0)));
            }
            write => {
                let written = write::write(write, &mut binder, &mut lower);
                *self.misfit = lower.misfit.take();
                let own = changing(written.map_err(shifted)?, lower.program.unwrap_or_default());
                self.under_each_policy(write, sql, own)
            }
        };
        self.counts |= lower.program.is_some_and(|p| p.counts);
        self.mentioned(binder, |at| at + place.start);
        text.into_fixed().ok_or_else(|| shifted(ClientError::new(SqlState::SYNTAX_ERROR, "trigger cannot use variables").at(0)))
    }

    /// A step that changes something, in the forms that a policy from outside may ask for.
    fn under_each_policy(&mut self, write: &Statement, sql: &str, own: Frag) -> Frag {
        if self.mentions.is_some() || !policy::is_constrained(write, self.catalog) {
            return own;
        }
        let mut forms = Frag::default();
        for (resolution, names) in [
            (Resolution::Ignore, "'ignore'"),
            (Resolution::Replace, "'replace'"),
            (Resolution::Fail, "'fail'"),
            (Resolution::Abort, "'abort', 'rollback'"),
        ] {
            let (mut binder, mut lower) = self.tools(sql);
            let form = match write::write(&policy::under(write, resolution), &mut binder, &mut lower) {
                Ok(written) => changing(written, lower.program.unwrap_or_default()),
                Err(e) => Frag::text(format!("RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {}", e.state.as_str(), literal_text(&e.message))),
            };
            if form.clone().into_fixed() != own.clone().into_fixed() {
                forms.append(&wrapped(&format!("WHEN {names} THEN\n"), &form, ";\n"));
            }
        }
        let heard = policy::target(write, self.catalog).filter(|t| !t.triggers.is_empty()).and(policy::own(write));
        let mut text = match forms.clone().into_fixed() {
            Some(none) if none.is_empty() => own,
            _ => wrapped(&format!("CASE {POLICY}\n"), &forms, &format!("ELSE\n{};\nEND CASE", own.into_fixed().unwrap_or_default())),
        };
        if let Some(own) = heard {
            // The triggers that it fires hear it, unless somebody outside has spoken.
            let set = |value: &str| format!("PERFORM set_config('litewire.policy', {value}, true)");
            let spoken = set(&format!("coalesce(nullif({POLICY}, ''), '{}')", own.text()));
            text = wrapped(&format!("{spoken};\n"), &text, &format!(";\n{}", set(POLICY)));
        }
        text
    }

    /// Keeps what a part of the text mentions.
    fn mentioned(&mut self, binder: Binder, place: impl Fn(usize) -> usize) {
        let found = binder.mentions.map(RefCell::into_inner).unwrap_or_default();
        if let Some(mentions) = &mut self.mentions {
            mentions.extend(found.into_iter().map(|m| Mention { at: place(m.at), ..m }));
        }
    }

    fn when(&mut self, place: Range<usize>) -> Bound<String> {
        const HEAD: &str = "SELECT ";
        let sql = format!("{HEAD}{}", &self.sql[place.clone()]);
        let shifted = |mut e: ClientError| {
            e.position = e.position.map(|p| p.saturating_sub(HEAD.len()) + place.start);
            e
        };
        self.whole_rows(&sql).map_err(shifted)?;
        let statement = parse::parse(&sql).map_err(shifted)?;
        let Some(expr) = only_item(&statement) else { return Err(ClientError::syntax("WHEN").at(place.start)) };
        let (mut binder, mut lower) = self.tools(&sql);
        let bound = binder.expr(expr).map_err(shifted)?;
        let text = lower.truth(&bound, false).map_err(shifted)?;
        self.counts |= lower.program.is_some_and(|p| p.counts);
        self.mentioned(binder, |at| at - HEAD.len() + place.start);
        text.into_fixed().ok_or_else(|| shifted(ClientError::new(SqlState::SYNTAX_ERROR, "trigger cannot use variables").at(0)))
    }

    fn tools<'s>(&self, sql: &'s str) -> (Binder<'s>, Lower<'s>)
    where
        'm: 's,
    {
        let mut binder = Binder::new(sql, &[], self.catalog, self.options);
        let of = |name: &str| match self.catalog.index_of(self.relation) {
            Some(own) => Source::of_origin(self.relation, own, name),
            None => Source::of_relation(self.relation, name),
        };
        let source = |name: &&str| {
            let mut source = Source { printed: (*name).to_owned(), aliased: true, ..of(name) };
            if self.parsed.time == Time::Before && *name == "NEW" {
                // The backend computes generated columns only once its BEFORE triggers have run.
                for (column, own) in source.columns.iter_mut().zip(&self.relation.columns) {
                    if let Some(value) = own.default.as_ref().filter(|_| own.generated) {
                        column.printed = format!("(SELECT ({value})::{} FROM (SELECT NEW.*) AS \"_g\")", own.type_name);
                    }
                }
            }
            source
        };
        binder.rows = Some(Scope { sources: rows_of(self.parsed.event).iter().map(source).collect(), ..Scope::default() });
        binder.unnumbered = (self.parsed.time, self.parsed.event) == (Time::Before, Event::Insert) && super::sequence(self.relation).is_some();
        binder.own = (!self.temporary && !self.relation.is_temporary()).then(|| self.catalog.database(self.relation));
        binder.mentions = self.mentions.as_ref().map(|_| RefCell::default());
        let mut lower = Lower::new(self.catalog, self.options);
        lower.stored = true;
        lower.program = Some(Program { counts: self.counts, loops: false });
        (binder, lower)
    }

    /// The expression of a generated column is known once the table is there.
    fn whole_rows(&self, sql: &str) -> Bound<()> {
        if self.parsed.time != Time::Before || self.parsed.event == Event::Delete {
            return Ok(());
        }
        let tokens = scan::tokens(sql);
        let generated = |t: &Token| self.relation.column(&scan::unquote(t.text(sql))).is_some_and(|(_, c)| c.generated && c.default.is_none());
        match tokens.windows(3).find(|w| w[0].is(sql, "NEW") && w[1].is_op(sql, ".") && generated(&w[2])) {
            Some(found) => Err(ClientError::refused("a generated column of NEW in a BEFORE trigger").at(found[0].at.start)),
            None => Ok(()),
        }
    }
}

/// A step that changes rows, which keeps the counters where they are read.
fn changing(written: written::Statement, program: Program) -> Frag {
    let (hidden, selects) = (written.hidden, matches!(written.template.parts.first(), Some(Part::Text(t)) if t.starts_with("SELECT ")));
    let statement = Frag::of(written.template);
    let at = |wanted: Hidden| hidden.iter().position(|h| *h == wanted);
    let mut text = if program.loops {
        statement
    } else if !hidden.is_empty() {
        let mut kept = at(Hidden::Rowid).map_or_else(String::new, |n| format!(" {ROWID_VARIABLE} := {GOT_VARIABLE}.\"c{n}\";"));
        if let Some(n) = at(Hidden::Inserted) {
            kept = format!(" IF {GOT_VARIABLE}.\"c{n}\" THEN{kept} END IF;");
        }
        let counted = if program.counts { "\"_lw_count\" := \"_lw_count\" + 1;" } else { "NULL;" };
        wrapped(&format!("FOR {GOT_VARIABLE} IN "), &statement, &format!(" LOOP{kept} {counted} END LOOP"))
    } else {
        let mut text = if selects { wrapped("PERFORM * FROM (", &statement, ") AS \"_s\"") } else { statement };
        if program.counts {
            text.push(";\nGET DIAGNOSTICS \"_lw_count\" = ROW_COUNT");
        }
        text
    };
    if program.counts {
        text = wrapped("\"_lw_count\" := 0;\n", &text, &format!(";\n{CHANGES_VARIABLE} := \"_lw_count\""));
    }
    text
}

/// The expression of a SELECT of nothing else.
fn only_item(statement: &Statement) -> Option<&ast::Expr> {
    let Statement::Query(query) = statement else { return None };
    let SetExpr::Select(select) = &*query.body else { return None };
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(e)] if select.from.is_empty() => Some(e),
        _ => None,
    }
}

/// Does a step only read?
pub(super) fn is_query(step: &str) -> bool {
    let mut at = 0;
    scan::next(step.as_bytes(), &mut at).is_some_and(|t| ["SELECT", "VALUES", "WITH"].iter().any(|w| t.is(step, w)) || t.is_op(step, "("))
}

/// May a text raise what is no error of the whole statement?
fn raises(sql: &str) -> bool {
    halt::raises(sql, &["IGNORE", "FAIL"])
}

/// Is it an INSERT of one row?
fn is_one_row(write: &Statement) -> bool {
    let Statement::Insert(insert) = write else { return false };
    insert.source.as_ref().is_none_or(|query| matches!(&*query.body, SetExpr::Values(values) if values.rows.len() == 1))
}

/// What SQLite's grammar has no room for in a trigger's statements.
pub(super) fn checked(parsed: &trigger::Trigger, sql: &str) -> Bound<()> {
    let whole = scan::tokens(sql);
    if let Some(token) = whole.iter().find(|t| t.kind == Kind::Placeholder) {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, "trigger cannot use variables").at(token.at.start));
    }
    for place in &parsed.steps {
        let step = &sql[place.clone()];
        let statement = parse::parse(step).map_err(|mut e| {
            e.position = e.position.map(|p| p + place.start);
            e
        })?;
        let tokens = scan::tokens(step);
        let unexpected = |word: &str| {
            let token = tokens.iter().rev().find(|t| t.is(step, word));
            Err(ClientError::syntax(token.map_or(word, |t| t.text(step))).at(place.start + token.map_or(0, |t| t.at.start)))
        };
        match &statement {
            Statement::Insert(insert) if insert.returning.is_some() => return unexpected("RETURNING"),
            Statement::Update(update) if update.returning.is_some() => return unexpected("RETURNING"),
            Statement::Delete(delete) if delete.returning.is_some() => return unexpected("RETURNING"),
            Statement::Insert(insert) if insert.source.is_none() => return unexpected("DEFAULT"),
            Statement::Update(update) if update.limit.is_some() => return unexpected("LIMIT"),
            Statement::Delete(delete) if delete.limit.is_some() => return unexpected("LIMIT"),
            Statement::Query(query) => match &*query.body {
                SetExpr::Insert(_) => return unexpected("INSERT"),
                SetExpr::Update(_) => return unexpected("UPDATE"),
                SetExpr::Delete(_) => return unexpected("DELETE"),
                _ => {}
            },
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {}
            _ => return Err(ClientError::syntax(tokens.first().map_or("", |t| t.text(step))).at(place.start)),
        }
        let target = match tokens.iter().position(|t| ["INTO", "UPDATE", "FROM"].iter().any(|w| t.is(step, w))) {
            Some(at) if !matches!(statement, Statement::Query(_)) => at + 1,
            _ => continue,
        };
        if tokens.get(target + 1).is_some_and(|t| t.is_op(step, ".")) {
            let message = "qualified table names are not allowed on INSERT, UPDATE, and DELETE statements within triggers";
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(place.start + tokens[target].at.start));
        }
    }
    Ok(())
}
