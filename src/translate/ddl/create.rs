//! CREATE TABLE (lang_createtable.html).

use super::types::{backend_type, column, declared, stated};
use super::widen::ANY;
use super::{Change, named_otherwise, needs_registry, placed, qualified, register, stored_expression, text};
use crate::catalog::{Affinity, Collation, Column, ForeignKey, Index, IndexPart, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, split_name};
use crate::translate::lower::{Lower, literal_text};
use crate::translate::parse::scan;
use sqlparser::ast::{self, ColumnOption, IndexColumn, ReferentialAction, TableConstraint};

/// A table while it is made: the catalog's view of it, and the text for the backend.
pub(super) struct Making {
    pub relation: Relation,
    pub parts: Vec<String>,
    /// How many CHECKs there were so far.
    pub checks: usize,
}

/// CREATE TABLE.
pub(super) fn table<'a>(create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    needs_registry(catalog)?;
    let (_, ident) = split_name(&create.name)?;
    let schema = placed(&create.name, create.temporary, "table", binder)?;
    if create.query.is_some() {
        return Err(ClientError::refused("CREATE TABLE … AS SELECT").at(binder.at(ident.span)));
    }
    if named_otherwise(&ident.value, &schema, create.if_not_exists, binder.at(ident.span), catalog)? {
        return Ok(None);
    }
    let Making { mut relation, parts, .. } = made(create, &ident.value, binder, lower)?;
    let sql = text::stored(binder.sql, "TABLE");
    let schema = &relation.schema;
    let printed = qualified(schema, &relation.name);
    let mut steps = vec![format!("CREATE TABLE {printed} (\n  {}\n)", parts.join(",\n  "))];
    steps.extend(register(schema, "table", &relation.name, &relation.name, &sql));
    steps.extend(relation.columns.iter().filter_map(|c| register_column(&relation, c)));
    steps.extend(relation.indexes.iter().filter(|i| !i.constraint).map(|index| folded_index(&printed, index)));
    relation.sql = Some(sql);
    let mut relations = catalog.relations.clone();
    relations.push(relation);
    Ok(Some(Change { steps, relations, touched: vec![ident.value.clone()] }))
}

/// The statement that records a column's declared type; a session keeps its temporary tables to itself.
pub(super) fn register_column(table: &Relation, column: &Column) -> Option<String> {
    let collation = crate::translate::pragma::collation_name(column.collation);
    (!table.is_temporary()).then(|| {
        format!(
            "INSERT INTO litewire.columns (relid, name, declared, \"collation\", hidden, key) VALUES ({}::regclass, {}, {}, '{collation}', {}, {})",
            literal_text(&qualified(&table.schema, &table.name)),
            literal_text(&column.name),
            literal_text(column.declared.as_deref().unwrap_or_default()),
            column.hidden,
            column.key
        )
    })
}

/// The catalog's view of a table that a CREATE TABLE makes.
pub fn relation_of<'a>(create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Relation> {
    let (_, ident) = split_name(&create.name)?;
    Ok(made(create, &ident.value, binder, lower)?.relation)
}

/// The unique index that stands for a key under NOCASE or RTRIM.
pub(super) fn folded_index(printed: &str, index: &Index) -> String {
    let parts: Vec<&str> = index.parts.iter().map(|p| if let IndexPart::Expression(e) = p { e.as_str() } else { "" }).collect();
    format!("CREATE UNIQUE INDEX ON {printed} ({})", parts.join(", "))
}

/// A column whose own DEFAULT its type cannot hold is dynamic from the start.
fn made<'a>(create: &ast::CreateTable, name: &str, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Making> {
    let mut dynamic = Vec::new();
    loop {
        match making(create, name, &dynamic, binder, lower) {
            Err(error) => match lower.misfit.take() {
                Some(misfit) if !dynamic.contains(&misfit.column) && lower.options.widen.is_some() => dynamic.push(misfit.column),
                _ => return Err(error),
            },
            making => return making,
        }
    }
}

