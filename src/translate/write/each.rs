//! Writes to tables with triggers. SQLite finishes a row, its triggers included, before it looks at the next one; PostgreSQL
//! queues AFTER triggers up to the statement's end. So a statement that may change several rows of such a table is run row by row.

use super::Write;
use super::modify::{Restriction, Set, columns_of, value_of};
use super::rows::Row;
use crate::catalog::{ForeignKey, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Bound, quote_ident};
use crate::translate::lower::{Beforehand, Frag, ROW_VARIABLE, literal_text, wrapped};
use crate::translate::parse::trigger::{self, Event, Time, Trigger};
use crate::translate::plan::{Columns, Hidden, OutKind, Part, Statement};
use crate::translate::tree::Class;
use crate::translate::trigger::AFTER_STEP;
use sqlparser::ast::SelectItem;

/// What is done with each row.
pub(super) enum Change {
    /// A statement of PostgreSQL's, to which RETURNING can be added.
    Native(Frag),
    /// What the helper writes, from FROM on.
    Written(Frag),
}

/// The rows that a statement is run for, one by one.
pub(super) struct Rows {
    /// The query that gives them, all of them before the first is used.
    pub query: Frag,
    /// Its columns: the name as printed, and the type.
    pub columns: Vec<(String, String)>,
}

impl Write<'_, '_> {
    /// The triggers of the table that an event fires; `columns` are those that an UPDATE sets.
    pub(super) fn triggers(&self, event: Event, columns: &[&str]) -> Vec<(Trigger, &str)> {
        let parsed = self.table.triggers.iter().filter_map(|t| trigger::parse(&t.sql).ok().map(|parsed| (parsed, t.sql.as_str())));
        parsed.filter(|(t, _)| t.event == event && (event != Event::Update || t.watches(columns))).collect()
    }

    /// Does the event fire a trigger?
    pub(super) fn fires(&self, event: Event, columns: &[&str]) -> bool {
        !self.triggers(event, columns).is_empty()
    }

    /// Does the event fire a BEFORE trigger, whatever an UPDATE sets?
    pub(super) fn fires_before(&self, event: Event) -> bool {
        self.triggers(event, &[]).iter().any(|(t, _)| t.time == Time::Before)
    }

    /// Is a row numbered only when its BEFORE INSERT triggers have run?
    pub(super) fn numbers_late(&self) -> bool {
        self.table.kind == RelationKind::Table && crate::translate::trigger::sequence(self.table).is_some() && self.fires_before(Event::Insert)
    }

    /// May the rows of a statement be changed by what another one of them brings about: by triggers, or by a foreign key's action
    /// on the table itself or on one with triggers?
    pub(super) fn interferes(&self, event: Event, columns: &[&str]) -> bool {
        let catalog = self.binder.catalog;
        let refers = |k: &ForeignKey| !k.name.is_empty() && k.target.eq_ignore_ascii_case(&self.table.name);
        let acts = || self.table.foreign_keys.iter().any(refers) || catalog.relations.iter().any(|r| !r.triggers.is_empty());
        self.fires(event, columns) || self.is_referred_to() && acts()
    }

    /// May a trigger end the statement, and leave what is done?
    pub(super) fn may_halt(&self) -> bool {
        self.binder.rows.is_none() && crate::translate::trigger::may_halt(self.table, self.binder.catalog)
    }

    /// A change of a view's rows, which tells what its INSTEAD OF triggers have failed with once they all have run.
    pub(super) fn watched(&mut self, mut statement: Frag, returning: Option<&[SelectItem]>, out: &mut Statement) -> Bound<Frag> {
        let halted = self.lower.helper("halted")?;
        let cells = self.cells(returning, vec![(Frag::text("NULL::text"), Hidden::Failure)], out)?;
        statement.append(&wrapped(" RETURNING ", &Frag::join(&cells, ", "), ""));
        let names: Vec<String> = (1..=cells.len()).map(|n| format!("\"c{n}\"")).collect();
        let nothing = "NULL, ".repeat(cells.len() - 1);
        let told = format!(
            ") SELECT * FROM \"_w\" UNION ALL SELECT {nothing}\"_h\".\"f\" FROM (SELECT {halted}() AS \"f\") AS \"_h\" WHERE NOT (\"f\" IS NULL)"
        );
        Ok(wrapped(&format!("WITH \"_w\"({}) AS (", names.join(", ")), &statement, &told))
    }

