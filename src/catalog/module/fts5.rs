//! The arguments of a `USING fts5` (fts5.html §4).

use super::{Content, Declaration, Detail, Fault, FullText, Tokenizer, Version, gobbled, quoted};

/// `sqlite3Fts5ConfigParse()`: each argument is a column with an option, or an option of the table.
pub(super) fn parse(declaration: &Declaration) -> Result<FullText, Fault> {
    let error = |message: String| Err(Fault::Error(message));
    if declaration.name.eq_ignore_ascii_case("rank") {
        return error(format!("reserved fts5 table name: {}", declaration.name));
    }
    let mut out = FullText::of(Version::Five);
    let (mut rowid, mut tokenized, mut thin) = (None, false, false);
    for argument in &declaration.arguments {
        let wrong = || Fault::Error(format!("parse error in \"{argument}\""));
        let (word, is_quoted, rest) = gobbled(argument).ok_or_else(wrong)?;
        let option = rest.strip_prefix('=').map(str::trim_start);
        if option.is_some() && is_quoted {
            return Err(wrong());
        }
        let rest = option.unwrap_or(rest);
        let value = if rest.is_empty() { None } else { Some(gobbled(rest).filter(|(_, _, rest)| rest.is_empty()).ok_or_else(wrong)?.0) };
        if option.is_none() {
            if ["rank", "rowid"].iter().any(|r| r.eq_ignore_ascii_case(&word)) {
                return error(format!("reserved fts5 column name: {word}"));
            }
            let unindexed = match value {
                None => false,
                Some(value) if value.eq_ignore_ascii_case("unindexed") => true,
                Some(value) => return error(format!("unrecognized column option: {value}")),
            };
            out.columns.push((word, unindexed));
            continue;
        }
        let value = value.unwrap_or_default();
        // SQLite takes the first option that starts with the word.
        const OPTIONS: [&str; 10] = [
            "prefix",
            "tokenize",
            "content",
            "contentless_delete",
            "contentless_unindexed",
            "content_rowid",
            "columnsize",
            "locale",
            "detail",
            "tokendata",
        ];
        let lower = word.to_ascii_lowercase();
        let Some(option) = OPTIONS.into_iter().find(|o| o.starts_with(&lower)) else {
            return error(format!("unrecognized option: \"{word}\""));
        };
        let flag = |name: &str| match value.as_str() {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(Fault::Error(format!("malformed {name}=... directive"))),
        };
        match option {
            "prefix" => {
                let lengths = value.split([',', ' ']).filter(|n| !n.is_empty());
                for length in lengths {
                    match length.parse::<u32>() {
                        Ok(1..=999) => {}
                        Ok(_) => return error("prefix length out of range (max 999)".to_owned()),
                        Err(_) => return error("malformed prefix=... directive".to_owned()),
                    }
                }
            }
            "tokenize" if tokenized => return error("multiple tokenize=... directives".to_owned()),
            "tokenize" => {
                out.tokenizer = tokenizer(&value)?;
                tokenized = true;
            }
            "content" if out.content != Content::Own => return error("multiple content=... directives".to_owned()),
            "content" => out.content = if value.is_empty() { Content::None } else { Content::External(value, None) },
            "contentless_delete" => out.contentless_delete = flag(option)?,
            "content_rowid" if rowid.is_some() => return error("multiple content_rowid=... directives".to_owned()),
            "content_rowid" => rowid = Some(value),
            "columnsize" => thin |= !flag(option)?,
            "detail" => {
                let lower = value.to_ascii_lowercase();
                let detail =
                    [("none", Detail::None), ("full", Detail::Full), ("columns", Detail::Column)].into_iter().find(|(d, _)| d.starts_with(&lower));
                out.detail = detail.ok_or_else(|| Fault::Error("malformed detail=... directive".to_owned()))?.1;
            }
            "contentless_unindexed" | "locale" | "tokendata" if !flag(option)? => {}
            other => return Err(Fault::Refused(format!("{other}={value}"))),
        }
    }
    if out.contentless_delete && out.content != Content::None {
        return error("contentless_delete=1 requires a contentless table".to_owned());
    }
    // What the index leaves out is found in the content.
    if out.content == Content::None && (thin || out.detail != Detail::Full) {
        return Err(Fault::Refused("columnsize=0 or detail= of a contentless table".to_owned()));
    }
    if let Content::External(_, named) = &mut out.content {
        *named = rowid;
    }
    for (at, (name, _)) in out.columns.iter().enumerate() {
        let again = out.columns[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        if again || name.eq_ignore_ascii_case(&declaration.name) {
            return error(format!("duplicate column name: {name}"));
        }
    }
    Ok(out)
}

/// The argument of `tokenize=`: a tokenizer's name and its own arguments, by twos.
fn tokenizer(value: &str) -> Result<Tokenizer, Fault> {
    let (mut words, mut rest) = (Vec::new(), value.trim());
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(_) => quoted(rest, '\'').map(|(length, word)| (word, &rest[length..])),
            None => gobbled(rest).filter(|(_, quoted, _)| !quoted).map(|(word, _, after)| (word, after)),
        }
        .ok_or_else(|| Fault::Error("parse error in tokenize directive".to_owned()))?;
        words.push(word);
        rest = after.trim_start();
    }
    let mut out = Tokenizer::default();
    let mut words = words.as_slice();
    while let Some((first, others)) = words.split_first()
        && first.eq_ignore_ascii_case("porter")
    {
        out.porter = true;
        words = others;
    }
    let Some((name, arguments)) = words.split_first() else { return Ok(out) };
    out.name = match name.to_ascii_lowercase().as_str() {
        "unicode61" => "unicode61",
        "ascii" => "ascii",
        "trigram" if !out.porter => "trigram",
        "trigram" => return Err(Fault::Refused("porter around trigram".to_owned())),
        _ => return Err(Fault::Error(format!("no such tokenizer: {name}"))),
    };
    if out.name == "trigram" {
        out.diacritics = 0;
    }
    let wrong = || Fault::Error("error in tokenizer constructor".to_owned());
    for pair in arguments.chunks(2) {
        let [option, value] = pair else { return Err(wrong()) };
        match (out.name, option.to_ascii_lowercase().as_str(), value.as_str()) {
            ("unicode61", "remove_diacritics", "0" | "1" | "2") => out.diacritics = value.bytes().next().map_or(1, |b| b - b'0'),
            ("unicode61" | "ascii", "tokenchars", _) => out.tokenchars.push_str(value),
            ("unicode61" | "ascii", "separators", _) => out.separators.push_str(value),
            ("unicode61", "categories", _) => return Err(Fault::Refused("the tokenizer's categories".to_owned())),
            ("trigram", "case_sensitive", "0" | "1") => out.case_sensitive = value == "1",
            ("trigram", "remove_diacritics", "0") => out.diacritics = 0,
            ("trigram", "remove_diacritics", "1") => out.diacritics = 2,
            _ => return Err(wrong()),
        }
    }
    if out.name == "trigram" && out.case_sensitive && out.diacritics > 0 {
        return Err(wrong());
    }
    Ok(out)
}
