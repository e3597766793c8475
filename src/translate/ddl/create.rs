//! CREATE TABLE (lang_createtable.html).

use super::types::{backend_type, column, declared, stated};
use super::widen::ANY;
use super::{
    Change, clock_refused, named_otherwise, needs_registry, placed, pure, qualified, register, select, stored_expression, text, unqualified,
};
use crate::catalog::{Affinity, Catalog, Collation, Column, ForeignKey, Index, IndexPart, Relation, short_name};
use crate::error::{ClientError, SqlState};
use crate::translate::Options;
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, split_name};
use crate::translate::lower::{Lower, literal_text};
use crate::translate::parse::{self, scan};
use crate::translate::tree::{Class, Expr, Kind, Ty};
use crate::value::Value;
use sqlparser::ast::{self, ColumnOption, IndexColumn, ReferentialAction, TableConstraint};

/// A table while it is made: the catalog's view of it, and the text for the backend.
pub(super) struct Making {
    pub relation: Relation,
    pub parts: Vec<String>,
    /// Where in `parts` each column made so far stands; keys and checks stand among them.
    places: Vec<usize>,
    /// How many CHECKs were made of the text.
    checks: usize,
    /// The rowid, among the columns with a hidden one behind them.
    rowid: Option<usize>,
}

impl Making {
    /// A table as it is so far.
    pub(super) fn of(relation: Relation) -> Self {
        Making { relation, parts: Vec::new(), places: Vec::new(), checks: 0, rowid: None }
    }
}

/// CREATE TABLE.
pub(super) fn table<'a>(create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    needs_registry(catalog)?;
    let (_, ident) = split_name(&create.name)?;
    let schema = placed(&create.name, create.temporary, "table", binder)?;
    if named_otherwise(ident, &schema, create.if_not_exists, binder)? {
        return Ok(None);
    }
    if let Some(query) = &create.query {
        if !create.columns.is_empty() || !create.constraints.is_empty() {
            let at = scan::tokens(binder.sql).iter().find(|t| t.is(binder.sql, "AS")).map_or(0, |t| t.at.start);
            return Err(ClientError::syntax("AS").at(at));
        }
        return select::table_as(&ident.value, &schema, query, binder, lower).map(Some);
    }
    let Making { relation, parts, .. } = made(create, &ident.value, binder, lower)?;
    consistent(&relation, binder.sql)?;
    Ok(Some(finished(relation, parts, text::stored(binder.sql, "TABLE"), catalog)))
}

/// A table whose name is SQLite's own, with its columns in parentheses.
pub(super) fn own(name: &str, columns: &str, database: &str, catalog: &Catalog, options: &Options) -> Bound<Change> {
    let sql = format!("CREATE TABLE {}.{name}{columns}", quote_ident(database));
    let ast::Statement::CreateTable(create) = parse::parse(&sql)? else { return Err(ClientError::syntax("TABLE")) };
    let (mut binder, mut lower) = (Binder::new(&sql, &[], catalog, options), Lower::new(catalog, options));
    let Making { relation, parts, .. } = made(&create, name, &mut binder, &mut lower)?;
    Ok(finished(relation, parts, format!("CREATE TABLE {name}{columns}"), catalog))
}

/// A key that is declared twice must say the same of conflicts, if both say anything; a rowid is no key in that.
fn consistent(relation: &Relation, sql: &str) -> Bound<()> {
    let keys = parse::declared(sql).keys;
    let same = |a: &[String], b: &[String]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b));
    let rowid = relation.rowid().map(|(_, c)| c.name.as_str()).unwrap_or_default();
    let keys: Vec<_> = keys.iter().filter(|(names, _)| !same(names, &[rowid.to_owned()])).collect();
    let conflict = keys.iter().enumerate().any(|(at, (names, resolution))| keys[..at].iter().any(|(n, r)| same(n, names) && r != resolution));
    if conflict {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, "conflicting ON CONFLICT clauses specified"));
    }
    Ok(())
}

