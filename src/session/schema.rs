//! What the schema is to this client: the shared snapshot, the DDL of its own transaction, and its temporary objects and the
//! databases that it has attached.

use crate::catalog::{Attached, Catalog, Relation, Trigger};
use std::sync::Arc;

/// The part of the schema that is this client's alone.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// The temporary relations that are committed.
    temporary: Vec<Relation>,
    /// The committed temporary triggers of relations that are not temporary, by schema and table.
    triggers: Vec<(String, String, Trigger)>,
    /// The databases that are attached.
    attached: Vec<Attached>,
    /// A shared snapshot's version, and that snapshot as this client sees it.
    merged: Option<(u64, Arc<Catalog>)>,
    /// The catalog with the DDL of the transaction that is under way.
    overlay: Option<Arc<Catalog>>,
    /// What `overlay` was at each of the client's savepoints, the innermost last.
    marks: Vec<Option<Arc<Catalog>>>,
    /// What `overlay` is once the DDL that was sent has succeeded, and whether others see nothing of it.
    pending: Option<(Arc<Catalog>, bool)>,
    /// Others may see another schema than the shared snapshot.
    pub stale: bool,
    /// DDL was done that others are to know of before the client is told that it may go on.
    pub announce: bool,
}

impl Schema {
    /// The catalog of the transaction under way, if DDL has been done in it.
    pub fn overlay(&self) -> Option<&Arc<Catalog>> {
        self.overlay.as_ref()
    }

    /// Has the client temporary objects, which live on its backend?
    pub fn is_bound(&self) -> bool {
        !self.temporary.is_empty() || !self.triggers.is_empty()
    }

    /// A shared snapshot as this client sees it.
    pub fn merge(&mut self, shared: Arc<Catalog>) -> Arc<Catalog> {
        if !self.is_bound() && self.attached.is_empty() {
            return shared;
        }
        match &self.merged {
            Some((version, merged)) if *version == shared.version => merged.clone(),
            _ => {
                let merged = Arc::new(shared.for_session(&self.temporary, &self.triggers, &self.attached));
                self.merged = Some((shared.version, merged.clone()));
                merged
            }
        }
    }

    /// Attaches a database, whose relations a shared snapshot has.
    pub fn attach(&mut self, attached: Attached, shared: &Catalog) {
        self.attached.push(attached);
        self.reattached(Some(shared));
    }

    /// Detaches a database.
    pub fn detach(&mut self, gone: &Attached) {
        self.attached.retain(|a| a != gone);
        self.reattached(None);
    }

    /// The databases that end with the session.
    pub fn in_memory(&self) -> Vec<Attached> {
        self.attached.iter().filter(|a| a.is_memory()).cloned().collect()
    }

    /// Other databases are attached, also to the transaction under way.
    fn reattached(&mut self, shared: Option<&Catalog>) {
        self.merged = None;
        for overlay in self.overlay.iter_mut().chain(self.marks.iter_mut().flatten()) {
            let known = shared.map(|shared| Catalog { attachable: shared.attachable.clone(), ..Catalog::clone(overlay) });
            *overlay = Arc::new(known.as_ref().unwrap_or(overlay).reattached(&self.attached));
        }
    }

    /// A statement is sent; with DDL, the catalog is `after` once it has succeeded.
    pub fn sent(&mut self, after: Option<Arc<Catalog>>, temporary: bool) {
        self.pending = after.map(|after| (after, temporary));
    }

    /// DDL has succeeded.
    pub fn changed(&mut self) {
        match self.pending.take() {
            Some((after, temporary)) => {
                self.overlay = Some(after);
                self.stale |= !temporary;
                self.announce |= !temporary;
            }
            None => (self.stale, self.announce) = (true, true),
        }
    }

    /// A statement has failed: the schema is as it was.
    pub fn failed(&mut self) {
        self.pending = None;
    }

    /// The transaction is over, be it one of a single statement.
    pub fn settle(&mut self, committed: bool) {
        self.marks.clear();
        self.announce &= committed;
        if let Some(overlay) = self.overlay.take()
            && committed
            && (self.is_bound() || overlay.temporary().next().is_some() || overlay.own_triggers().next().is_some())
        {
            if !self.is_bound() {
                crate::observe::counters().pins.add(1);
            }
            self.temporary = overlay.temporary().cloned().collect();
            self.triggers = overlay.own_triggers().map(|(r, t)| (r.schema.clone(), r.name.clone(), t.clone())).collect();
            self.merged = None;
        }
    }

    /// The client has set a savepoint.
    pub fn mark(&mut self) {
        self.marks.push(self.overlay.clone());
    }

    /// The client's savepoints are `depth` now; with `back`, the schema is what it was at the innermost.
    pub fn unmark(&mut self, depth: usize, back: bool) {
        self.marks.truncate(depth);
        if back && let Some(mark) = self.marks.last() {
            self.overlay = mark.clone();
        }
    }
}
