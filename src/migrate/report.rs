//! A check as a page that a person would like to read, and as text.

use super::check::{Check, ColumnCheck, StatementCheck, TableCheck};
use super::counted;
use std::fmt::Write;

const CLASSES: [&str; 5] = ["NULL", "INTEGER", "REAL", "TEXT", "BLOB"];

/// Plain text.
pub fn text(check: &Check) -> String {
    let mut out = format!("{}: {}\n", check.file.display(), summary(check));
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(out, "\n{title}\n  {}\n", lines.join("\n  "));
        }
    };
    let refused = check.objects.iter().filter_map(|o| Some(format!("{} {}: {}", o.kind, o.name, o.refused.as_ref()?)));
    section("Cannot be translated:", refused.collect());
    let statement = |s: &StatementCheck| {
        let hint = s.hint.as_ref().map_or(String::new(), |h| format!(" ({h})"));
        format!("{} ×  {}\n       {}{}{hint}", s.count, one_line(&s.sql), s.refused, place(s))
    };
    section("Statements that are refused:", check.refused.iter().map(statement).collect());
    let misfit = |table: &TableCheck, column: &ColumnCheck| {
        format!("{}.{} {} ({}): {}", table.name, column.name, column.declared, column.faithful, column.misfits)
    };
    let misfits = check.tables.iter().flat_map(|t| t.columns.iter().filter(|c| !c.misfits.is_empty()).map(move |c| misfit(t, c)));
    section("Values that do not fit (--on-misfit says what becomes of them):", misfits.collect());
    let native = |table: &TableCheck, column: &ColumnCheck| format!("{}.{} as {}: {}", table.name, column.name, column.native, column.native_misfits);
    let natives = check
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().filter(|c| c.native != c.faithful && !c.native_misfits.is_empty()).map(move |c| native(t, c)));
    section("Values that would not fit with --types native:", natives.collect());
    section("To look at:", check.watch.clone());
    section("Tables:", check.tables.iter().map(|t| format!("{}: {}", t.name, counted(t.rows as usize, "row"))).collect());
    out
}

fn summary(check: &Check) -> String {
    let refused = check.objects.iter().filter(|o| o.refused.is_some()).count();
    let rows: u64 = check.tables.iter().map(|t| t.rows).sum();
    let objects = format!("{} of {} translated", check.objects.len() - refused, counted(check.objects.len(), "object"));
    let statements = match check.statements {
        (0, _) => String::new(),
        (_, different) => format!("; {} of {} translated", different - check.refused.len() as u64, counted(different as usize, "statement")),
    };
    format!("{objects}{statements}; {}, {}, about {}", counted(rows as usize, "row"), size(check.bytes), duration(check.seconds))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => counted(seconds as usize, "second"),
        60..7200 => counted(seconds.div_ceil(60) as usize, "minute"),
        _ => counted(seconds.div_ceil(3600) as usize, "hour"),
    }
}

/// Where a statement is refused.
fn place(statement: &StatementCheck) -> String {
    statement.position.map_or_else(String::new, |at| format!(", at character {at}"))
}

