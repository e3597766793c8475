//! ALTER TABLE (lang_altertable.html). The table's text is edited as SQLite edits it; what else mentions a renamed thing is edited
//! too, and what no longer holds afterwards makes the statement fail.

use super::create::{Making, STRICT, register_column};
use super::mention::mentions;
use super::remade::remade;
use super::types::{added_type, column};
use super::{Change, needs_registry, own_table, qualified, text};
use crate::catalog::{Catalog, Collation, IndexPart, Relation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::Options;
use crate::translate::bind::{Binder, Bound, Mentioned, Scope, Source, quote_ident, split_name};
use crate::translate::lower::{Lower, literal_text};
use crate::translate::parse::scan::{self, Kind};
use sqlparser::ast::{self, AlterColumnOperation, AlterTableOperation, ColumnOption, Ident, RenameTableNameKind, TableConstraint};

/// A table that is altered.
struct Altering<'a> {
    catalog: &'a Catalog,
    options: &'a Options,
    table: &'a Relation,
    /// Its index in the catalog.
    index: usize,
    /// As printed.
    printed: String,
    /// An expression for its oid.
    class: String,
}

/// ALTER TABLE.
pub(super) fn alter<'a>(alter: &ast::AlterTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Change> {
    let catalog = binder.catalog;
    let (_, ident) = split_name(&alter.name)?;
    let fail = |state, message: String| ClientError::new(state, message).at(binder.at(ident.span));
    if let Some(own) = own_table(&ident.value) {
        return Err(fail(SqlState::DATATYPE_MISMATCH, format!("table {own} may not be altered")));
    }
    let table = binder.relation(&alter.name)?;
    let [operation] = alter.operations.as_slice() else { return Err(ClientError::refused("ALTER TABLE with several operations")) };
    if table.kind == RelationKind::View {
        let name = &table.name;
        let message = match operation {
            AlterTableOperation::RenameColumn { .. } => format!("cannot rename columns of view \"{name}\""),
            AlterTableOperation::AddColumn { .. } => "Cannot add a column to a view".to_owned(),
            AlterTableOperation::DropColumn { .. } => format!("cannot drop column from view \"{name}\""),
            AlterTableOperation::RenameTable { .. } => format!("view {name} may not be altered"),
            _ => format!("cannot edit constraints of view \"{name}\""),
        };
        return Err(fail(SqlState::DATATYPE_MISMATCH, message));
    }
    if table.module.is_some() {
        let message = match operation {
            AlterTableOperation::RenameTable { .. } => None,
            AlterTableOperation::RenameColumn { .. } => Some(format!("cannot rename columns of virtual table \"{}\"", table.name)),
            AlterTableOperation::DropColumn { .. } => Some(format!("cannot drop column from virtual table \"{}\"", table.name)),
            _ => Some("virtual tables may not be altered".to_owned()),
        };
        if let Some(message) = message {
            return Err(fail(SqlState::DATATYPE_MISMATCH, message));
        }
    }
    if table.is_sqlite() {
        needs_registry(catalog)?;
    }
    let index = catalog.index_of(table).ok_or_else(|| ClientError::refused("a table of another catalog"))?;
    let printed = qualified(&table.schema, &table.name);
    let class = format!("{}::regclass", literal_text(&printed));
    let altering = Altering { catalog, options: binder.options, table, index, printed, class };
    match operation {
        AlterTableOperation::RenameTable { table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name) } => {
            let (_, new) = split_name(name)?;
            altering.rename(new, binder.at(new.span))
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => altering.rename_column(old_column_name, new_column_name, binder),
        AlterTableOperation::AddColumn { column_def, .. } => altering.add_column(column_def, binder, lower),
        AlterTableOperation::DropColumn { column_names, .. } => {
            let [name] = column_names.as_slice() else { return Err(ClientError::refused("dropping several columns")) };
            altering.drop_column(name, binder.at(name.span))
        }
        AlterTableOperation::AlterColumn { column_name, op: AlterColumnOperation::SetNotNull } => altering.not_null(column_name, true, binder),
        AlterTableOperation::AlterColumn { column_name, op: AlterColumnOperation::DropNotNull } => altering.not_null(column_name, false, binder),
        AlterTableOperation::AddConstraint { constraint: TableConstraint::Check(check), .. } => altering.add_check(check, binder, lower),
        AlterTableOperation::AddConstraint { constraint, .. } => {
            let word = constraint.to_string().split([' ', '(']).next().unwrap_or_default().to_owned();
            Err(ClientError::syntax(&word))
        }
        AlterTableOperation::DropConstraint { name, .. } => altering.drop_constraint(name, binder.at(name.span)),
        other => Err(ClientError::refused(format!("ALTER TABLE {other}"))),
    }
}