/// The table, with the columns named in `dynamic` in the dynamic carrier whatever their declared types.
pub(super) fn making<'a>(create: &ast::CreateTable, name: &str, dynamic: &[String], binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Making> {
    let native = binder.options.native_types;
    let mut relation = Relation {
        schema: placed(&create.name, create.temporary, "table", binder)?,
        name: name.to_owned(),
        sql: Some(binder.sql.to_owned()),
        may_select: true,
        ..Relation::default()
    };
    let has = |option| create.sqlite_table_options.options.contains(&option);
    relation.without_rowid = has(ast::SqliteTableOption::WithoutRowid);
    relation.strict = has(ast::SqliteTableOption::Strict);
    let tokens = scan::tokens(binder.sql);
    let list = tokens.iter().position(|t| t.is_op(binder.sql, "(")).map_or(tokens.len(), |at| at + 1);
    let mut types = declared(binder.sql, &tokens[list..]).into_iter();
    for (at, def) in create.columns.iter().enumerate() {
        if relation.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&def.name.value)) {
            let message = format!("duplicate column name: {}", def.name.value);
            return Err(ClientError::new(SqlState::DUPLICATE_COLUMN, message).at(binder.at(def.name.span)));
        }
        let mut made = column(&def.name.value, at as i16 + 1, types.next().flatten(), native);
        if let Some(stated) = stated(binder.options, name, &made.name) {
            made.type_oid = stated.oid;
            made.type_name = stated.name.replace(" COLLATE \"C\"", "");
            made.dynamic = stated.dynamic;
        }
        for option in &def.options {
            if let ColumnOption::Collation(collation) = &option.option {
                made.collation = collation_named(collation, binder)?;
            }
        }
        let any = relation.strict && made.declared.as_deref() == Some("ANY");
        if any {
            made.affinity = Affinity::Blob;
        }
        if any || dynamic.contains(&made.name) {
            super::widen::make_dynamic(&mut made);
        }
        relation.columns.push(made);
    }
    let mut source = Source::of_relation(&relation, name);
    // Expressions within the table's own DDL name its columns bare.
    source.printed = String::new();
    binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
    let mut making = Making { relation, parts: Vec::new(), checks: 0 };
    let whole = making.all(create, binder, lower);
    binder.scopes.pop();
    whole?;
    if making.relation.without_rowid && making.relation.columns.iter().all(|c| c.key == 0) {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("PRIMARY KEY missing on table {name}")));
    }
    if making.relation.rowid().is_none() && !making.relation.without_rowid {
        let sequence = Some(sequence_name(&making.relation.schema, name, "_rowid_"));
        let hidden = Column {
            name: "_rowid_".to_owned(),
            hidden: true,
            sequence,
            not_null: true,
            ..column("_rowid_", making.relation.columns.len() as i16 + 1, Some("INTEGER".to_owned()), native)
        };
        making.relation.columns.push(hidden);
        making.parts.push("\"_rowid_\" bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE".to_owned());
    }
    Ok(making)
}