/// What makes a table, with SQLite's text of it.
pub(super) fn finished(mut relation: Relation, parts: Vec<String>, sql: String, catalog: &Catalog) -> Change {
    let printed = qualified(&relation.schema, &relation.name);
    let mut steps = vec![format!("CREATE TABLE {printed} (\n  {}\n)", parts.join(",\n  "))];
    steps.extend(register(&relation.schema, "table", &relation.name, &relation.name, &sql));
    steps.extend(relation.columns.iter().filter_map(|c| register_column(&relation, c)));
    steps.extend(relation.indexes.iter().filter(|i| !i.constraint).map(|index| folded_index(&printed, index)));
    relation.sql = Some(sql);
    let touched = vec![relation.name.clone()];
    let mut relations = catalog.relations.clone();
    relations.push(relation);
    Change { steps, relations, touched }
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
    checked(create, &relation, binder)?;
    let mut source = Source::of_relation(&relation, name);
    // Expressions within the table's own DDL name its columns bare.
    source.printed = String::new();
    let hidden = hidden_rowid(&relation, name, native);
    let rowid = if relation.without_rowid { None } else { integer_key(create, &relation).or(Some(relation.columns.len())) };
    source.columns.extend(Source::of_relation(&Relation { columns: vec![hidden.clone()], ..Relation::default() }, name).columns);
    binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
    let mut making = Making { rowid, ..Making::of(relation) };
    let whole = making.all(create, binder, lower);
    binder.scopes.pop();
    whole?;
    if making.relation.without_rowid && making.relation.columns.iter().all(|c| c.key == 0) {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("PRIMARY KEY missing on table {name}")));
    }
    if making.relation.rowid().is_none() && !making.relation.without_rowid {
        making.parts.push(format!("{} bigint {} UNIQUE", quote_ident(&hidden.name), identity(name, &hidden.name)));
        making.relation.columns.push(hidden);
    }
    Ok(making)
}

/// The rowid of a table that has no INTEGER PRIMARY KEY, behind its other columns.
fn hidden_rowid(relation: &Relation, name: &str, native: bool) -> Column {
    let mut own = "_rowid_".to_owned();
    while relation.column(&own).is_some() {
        own.push('_');
    }
    let sequence = Some(sequence_name(&relation.schema, name, &own));
    let number = relation.columns.len() as i16 + 1;
    Column { hidden: true, sequence, not_null: true, ..column(&own, number, Some("INTEGER".to_owned()), native) }
}

/// The column that a CREATE TABLE makes an INTEGER PRIMARY KEY.
fn integer_key(create: &ast::CreateTable, relation: &Relation) -> Option<usize> {
    let primary = |c: &ast::ColumnDef| c.options.iter().any(|o| matches!(o.option, ColumnOption::PrimaryKey(_)));
    let listed = create.constraints.iter().find_map(|c| match c {
        TableConstraint::PrimaryKey(key) => match key.columns.as_slice() {
            [only] => Some(only.column.expr.to_string()),
            _ => None,
        },
        _ => None,
    });
    let named = |c: &Column| listed.as_ref().is_some_and(|l| scan::unquote(l).eq_ignore_ascii_case(&c.name));
    let is = |(at, def): &(usize, &ast::ColumnDef)| primary(def) || named(&relation.columns[*at]);
    let found = create.columns.iter().enumerate().find(is).map(|(at, _)| at);
    found.filter(|at| relation.columns[*at].declared.as_deref().is_some_and(|d| d.eq_ignore_ascii_case("INTEGER")))
}

/// What SQLite refuses of a table's shape.
fn checked(create: &ast::CreateTable, relation: &Relation, binder: &Binder) -> Bound<()> {
    let name = &relation.name;
    let (_, ident) = split_name(&create.name)?;
    let fail = |message: String| Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(binder.at(ident.span)));
    if create.columns.is_empty() {
        return Err(ClientError::syntax(")"));
    }
    let listed = create.constraints.iter().filter(|c| matches!(c, TableConstraint::PrimaryKey(_))).count();
    let keyed = create.columns.iter().flat_map(|c| &c.options).filter(|o| matches!(o.option, ColumnOption::PrimaryKey(_))).count();
    match listed + keyed {
        0 if relation.without_rowid => return fail(format!("PRIMARY KEY missing on table {name}")),
        0 | 1 => {}
        _ => return fail(format!("table \"{name}\" has more than one primary key")),
    }
    let mut plain = 0;
    for (def, column) in create.columns.iter().zip(&relation.columns) {
        if SYSTEM_COLUMNS.contains(&column.name.as_str()) {
            let construct = format!("a column named {}, as PostgreSQL names one of every table's own,", column.name);
            return Err(ClientError::refused(construct).at(binder.at(def.name.span)));
        }
        let declared = column.declared.as_deref().unwrap_or_default();
        let has = |test: fn(&ColumnOption) -> bool| def.options.iter().any(|o| test(&o.option));
        let primary = has(|o| matches!(o, ColumnOption::PrimaryKey(_)));
        let generated = has(|o| matches!(o, ColumnOption::Generated { .. }));
        plain += u32::from(!generated);
        if has(|o| is_word(o, "AUTOINCREMENT")) {
            if !primary {
                return Err(ClientError::syntax("AUTOINCREMENT"));
            }
            if relation.without_rowid {
                return fail("AUTOINCREMENT not allowed on WITHOUT ROWID tables".to_owned());
            }
            if !declared.eq_ignore_ascii_case("INTEGER") {
                return fail("AUTOINCREMENT is only allowed on an INTEGER PRIMARY KEY".to_owned());
            }
        }
        if generated && primary {
            return fail("generated columns cannot be part of the PRIMARY KEY".to_owned());
        }
        if generated && has(|o| matches!(o, ColumnOption::Default(_))) {
            return fail("cannot use DEFAULT on a generated column".to_owned());
        }
        if relation.strict && !STRICT.iter().any(|t| declared.eq_ignore_ascii_case(t)) {
            return fail(match declared {
                "" => format!("missing datatype for {name}.{}", column.name),
                other => format!("unknown datatype for {name}.{}: \"{other}\"", column.name),
            });
        }
    }
    if plain == 0 {
        return fail("must have at least one non-generated column".to_owned());
    }
    if create.columns.len() > COLUMNS {
        return Err(ClientError::refused(format!("a table of more than {COLUMNS} columns")).at(binder.at(ident.span)));
    }
    Ok(())
}

