//! The helper schema `litewire`.

/// Its version; grows with every change of `SQL`.
pub const VERSION: u32 = 1;

/// What creates it.
pub const SQL: &str = "
CREATE SCHEMA IF NOT EXISTS litewire;
CREATE TABLE IF NOT EXISTS litewire.objects (relid oid PRIMARY KEY, kind text NOT NULL, name text NOT NULL, tbl_name text NOT NULL, sql text NOT NULL);
CREATE TABLE IF NOT EXISTS litewire.columns (relid oid, name text, declared text, \"collation\" text, hidden boolean NOT NULL DEFAULT false, PRIMARY KEY (relid, name));
CREATE TABLE IF NOT EXISTS litewire.meta (key text PRIMARY KEY, value text);";
