//! Prepared statements and portals of a client.

use crate::reply::Shape;
use crate::translate::{Action, ParamClass, Plan, Shared, Statement, Traces};
use std::sync::Arc;

/// A client's prepared statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its text, as the client sent it.
    pub sql: Arc<str>,
    /// The types that the client declared.
    pub declared: Vec<u32>,
    /// Its translation; None in the postgres dialect.
    pub plan: Option<Arc<Plan>>,
    /// The catalog's version that it was made with.
    pub version: u64,
    /// What it is at the backends; None for what needs none.
    pub shared: Option<Arc<Shared>>,
    /// Was it described? Then whole numbers were announced as int8.
    pub described: bool,
    /// What it may leave at the backend.
    pub traces: Option<Traces>,
}

/// A client's portal.
#[derive(Debug, Clone)]
pub struct Portal {
    /// The plan that was bound, with the parameters' classes known where that mattered.
    pub plan: Option<Arc<Plan>>,
    /// How its rows are shaped.
    pub shape: Arc<Shape>,
    /// The client's result formats.
    pub formats: Vec<i16>,
    /// The statement's text.
    pub sql: Arc<str>,
}

impl Prepared {
    /// The type that a parameter (from 0) has: declared, else announced.
    pub fn parameter(&self, at: usize) -> (u32, bool) {
        match self.declared.get(at) {
            Some(oid) if *oid != 0 => (*oid, true),
            _ => (self.plan.as_ref().and_then(|p| p.params.get(at)).copied().unwrap_or(0), false),
        }
    }

    /// What is known of its parameters.
    pub fn classes(&self) -> Vec<ParamClass> {
        self.declared.iter().map(|oid| ParamClass::of_oid(*oid)).collect()
    }
}

/// The statement that a plan sends to a backend.
pub fn of_plan(plan: &Plan) -> Option<&Statement> {
    match &plan.action {
        Action::Execute(statement) => Some(statement),
        _ => None,
    }
}