/// Columns that every table of PostgreSQL's has (ddl-system-columns.html).
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The types that a STRICT table takes.
pub(super) const STRICT: [&str; 6] = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];

/// The errors of a DEFAULT that wait for its use.
const DEFERRED: [&str; 4] = ["misuse of aggregate", "no such function", "hex literal too big", "wrong number of arguments"];

/// PostgreSQL takes 1600 columns; one may be the rowid's.
const COLUMNS: usize = 1599;

fn is_word(option: &ColumnOption, word: &str) -> bool {
    matches!(option, ColumnOption::DialectSpecific(words) if words.iter().any(|w| w.to_string().eq_ignore_ascii_case(word)))
}

fn collation_named(name: &ast::ObjectName, binder: &Binder) -> Bound<Collation> {
    let (_, ident) = split_name(name)?;
    binder.collation(ident)
}

impl Making {
    fn all<'a>(&mut self, create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<()> {
        for (at, def) in create.columns.iter().enumerate() {
            self.column(at, def, binder, lower)?;
        }
        self.generated(create, binder, lower)?;
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
        self.places.push(place);
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
                    let bound = match default(e, &column, binder) {
                        // SQLite looks at what a default calls when it is used.
                        Err(late) if DEFERRED.iter().any(|start| late.message.starts_with(start)) => Err(late),
                        bound => Ok(bound?),
                    };
                    let stored = match bound {
                        Ok(bound) => {
                            lower.stored = true;
                            let stored = super::super::write::store_default(lower, &self.relation, &column, &bound);
                            lower.stored = false;
                            stored?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))?
                        }
                        Err(late) => {
                            let raise = lower.helper("raise_error")?;
                            let raised = format!("{raise}('{}', {})", late.state.as_str(), literal_text(&late.message));
                            if column.dynamic { format!("litewire.v_text({raised})") } else { format!("({raised})::{}", column.type_name) }
                        }
                    };
                    self.relation.columns[at].default = Some(stored.clone());
                    text.push_str(&format!(" DEFAULT ({stored})"));
                }
                ColumnOption::PrimaryKey(_) => {
                    let declared = column.declared.as_deref().unwrap_or_default();
                    // INTEGER PRIMARY KEY DESC is no rowid, by an old mistake (lang_createtable.html §5).
                    if declared.eq_ignore_ascii_case("INTEGER")
                        && !self.relation.without_rowid
                        && !def.options.iter().any(|o| is_word(&o.option, "DESC"))
                    {
                        text.push_str(&format!(" {}", identity(&self.relation.name, &column.name)));
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
                // Its expression may name columns that come later.
                ColumnOption::Generated { generation_expr: Some(_), .. } => self.relation.columns[at].generated = true,
                other => return Err(ClientError::refused(format!("the column option {other}")).at(binder.at(def.name.span))),
            }
        }
        self.parts[place] = text;
        Ok(())
    }

    /// The expressions of generated columns. PostgreSQL's may not name each other, so that one stands in another by its expression.
    fn generated<'a>(&mut self, create: &ast::CreateTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<()> {
        let expression = |o: &ast::ColumnOptionDef| match &o.option {
            ColumnOption::Generated { generation_expr: Some(e), .. } => Some(e.clone()),
            _ => None,
        };
        let mut left: Vec<(usize, ast::Expr)> =
            create.columns.iter().enumerate().flat_map(|(at, def)| def.options.iter().filter_map(expression).map(move |e| (at, e))).collect();
        while !left.is_empty() {
            let before = left.len();
            let names: Vec<String> = left.iter().map(|(at, _)| quote_ident(&self.relation.columns[*at].name)).collect();
            let mut waiting = Vec::new();
            for (at, e) in left {
                let bound = binder.expr(&e)?;
                if bound.any(&mut |e| matches!(&e.kind, Kind::Column(c) if names.contains(&c.column))) {
                    waiting.push((at, e));
                    continue;
                }
                unqualified(&e, "generated columns")?;
                if self.widen(at, self.places[at], &bound, lower.options.native_types)
                    && let Some(source) = binder.scopes.last_mut().and_then(|s| s.sources.first_mut())
                {
                    let column = &self.relation.columns[at];
                    (source.columns[at].ty, source.columns[at].oid) = (Ty::of_column(column), column.type_oid);
                }
                let stored = self.generated_as(at, &bound, lower)?;
                self.parts[self.places[at]].push_str(&format!(" GENERATED ALWAYS AS ({stored}) STORED"));
                if let Some(source) = binder.scopes.last_mut().and_then(|s| s.sources.first_mut()) {
                    source.columns[at].printed = format!("({stored})");
                }
            }
            if waiting.len() == before {
                let message = format!("generated column loop on \"{}\"", self.relation.columns[waiting[0].0].name);
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
            }
            left = waiting;
        }
        let names: Vec<String> = self.relation.columns.iter().map(|c| quote_ident(&c.name)).collect();
        if let Some(source) = binder.scopes.last_mut().and_then(|s| s.sources.first_mut()) {
            source.columns.iter_mut().zip(names).for_each(|(column, name)| column.printed = name);
        }
        Ok(())
    }

    /// Makes a generated column dynamic, whose definition is that part, if it may get values that its type cannot hold; true when
    /// it did.
    pub(super) fn widen(&mut self, at: usize, part: usize, bound: &Expr, native: bool) -> bool {
        if !self.widens(at, bound, native) {
            return false;
        }
        let (column, part) = (&mut self.relation.columns[at], &mut self.parts[part]);
        let name = quote_ident(&column.name);
        let typed = format!("{name} {}", backend_type(column.declared.as_deref().filter(|d| !d.is_empty()), false).name);
        let Some(rest) = part.strip_prefix(&typed) else { return false };
        *part = format!("{name} {ANY}{rest}");
        super::widen::make_dynamic(column);
        true
    }

    /// May a generated column get values that its type cannot hold?
    fn widens(&self, at: usize, bound: &Expr, native: bool) -> bool {
        let column = &self.relation.columns[at];
        let fits = match column.affinity {
            Affinity::Integer => matches!(bound.ty.class, Class::Null | Class::Integer),
            Affinity::Real | Affinity::Numeric => matches!(bound.ty.class, Class::Null | Class::Integer | Class::Real | Class::Number),
            Affinity::Text => matches!(bound.ty.class, Class::Null | Class::Integer | Class::Real | Class::Number | Class::Text),
            Affinity::Blob => matches!(bound.ty.class, Class::Null | Class::Blob),
        };
        !fits && !column.dynamic && !native && !self.relation.strict
    }

    /// The backend's text of a generated column's expression.
    pub(super) fn generated_as(&self, at: usize, bound: &Expr, lower: &mut Lower) -> Bound<String> {
        pure(bound, "generated columns")?;
        let plain = self.relation.columns.iter().find(|c| !c.generated).map(|c| quote_ident(&c.name));
        if let Some(refused) = plain.map(|p| clock_refused(bound, "a generated column", &p, lower)).transpose()?.flatten() {
            let ty = &self.relation.columns[at].type_name;
            return Ok(if self.relation.columns[at].dynamic { format!("litewire.v_text({refused})") } else { format!("({refused})::{ty}") });
        }
        (lower.stored, lower.pure) = (true, true);
        let stored = super::super::write::store_default(lower, &self.relation, &self.relation.columns[at], bound);
        (lower.stored, lower.pure) = (false, false);
        stored?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))
    }

    fn key(&mut self, columns: &[IndexColumn], primary: bool, binder: &Binder) -> Bound<()> {
        let mut parts = Vec::new();
        for column in columns {
            super::index::no_nulls_order(column)?;
            let (name, span) = match strip_collation(&column.column.expr) {
                ast::Expr::Identifier(name) => (name.value.clone(), name.span),
                // A string is a name where only a name may stand (quirks.html).
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(name), span }) => (name.clone(), *span),
                _ => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "expressions prohibited in PRIMARY KEY and UNIQUE constraints")),
            };
            let at = self.relation.column(&name).map(|(at, _)| at);
            let missing = || ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {}", name)).at(binder.at(span));
            let part = IndexPart::Column(at.ok_or_else(missing)?);
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let generated = |p: &IndexPart| matches!(p, IndexPart::Column(at) if self.relation.columns[*at].generated);
        if primary && parts.iter().any(generated) {
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, "generated columns cannot be part of the PRIMARY KEY"));
        }
        // PRIMARY KEY (id) of an INTEGER column is the rowid, wherever it is written.
        if let (true, [IndexPart::Column(at)]) = (primary, parts.as_slice()) {
            let sequence = sequence_name(&self.relation.schema, &self.relation.name, &self.relation.columns[*at].name);
            let column = &mut self.relation.columns[*at];
            if column.declared.as_deref().is_some_and(|d| d.eq_ignore_ascii_case("INTEGER")) && !self.relation.without_rowid {
                column.sequence = Some(sequence);
                column.not_null = true;
                let identity = identity(&self.relation.name, &self.relation.columns[*at].name);
                self.parts[self.places[*at]].push_str(&format!(" {identity}"));
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
        // A CHECK sees the rowid, which other expressions of the schema do not.
        let known = binder.scopes.last_mut().and_then(|scope| scope.sources.first_mut()).map(|source| {
            let known = source.rowid;
            source.rowid = known.or(self.rowid);
            known
        });
        let text = stored_expression(&check.expr, "CHECK constraints", binder, lower);
        if let (Some(known), Some(source)) = (known, binder.scopes.last_mut().and_then(|scope| scope.sources.first_mut())) {
            source.rowid = known;
        }
        let text = text?;
        // SQLite names the expression's own text in its message.
        let (number, own) = (self.checks, text::checks(binder.sql).into_iter().nth(self.checks).unwrap_or_default());
        self.checks += 1;
        let name = check.name.as_ref().map_or(own, |n| n.value.clone());
        let name = text::check_name(&name, number);
        // The same condition twice is one.
        if self.relation.checks.contains(&(name.clone(), text.clone())) {
            return Ok(());
        }
        self.parts.push(format!("CONSTRAINT {} CHECK ({text})", quote_ident(&name)));
        self.relation.checks.push((name, text));
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
        let fail = |message: String| Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
        if let Some(unknown) = key.columns.iter().find(|c| self.relation.column(c).is_none()) {
            return fail(format!("unknown column \"{unknown}\" in foreign key definition"));
        }
        match (key.columns.as_slice(), key.target_columns.len()) {
            (_, 0) => {}
            ([one], n) if n > 1 => return fail(format!("foreign key on {one} should reference only one column of table {}", key.target)),
            (columns, n) if n != columns.len() => {
                return fail("number of columns in foreign key does not match the number of columns in the referenced table".to_owned());
            }
            _ => {}
        }
        // Recorded in the table's text; a real constraint only where foreign keys are enforced (foreignkeys.html §2).
        self.relation.foreign_keys.push(key);
        Ok(())
    }
}

