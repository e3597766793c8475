//! Tables that are SQLite's own: the schema tables (schematab.html), `sqlite_sequence` (autoinc.html), and PRAGMAs as table-valued functions
//! (pragma.html#pragfunc).

use super::expr::{compare, logic};
use super::query::{plain_query, plain_select};
use super::{Binder, Bound, split_name};
use crate::catalog::Collation;
use crate::error::{ClientError, SqlState};
use crate::translate::parse;
use crate::translate::plan::Source as Slot;
use crate::translate::pragma::listing::{self, Argument, Asked, Listing};
use crate::translate::tree::{Body, Class, CompareOp, Expr, From, Kind, Query, ResultColumn, Ty};
use crate::translate::{introspect, pragma};
use crate::value::Value;
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableFunctionArgs};
use sqlparser::tokenizer::Span;

/// The hidden columns of a PRAGMA's function.
const ARGUMENTS: [(&str, Class); 2] = [("arg", Class::Text), ("schema", Class::Text)];

impl Binder<'_> {
    /// A table of SQLite's own under an alias; None when the name means none.
    pub(super) fn system_table(&mut self, database: Option<&str>, name: &Ident, called: &str) -> Bound<Option<From>> {
        if let Some(database) = self.schema_table(database, &name.value) {
            let from = self.derived(introspect::sqlite_schema(self.catalog, database), Some(called.to_owned()));
            if let Some(source) = self.scope().sources.last_mut() {
                source.rowid = source.columns.len().checked_sub(1);
                source.columns.iter_mut().skip(introspect::SCHEMA.len()).for_each(|c| c.hidden = true);
            }
            return Ok(Some(from));
        }
        if name.value.eq_ignore_ascii_case("sqlite_sequence") {
            let counted = introspect::counted(self.catalog, database);
            if counted.is_empty() {
                return Ok(None);
            }
            let source = introspect::sequence_source(called);
            let from = From::Table(format!("({})", introspect::sequence_rows(&counted, true)), source.printed.clone());
            self.scope().sources.push(source);
            return Ok(Some(from));
        }
        match pragma_of(&name.value) {
            Some(pragma) if self.catalog.relation_in(database, &name.value).is_none() => {
                self.pragma_rows(&pragma, None, None, called, name).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `pragma_name(argument, schema)`.
    pub(super) fn pragma_function(
        &mut self,
        name: &ObjectName,
        args: &TableFunctionArgs,
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> Bound<From> {
        let (_, ident) = split_name(name)?;
        let pragma = pragma_of(&ident.value).ok_or_else(|| self.refused(format!("the table-valued function {name}"), span))?;
        let mut given = Vec::new();
        // An argument sees the tables to its left, from within a query of its own.
        self.scopes.push(super::Scope::default());
        for arg in &args.args {
            given.push(match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => self.expr(e),
                other => Err(self.refused(other, span)),
            });
        }
        self.scopes.pop();
        let mut given = given.into_iter().collect::<Bound<Vec<Expr>>>()?;
        let takes_argument = listing::find(&pragma).is_some_and(|l| l.argument != Argument::None) || pragma == "foreign_key_check";
        let most = if takes_argument { 2 } else { 1 };
        if given.len() > most {
            let message = format!("too many arguments on {}() - max {most}", ident.value);
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(span)));
        }
        let schema = if given.len() == most { given.pop() } else { None };
        let called = alias.map_or(&ident.value, |a| &a.name.value).clone();
        self.pragma_rows(&pragma, given.pop(), schema, &called, ident)
    }

    fn pragma_rows(&mut self, pragma: &str, argument: Option<Expr>, schema: Option<Expr>, called: &str, name: &Ident) -> Bound<From> {
        let database = match schema.as_ref().map(|s| s.constant()) {
            None | Some(Some(Value::Null)) => None,
            Some(Some(value)) => Some(value.text().unwrap_or_default().to_ascii_lowercase()),
            Some(None) => return Err(self.refused("a schema that is no constant", name.span)),
        };
        if let Some(database) = database.as_deref().filter(|d| self.catalog.schema_of(d).is_none()) {
            return Err(ClientError::new(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {database}")).at(self.at(name.span)));
        }
        let from = match listing::find(pragma) {
            Some(listing) => self.listed(listing, argument, database.as_deref(), called)?,
            None => {
                let query = self.single(pragma, argument, database.as_deref(), name)?;
                self.derived(query, Some(called.to_owned()))
            }
        };
        if let Some(source) = self.scope().sources.last_mut() {
            source.columns.iter_mut().rev().take(ARGUMENTS.len()).for_each(|c| c.argument = true);
        }
        Ok(from)
    }

    /// A listing with its arguments behind its columns.
    fn listed(&mut self, listing: &'static Listing, argument: Option<Expr>, database: Option<&str>, called: &str) -> Bound<From> {
        let columns: Vec<_> = listing.columns.iter().copied().chain(ARGUMENTS).collect();
        let (catalog, options) = (self.catalog, self.options);
        let rows_of = |argument: Option<&str>| -> Bound<Vec<Vec<Value>>> {
            let rows = listing.rows(Asked { catalog, options, database, argument })?;
            let hidden = [argument, database].map(|a| a.map_or(Value::Null, |a| Value::Text(a.to_owned())));
            Ok(rows.into_iter().map(|row| row.into_iter().chain(hidden.clone()).collect()).collect())
        };
        let known = match (&argument, listing.argument) {
            (None, Argument::None | Argument::Optional) | (_, Argument::None) => Some(rows_of(None)?),
            // Asked of nothing, unless WHERE says of what.
            (None, Argument::Required) => (!self.names_argument()).then(Vec::new),
            (Some(argument), _) => match argument.constant() {
                Some(Value::Null) if listing.argument == Argument::Optional => Some(rows_of(None)?),
                Some(value) => Some(value.text().map_or(Ok(Vec::new()), |text| rows_of(Some(&text)))?),
                None => None,
            },
        };
        if let Some(rows) = known {
            return Ok(self.derived(introspect::constants(&columns, rows), Some(called.to_owned())));
        }
        let mut rows = Vec::new();
        for name in listing.arguments(catalog) {
            rows.extend(rows_of(Some(&name))?);
        }
        let every = introspect::constants(&columns, rows);
        let Some(argument) = argument else { return Ok(self.derived(every, Some(called.to_owned()))) };
        self.scopes.push(super::Scope::default());
        let inner = self.derived(every, None);
        let source = self.scope().sources.pop().unwrap_or_default();
        self.scopes.pop();
        let mut own = source.column(0, listing.columns.len());
        own.ty.collation = Some((Collation::NoCase, true));
        let mut select = plain_select((0..columns.len()).map(|at| source.column(0, at)).collect(), Some(inner));
        select.filter = Some(logic(true, vec![compare(CompareOp::Eq, own, argument)]));
        let columns = columns.iter().map(|(name, class)| ResultColumn { name: (*name).to_owned(), ty: Ty { nullable: true, ..Ty::plain(*class) } });
        let query = plain_query(Body::Select(Box::new(select)), columns.collect(), true);
        Ok(match self.derived(query, Some(called.to_owned())) {
            From::Query(query, alias, columns) => From::Lateral(query, alias, columns),
            other => other,
        })
    }

    /// Does the text speak of a column named as the hidden argument?
    fn names_argument(&self) -> bool {
        parse::scan::tokens(self.sql).iter().any(|t| t.may_name() && parse::scan::unquote(t.text(self.sql)).eq_ignore_ascii_case("arg"))
    }

    /// A PRAGMA of one value, or one that is a query.
    fn single(&mut self, pragma: &str, argument: Option<Expr>, database: Option<&str>, name: &Ident) -> Bound<Query> {
        let hidden = |argument: Option<&str>| [argument, database].map(|a| a.map_or(Value::Null, |a| Value::Text(a.to_owned())));
        if pragma == "foreign_key_check" {
            let argument = match argument.as_ref().map(|a| a.constant()) {
                None | Some(Some(Value::Null)) => None,
                Some(Some(value)) => value.text().map(|t| t.into_owned()),
                Some(None) => return Err(self.refused("an argument that is no constant", name.span)),
            };
            let asked = Asked { catalog: self.catalog, options: self.options, database, argument: argument.as_deref() };
            let columns: Vec<_> = listing::CHECKED.into_iter().chain(ARGUMENTS).collect();
            let Some(text) = listing::foreign_key_check(asked)? else { return Ok(introspect::constants(&columns, Vec::new())) };
            let quoted = |v: &Value| v.text().map_or("CAST(NULL AS TEXT)".to_owned(), |t| format!("'{}'", t.replace('\'', "''")));
            let [arg, schema] = hidden(argument.as_deref());
            let text = format!("SELECT \"table\", rowid, parent, fkid, {} AS arg, {} AS schema FROM ({text})", quoted(&arg), quoted(&schema));
            let ast::Statement::Query(query) = parse::parse(&text)? else { return Err(self.refused(pragma, name.span)) };
            return Binder::new(&text, &[], self.catalog, self.options).query(&query);
        }
        let value = match (pragma::value(pragma, self.catalog), pragma::setting(pragma)) {
            (Some(value), _) => Expr::literal(value),
            (None, Some(setting)) if setting.function => {
                let class = if setting.default.parse::<i64>().is_ok() { Class::Integer } else { Class::Text };
                Expr { kind: Kind::Counter(Slot::Pragma(setting.name, setting.default)), ty: Ty::plain(class) }
            }
            _ => return Err(self.refused(format!("the table-valued function {}", name.value), name.span)),
        };
        let name = if pragma == "busy_timeout" { "timeout" } else { pragma };
        let items: Vec<Expr> = std::iter::once(value).chain(hidden(None).map(Expr::literal)).collect();
        let column = |(name, item): (&str, &Expr)| ResultColumn { name: name.to_owned(), ty: item.ty };
        let columns = [name, "arg", "schema"].into_iter().zip(&items).map(column).collect();
        Ok(plain_query(Body::Select(Box::new(plain_select(items, None))), columns, false))
    }

    /// The database whose schema table a name means.
    fn schema_table(&self, database: Option<&str>, name: &str) -> Option<&str> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let (own, temporary) = (is("sqlite_master") || is("sqlite_schema"), is("sqlite_temp_master") || is("sqlite_temp_schema"));
        let catalog = self.catalog;
        match database {
            None => (own || temporary).then_some(if temporary { "temp" } else { "main" }),
            Some(database) if own || temporary && database.eq_ignore_ascii_case("temp") => {
                catalog.schema_of(database).map(|schema| catalog.database_of(schema))
            }
            Some(_) => None,
        }
    }
}

/// Is it the name of a PRAGMA's function?
pub(super) fn is_pragma(name: &ObjectName) -> bool {
    split_name(name).is_ok_and(|(_, ident)| pragma_of(&ident.value).is_some())
}

/// The PRAGMA whose function a name means.
fn pragma_of(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let pragma = name.strip_prefix("pragma_")?;
    pragma::names().contains(&pragma).then(|| pragma.to_owned())
}