fn recorded(class: &str, sql: &str) -> String {
    format!("UPDATE litewire.objects SET sql = {} WHERE relid = {class}", literal_text(sql))
}

impl<'a> Altering<'a> {
    fn column(&self, name: &Ident, quoted: bool, at: usize) -> Bound<usize> {
        let q = if quoted { "\"" } else { "" };
        let missing = || ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {q}{}{q}", name.value)).at(at);
        self.table.column(&name.value).map(|(at, _)| at).ok_or_else(missing)
    }

    /// The relations with the table exchanged for another.
    fn with(&self, table: Relation) -> Vec<Relation> {
        let mut relations = self.catalog.relations.clone();
        relations[self.index] = table;
        relations
    }

    /// The table with a new text, as SQLite would read it.
    fn reread(&self, sql: &str, was: &dyn Fn(&str) -> String, when: &str) -> Bound<Relation> {
        remade(self.table, sql, was, self.catalog, self.options).map_err(|e| broken("table", &self.table.name, when, e))
    }

    /// Everything that mentions the table or a column of it, rewritten. What is broken already makes the statement fail.
    fn follow(&self, target: Mentioned, old: &str, new: &str, quoted: bool) -> Bound<(Vec<Relation>, Vec<String>)> {
        let (mut relations, mut steps) = (self.catalog.relations.clone(), Vec::new());
        let fix_quotes = matches!(target, Mentioned::Column(_));
        // Before SQLite 3.25 a view's or trigger's text stayed as it was.
        let legacy = self.options.legacy_alter_table && !fix_quotes;
        let edit = |kind: &str, name: &str, relation: &Relation, sql: &str| -> Bound<Option<String>> {
            if legacy && (kind == "view" || kind == "trigger" && !std::ptr::eq(relation, self.table)) {
                return Ok(None);
            }
            let found = match mentions(sql, relation, self.catalog, self.options) {
                Ok(found) => found,
                Err(e) if !is_seen(kind, &e) => {
                    let named = scan::tokens(sql).iter().any(|t| t.may_name() && scan::unquote(t.text(sql)).eq_ignore_ascii_case(old));
                    return if named {
                        Err(ClientError::refused(format!("a rename that the {kind} {name} would have to follow ({})", e.message)))
                    } else {
                        Ok(None)
                    };
                }
                Err(e) => return Err(broken(kind, name, "", e)),
            };
            // A string in an index is no column's name once names are looked at closely.
            if let Some(text) = found.iter().find(|m| fix_quotes && kind == "index" && m.what == Mentioned::Text) {
                let when = if std::ptr::eq(relation, self.table) { "" } else { " after rename" };
                return Err(broken(kind, name, when, no_such_column(sql, text.at)));
            }
            let text = text::replaced(sql, &|token| match found.iter().find(|m| m.at == token.at.start)?.what {
                Mentioned::Text => (fix_quotes && token.kind == Kind::Quoted).then(|| text::requoted(sql, token)),
                what if what == target => Some(text::name_for(sql, token, new, quoted)),
                _ => None,
            });
            Ok((text != sql).then_some(text))
        };
        for (relation, copy) in self.catalog.relations.iter().zip(&mut relations) {
            let kind = if relation.kind == RelationKind::View { "view" } else { "table" };
            if let Some(sql) = &relation.sql
                && let Some(text) = edit(kind, &relation.name, relation, sql)?
            {
                let class = format!("{}::regclass", literal_text(&qualified(&relation.schema, &relation.name)));
                steps.extend((!relation.is_temporary()).then(|| recorded(&class, &text)));
                copy.sql = Some(text);
            }
            for (index, copy) in relation.indexes.iter().zip(&mut copy.indexes) {
                if let Some(sql) = &index.sql
                    && let Some(text) = edit("index", &index.name, relation, sql)?
                {
                    let class = format!("{}::regclass", literal_text(&qualified(&relation.schema, &index.name)));
                    steps.push(recorded(&class, &text));
                    copy.sql = Some(text);
                }
            }
            for (trigger, copy) in relation.triggers.iter().zip(&mut copy.triggers) {
                if let Some(text) = edit("trigger", &trigger.name, relation, &trigger.sql)? {
                    copy.sql = text;
                }
            }
        }
        Ok((relations, steps))
    }

