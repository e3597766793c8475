//! Full-text search: MATCH and the auxiliary functions (fts5.html §3, §5; fts3.html §3, §4). Their names mean something only where the first
//! argument is a full-text table, so that none of them is found by its name alone.

use super::{Function, blob, real, scalar, text};
use crate::catalog::module::FullText;
use crate::catalog::oid;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Class, Expr, Ty};

/// A parsed query. Arguments: its text, the table's spec, the number of the column that is matched, that of the first phrase.
pub static QUERY: Function = scalar("fts5_query", (4, 4), query_type, query);
/// Two queries of which both must match.
pub static BOTH: Function = scalar("fts5_both", (2, 2), query_type, both);
/// MATCH. Arguments: the query, the row's tokens, the ends of its columns.
pub static MATCH: Function = scalar("match", (3, 3), truth, matches);
/// bm25(). Arguments: those of MATCH, the table's name, the weights.
pub static BM25: Function = scalar("bm25", (4, 255), real, bm25);
/// `rank`. Arguments: those of MATCH, the table's name, and the text of the rank function where the query has one.
pub static RANK: Function = scalar("rank", (4, 5), real, rank);
/// highlight(). Arguments: those of MATCH, the spec, the texts of the columns and their number; then its own.
pub static HIGHLIGHT: Function = scalar("highlight", (5, 255), text, |l, c, _| marked(l, c, "fts5_highlight", 3));
/// snippet(). Arguments as those of highlight().
pub static SNIPPET: Function = scalar("snippet", (5, 255), text, |l, c, _| marked(l, c, "fts5_snippet", 5));
/// snippet() of FTS3 and FTS4. Arguments as those of highlight().
pub static FRAGMENTS: Function = scalar("snippet", (5, 255), nullable_text, |l, c, _| marked(l, c, "fts3_snippet", 5));
/// offsets(). Arguments as those of highlight(), which has none of its own.
pub static OFFSETS: Function = scalar("offsets", (5, 255), text, |l, c, _| marked(l, c, "fts3_offsets", 0));
/// matchinfo(). Arguments: those of MATCH, the spec, the table's name, the format.
pub static MATCHINFO: Function = scalar("matchinfo", (6, 6), blob, matchinfo);

/// How the helpers are told of a full-text table.
pub fn spec(full_text: &FullText) -> String {
    use crate::catalog::module::{Content, Detail, Version};
    let tokenizer = &full_text.tokenizer;
    let mut told = serde_json::json!({ "t": tokenizer.name, "m": tokenizer.diacritics });
    let mut add = |key: &str, value: serde_json::Value| told[key] = value;
    if !tokenizer.tokenchars.is_empty() {
        add("k", tokenizer.tokenchars.clone().into());
    }
    if !tokenizer.separators.is_empty() {
        add("s", tokenizer.separators.clone().into());
    }
    if tokenizer.porter {
        add("p", if tokenizer.legacy { 3.into() } else { true.into() });
    }
    if tokenizer.case_sensitive {
        add("x", true.into());
    }
    let columns: Vec<&str> = full_text.columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut spec = serde_json::json!({ "c": columns, "k": told });
    if full_text.columns.iter().any(|(_, unindexed)| *unindexed) {
        spec["u"] = full_text.columns.iter().map(|(_, unindexed)| *unindexed).collect();
    }
    match full_text.content {
        Content::Own => {}
        Content::None => spec["e"] = "none".into(),
        Content::External(..) => spec["e"] = "external".into(),
    }
    if full_text.contentless_delete {
        spec["d"] = true.into();
    }
    match full_text.version {
        Version::Three => spec["v"] = 3.into(),
        Version::Four => spec["v"] = 4.into(),
        Version::Five => {}
    }
    match full_text.detail {
        Detail::Full => {}
        Detail::Column => spec["f"] = "column".into(),
        Detail::None => spec["f"] = "none".into(),
    }
    if !full_text.sizes {
        spec["s"] = false.into();
    }
    spec.to_string()
}

fn query_type(_: &[Expr]) -> Ty {
    Ty::plain(Class::Native(oid::JSONB)).not_null()
}

fn nullable_text(_: &[Expr]) -> Ty {
    Ty { nullable: true, ..Ty::plain(Class::Text) }
}

fn truth(_: &[Expr]) -> Ty {
    Ty::plain(Class::Bool).not_null()
}

