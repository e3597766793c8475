//! Rows written one after the other by a helper: what PostgreSQL's own ON CONFLICT does not do (see `helpers/sql/75_rows.sql`).

use super::keys::{Key, new_row};
use super::{Write, quote_ident};
use crate::catalog::Column;
use crate::translate::bind::{Bound, quote_relation};
use crate::translate::ddl;
use crate::translate::lower::{Frag, Lowered, literal_text, quoted, wrapped};
use crate::translate::parse::Resolution;
use crate::translate::parse::trigger::Event;
use crate::translate::plan::{Hidden, Statement};
use sqlparser::ast::SelectItem;

/// What is done with each row.
#[derive(Default)]
pub(super) struct Row {
    /// All rows in one statement, where none has another's key.
    pub bulk: Option<Frag>,
    /// ON CONFLICT clauses: the query that says whether one is meant, and what it does.
    pub upserts: Vec<(String, Option<Frag>)>,
    /// Tests on the new row (`_new`, columns bare) that leave it out.
    pub skips: Vec<String>,
    /// Keys whose holders fail the row before anything is left out or deleted, and those that do before anything is deleted.
    pub fails: [Vec<Key>; 2],
    /// Keys whose holders are deleted first.
    pub removes: Vec<Key>,
    /// Keys whose holders leave the row out.
    pub ignores: Vec<Key>,
    /// Constraints whose violation leaves what was done before.
    pub keeps: Vec<String>,
    /// The event whose BEFORE triggers run apart.
    pub before: Option<Event>,
    /// The statement's word on conflicts, where its triggers must hear it.
    pub policy: Option<Resolution>,
}

impl Write<'_, '_> {
    /// The table's row type, as printed.
    pub(super) fn row_type(&self) -> String {
        quote_relation(self.table)
    }

    /// The row as a value, from a cell for each column that has one; a generated column's is NULL.
    pub(super) fn row(&self, cell: impl Fn(usize, &Column) -> Option<Frag>) -> Frag {
        let cells: Vec<Frag> = self.table.columns.iter().enumerate().map(|(at, c)| cell(at, c).unwrap_or_else(|| Frag::text("NULL"))).collect();
        let mut out = Frag::text("ROW(");
        out.append(&Frag::join(&cells, ", "));
        out.push(&format!(")::{}", self.row_type()));
        out
    }

    /// `RETURNING` of a statement that the helper runs: the row, and whether it is a new one.
    pub(super) fn returned(&self, inserted: &str) -> String {
        let alias = self.alias();
        format!(" RETURNING ROW({alias}.*)::{} AS \"row\", {inserted} AS inserted", self.row_type())
    }

    /// What a resolution makes of a row that breaks NOT NULL or a CHECK, and of one that has another's key.
    pub(super) fn resolve(&self, row: &mut Row, not_null: &[(usize, Resolution)], keys: &[(Key, Resolution)], ignores_checks: bool) {
        for (column, resolution) in not_null {
            let name = &self.table.columns[*column].name;
            match resolution {
                Resolution::Ignore => row.skips.push(format!("{} IS NULL", quote_ident(name))),
                Resolution::Fail => row.keeps.push(name.clone()),
                _ => {}
            }
        }
        if ignores_checks {
            row.skips.extend(self.table.checks.iter().map(|(_, c)| format!("({c}) IS FALSE")));
        }
        for (key, resolution) in keys {
            match resolution {
                Resolution::Ignore => row.ignores.push(key.clone()),
                Resolution::Replace => row.removes.push(key.clone()),
                Resolution::Fail => row.keeps.push(key.name.clone()),
                _ => {}
            }
        }
        // SQLite looks at the rowid first, and at the keys that REPLACE last; that a row was in two ways is seen nowhere else.
        let rowid = self.table.rowid().map(|(at, _)| at);
        let differ = keys.iter().any(|(_, r)| *r != keys[0].1);
        for (key, _) in keys.iter().filter(|(_, r)| differ && !matches!(r, Resolution::Ignore | Resolution::Replace)) {
            let first = rowid.is_some_and(|r| key.columns() == [r]);
            row.fails[usize::from(!first)].push(key.clone());
        }
    }