    /// What else the schema holds must hold afterwards.
    fn check(&self, relations: &[Relation], when: &str) -> Bound<()> {
        if self.options.legacy_alter_table {
            return Ok(());
        }
        let mut after = self.catalog.with_relations(relations.iter().cloned());
        super::view::typed(&mut after, self.options);
        let holds = |kind: &str, name: &str, relation: &Relation, sql: &str| match mentions(sql, relation, &after, self.options) {
            Err(e) if is_seen(kind, &e) => Err(broken(kind, name, when, e)),
            _ => Ok(()),
        };
        for relation in &after.relations {
            if let Some(sql) = relation.view_text() {
                holds("view", &relation.name, relation, sql)?;
            }
            for index in &relation.indexes {
                index.sql.as_deref().map_or(Ok(()), |sql| holds("index", &index.name, relation, sql))?;
            }
            for trigger in &relation.triggers {
                holds("trigger", &trigger.name, relation, &trigger.sql)?;
            }
        }
        Ok(())
    }

    fn rename(&self, new: &Ident, at: usize) -> Bound<Change> {
        let (catalog, table, name) = (self.catalog, self.table, &new.value);
        let database = Some(catalog.database(table));
        if catalog.relation_in(database, name).is_some() || catalog.index_in(database, name).is_some_and(|(_, i)| !i.constraint) {
            let message = format!("there is already another table or index with this name: {name}");
            return Err(ClientError::new(SqlState::DUPLICATE_TABLE, message).at(at));
        }
        if name.to_ascii_lowercase().starts_with("sqlite_") {
            return Err(ClientError::new(SqlState::INVALID_PARAMETER_VALUE, format!("object name reserved for internal use: {name}")).at(at));
        }
        let (mut relations, mut steps) = self.follow(Mentioned::Relation(self.index), &table.name, name, true)?;
        let class = &self.class;
        relations[self.index].name.clone_from(name);
        for key in relations.iter_mut().flat_map(|r| &mut r.foreign_keys).filter(|k| k.target.eq_ignore_ascii_case(&table.name)) {
            key.target.clone_from(name);
        }
        self.check(&relations, " after rename")?;
        if table.is_sqlite() {
            steps.push(format!(
                "UPDATE litewire.objects SET name = CASE WHEN relid = {class} THEN {new} ELSE name END, tbl_name = {new} WHERE relid = {class} OR relid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = {class})",
                new = literal_text(name),
            ));
        }
        steps.push(format!("ALTER TABLE {} RENAME TO {}", self.printed, quote_ident(name)));
        super::module::renamed(&mut relations[self.index], &table.name, catalog, &mut steps)?;
        Ok(Change { steps, relations, touched: vec![table.name.clone(), name.clone()] })
    }

    fn rename_column(&self, old: &Ident, new: &Ident, binder: &Binder) -> Bound<Change> {
        let at = self.column(old, true, binder.at(old.span))?;
        let (table, class) = (self.table, &self.class);
        let (old, name) = (&table.columns[at].name, &new.value);
        let (mut relations, mut steps) = self.follow(Mentioned::Column((self.index, at)), old, name, new.quote_style.is_some())?;
        let was = |c: &str| if c.eq_ignore_ascii_case(name) { old.clone() } else { c.to_owned() };
        let renamed = match &relations[self.index].sql {
            Some(sql) => {
                let indexes = relations[self.index].indexes.clone();
                let mut made = self.reread(sql, &was, " after rename")?;
                made.triggers.clone_from(&relations[self.index].triggers);
                for index in made.indexes.iter_mut().filter(|i| i.sql.is_some()) {
                    index.sql = indexes.iter().find(|i| i.name == index.name).and_then(|i| i.sql.clone());
                }
                made
            }
            None => {
                let mut copy = table.clone();
                copy.columns[at].name.clone_from(name);
                copy
            }
        };
        relations[self.index] = renamed;
        self.check(&relations, " after rename")?;
        if table.is_sqlite() {
            steps.push(format!("UPDATE litewire.columns SET name = {} WHERE relid = {class} AND name = {}", literal_text(name), literal_text(old)));
        }
        if old != name {
            steps.push(format!("ALTER TABLE {} RENAME COLUMN {} TO {}", self.printed, quote_ident(old), quote_ident(name)));
        }
        Ok(Change { steps, relations, touched: vec![table.name.clone()] })
    }