    /// Does a BEFORE trigger that fires change the table itself? (Where a trigger's program runs, PostgreSQL's rule stands.)
    pub(super) fn changes_itself(&self, event: Event, columns: &[&str]) -> bool {
        self.lower.program.is_none() && crate::translate::trigger::changes_itself(self.table, event, columns)
    }

    /// A view is changed by its INSTEAD OF triggers alone (lang_createtrigger.html §3).
    pub(super) fn writable(&self, event: Event, columns: &[&str]) -> Bound<()> {
        if self.table.kind == RelationKind::Table {
            return self.virtual_writable(event, columns);
        }
        let every = self.table.triggers.iter().filter_map(|t| trigger::parse(&t.sql).ok()).filter(|t| t.event == event);
        let (fired, idle): (Vec<Trigger>, Vec<Trigger>) = every.partition(|t| event != Event::Update || t.watches(columns));
        if fired.is_empty() && idle.is_empty() {
            let message = format!("cannot modify {} because it is a view", self.table.name);
            return Err(ClientError::new(SqlState::WRONG_OBJECT, message));
        }
        if !idle.is_empty() {
            // The backend has no list of columns for INSTEAD OF.
            return Err(ClientError::refused("an UPDATE of a view that some of its INSTEAD OF UPDATE OF triggers do not watch"));
        }
        Ok(())
    }

    /// The key by which a row of the table is found again.
    fn key(&self) -> Vec<usize> {
        self.table.rowid().map_or_else(|| self.table.primary_key(), |(at, _)| vec![at])
    }

    /// From here on, what is the same for every row of a statement is computed before the first one.
    pub(super) fn compute_beforehand(&mut self) {
        let first = self.binder.rows.is_none().then(|| self.key().len() + 1);
        self.lower.beforehand = Some(Beforehand { first, values: Vec::new() });
    }

    /// The rows that a statement is about, by their keys; and the condition that finds one of them again.
    /// With FROM, all that they get is computed before the first one changes.
    pub(super) fn keyed(&mut self, restriction: &Restriction, from: Option<&Frag>, sets: &mut Vec<Set>) -> Bound<(Rows, Frag)> {
        let key = self.key();
        if key.is_empty() {
            return Err(ClientError::refused("a write to several rows of a table with triggers and without a key"));
        }
        let alias = self.alias();
        let mut columns: Vec<(String, String)> =
            key.iter().map(|at| (quote_ident(&self.table.columns[*at].name), self.table.columns[*at].type_name.clone())).collect();
        let list = |prefix: &str| columns.iter().map(|(n, _)| format!("{prefix}{n}")).collect::<Vec<_>>().join(", ");
        let values = self.lower.beforehand.take().map_or(Vec::new(), |b| b.values);
        let mut what = Frag::text(list(&format!("{alias}.")));
        let mut given = Vec::new();
        if from.is_some() {
            for at in columns_of(sets) {
                let value = value_of(sets, at).unwrap_or_default();
                let (name, ty) = (format!("\"_v{at}\""), self.table.columns[at].type_name.clone());
                what.append(&wrapped(", (", &value, &format!(")::{} AS {name}", uncut(&ty))));
                given.push((at, name, ty));
            }
        }
        let chosen = self.chosen(&what, from, restriction, false)?;
        // A row that FROM finds twice is changed once.
        let once = if from.is_some() { format!("DISTINCT ON ({}) ", list("\"_k\".")) } else { String::new() };
        let mut query = Frag::text(format!("SELECT {once}{}", list("\"_k\".")));
        for (_, name, _) in &given {
            query.push(&format!(", \"_k\".{name}"));
        }
        for (at, (value, ty)) in values.iter().enumerate() {
            query.append(&wrapped(", (", value, &format!(")::{ty} AS {}", Beforehand::name(at))));
        }
        // Sorted outside, so that every row is found and locked before the first one changes.
        query.append(&wrapped(" FROM (", &chosen, &format!(") AS \"_k\" ORDER BY {}", list("\"_k\"."))));
        let found: Vec<Frag> = columns.iter().enumerate().map(|(i, (n, ty))| wrapped(&format!("{alias}.{n} = "), &self.hole(i, n, ty), "")).collect();
        columns.extend(given.iter().map(|(_, name, ty)| (name.clone(), ty.clone())));
        if from.is_some() {
            let first = key.len();
            *sets = given.iter().enumerate().map(|(i, (at, name, ty))| Set::One(*at, self.hole(first + i, name, ty))).collect();
        }
        columns.extend(values.iter().enumerate().map(|(at, (_, ty))| (Beforehand::name(at), (*ty).to_owned())));
        Ok((Rows { query, columns }, Frag::join(&found, " AND ")))
    }