    /// The rows as they are written, under the table's alias, behind FROM: `source` gives the columns `rows` and, for an UPDATE, `places`.
    pub(super) fn written(&mut self, source: &Frag, row: &Row, write: &Frag, updates: bool) -> Bound<Frag> {
        let helper = self.lower.helper("write_rows")?;
        self.steps_alone(row)?;
        let table = self.row_type();
        let text = |t: Option<&Frag>| t.map_or_else(|| Frag::text("NULL::text"), quoted);
        let fixed = |t: Option<String>| Frag::text(t.map_or_else(|| "NULL::text".to_owned(), |t| literal_text(&t)));
        let list =
            |items: Vec<Frag>| if items.is_empty() { Frag::text("NULL::text[]") } else { wrapped("ARRAY[", &Frag::join(&items, ", "), "]::text[]") };
        let meeting = |keys: &[Key]| keys.iter().map(|k| k.meets(self.table, updates)).collect::<Vec<_>>().join(" OR ");

        let mut skips = row.skips.clone();
        if !skips.is_empty() {
            skips = vec![format!("(SELECT {} FROM {})", skips.join(" OR "), new_row(self.table))];
        }
        if !row.ignores.is_empty() {
            skips.push(format!("EXISTS (SELECT FROM {table} AS \"_old\" WHERE {})", meeting(&row.ignores)));
        }
        let skip = (!skips.is_empty()).then(|| format!("SELECT coalesce({}, false)", skips.join(" OR ")));
        let remove = (!row.removes.is_empty()).then(|| format!("DELETE FROM {table} AS \"_old\" WHERE {}", meeting(&row.removes)));
        let failing = |keys: &[Key]| -> Vec<Frag> {
            let detail = |k: &Key| {
                let names: Vec<&str> = k.columns().iter().map(|c| self.table.columns[*c].name.as_str()).collect();
                names.iter().map(|n| quote_ident(n)).collect::<Vec<_>>().join(", ")
            };
            let one = |k: &Key| {
                let meets = k.meets(self.table, updates);
                let query = format!(
                    "SELECT litewire.conflict({}, {}, {}) FROM {table} AS \"_old\" WHERE {meets}",
                    literal_text(&k.name),
                    literal_text(&self.table.name),
                    literal_text(&detail(k))
                );
                Frag::text(literal_text(&query))
            };
            keys.iter().map(one).collect()
        };
        let fails = [list(failing(&row.fails[0])), list(failing(&row.fails[1]))];
        let keeps = row.keeps.iter().map(|k| Frag::text(literal_text(k))).collect();
        let defers = if remove.is_some() { self.deferrable() } else { None };
        let probes = row.upserts.iter().map(|(probe, _)| Frag::text(literal_text(probe))).collect();
        let upserts = row.upserts.iter().map(|(_, write)| text(write.as_ref())).collect();
        let arguments = [
            Frag::text(format!("NULL::{table}")),
            Frag::text("\"_src\".rows"),
            Frag::text(if updates { "\"_src\".places" } else { "NULL::tid[]" }),
            text(row.bulk.as_ref()),
            list(probes),
            list(upserts),
            fixed(skip),
            fixed(remove),
            quoted(write),
            list(keeps),
            fixed(defers),
            fixed(row.policy.map(|p| p.text().to_owned())),
            fails[0].clone(),
            fails[1].clone(),
            fixed(row.before.map(|e| e.text().to_owned())),
        ];
        let mut from = Frag::text(" FROM (SELECT (\"_w\".\"row\").*, \"_w\".inserted AS \"_inserted\", \"_w\".failure AS \"_failure\" FROM (");
        from.append(source);
        from.push(&format!(") AS \"_src\", LATERAL {helper}("));
        from.append(&Frag::join(&arguments, ", "));
        from.push(&format!(") AS \"_w\") AS {}", self.alias()));

        Ok(from)
    }

    /// The statement that writes rows one after the other.
    pub(super) fn by_row(
        &mut self,
        source: &Frag,
        row: &Row,
        write: &Frag,
        updates: bool,
        returning: Option<&[SelectItem]>,
        out: &mut Statement,
    ) -> Bound<Frag> {
        let from = self.written(source, row, write, updates)?;
        let alias = self.alias();
        let mut hidden = Vec::new();
        if let (Some((_, column)), false) = (self.table.rowid(), updates) {
            hidden.push((Frag::text(format!("{alias}.{}::int8", quote_ident(&column.name))), Hidden::Rowid));
            hidden.push((Frag::text(format!("{alias}.\"_inserted\"")), Hidden::Inserted));
        }
        hidden.push((Frag::text(format!("{alias}.\"_failure\"")), Hidden::Failure));
        let cells = self.cells(returning, hidden, out)?;
        let mut whole = Frag::text("SELECT ");
        whole.append(&Frag::join(&cells, ", "));
        whole.append(&from);
        out.tag = Some(if updates { "UPDATE {}" } else { "INSERT 0 {}" });
        Ok(whole)
    }

    /// The enforced foreign keys that refer to the table and are looked at at once: while rows are replaced they wait.
    fn deferrable(&self) -> Option<String> {
        let refers = |k: &&crate::catalog::ForeignKey| !k.name.is_empty() && !k.deferred && k.target.eq_ignore_ascii_case(&self.table.name);
        let schema = |r: &crate::catalog::Relation, name: &str| format!("{}.{}", quote_ident(&r.schema), quote_ident(name));
        let names: Vec<String> =
            self.lower.catalog.relations.iter().flat_map(|r| r.foreign_keys.iter().filter(refers).map(|k| schema(r, &k.name))).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Do enforced foreign keys of other tables act when a row of this one is deleted?
    pub(super) fn is_referred_to(&self) -> bool {
        let refers = |k: &crate::catalog::ForeignKey| !k.name.is_empty() && k.target.eq_ignore_ascii_case(&self.table.name);
        // Some are enforced by triggers, which the catalog does not list.
        let by_text =
            |r: &crate::catalog::Relation| self.lower.options.foreign_keys && r.schema == self.table.schema && ddl::refers(r, &self.table.name);
        self.lower.catalog.relations.iter().any(|r| r.foreign_keys.iter().any(refers) || by_text(r))
    }

    /// A value for the rowid column from `id`: the next of its sequence for NULL, and the sequence kept ahead of any other.
    pub(super) fn next_id(&self, sequence: &str, id: &str) -> Lowered {
        let bump = self.lower.helper("bump")?;
        let sequence = literal_text(sequence);
        if self.numbers_late() {
            return Ok(Frag::text(format!("{bump}({sequence}::regclass, {id})")));
        }
        Ok(Frag::text(format!("coalesce({bump}({sequence}::regclass, {id}), nextval({sequence}))")))
    }
}