    fn add_column(&self, def: &ast::ColumnDef, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Change> {
        let (table, printed) = (self.table, &self.printed);
        let fail = |message: &str| Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
        if table.column(&def.name.value).is_some() {
            let message = format!("duplicate column name: {}", def.name.value);
            return Err(ClientError::new(SqlState::DUPLICATE_COLUMN, message).at(binder.at(def.name.span)));
        }
        let mut made = column(&def.name.value, table.columns.len() as i16 + 1, added_type(binder.sql), binder.options.native_types);
        let mut default = None;
        for option in &def.options {
            match &option.option {
                ColumnOption::PrimaryKey(_) => return fail("Cannot add a PRIMARY KEY column"),
                ColumnOption::Unique(_) => return fail("Cannot add a UNIQUE column"),
                ColumnOption::Collation(name) => made.collation = Collation::named(&name.to_string()).unwrap_or_default(),
                ColumnOption::Default(e) => default = Some(e),
                _ => {}
            }
        }
        let declared = made.declared.as_deref().unwrap_or_default();
        if table.strict && !STRICT.iter().any(|t| declared.eq_ignore_ascii_case(t)) {
            let what = if declared.is_empty() { "missing".to_owned() } else { "unknown".to_owned() };
            let named = if declared.is_empty() { String::new() } else { format!(": \"{declared}\"") };
            return fail(&format!("error in table {0} after add column: {what} datatype for {0}.{1}{named}", table.name, def.name.value));
        }
        let has = |test: &dyn Fn(&ColumnOption) -> bool| def.options.iter().any(|o| test(&o.option));
        let generated = has(&|o| matches!(o, ColumnOption::Generated { .. }));
        let stored = has(&|o| matches!(o, ColumnOption::Generated { generation_expr_mode: Some(ast::GeneratedExpressionMode::Stored), .. }));
        let null = default.is_none_or(is_null);
        // Forbidden only while there are rows that would need a value.
        let forbidden = if stored {
            Some("cannot add a STORED column")
        } else if has(&|o| matches!(o, ColumnOption::NotNull)) && null && !generated {
            Some("Cannot add a NOT NULL column with default value NULL")
        } else if default.is_some_and(|e| !constant(e)) {
            Some("Cannot add a column with non-constant default")
        } else if binder.options.foreign_keys_checked && !null && has(&|o| matches!(o, ColumnOption::ForeignKey(_))) {
            Some("Cannot add a REFERENCES column with non-NULL default value")
        } else {
            None
        };
        let mut relation = table.clone();
        relation.columns.push(made);
        let at = relation.columns.len() - 1;
        let mut source = Source::of_relation(&relation, &table.name);
        source.printed = String::new();
        binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
        let mut making = Making::of(relation);
        let done = making.column(at, def, binder, lower);
        let generated_as = def.options.iter().find_map(|o| match &o.option {
            ColumnOption::Generated { generation_expr: Some(e), .. } => {
                Some(super::unqualified(e, "generated columns").and_then(|()| binder.expr(e)))
            }
            _ => None,
        });
        binder.scopes.pop();
        done?;
        if let Some(bound) = generated_as {
            let bound = bound?;
            making.widen(at, 0, &bound, binder.options.native_types);
            let stored = making.generated_as(at, &bound, lower)?;
            making.parts[0].push_str(&format!(" GENERATED ALWAYS AS ({stored}) STORED"));
        }
        let mut steps = Vec::new();
        if let (Some(message), true) = (forbidden, self.catalog.helpers.is_some()) {
            steps.push(format!("PERFORM litewire.raise_error('42611', {}) FROM {printed}", literal_text(message)));
        }
        let parts: Vec<String> =
            making.parts.iter().enumerate().map(|(i, p)| if i == 0 { format!("ADD COLUMN {p}") } else { format!("ADD {p}") }).collect();
        steps.push(format!("ALTER TABLE {printed} {}", parts.join(", ")));
        if let Some(sql) = &table.sql {
            let tokens = scan::tokens(binder.sql);
            let add = tokens.iter().position(|t| t.is(binder.sql, "ADD")).map_or(0, |at| at + 1);
            let from = add + usize::from(tokens.get(add).is_some_and(|t| t.is(binder.sql, "COLUMN")));
            let text = text::with_column(sql, text::tail(binder.sql, &tokens, from));
            steps.extend(register_column(&making.relation, &making.relation.columns[at]));
            steps.push(recorded(&self.class, &text));
            making.relation.sql = Some(text);
        }
        Ok(Change { steps, relations: self.with(making.relation), touched: vec![table.name.clone()] })
    }

    fn drop_column(&self, name: &Ident, place: usize) -> Bound<Change> {
        let at = self.column(name, true, place)?;
        let table = self.table;
        let old = &table.columns[at].name;
        let fail = |message: String| Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(place));
        for index in table.indexes.iter().filter(|i| i.sql.is_none()) {
            let folded = index.parts.len() == 1 && matches!(&index.parts[0], IndexPart::Expression(e) if e.contains(&quote_ident(old)));
            if index.primary && (folded || index.parts.contains(&IndexPart::Column(at))) {
                return fail(format!("cannot drop PRIMARY KEY column: \"{old}\""));
            }
            let whole_text_holds = || table.sql.as_ref().is_none_or(|sql| text::names_column(sql, at, "UNIQUE"));
            if index.unique && !index.primary && (folded || index.parts == [IndexPart::Column(at)]) && whole_text_holds() {
                return fail(format!("cannot drop UNIQUE column: \"{old}\""));
            }
        }
        if table.columns.iter().filter(|c| !c.hidden).count() == 1 {
            return fail(format!("cannot drop column \"{old}\": no other columns exist"));
        }
        let mut steps = Vec::new();
        let left = match &table.sql {
            Some(sql) => {
                let visible = table.columns[..at].iter().filter(|c| !c.hidden).count();
                let sql = self.quotes_fixed(sql);
                let text = text::without_column(&sql, visible);
                steps.push(recorded(&self.class, &text));
                steps.push(format!("DELETE FROM litewire.columns WHERE relid = {} AND name = {}", self.class, literal_text(old)));
                self.reread(&text, &|c| c.to_owned(), " after drop column")?
            }
            None => {
                let mut copy = table.clone();
                copy.columns.remove(at);
                copy.indexes.retain(|i| !i.parts.contains(&IndexPart::Column(at)));
                for part in copy.indexes.iter_mut().flat_map(|i| &mut i.parts) {
                    if let IndexPart::Column(c) = part
                        && *c > at
                    {
                        *c -= 1;
                    }
                }
                copy
            }
        };
        let mut relations = self.with(left);
        // An index over the column is no longer among those carried over: it is looked at with its own text.
        let lost: Vec<_> =
            table.indexes.iter().filter(|i| i.sql.is_some() && !relations[self.index].indexes.iter().any(|l| l.name == i.name)).collect();
        relations[self.index].indexes.extend(lost.into_iter().cloned());
        self.check(&relations, " after drop column")?;
        steps.push(format!("ALTER TABLE {} DROP COLUMN {}", self.printed, quote_ident(old)));
        Ok(Change { steps, relations, touched: vec![table.name.clone()] })
    }

