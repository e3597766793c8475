//! Foreign keys: recorded in a table's text, and made real when a session asks for it (foreignkeys.html §2).

use super::create::relation_of;
use super::{block, qualified};
use crate::catalog::{Affinity, Catalog, Collation, Column, ForeignKey, IndexPart, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Source, compare, quote_ident};
use crate::translate::lower::{Frag, Lower, literal_text};
use crate::translate::parse::scan::{self, Token};
use crate::translate::tree::{Class, CompareOp, Expr};
use crate::translate::{Options, Statement, parse};
use sqlparser::ast;

/// A foreign key as a constraint of its table; `target` is the other table as printed.
pub(super) fn constraint(key: &ForeignKey, target: &str) -> String {
    let list = |names: &[String]| names.iter().map(|n| quote_ident(n)).collect::<Vec<_>>().join(", ");
    let columns = if key.target_columns.is_empty() { String::new() } else { format!(" ({})", list(&key.target_columns)) };
    format!(
        "FOREIGN KEY ({}) REFERENCES {target}{columns} ON UPDATE {} ON DELETE {} DEFERRABLE INITIALLY {}",
        list(&key.columns),
        key.on_update,
        key.on_delete,
        if key.deferred { "DEFERRED" } else { "IMMEDIATE" }
    )
}

/// The steps that make real the recorded foreign keys of tables that changed, and those to such tables.
pub(super) fn wanting(touched: &[String], catalog: &Catalog, options: &Options) -> Vec<String> {
    if !options.foreign_keys {
        return Vec::new();
    }
    let concerned = |r: &&Relation| {
        let sql = r.sql.as_deref().unwrap_or_default();
        let names = |t: &Token| touched.iter().any(|n| n.eq_ignore_ascii_case(&scan::unquote(t.text(sql))));
        scan::tokens(sql).windows(2).any(|w| w[0].is(sql, "REFERENCES") && (names(&w[1]) || touched.contains(&r.name)))
    };
    catalog.shared().filter(concerned).flat_map(|relation| missing(relation, catalog)).collect()
}

/// The steps that make a table's recorded foreign keys real: as PostgreSQL's own, where it compares the sides as SQLite does, else
/// as triggers. A key that nothing unique answers to stays recorded.
fn missing(relation: &Relation, catalog: &Catalog) -> Vec<String> {
    let options = Options::default();
    let mut steps = Vec::new();
    for (number, key) in recorded(relation, catalog).unwrap_or_default().into_iter().enumerate() {
        let real = |r: &ForeignKey| !r.name.is_empty() && r.columns == key.columns && r.target.eq_ignore_ascii_case(&key.target);
        let known = relation.foreign_keys.iter().any(real) || relation.enforced.contains(&trigger(number));
        let Some(target) = catalog.relation_in(Some(catalog.database(relation)), &key.target).filter(|_| !known) else { continue };
        let key = with_columns(key, target);
        let Some(sides) = Sides::of(relation, target, &key) else { continue };
        if sides.pairs.iter().all(|(own, theirs)| is_native(&relation.columns[*own], &target.columns[*theirs])) {
            let constraint = constraint(&key, &qualified(&target.schema, &target.name));
            let table = qualified(&relation.schema, &relation.name);
            // What PostgreSQL does not take after all stays recorded.
            let excepted = "invalid_foreign_key OR undefined_column OR datatype_mismatch OR wrong_object_type OR undefined_function";
            steps.push(format!("BEGIN ALTER TABLE {table} ADD {constraint} NOT VALID; EXCEPTION WHEN {excepted} THEN NULL; END"));
            continue;
        }
        let mut lower = Lower::new(catalog, &options);
        lower.stored = true;
        steps.extend(enforced(&sides, number, &key, &mut lower));
    }
    steps
}

/// A key that names no columns of its target means the primary key.
fn with_columns(mut key: ForeignKey, target: &Relation) -> ForeignKey {
    if key.target_columns.is_empty() {
        key.target_columns = target.primary_key().iter().map(|c| target.columns[*c].name.clone()).collect();
    }
    key
}