/// Within a query of its own, so that it is parsed once and not for each row.
fn query(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let [query, spec, column, first] = call.args.as_slice() else { return super::unreachable_call(lower, call, &call.args[0]) };
    let pieces = [lower.text(query)?, lower.text(spec)?, lower.natural(column)?, lower.natural(first)?];
    let helper = lower.helper("fts5_query")?;
    let pieces: Vec<&Frag> = pieces.iter().collect();
    Ok(fill(&format!("(SELECT {helper}({{}}, {{}}::jsonb, ({{}})::int, ({{}})::int))"), &pieces))
}

fn both(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let (a, b) = (lower.natural(&call.args[0])?, lower.natural(&call.args[1])?);
    let helper = lower.helper("fts5_both")?;
    Ok(fill(&format!("(SELECT {helper}({{}}, {{}}))"), &[&a, &b]))
}

fn natural(lower: &mut Lower, args: &[Expr]) -> Result<Vec<Frag>, crate::error::ClientError> {
    args.iter().map(|a| lower.natural(a)).collect()
}

fn matches(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let pieces = natural(lower, &call.args)?;
    let (terms, key, matches) = (lower.helper("fts_terms")?, lower.helper("fts5_key")?, lower.helper("fts5_match")?);
    // The index finds the rows that have the terms; whether they stand as they should is seen in the row.
    let (query, tokens, ends) = (&pieces[0], &pieces[1], &pieces[2]);
    Ok(fill(&format!("({terms}({{}}) @@ (SELECT {key}({{}})) AND {matches}({{}}, {{}}, {{}}))"), &[tokens, query, query, tokens, ends]))
}

/// bm25() by weights that are lowered already.
fn score(lower: &mut Lower, args: &[Expr], weights: &Frag) -> Lowered {
    let pieces = natural(lower, &args[..3])?;
    let table = lower.text(&args[3])?;
    let (helper, statistics) = (lower.helper("fts5_bm25")?, lower.helper("fts5_statistics")?);
    let (query, tokens, ends) = (&pieces[0], &pieces[1], &pieces[2]);
    Ok(fill(
        &format!("{helper}({{}}, {{}}, {{}}, (SELECT {statistics}({{}}::regclass, {{}})), {{}})"),
        &[query, tokens, ends, &table, query, weights],
    ))
}

fn bm25(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let weights = call.args[4..].iter().map(|w| lower.real(w)).collect::<Result<Vec<_>, _>>()?;
    let weights = fill("ARRAY[{}]::float8[]", &[&Frag::join(&weights, ", ")]);
    score(lower, &call.args, &weights)
}

fn rank(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let weights = match call.args.get(4) {
        Some(function) => {
            let (text, helper) = (lower.text(function)?, lower.helper("fts5_weights")?);
            fill(&format!("(SELECT {helper}({{}}))"), &[&text])
        }
        None => {
            let (table, helper) = (lower.text(&call.args[3])?, lower.helper("fts5_rank")?);
            fill(&format!("(SELECT {helper}({{}}::regclass))"), &[&table])
        }
    };
    score(lower, &call.args, &weights)
}

/// highlight(), snippet() and offsets(): `own` arguments of their own. FTS5's have a column first and, of five, the size last; FTS3's
/// have both last.
fn marked(lower: &mut Lower, call: &Call, name: &str, own: usize) -> Lowered {
    let (head, own) = call.args.split_at(call.args.len() - own);
    let mut pieces = natural(lower, &head[..3])?;
    pieces.push(fill("{}::jsonb", &[&lower.text(&head[3])?]));
    let texts = head[4..].iter().map(|t| lower.text(t)).collect::<Result<Vec<_>, _>>()?;
    pieces.push(fill("ARRAY[{}]::text[]", &[&Frag::join(&texts, ", ")]));
    for (at, argument) in own.iter().enumerate() {
        let number = if name == "fts3_snippet" { at >= 3 } else { at == 0 || at == 4 };
        pieces.push(if number { lower.integer(argument)? } else { lower.text(argument)? });
    }
    lower.call(name, &pieces.iter().collect::<Vec<_>>())
}

fn matchinfo(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let pieces = natural(lower, &call.args[..3])?;
    let [query, tokens, ends] = pieces.as_slice() else { return super::unreachable_call(lower, call, &call.args[0]) };
    let (spec, table, format) = (lower.text(&call.args[3])?, lower.text(&call.args[4])?, lower.text(&call.args[5])?);
    let (helper, statistics) = (lower.helper("fts3_matchinfo")?, lower.helper("fts3_statistics")?);
    Ok(fill(
        &format!("{helper}({{}}, {{}}, {{}}, {{}}::jsonb, (SELECT {statistics}({{}}::regclass, {{}}, {{}})), {{}})"),
        &[query, tokens, ends, &spec, &table, query, &format, &format],
    ))
}