    /// The table's text with its double-quoted strings in single quotes.
    fn quotes_fixed(&self, sql: &str) -> String {
        let found = mentions(sql, self.table, self.catalog, self.options).unwrap_or_default();
        let quoted = |at: usize| found.iter().any(|m| m.at == at && m.what == Mentioned::Text);
        text::replaced(sql, &|token| (token.kind == Kind::Quoted && quoted(token.at.start)).then(|| text::requoted(sql, token)))
    }

    fn not_null(&self, name: &Ident, set: bool, binder: &Binder) -> Bound<Change> {
        let at = self.column(name, false, binder.at(name.span))?;
        let mut relation = self.table.clone();
        relation.columns[at].not_null = set;
        let verb = if set { "SET" } else { "DROP" };
        let mut steps = vec![format!("ALTER TABLE {} ALTER COLUMN {} {verb} NOT NULL", self.printed, quote_ident(&relation.columns[at].name))];
        if let Some(sql) = &mut relation.sql {
            let visible = self.table.columns[..at].iter().filter(|c| !c.hidden).count();
            let tokens = scan::tokens(binder.sql);
            let from = tokens.iter().rposition(|t| t.is(binder.sql, "NOT")).unwrap_or(tokens.len());
            let clause = text::tail(binder.sql, &tokens, from);
            *sql = if set { text::with_not_null(sql, visible, clause) } else { text::without_not_null(sql, visible) };
            steps.push(recorded(&self.class, sql));
        }
        Ok(Change { steps, relations: self.with(relation), touched: vec![self.table.name.clone()] })
    }