fn collation_named(name: &ast::ObjectName, binder: &Binder) -> Bound<Collation> {
    let (_, ident) = split_name(name)?;
    Collation::named(&ident.value)
        .ok_or_else(|| ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such collation sequence: {}", ident.value)).at(binder.at(ident.span)))
}

impl Making {
    fn all<'a>(&mut self, create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<()> {
        for (at, def) in create.columns.iter().enumerate() {
            self.column(at, def, binder, lower)?;
        }
        for constraint in &create.constraints {
            match constraint {
                TableConstraint::PrimaryKey(key) => self.key(&key.columns, true, binder)?,
                TableConstraint::Unique(key) => self.key(&key.columns, false, binder)?,
                TableConstraint::Check(check) => self.check(check, binder, lower)?,
                TableConstraint::ForeignKey(foreign) => self.foreign(foreign)?,
                other => return Err(ClientError::refused(format!("the constraint {other}"))),
            }
        }
        Ok(())
    }

    /// A column's text for the backend; keys and checks become table constraints.
    pub(super) fn column<'a>(&mut self, at: usize, def: &ast::ColumnDef, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<()> {
        let native = binder.options.native_types;
        let column = self.relation.columns[at].clone();
        let backend = stated(binder.options, &self.relation.name, &column.name)
            .unwrap_or_else(|| backend_type(column.declared.as_deref().filter(|d| !d.is_empty()), native));
        let mut text = format!("{} {}", quote_ident(&column.name), if column.dynamic { ANY } else { &backend.name });
        let place = self.parts.len();
        self.parts.push(String::new());
        self.relation.columns[at].not_null |= def.options.iter().any(|o| o.option == ColumnOption::NotNull);
        for option in &def.options {
            match &option.option {
                ColumnOption::Null | ColumnOption::Collation(_) | ColumnOption::Comment(_) => {}
                ColumnOption::NotNull => {
                    self.relation.columns[at].not_null = true;
                    text.push_str(" NOT NULL");
                }
                ColumnOption::Default(e) => {
                    let bound = binder.expr(e)?;
                    lower.stored = true;
                    let stored = super::super::write::store_default(lower, &self.relation, &column, &bound);
                    lower.stored = false;
                    let stored = stored?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))?;
                    self.relation.columns[at].default = Some(stored.clone());
                    text.push_str(&format!(" DEFAULT ({stored})"));
                }
                ColumnOption::PrimaryKey(_) => {
                    let declared = column.declared.as_deref().unwrap_or_default();
                    if declared.eq_ignore_ascii_case("INTEGER") && !self.relation.without_rowid {
                        text.push_str(" GENERATED BY DEFAULT AS IDENTITY");
                        self.relation.columns[at].not_null = true;
                        self.relation.columns[at].sequence = Some(sequence_name(&self.relation.schema, &self.relation.name, &column.name));
                    }
                    self.add_key(vec![IndexPart::Column(at)], true);
                }
                // AUTOINCREMENT: an identity never gives an id twice.
                ColumnOption::DialectSpecific(_) => {}
                ColumnOption::Unique(_) => self.add_key(vec![IndexPart::Column(at)], false),
                ColumnOption::Check(check) => {
                    let mut check = check.clone();
                    check.name = check.name.or_else(|| option.name.clone());
                    self.check(&check, binder, lower)?;
                }
                ColumnOption::ForeignKey(foreign) => {
                    let mut foreign = foreign.clone();
                    foreign.columns = vec![def.name.clone()];
                    self.foreign(&foreign)?;
                }
                ColumnOption::Generated { generation_expr: Some(e), .. } => {
                    let expr = binder.expr(e)?;
                    lower.stored = true;
                    let stored = super::super::write::store_default(lower, &self.relation, &column, &expr);
                    lower.stored = false;
                    let stored = stored?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))?;
                    self.relation.columns[at].generated = true;
                    text.push_str(&format!(" GENERATED ALWAYS AS ({stored}) STORED"));
                }
                other => return Err(ClientError::refused(format!("the column option {other}")).at(binder.at(def.name.span))),
            }
        }
        self.parts[place] = text;
        Ok(())
    }

    fn key(&mut self, columns: &[IndexColumn], primary: bool, binder: &Binder) -> Bound<()> {
        let mut parts = Vec::new();
        for column in columns {
            let (name, span) = match strip_collation(&column.column.expr) {
                ast::Expr::Identifier(name) => (name.value.clone(), name.span),
                // A string is a name where only a name may stand (quirks.html).
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(name), span }) => (name.clone(), *span),
                _ => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "expressions prohibited in PRIMARY KEY and UNIQUE constraints")),
            };
            let at = self.relation.column(&name).map(|(at, _)| at);
            let missing = || ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {name}")).at(binder.at(span));
            parts.push(IndexPart::Column(at.ok_or_else(missing)?));
        }
        // PRIMARY KEY (id) of an INTEGER column is the rowid, wherever it is written.
        if let (true, [IndexPart::Column(at)]) = (primary, parts.as_slice()) {
            let sequence = sequence_name(&self.relation.schema, &self.relation.name, &self.relation.columns[*at].name);
            let column = &mut self.relation.columns[*at];
            if column.declared.as_deref().is_some_and(|d| d.eq_ignore_ascii_case("INTEGER")) && !self.relation.without_rowid {
                column.sequence = Some(sequence);
                column.not_null = true;
                self.parts[*at].push_str(" GENERATED BY DEFAULT AS IDENTITY");
            }
        }
        self.add_key(parts, primary);
        Ok(())
    }

    fn add_key(&mut self, parts: Vec<IndexPart>, primary: bool) {
        if self.relation.indexes.iter().any(|i| i.parts == parts && i.primary >= primary) {
            return;
        }
        let plain: Vec<usize> = parts.iter().filter_map(|p| if let IndexPart::Column(c) = p { Some(*c) } else { None }).collect();
        if primary {
            for (at, column) in plain.iter().enumerate() {
                self.relation.columns[*column].key = at as i16 + 1;
                self.relation.columns[*column].not_null |= self.relation.without_rowid;
            }
        }
        let name = |at: &usize| quote_ident(&self.relation.columns[*at].name);
        let folded = plain.iter().any(|c| self.relation.columns[*c].collation != Collation::Binary);
        let index = Index {
            unique: true,
            primary,
            constraint: !folded,
            descending: vec![false; parts.len()],
            nulls_first: vec![false; parts.len()],
            parts,
            ..Index::default()
        };
        if folded {
            // Equality under NOCASE or RTRIM is that of the folded text.
            let parts = plain.iter().map(|c| IndexPart::Expression(folded_text(&self.relation.columns[*c]))).collect();
            self.relation.indexes.push(Index { parts, ..index });
            return;
        }
        let columns: Vec<String> = plain.iter().map(name).collect();
        // SQLite lets NULLs into a primary key (lang_createtable.html §3.5), PostgreSQL into a unique one only.
        let filled = plain.iter().all(|c| self.relation.columns[*c].not_null);
        self.parts.push(format!("{} ({})", if primary && filled { "PRIMARY KEY" } else { "UNIQUE" }, columns.join(", ")));
        self.relation.indexes.push(index);
    }

    pub(super) fn check<'a>(&mut self, check: &ast::CheckConstraint, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<()> {
        let text = stored_expression(&check.expr, binder, lower, true)?;
        // SQLite's message has the constraint's name, else the expression as it is written.
        let written = text::checks(binder.sql).into_iter().nth(self.checks);
        self.checks += 1;
        let name = check.name.as_ref().map(|n| n.value.clone()).or(written).unwrap_or_else(|| check.expr.to_string());
        let end = name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= text::CHECK_NAME).last().unwrap_or(0);
        let mut short = name[..end].to_owned();
        // A name stands once in a table.
        while self.relation.checks.iter().any(|(n, _)| *n == short) {
            short.push(' ');
        }
        self.parts.push(format!("CONSTRAINT {} CHECK ({text})", quote_ident(&short)));
        self.relation.checks.push((short, text));
        Ok(())
    }

    fn foreign(&mut self, foreign: &ast::ForeignKeyConstraint) -> Bound<()> {
        let (_, target) = split_name(&foreign.foreign_table)?;
        let action = |a: &Option<ReferentialAction>| a.as_ref().map_or_else(|| "NO ACTION".to_owned(), ToString::to_string);
        let key = ForeignKey {
            name: String::new(),
            columns: foreign.columns.iter().map(|c| c.value.clone()).collect(),
            target: target.value.clone(),
            target_columns: foreign.referred_columns.iter().map(|c| c.value.clone()).collect(),
            on_update: action(&foreign.on_update),
            on_delete: action(&foreign.on_delete),
            deferred: foreign.characteristics.as_ref().is_some_and(|c| c.initially == Some(ast::DeferrableInitial::Deferred)),
        };
        // Recorded in the table's text; a real constraint only where foreign keys are enforced (foreignkeys.html §2).
        self.relation.foreign_keys.push(key);
        Ok(())
    }
}

fn strip_collation(e: &ast::Expr) -> &ast::Expr {
    match e {
        ast::Expr::Collate { expr, .. } => expr,
        other => other,
    }
}

/// A column as an index of its collation has it.
fn folded_text(column: &Column) -> String {
    let name = quote_ident(&column.name);
    match column.collation {
        Collation::NoCase if column.dynamic => format!("litewire.any_nocase({name})"),
        Collation::RTrim if column.dynamic => format!("litewire.any_rtrim({name})"),
        Collation::NoCase => format!("lower({name} COLLATE \"C\")"),
        Collation::RTrim => format!("rtrim({name}, ' '::text)"),
        Collation::Binary => name,
    }
}

/// The name that PostgreSQL gives the sequence of an identity column.
fn sequence_name(schema: &str, table: &str, column: &str) -> String {
    let name = format!("{table}_{column}_seq");
    if schema.is_empty() { quote_ident(&name) } else { format!("{}.{}", quote_ident(schema), quote_ident(&name)) }
}
