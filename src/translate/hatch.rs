//! Escape hatches (`[dialect.hatches]`): constructs that have no exact form here, for each of which a user may choose that
//! PostgreSQL's nearest is good enough. Each is asked for where it would be refused, by [`Hatches::pass`].

use crate::error::ClientError;
use serde::de::{Deserialize, Deserializer, Error};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};

/// A construct that may be answered leniently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Hatch {
    /// `EXPLAIN` without `QUERY PLAN`.
    Bytecode,
    /// `COLLATE` with a collation that SQLite does not bring.
    Collation,
    /// `INDEXED BY` an index that is not there.
    Index,
    /// `load_extension()`.
    LoadExtension,
    /// A value of a PRAGMA that has no meaning here, and lists of SQLite's own parts.
    Pragma,
    /// `ORDER BY` in a recursive common table, by what does not grow with each step.
    RecursiveOrder,
}

/// What the configuration and the documentation say of a hatch.
#[derive(Debug)]
pub struct Described {
    /// The hatch.
    pub hatch: Hatch,
    /// Its key in `[dialect.hatches]`.
    pub name: &'static str,
    /// The construct.
    pub what: &'static str,
    /// What is done with it under `lenient`.
    pub lenient: &'static str,
}

/// Every hatch, in the order of [`Hatch`].
pub static HATCHES: [Described; 6] = [
    Described { hatch: Hatch::Bytecode, name: "bytecode", what: "EXPLAIN without QUERY PLAN", lenient: "answered as EXPLAIN QUERY PLAN" },
    Described {
        hatch: Hatch::Collation,
        name: "collation",
        what: "COLLATE with a collation of the application's own",
        lenient: "BINARY stands for it",
    },
    Described {
        hatch: Hatch::Index,
        name: "index",
        what: "INDEXED BY an index that is not there",
        lenient: "the backend chooses, as it always does",
    },
    Described { hatch: Hatch::LoadExtension, name: "load_extension", what: "load_extension()", lenient: "NULL, and nothing is loaded" },
    Described {
        hatch: Hatch::Pragma,
        name: "pragma",
        what: "a PRAGMA's value that has no meaning here; PRAGMA module_list",
        lenient: "the value stays as it is; the list is empty",
    },
    Described {
        hatch: Hatch::RecursiveOrder,
        name: "recursive_order",
        what: "ORDER BY in a recursive common table, by what does not grow with each step",
        lenient: "rows come level by level; a LIMIT counts them in that order",
    },
];

impl Hatch {
    /// What is said of it.
    pub fn described(self) -> &'static Described {
        &HATCHES[self as usize]
    }

    fn named(name: &str) -> Option<Hatch> {
        HATCHES.iter().find(|d| d.name == name).map(|d| d.hatch)
    }
}

/// A set of hatches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Set(u16);

impl Set {
    /// Nothing in it?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Is this one in it?
    pub fn has(self, hatch: Hatch) -> bool {
        self.0 & bit(hatch) != 0
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = &'static Described> {
        HATCHES.iter().filter(move |d| self.has(d.hatch))
    }

    /// Its bits, for a key.
    pub(super) fn bits(self) -> u16 {
        self.0
    }
}

fn bit(hatch: Hatch) -> u16 {
    1 << hatch as u8
}

impl FromIterator<Hatch> for Set {
    fn from_iter<T: IntoIterator<Item = Hatch>>(hatches: T) -> Self {
        Set(hatches.into_iter().fold(0, |bits, hatch| bits | bit(hatch)))
    }
}

/// The keys of `[dialect.hatches]`, each `"strict"` or `"lenient"`.
impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = Set::default();
        for (name, stance) in BTreeMap::<String, String>::deserialize(deserializer)? {
            let unknown = || {
                let names: Vec<&str> = HATCHES.iter().map(|d| d.name).collect();
                D::Error::custom(format!("unknown hatch `{name}`, expected one of {}", names.join(", ")))
            };
            let hatch = Hatch::named(&name).ok_or_else(unknown)?;
            match stance.as_str() {
                "strict" => {}
                "lenient" => set.0 |= bit(hatch),
                _ => return Err(D::Error::custom(format!("`{stance}` for `{name}`, expected `strict` or `lenient`"))),
            }
        }
        Ok(set)
    }
}

/// The hatches of a session, and those that the translation under way has passed.
#[derive(Debug, Default)]
pub struct Hatches {
    lenient: Set,
    passed: AtomicU16,
}

impl Hatches {
    /// Those that are lenient.
    pub fn new(lenient: Set) -> Self {
        Hatches { lenient, passed: AtomicU16::default() }
    }

    /// Those that are lenient.
    pub fn lenient(&self) -> Set {
        self.lenient
    }

    /// Goes on where the hatch is lenient, which is noted; else the error, which tells of the setting.
    pub fn pass(&self, hatch: Hatch, strict: impl FnOnce() -> ClientError) -> Result<(), ClientError> {
        if self.lenient.has(hatch) {
            self.passed.fetch_or(bit(hatch), Ordering::Relaxed);
            return Ok(());
        }
        let error = strict();
        let Described { name, lenient, .. } = hatch.described();
        let hint = format!("[dialect.hatches] {name} = \"lenient\": {lenient}.");
        let hint = error.hint.as_ref().map_or(hint.clone(), |own| format!("{own} {hint}"));
        Err(error.hint(hint))
    }

    /// What `translation` passes, which may stand within another one.
    pub(super) fn noted<T>(&self, translation: impl FnOnce() -> T) -> (T, Set) {
        let around = self.passed.swap(0, Ordering::Relaxed);
        let out = translation();
        let passed = self.passed.fetch_or(around, Ordering::Relaxed);
        (out, Set(passed))
    }
}

/// What was passed is the translation's alone: a copy starts without.
impl Clone for Hatches {
    fn clone(&self) -> Self {
        Hatches::new(self.lenient)
    }
}

impl PartialEq for Hatches {
    fn eq(&self, other: &Self) -> bool {
        self.lenient == other.lenient
    }
}

impl Eq for Hatches {}

impl std::hash::Hash for Hatches {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.lenient.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_hatches() {
        assert!(HATCHES.iter().enumerate().all(|(at, d)| d.hatch as usize == at && Hatch::named(d.name) == Some(d.hatch)));
    }

    #[test]
    fn what_is_passed_is_noted_for_the_translation_alone() {
        let hatches = Hatches::new(Set::from_iter([Hatch::Index]));
        let refused = || ClientError::refused("it");
        let (error, passed) = hatches.noted(|| hatches.pass(Hatch::Bytecode, refused));
        assert!(passed.is_empty() && error.expect_err("strict").hint.expect("it tells how").contains("bytecode = \"lenient\""));
        let ((inner, outer), all) = hatches.noted(|| {
            hatches.pass(Hatch::Index, refused).expect("lenient");
            (hatches.noted(|| ()).1, hatches.noted(|| hatches.pass(Hatch::Index, refused)).1)
        });
        assert!(inner.is_empty() && outer.has(Hatch::Index) && all.has(Hatch::Index));
        assert!(hatches.noted(|| ()).1.is_empty());
    }
}
