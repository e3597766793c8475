//! SQLite's databases (lang_naming.html, lang_attach.html): `main` is the schemas on the search path, `temp` the session's own, and
//! one that is attached is a schema that ATTACH has made.

use super::{Catalog, Relation, TEMPORARY, Trigger};

/// How many databases a session may attach: SQLite's default.
pub const MOST_ATTACHED: usize = 10;

/// A database that a session has attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What the session calls it.
    pub name: String,
    /// The file as it was named; empty for one of the session's own.
    pub file: String,
    /// The backend's schema.
    pub schema: String,
}

/// Names of schemas that ATTACH makes: of a file, whoever attaches it, and of one session alone.
const MADE: [&str; 2] = ["file:", "memory:"];

/// Is it the name of a schema that ATTACH makes?
pub fn is_attachable(schema: &str) -> bool {
    MADE.iter().any(|prefix| schema.starts_with(prefix))
}

impl Attached {
    /// A file's database. Its schema's name has the file's as it was given, without what a URI adds; one of more than PostgreSQL's 63
    /// bytes ends in its digest instead.
    pub fn file(name: &str, file: &str) -> Self {
        let path = file.strip_prefix("file:").map_or(file, |uri| uri.split(['?', '#']).next().unwrap_or(uri));
        let path = path.strip_prefix("./").unwrap_or(path);
        Attached { name: name.to_owned(), file: file.to_owned(), schema: super::short_name(&format!("{}{path}", MADE[0])).into_owned() }
    }

    /// A database in memory: its schema is named by a key that no other session has.
    pub fn memory(name: &str, key: &str) -> Self {
        Attached { name: name.to_owned(), file: String::new(), schema: format!("{}{key}", MADE[1]) }
    }

    /// Does it end with the session?
    pub fn is_memory(&self) -> bool {
        self.schema.starts_with(MADE[1])
    }
}

impl Catalog {
    /// SQLite's name of the database of a schema.
    pub fn database_of<'c>(&'c self, schema: &str) -> &'c str {
        match self.attached.iter().find(|a| a.schema == schema) {
            Some(attached) => &attached.name,
            None if schema == TEMPORARY => "temp",
            None => "main",
        }
    }

    /// SQLite's name of a relation's database.
    pub fn database<'c>(&'c self, relation: &Relation) -> &'c str {
        self.database_of(&relation.schema)
    }

    /// Is a relation in the database of that name: `main`, `temp`, one that is attached, or a schema on the search path?
    pub fn is_in(&self, relation: &Relation, database: &str) -> bool {
        let own = self.database(relation);
        own.eq_ignore_ascii_case(database) || own == "main" && relation.schema.eq_ignore_ascii_case(database)
    }

    /// The names of the databases, in the order in which unqualified names are looked up.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        ["temp", "main"].into_iter().chain(self.attached.iter().map(|a| a.name.as_str()))
    }

    /// The schema of a database by its name; None when there is none of that name.
    pub fn schema_of(&self, database: &str) -> Option<&str> {
        if database.eq_ignore_ascii_case("main") {
            return Some(&self.current_schema);
        }
        if database.eq_ignore_ascii_case("temp") {
            return Some(TEMPORARY);
        }
        self.attached.iter().find(|a| a.name.eq_ignore_ascii_case(database)).map(|a| a.schema.as_str())
    }

    /// The place of a schema's database in the order in which unqualified names are looked up.
    pub(super) fn rank(&self, schema: &str) -> usize {
        if schema == TEMPORARY { 0 } else { self.attached.iter().position(|a| a.schema == schema).map_or(1, |at| at + 2) }
    }

    /// The catalog of a session with these temporary relations, triggers (by schema and table) and attached databases.
    pub fn for_session(&self, temporary: &[Relation], triggers: &[(String, String, Trigger)], attached: &[Attached]) -> Catalog {
        let theirs = attached.iter().filter_map(|a| self.attachable.get(&a.schema)).flatten();
        let with_own = |relation: &Relation| {
            let mut made = relation.clone();
            let own = triggers.iter().filter(|(schema, table, _)| *schema == made.schema && *table == made.name).map(|(.., t)| t.clone());
            made.triggers.extend(own);
            made.triggers.sort_by_key(|t| std::cmp::Reverse(t.number));
            made
        };
        let relations: Vec<Relation> = self.relations.iter().chain(temporary).chain(theirs).map(with_own).collect();
        Catalog { attached: attached.to_vec(), ..self.clone() }.with_relations(relations)
    }

    /// This catalog, with other databases attached than before; those that stay keep what DDL has made of them.
    pub fn reattached(&self, attached: &[Attached]) -> Catalog {
        let is = |list: &[Attached], schema: &str| list.iter().any(|a| a.schema == schema);
        let kept = self.relations.iter().filter(|r| !is(&self.attached, &r.schema) || is(attached, &r.schema));
        let new = attached.iter().filter(|a| !is(&self.attached, &a.schema)).filter_map(|a| self.attachable.get(&a.schema)).flatten();
        let relations: Vec<Relation> = kept.chain(new).cloned().collect();
        Catalog { attached: attached.to_vec(), ..self.clone() }.with_relations(relations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Attached, Catalog, Relation};

    #[test]
    fn a_file_is_one_schema_however_it_is_named() {
        let schema = |file: &str| Attached::file("aux", file).schema;
        assert_eq!(schema("a/b.db"), "file:a/b.db");
        assert_eq!(schema("file:a/b.db?mode=rwc"), schema("./a/b.db"));
        assert!(schema(&"x".repeat(100)).len() <= 63);
        assert_ne!(schema(&"x".repeat(100)), schema(&"x".repeat(101)));
    }

    #[test]
    fn names_are_looked_up_in_order() {
        let relation = |schema: &str| Relation { schema: schema.to_owned(), name: "t".to_owned(), ..Relation::default() };
        let attached = [Attached::memory("aux", "1")];
        let mut shared = Catalog { current_schema: "public".to_owned(), ..Catalog::default() };
        shared.attachable.insert("memory:1".to_owned(), vec![relation("memory:1")]);
        let mut catalog = shared.for_session(&[], &[], &attached);
        let found = |catalog: &Catalog, database| catalog.relation_in(database, "T").map(|r| catalog.database(r).to_owned());
        assert_eq!(found(&catalog, None).as_deref(), Some("aux"));
        catalog.add(relation("public"));
        assert_eq!(found(&catalog, None).as_deref(), Some("main"));
        catalog.add(relation("pg_temp"));
        assert_eq!(found(&catalog, None).as_deref(), Some("temp"));
        assert_eq!(found(&catalog, Some("AUX")).as_deref(), Some("aux"));
        assert_eq!(found(&catalog, Some("nope")), None);
        assert!(catalog.reattached(&[]).relation_in(Some("aux"), "t").is_none());
    }
}