    /// The value of a column of the row at hand.
    pub(super) fn hole(&self, at: usize, name: &str, ty: &str) -> Frag {
        if self.binder.rows.is_some() {
            return Frag::text(format!("{ROW_VARIABLE}.{name}"));
        }
        Frag::text(format!("(($1)[{}])::{}", at + 1, uncut(ty)))
    }

    /// The statement for each of the rows.
    pub(super) fn each(
        &mut self,
        rows: Rows,
        change: Change,
        sets: &[usize],
        returning: Option<&[SelectItem]>,
        tag: &'static str,
        out: &mut Statement,
    ) -> Bound<Frag> {
        let cells = self.cells(returning, Vec::new(), out)?;
        if let Some(program) = &mut self.lower.program {
            program.loops = true;
            let mut statement = match change {
                Change::Native(statement) => statement,
                Change::Written(from) => wrapped("PERFORM", &from, ""),
            };
            if program.counts {
                statement.push(";\nGET DIAGNOSTICS \"_lw_n\" = ROW_COUNT;\n\"_lw_count\" := \"_lw_count\" + \"_lw_n\"");
            }
            let mut text = wrapped(&format!("FOR {ROW_VARIABLE} IN "), &rows.query, " LOOP\n");
            text.append(&wrapped("", &statement, &format!(";\n{AFTER_STEP};\nEND LOOP")));
            return Ok(text);
        }
        if out.columns == Columns::Backend {
            return Err(ClientError::refused("RETURNING in PostgreSQL's types from a table with triggers"));
        }
        let event = if tag.starts_with("UPDATE") { Event::Update } else { Event::Delete };
        let sets: Vec<&str> = sets.iter().map(|c| self.table.columns[*c].name.as_str()).collect();
        let passes = matches!(change, Change::Native(_)) && self.changes_itself(event, &sets);
        let halts = matches!(change, Change::Written(_)) || self.may_halt();
        let mut args: Vec<Frag> = rows.columns.iter().map(|(n, _)| Frag::text(format!("\"_r\".{n}::text"))).collect();
        let mut texts: Vec<Frag> = cells.iter().map(|c| wrapped("(", c, ")::text")).collect();
        if halts {
            // There the helper says what failed.
            texts.push(match change {
                Change::Native(_) => Frag::text("NULL"),
                Change::Written(_) => Frag::text(format!("{}.\"_failure\"", self.alias())),
            });
        }
        let array = wrapped("ARRAY[", &Frag::join(&texts, ", "), "]::text[]");
        let statement = match change {
            Change::Native(mut statement) => {
                statement.append(&wrapped(" RETURNING ", &array, ""));
                statement
            }
            Change::Written(from) => {
                let mut statement = wrapped("SELECT ", &array, "");
                statement.append(&from);
                statement
            }
        };
        let statement = boxed(statement, &mut args);
        let types: Vec<&str> = match &out.columns {
            Columns::Shaped(columns) => columns.iter().map(|c| type_of(c.kind)).collect(),
            _ => Vec::new(),
        };
        let mut cells: Vec<String> = types.iter().enumerate().map(|(i, ty)| format!("(\"_e\".\"v\"[{}])::{ty}", i + 1)).collect();
        let (mut begin, mut call) = ("", format!("{}({statement}, ARRAY[", self.lower.helper("each")?));
        let mut options = String::new();
        if passes {
            call = format!("{}({statement}, ARRAY[", self.lower.helper("each_in_passes")?);
            options = format!(", {}", literal_text(&format!("|{}|", sets.join("||"))));
        }
        if halts {
            begin = "litewire.begin_rows() AS \"_b\"(\"at\"), ";
            call = format!("{}(\"_b\".\"at\", {statement}, ARRAY[", self.lower.helper("each_until")?);
            options = format!(", {}{}", texts.len(), if passes { options } else { ", NULL".to_owned() });
            cells.push(format!("\"_e\".\"v\"[{}]", texts.len()));
            out.hidden.push(Hidden::Failure);
        }
        let mut text = wrapped(&format!("SELECT {} FROM {begin}(", cells.join(", ")), &rows.query, &format!(") AS \"_r\", {call}"));
        text.append(&wrapped("", &Frag::join(&args, ", "), &format!("]::text[]{options}) AS \"_e\"(\"v\")")));
        out.tag = Some(tag);
        Ok(text)
    }

