//! What RAISE(FAIL) and RAISE(IGNORE) leave as it is (lang_createtrigger.html §4). An error at the backend would take back what the
//! statement has done, so the trigger that raises says so in a setting and returns; whoever runs next looks at it.
//!
//! `litewire.halt` is `F` from a RAISE(FAIL) on, with the report in `litewire.failure`; it is a depth of triggers where a RAISE(IGNORE)
//! keeps the other AFTER triggers of the row from running.

use super::super::parse::scan;
use super::super::parse::trigger::{self, Event, Time};
use crate::catalog::{Catalog, Relation, Trigger};

/// Ends a trigger's function that comes too late.
pub(super) const ENTRY: &str = "IF current_setting('litewire.halt', true) IN ('F', pg_trigger_depth()::text) THEN RETURN NULL; END IF;\n";

/// Behind a step that may have fired triggers: what failed ends this one as well.
pub const AFTER_STEP: &str = "IF current_setting('litewire.halt', true) <> '' THEN
IF current_setting('litewire.halt') = 'F' THEN PERFORM set_config('litewire.firing', \"_lw_firing\", true); RETURN NULL; END IF;
PERFORM set_config('litewire.halt', '', true);
END IF";

/// Lets a step raise; `leave` is what comes before a return.
pub(super) fn raising(step: &str, leave: &str, hides_others: bool) -> String {
    let hide = if hides_others { "PERFORM set_config('litewire.halt', pg_trigger_depth()::text, true);\n" } else { "" };
    format!(
        "BEGIN\n{step};\nEXCEPTION WHEN SQLSTATE 'LW001' THEN\n{hide}{leave}RETURN NULL;\nWHEN SQLSTATE 'LW003' THEN
PERFORM set_config('litewire.halt', 'F', true), set_config('litewire.failure', json_build_object('C', 'LW003', 'M', SQLERRM)::text, true);
{leave}RETURN NULL;\nEND;\n"
    )
}

/// Does a text hold RAISE() with one of these words?
pub(super) fn raises(sql: &str, words: &[&str]) -> bool {
    let tokens = scan::tokens(sql);
    tokens.windows(3).any(|w| w[0].is(sql, "RAISE") && w[1].is_op(sql, "(") && words.iter().any(|word| w[2].is(sql, word)))
}

/// Does a RAISE(IGNORE) of this trigger keep others from running?
pub(super) fn hides_others(relation: &Relation, made: &Trigger, event: Event) -> bool {
    let after = |t: &Trigger| trigger::parse(&t.sql).is_ok_and(|p| (p.time, p.event) == (Time::After, event));
    after(made) && relation.triggers.iter().filter(|t| after(t)).count() > 1
}

/// Is there an OR FAIL, or an ON CONFLICT FAIL?
fn fails(sql: &str) -> bool {
    scan::tokens(sql).windows(2).any(|w| w[1].is(sql, "FAIL") && (w[0].is(sql, "OR") || w[0].is(sql, "CONFLICT")))
}

/// May what a write to a table brings about, in its triggers, in theirs, or by foreign keys, halt in one of these ways?
pub fn may_halt(relation: &Relation, catalog: &Catalog) -> bool {
    let halts = |r: &Relation| {
        let one = |t: &Trigger| {
            raises(&t.sql, &["FAIL"]) || raises(&t.sql, &["IGNORE"]) && trigger::parse(&t.sql).is_ok_and(|p| hides_others(r, t, p.event))
        };
        r.triggers.iter().any(|t| one(t) || fails(&t.sql)) || r.sql.as_deref().is_some_and(fails)
    };
    let mut reached: Vec<&Relation> = vec![relation];
    let mut at = 0;
    while let Some(here) = reached.get(at).copied() {
        at += 1;
        if halts(here) {
            return true;
        }
        let words: Vec<String> =
            here.triggers.iter().flat_map(|t| scan::tokens(&t.sql).into_iter().map(|token| scan::unquote(token.text(&t.sql)))).collect();
        let refers = |r: &Relation| r.foreign_keys.iter().any(|k| !k.name.is_empty() && k.target.eq_ignore_ascii_case(&here.name));
        for other in &catalog.relations {
            let named = words.iter().any(|w| w.eq_ignore_ascii_case(&other.name)) || refers(other);
            if named && !reached.iter().any(|r| std::ptr::eq(*r, other)) {
                reached.push(other);
            }
        }
    }
    false
}