/// The statement that makes every recorded foreign key real; None when all are. Rows that break one already are tolerated,
/// as SQLite tolerates them; a key that nothing unique answers to stays recorded.
pub fn enforce_foreign_keys(catalog: &Catalog) -> Option<Statement> {
    catalog.helpers?;
    let mut steps =
        vec!["INSERT INTO litewire.meta (key, value) VALUES ('foreign_keys', '1') ON CONFLICT (key) DO UPDATE SET value = excluded.value".to_owned()];
    steps.extend(catalog.shared().flat_map(|relation| missing(relation, catalog)));
    (steps.len() > 1).then(|| block(&steps, "PRAGMA"))
}

/// The foreign keys that a table's own text names.
pub fn recorded(relation: &Relation, catalog: &Catalog) -> Option<Vec<ForeignKey>> {
    let sql = relation.sql.as_deref()?;
    let ast::Statement::CreateTable(create) = parse::parse(sql).ok()? else { return None };
    let options = Options::default();
    let mut binder = Binder::new(sql, &[], catalog, &options);
    let mut lower = Lower::new(catalog, &options);
    Some(relation_of(&create, &mut binder, &mut lower).ok()?.foreign_keys)
}

/// The name of the trigger that enforces a table's key of that number.
fn trigger(number: usize) -> String {
    format!("_lw_fk{number}")
}

/// The columns of a list of names; None when one is missing.
fn places(relation: &Relation, names: &[String]) -> Option<Vec<usize>> {
    names.iter().map(|n| relation.column(n).map(|(at, _)| at)).collect()
}

/// Has the parent a unique key over just these columns (foreignkeys.html §3)?
fn is_key(parent: &Relation, columns: &[usize]) -> bool {
    let is = |part: &IndexPart| match part {
        IndexPart::Column(c) => columns.contains(c),
        IndexPart::Expression(text) => columns.iter().any(|c| {
            let column = &parent.columns[*c];
            column.collation != Collation::Binary && scan::tokens(text).iter().any(|t| scan::unquote(t.text(text)).eq_ignore_ascii_case(&column.name))
        }),
    };
    parent.indexes.iter().any(|i| i.unique && i.predicate.is_none() && i.parts.len() == columns.len() && i.parts.iter().all(is))
}

/// Does PostgreSQL compare the two sides as SQLite does?
fn is_native(child: &Column, parent: &Column) -> bool {
    child.type_oid == parent.type_oid && !child.dynamic && !parent.dynamic && parent.collation == Collation::Binary
}

/// The two sides of a key, and how they are compared.
struct Sides<'a> {
    child: &'a Relation,
    parent: &'a Relation,
    /// Child's and parent's columns, pair by pair.
    pairs: Vec<(usize, usize)>,
}

impl<'a> Sides<'a> {
    fn of(child: &'a Relation, parent: &'a Relation, key: &ForeignKey) -> Option<Self> {
        let (own, theirs) = (places(child, &key.columns)?, places(parent, &key.target_columns)?);
        (own.len() == theirs.len() && !own.is_empty() && is_key(parent, &theirs)).then(|| Sides {
            child,
            parent,
            pairs: own.into_iter().zip(theirs).collect(),
        })
    }

    fn printed(relation: &Relation) -> String {
        qualified(&relation.schema, &relation.name)
    }

    fn side(relation: &Relation, printed: &str, at: usize) -> Expr {
        let mut source = Source::of_relation(relation, &relation.name);
        printed.clone_into(&mut source.printed);
        source.column(0, at)
    }

    /// The parent at `parent` has the key of the child at `child`: the child's values get the parent's affinity and collation.
    fn match_of(&self, parent: &str, child: &str, lower: &mut Lower) -> Bound<String> {
        let mut tests = Vec::new();
        for (own, theirs) in &self.pairs {
            let theirs = Self::side(self.parent, parent, *theirs);
            let mut own = Self::side(self.child, child, *own);
            (own.ty.affinity, own.ty.collation) = (None, None);
            tests.push(equal(&theirs, &own, lower)?);
        }
        Ok(tests.join(" AND "))
    }