    fn add_check(&self, check: &ast::CheckConstraint, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Change> {
        let mut source = Source::of_relation(self.table, &self.table.name);
        source.printed = String::new();
        binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
        let mut making = Making::of(self.table.clone());
        let done = making.check(check, binder, lower);
        binder.scopes.pop();
        done?;
        let mut steps: Vec<String> = making.parts.iter().map(|part| format!("ALTER TABLE {} ADD {part}", self.printed)).collect();
        let mut relation = making.relation;
        if let Some(sql) = &mut relation.sql {
            let tokens = scan::tokens(binder.sql);
            let add = tokens.iter().position(|t| t.is(binder.sql, "ADD")).map_or(0, |at| at + 1);
            let end = text::list_end(sql);
            *sql = format!("{}, {}{}", &sql[..end], text::tail(binder.sql, &tokens, add), &sql[end..]);
            steps.push(recorded(&self.class, sql));
        }
        Ok(Change { steps, relations: self.with(relation), touched: vec![self.table.name.clone()] })
    }

    fn drop_constraint(&self, name: &Ident, at: usize) -> Bound<Change> {
        let missing = || ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such constraint: {}", name.value)).at(at);
        let mut steps = Vec::new();
        let relation = match &self.table.sql {
            Some(sql) => {
                let text = text::without_constraint(sql, &name.value).ok_or_else(missing)?;
                steps.push(recorded(&self.class, &text));
                let made = self.reread(&text, &|c| c.to_owned(), " after drop constraint")?;
                for (column, now) in self.table.columns.iter().zip(&made.columns).filter(|(c, now)| c.not_null && !now.not_null) {
                    debug_assert!(column.name.eq_ignore_ascii_case(&now.name));
                    steps.push(format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", self.printed, quote_ident(&column.name)));
                }
                made
            }
            None => self.table.clone(),
        };
        if self.table.checks.len() > relation.checks.len() || !self.table.is_sqlite() {
            let found = self.table.checks.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name.value)).ok_or_else(missing)?;
            steps.push(format!("ALTER TABLE {} DROP CONSTRAINT {}", self.printed, quote_ident(&found.0)));
        }
        Ok(Change { steps, relations: self.with(relation), touched: vec![self.table.name.clone()] })
    }
}

fn no_such_column(sql: &str, at: usize) -> ClientError {
    let name = scan::next(sql.as_bytes(), &mut { at }).map_or(String::new(), |t| scan::unquote(t.text(sql)));
    ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {name}"))
}

fn is_null(e: &ast::Expr) -> bool {
    match e {
        ast::Expr::Value(v) => v.value == ast::Value::Null,
        ast::Expr::Nested(inner) => is_null(inner),
        _ => false,
    }
}

/// Is a default one that old rows can be given?
fn constant(e: &ast::Expr) -> bool {
    match e {
        ast::Expr::Value(_) => true,
        ast::Expr::UnaryOp { expr, .. } | ast::Expr::Nested(expr) | ast::Expr::Cast { expr, .. } => constant(expr),
        // TRUE and FALSE, and words that are strings where nothing else can be.
        ast::Expr::Identifier(name) => !name.value.to_ascii_uppercase().starts_with("CURRENT_"),
        _ => false,
    }
}

/// Is it an error that a rename sees? In a trigger it looks at names alone.
fn is_seen(kind: &str, error: &ClientError) -> bool {
    let of_a_name = matches!(error.state, SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::AMBIGUOUS_COLUMN);
    if kind == "trigger" { of_a_name } else { error.state != SqlState::FEATURE_NOT_SUPPORTED }
}

fn broken(kind: &str, name: &str, when: &str, error: ClientError) -> ClientError {
    ClientError { message: format!("error in {kind} {name}{when}: {}", error.message), position: None, ..error }
}