    /// The cells that a step of a trigger's function returns to it, named; nothing when it need not look.
    pub(super) fn step_cells(&self, returning: Option<&[SelectItem]>, hidden: Vec<(Frag, Hidden)>, out: &mut Statement) -> Bound<Vec<Frag>> {
        if returning.is_some() {
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, "cannot use RETURNING in a trigger"));
        }
        let counts = self.lower.program.is_some_and(|p| p.counts);
        let wanted = |h: Hidden| match h {
            Hidden::Rowid | Hidden::Inserted => counts,
            Hidden::Ignored => true,
            Hidden::Failure => false,
        };
        let mut cells = Vec::new();
        for (cell, meaning) in hidden.into_iter().filter(|(_, h)| wanted(*h)) {
            cells.push(wrapped("", &cell, &format!(" AS \"c{}\"", cells.len())));
            out.hidden.push(meaning);
        }
        Ok(cells)
    }

    /// Rows that are written by the helper have their BEFORE triggers run first, as SQLite does it, before anything is looked at.
    pub(super) fn one_by_one_with_triggers(&self, row: &mut Row, event: Event) -> Bound<()> {
        let decides = !row.skips.is_empty() || !row.ignores.is_empty() || !row.upserts.is_empty() || !row.keeps.is_empty() || !row.removes.is_empty();
        if !decides || !self.fires_before(event) {
            return Ok(());
        }
        if !crate::translate::trigger::runs_before(self.table, event) {
            return Err(ClientError::refused("a conflict clause in a write to a table with a temporary BEFORE trigger"));
        }
        row.before = Some(event);
        Ok(())
    }

    /// What the helper runs as text sees nothing of NEW and OLD.
    pub(super) fn steps_alone(&self, row: &Row) -> Bound<()> {
        let reads = |f: &Frag| f.clone().into_fixed().is_none_or(|t| t.contains("NEW.\"") || t.contains("OLD.\""));
        if self.binder.rows.is_some() && row.upserts.iter().filter_map(|(_, u)| u.as_ref()).any(reads) {
            return Err(ClientError::refused("a conflict clause of this kind in a trigger"));
        }
        Ok(())
    }
}

/// A type without its length, for a cast would cut silently what the column refuses.
fn uncut(ty: &str) -> &str {
    if ty.starts_with("character") { "text" } else { ty }
}

/// A statement as a string for the helper that runs it, its slots taken from the arguments.
fn boxed(statement: Frag, args: &mut Vec<Frag>) -> String {
    let template = statement.into_template();
    let mut text = String::new();
    let mut places = vec![None; template.slots.len()];
    for part in &template.parts {
        match part {
            Part::Text(piece) => text.push_str(piece),
            Part::Slot(at) => {
                let slot = &template.slots[*at];
                let ty = slot.demand.type_name();
                let place = *places[*at].get_or_insert_with(|| {
                    args.push(wrapped("(", &Frag::slot(slot.source.clone(), slot.demand), ")::text"));
                    args.len()
                });
                text.push_str(&format!("(($1)[{place}])::{ty}"));
            }
        }
    }
    literal_text(&text)
}

fn type_of(kind: OutKind) -> &'static str {
    match kind {
        OutKind::Integer => Class::Integer.type_name(),
        OutKind::Real => Class::Real.type_name(),
        OutKind::Blob => Class::Blob.type_name(),
        OutKind::Dynamic(crate::translate::plan::Carrier::Any) => Class::Dynamic.type_name(),
        OutKind::Dynamic(crate::translate::plan::Carrier::Number) => Class::Number.type_name(),
        OutKind::Text | OutKind::Native(_) => Class::Text.type_name(),
    }
}