fn one_line(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 160 { line.chars().take(160).chain("…".chars()).collect() } else { line }
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #d7dbe0; --soft: #f4f6f8; --good: #1a7f43; --bad: #b3261e; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --line: #3a4048; --soft: #20252b; --good: #5bd08c; --bad: #ff8a80; --warn: #f0b95a; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: .25rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } p.lead { font-size: 1.1rem; margin-top: 0; }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1.2rem; min-width: 9rem; } .card b { display: block; font-size: 1.5rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; } th, td { text-align: left; vertical-align: top; padding: .35rem .7rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--soft); } td.n { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: .88em ui-monospace, monospace; } pre { background: var(--soft); padding: .7rem; border-radius: .4rem; overflow-x: auto; white-space: pre-wrap; }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; } summary { cursor: pointer; font-weight: 600; }
.bar { display: inline-block; height: .7rem; border-radius: .2rem; } .scroll { overflow-x: auto; } .count { white-space: nowrap; }
";

/// A page that needs no other file.
pub fn html(check: &Check) -> String {
    let name = check.file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{0}: before it moves</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escape(&name)
    );
    let refused = check.objects.iter().filter(|o| o.refused.is_some()).count();
    let misfits = check.tables.iter().flat_map(|t| &t.columns).filter(|c| !c.misfits.is_empty()).count();
    let (class, verdict) = match (check.clean(), misfits) {
        (true, 0) => ("good", "Everything can be translated, and every value fits its column."),
        (true, _) => ("good", "Everything can be translated. Some values do not fit the types their columns declare; none is lost."),
        (false, _) => ("bad", "Some things cannot be translated. They are named below."),
    };
    let rows: u64 = check.tables.iter().map(|t| t.rows).sum();
    let _ = write!(out, "<p class=\"lead {class}\">{verdict}</p>\n<div class=\"cards\">");
    let mut card = |number: String, what: &str, class: &str| {
        let _ = write!(out, "<div class=\"card\"><b class=\"{class}\">{}</b>{what}</div>", escape(&number));
    };
    let of = |part: usize, all: usize| format!("{part} / {all}");
    card(of(check.objects.len() - refused, check.objects.len()), "objects translated", if refused > 0 { "bad" } else { "good" });
    if check.statements.0 > 0 {
        let bad = check.refused.len();
        card(of(check.statements.1 as usize - bad, check.statements.1 as usize), "statements translated", if bad > 0 { "bad" } else { "good" });
    }
    card(misfits.to_string(), "columns with misfits", if misfits > 0 { "warn" } else { "good" });
    card(rows.to_string(), "rows", "");
    card(size(check.bytes), "in the file", "");
    card(duration(check.seconds), "to move and compare, about", "");
    out.push_str("</div>\n");

    if refused > 0 {
        out.push_str("<h2>Cannot be translated</h2>\n");
        for object in &check.objects {
            if let Some(why) = &object.refused {
                let _ = writeln!(
                    out,
                    "<details><summary>{} <code>{}</code> <span class=\"bad\">{}</span></summary><pre>{}</pre></details>",
                    object.kind,
                    escape(&object.name),
                    escape(why),
                    escape(&object.sql)
                );
            }
        }
    }
    if !check.refused.is_empty() {
        out.push_str("<h2>Statements that are refused</h2>\n<div class=\"scroll\"><table><tr><th>times</th><th>statement</th><th>why</th></tr>\n");
        for statement in &check.refused {
            let hint = statement.hint.as_ref().map_or(String::new(), |h| format!("<br>{}", escape(h)));
            let _ = writeln!(
                out,
                "<tr><td class=\"n\">{}</td><td><code>{}</code></td><td>{}{}{hint}</td></tr>",
                statement.count,
                escape(&one_line(&statement.sql)),
                escape(&statement.refused),
                place(statement)
            );
        }
        out.push_str("</table></div>\n");
    }
    if !check.watch.is_empty() {
        out.push_str("<h2>To look at</h2>\n<ul>\n");
        check.watch.iter().for_each(|line| {
            let _ = writeln!(out, "<li>{}</li>", escape(line));
        });
        out.push_str("</ul>\n");
    }
    out.push_str("<h2>Tables</h2>\n");
    check.tables.iter().for_each(|table| table_html(table, &mut out));
    out.push_str("</body></html>\n");
    out
}

fn table_html(table: &TableCheck, out: &mut String) {
    let troubled = table.columns.iter().any(|c| !c.misfits.is_empty());
    let _ = writeln!(
        out,
        "<details{}><summary><code>{}</code>, {}</summary><div class=\"scroll\"><table><tr><th>column</th><th>declared</th><th>faithful</th><th>native</th><th>values</th><th>do not fit</th></tr>",
        if troubled { " open" } else { "" },
        escape(&table.name),
        counted(table.rows as usize, "row")
    );
    for column in &table.columns {
        let native = match (column.native == column.faithful, column.native_misfits.is_empty()) {
            (true, _) => String::new(),
            (false, true) => column.native.to_owned(),
            (false, false) => format!("{}<br><span class=\"warn\">{}</span>", column.native, escape(&column.native_misfits)),
        };
        let values = CLASSES.iter().zip(column.classes).filter(|(_, n)| *n > 0).map(|(class, n)| format!("{n} {class}")).collect::<Vec<_>>();
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{native}</td><td class=\"count\">{}</td><td class=\"warn\">{}</td></tr>",
            escape(&column.name),
            escape(&column.declared),
            column.faithful,
            values.join("<br>"),
            escape(&column.misfits)
        );
    }
    out.push_str("</table></div></details>\n");
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}