/// A DEFAULT: an expression without columns; a bare word is a string.
fn default(e: &ast::Expr, column: &Column, binder: &mut Binder) -> Bound<Expr> {
    if let ast::Expr::Identifier(name) = e
        && !name.value.to_ascii_uppercase().starts_with("CURRENT_")
    {
        return Ok(Expr::literal(Value::Text(name.value.clone())));
    }
    let bound = binder.expr(e)?;
    if bound.any(&mut |e| matches!(e.kind, Kind::Column(_) | Kind::Subquery(_) | Kind::Exists(_) | Kind::InQuery(..) | Kind::Param(_))) {
        let message = format!("default value of column [{}] is not constant", column.name);
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
    }
    Ok(bound)
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

/// An identity column; PostgreSQL has its own way of shortening the name of the sequence behind it.
fn identity(table: &str, column: &str) -> String {
    let name = format!("{table}_{column}_seq");
    let named = if short_name(&name) == name { String::new() } else { format!(" (SEQUENCE NAME {})", quote_ident(&name)) };
    format!("GENERATED BY DEFAULT AS IDENTITY{named}")
}

/// The name of the sequence of an identity column.
pub(super) fn sequence_name(schema: &str, table: &str, column: &str) -> String {
    let name = format!("{table}_{column}_seq");
    if schema.is_empty() { quote_ident(&name) } else { format!("{}.{}", quote_ident(schema), quote_ident(&name)) }
}