    /// All columns of the child at `child` have values.
    fn filled(&self, child: &str) -> String {
        // IS NOT NULL asks that no field of a carrier is NULL.
        let filled = |(own, _): &(usize, usize)| format!("NOT ({child}.{} IS NULL)", quote_ident(&self.child.columns[*own].name));
        self.pairs.iter().map(filled).collect::<Vec<_>>().join(" AND ")
    }

    /// `FROM child … WHERE` it has no parent.
    fn orphans(&self, lock: &str, lower: &mut Lower) -> Bound<String> {
        Ok(format!(
            "FROM {} AS \"_c\" WHERE {} AND NOT EXISTS (SELECT FROM {} AS \"_p\" WHERE {}{lock})",
            Self::printed(self.child),
            self.filled("\"_c\""),
            Self::printed(self.parent),
            self.match_of("\"_p\"", "\"_c\"", lower)?
        ))
    }
}

/// Two values are equal to SQLite.
fn equal(left: &Expr, right: &Expr, lower: &mut Lower) -> Bound<String> {
    let fixed = |piece: Frag| piece.into_fixed().ok_or_else(|| ClientError::refused("a parameter in a foreign key"));
    if right.ty.class != Class::Dynamic {
        return fixed(lower.truth(&compare(CompareOp::Eq, left.clone(), right.clone()), true)?);
    }
    // The carrier's affinity is applied at the backend.
    let (mut a, mut b) = (lower.carried(left, Class::Dynamic)?, lower.natural(right)?);
    let affinity = match left.ty.affinity {
        Some(Affinity::Integer | Affinity::Numeric) => Some("any_aff_num"),
        Some(Affinity::Real) => Some("any_aff_real"),
        Some(Affinity::Text) => Some("any_aff_text"),
        _ => None,
    };
    if let Some(affinity) = affinity {
        b = lower.call(affinity, &[&b])?;
    }
    let fold = match left.ty.collation {
        Some((Collation::NoCase, _)) => Some("any_nocase"),
        Some((Collation::RTrim, _)) => Some("any_rtrim"),
        _ => None,
    };
    if let Some(fold) = fold {
        (a, b) = (lower.call(fold, &[&a])?, lower.call(fold, &[&b])?);
    }
    Ok(format!("({} = {})", fixed(a)?, fixed(b)?))
}

