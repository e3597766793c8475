//! Metrics in Prometheus' text format 0.0.4.

use super::show::loads;
use super::{Admin, Phase};
use crate::observe::{self, Counter, Sums};
use std::fmt::Write;

/// All of them, as they are now.
pub(super) fn text(admin: &Admin) -> String {
    let mut out = Text(String::with_capacity(8 * 1024));
    out.gauge("litewire_info", "The running version.", [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1.0)]);
    let phase = if admin.phase() == Phase::Running { 1.0 } else { 0.0 };
    out.gauge("litewire_accepting", "1 while new clients are let in, 0 while the server drains or stops.", [(&[][..], phase)]);
    out.gauge("litewire_clients", "Clients that are connected.", [(&[][..], float(admin.clients.count() as u64))]);
    out.gauge("litewire_clients_max", "[server] max_clients.", [(&[][..], float(admin.config().server.max_clients as u64))]);
    if let Some(bytes) = super::show::resident() {
        out.gauge("process_resident_memory_bytes", "Resident memory.", [(&[][..], float(bytes))]);
    }
    pools(admin, &mut out);
    databases(admin, &mut out);
    translations(admin, &mut out);
    out.0
}

fn pools(admin: &Admin, out: &mut Text) {
    let loads = loads(admin);
    let labels: Vec<_> = loads.iter().map(|load| [("database", load.database.as_str()), ("user", load.role.as_str())]).collect();
    let mut each = |name: &str, help: &str, value: &dyn Fn(usize) -> f64| {
        out.gauge(name, help, labels.iter().enumerate().map(|(at, labels)| (&labels[..], value(at))));
    };
    each("litewire_pool_clients_active", "Clients that hold a backend, or want none.", &|at| float(loads[at].cl_active as u64));
    each("litewire_pool_clients_waiting", "Clients that wait for a backend.", &|at| float(loads[at].cl_waiting as u64));
    each("litewire_pool_servers_active", "Backend connections that a client holds.", &|at| float(loads[at].sv_active as u64));
    each("litewire_pool_servers_idle", "Backend connections that are free.", &|at| float(loads[at].sv_idle as u64));
    each("litewire_pool_size", "Backend connections at most.", &|at| float(loads[at].size.into()));
    each("litewire_pool_maxwait_seconds", "How long the client has waited that waits longest.", &|at| loads[at].maxwait.as_secs_f64());
}

fn databases(admin: &Admin, out: &mut Text) {
    let sums = admin.clients.sums();
    let labels: Vec<_> = sums.keys().map(|name| [("database", name.as_str())]).collect();
    let mut each = |name: &str, help: &str, value: fn(&Sums) -> f64| {
        out.counter(name, help, labels.iter().zip(sums.values()).map(|(labels, sums)| (&labels[..], value(sums))));
    };
    each("litewire_queries_total", "Queries answered.", |s| float(s.queries));
    each("litewire_transactions_total", "Transactions ended, those of one statement among them.", |s| float(s.transactions));
    each("litewire_server_assignments_total", "Backends given to clients.", |s| float(s.assignments));
    each("litewire_received_bytes_total", "Bytes from clients.", |s| float(s.received));
    each("litewire_sent_bytes_total", "Bytes to clients.", |s| float(s.sent));
    each("litewire_query_seconds_total", "Time in queries.", |s| float(s.query_time) / 1e6);
    each("litewire_transaction_seconds_total", "Time in transactions.", |s| float(s.transaction_time) / 1e6);
    each("litewire_wait_seconds_total", "Time that clients waited for a backend.", |s| float(s.wait_time) / 1e6);
}

fn translations(admin: &Admin, out: &mut Text) {
    let pools = admin.pools.list();
    let labels: Vec<_> = pools.keys().map(|(database, role)| [("database", database.as_str()), ("user", role.as_str())]).collect();
    let usages: Vec<_> = pools.values().map(|pool| pool.plans().usage()).collect();
    out.gauge("litewire_plans", "Translations that are kept.", labels.iter().zip(&usages).map(|(l, u)| (&l[..], float(u.0 as u64))));
    out.gauge("litewire_plan_bytes", "Memory of those.", labels.iter().zip(&usages).map(|(l, u)| (&l[..], float(u.1 as u64))));
    let counts = observe::counters();
    let mut single = |name: &str, help: &str, counter: &Counter| out.counter(name, help, [(&[][..], float(counter.get()))]);
    single("litewire_plan_hits_total", "Translations found in the cache.", &counts.plan_hits);
    single("litewire_plan_misses_total", "Translations made.", &counts.plan_misses);
    single("litewire_pins_total", "Backends tied to a client by session state.", &counts.pins);
    single("litewire_errors_total", "Errors that Litewire itself answered.", &counts.errors);
    single("litewire_widened_total", "Times that columns became dynamic.", &counts.widened);
    single("litewire_retries_total", "Statements done again: with a fresh catalog, after a deadlock or a serialization failure.", &counts.retries);
    let refusals = observe::refusals();
    let labels: Vec<_> = refusals.keys().map(|construct| [("construct", construct.as_str())]).collect();
    out.counter(
        "litewire_refusals_total",
        "What was refused (SQLSTATE 0A000).",
        labels.iter().zip(refusals.values()).map(|(l, n)| (&l[..], float(*n))),
    );
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus' values are doubles")]
fn float(n: u64) -> f64 {
    n as f64
}

type Labels<'a> = &'a [(&'a str, &'a str)];

struct Text(String);

impl Text {
    fn counter<'a>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        self.family(name, help, "counter", samples);
    }

    fn gauge<'a>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        self.family(name, help, "gauge", samples);
    }

    fn family<'a>(&mut self, name: &str, help: &str, kind: &str, samples: impl IntoIterator<Item = (Labels<'a>, f64)>) {
        let out = &mut self.0;
        // Writing to a String does not fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            out.push_str(name);
            for (at, (label, text)) in labels.iter().enumerate() {
                out.push_str(if at == 0 { "{" } else { "," });
                let _ = write!(out, "{label}=\"{}\"", escaped(text));
            }
            let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
        }
    }
}

/// A label's value: a backslash, a quote and the end of a line are written with a backslash.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text(String::new());
        text.gauge("g", "Help.", [(&[("a", "x\"\\\n"), ("b", "y")][..], 1.5)]);
        assert_eq!(text.0, "# HELP g Help.\n# TYPE g gauge\ng{a=\"x\\\"\\\\\\n\",b=\"y\"} 1.5\n");
    }
}