/// The step that enforces a key by triggers, with SQLite's comparison of its sides.
fn enforced(sides: &Sides, number: usize, key: &ForeignKey, lower: &mut Lower) -> Bound<String> {
    let (child, parent) = (Sides::printed(sides.child), Sides::printed(sides.parent));
    let own = |at: usize| quote_ident(&sides.child.columns[at].name);
    let theirs = |at: usize| quote_ident(&sides.parent.columns[at].name);
    let identity: Vec<usize> = sides.child.rowid().map_or_else(|| sides.child.primary_key(), |(at, _)| vec![at]);
    let same_row: Vec<String> = identity.iter().map(|at| format!("\"_c\".{0} = ($2).{0}", own(*at))).collect();
    // A check that waited looks at the row as it is then.
    let orphan = format!("SELECT EXISTS (SELECT {} AND {})", sides.orphans(" FOR KEY SHARE", lower)?, same_row.join(" AND "));
    let children = sides.match_of("($1)", "\"_c\"", lower)?;
    let mut back = Vec::new();
    for (_, at) in &sides.pairs {
        back.push(equal(&Sides::side(sides.parent, "\"_p\"", *at), &Sides::side(sides.parent, "($1)", *at), lower)?);
    }
    let missed = format!(
        "SELECT EXISTS (SELECT FROM {child} AS \"_c\" WHERE {children}) AND NOT EXISTS (SELECT FROM {parent} AS \"_p\" WHERE {})",
        back.join(" AND ")
    );
    let set = |value: &dyn Fn(&(usize, usize)) -> String| {
        let sets: Vec<String> = sides.pairs.iter().map(|pair| format!("{} = {}", own(pair.0), value(pair))).collect();
        format!("UPDATE {child} AS \"_c\" SET {} WHERE {children}", sets.join(", "))
    };
    let mut cascaded = Vec::new();
    for (at, from) in &sides.pairs {
        let value = Sides::side(sides.parent, "($2)", *from);
        let piece = crate::translate::write::store_default(lower, sides.child, &sides.child.columns[*at], &value)?;
        cascaded.push(piece.into_fixed().unwrap_or_default());
    }
    let place = |pair: &(usize, usize)| sides.pairs.iter().position(|p| p == pair).unwrap_or_default();
    let action = |action: &str, cascade: String| match action {
        "CASCADE" => (true, cascade),
        "SET NULL" => (true, set(&|_| "NULL".to_owned())),
        "SET DEFAULT" => (true, set(&|_| "DEFAULT".to_owned())),
        _ => (false, missed.clone()),
    };
    let (deletes, on_delete) = action(&key.on_delete, format!("DELETE FROM {child} AS \"_c\" WHERE {children}"));
    let (updates, on_update) = action(&key.on_update, set(&|pair| cascaded[place(pair)].clone()));
    let changed: Vec<String> = sides.pairs.iter().map(|(_, at)| format!("OLD.{0} IS DISTINCT FROM NEW.{0}", theirs(*at))).collect();
    let columns: Vec<String> = sides.pairs.iter().map(|(at, _)| own(*at)).collect();
    Ok(format!(
        "PERFORM litewire.enforce_key({}::regclass, {}::regclass, {number}, {}, {}, {}, {}, {deletes}, {}, {updates}, {})",
        literal_text(&child),
        literal_text(&parent),
        literal_text(&columns.join(", ")),
        literal_text(&changed.join(" OR ")),
        key.deferred,
        literal_text(&orphan),
        literal_text(&on_delete),
        literal_text(&on_update)
    ))
}

/// Does the text of a table name another one as a foreign key's target?
pub fn refers(relation: &Relation, name: &str) -> bool {
    let Some(sql) = relation.sql.as_deref().filter(|_| relation.view_text().is_none()) else { return false };
    let tokens = scan::tokens(sql);
    tokens.windows(2).any(|w| w[0].is(sql, "REFERENCES") && (name.is_empty() || scan::unquote(w[1].text(sql)).eq_ignore_ascii_case(name)))
}

/// The error of a statement on a table whose foreign keys, or keys that refer to it, have nothing unique to refer to
/// (foreignkeys.html §3). `changed`: an UPDATE's columns.
pub fn mismatch(table: &Relation, catalog: &Catalog, changed: Option<&[usize]>, parents: bool) -> Option<ClientError> {
    let touched = |relation: &Relation, names: &[String]| {
        changed.is_none_or(|changed| changed.iter().any(|c| names.iter().any(|n| n.eq_ignore_ascii_case(&relation.columns[*c].name))))
    };
    let wrong = |child: &Relation, target: &str| {
        let message = format!("foreign key mismatch - \"{}\" referencing \"{target}\"", child.name);
        ClientError::new(SqlState(*b"42830"), message)
    };
    if refers(table, "") {
        for key in recorded(table, catalog).unwrap_or_default().into_iter().filter(|k| touched(table, &k.columns)) {
            let database = catalog.database(table);
            let Some(parent) = catalog.relation_in(Some(database), &key.target) else {
                return Some(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {database}.{}", key.target)));
            };
            let key = with_columns(key, parent);
            if Sides::of(table, parent, &key).is_none() {
                return Some(wrong(table, &key.target));
            }
        }
    }
    for child in catalog.shared().filter(|r| parents && r.name != table.name && r.schema == table.schema && refers(r, &table.name)) {
        for key in recorded(child, catalog).unwrap_or_default().into_iter().filter(|k| k.target.eq_ignore_ascii_case(&table.name)) {
            let key = with_columns(key, table);
            if touched(table, &key.target_columns) && Sides::of(child, table, &key).is_none() {
                return Some(wrong(child, &key.target));
            }
        }
    }
    None
}
