//! The arguments of a `USING fts3` or `USING fts4` (fts3.html §1.2, §6).

use super::{Content, Declaration, Fault, FullText, Tokenizer, Version, quoted};

/// `fts3InitVtab()`: a tokenizer, an option of FTS4, or else a column. Without a column there are those of the external content, which
/// the caller knows, or one named `content`.
pub(super) fn parse(declaration: &Declaration, version: Version) -> Result<FullText, Fault> {
    let error = |message: String| Err(Fault::Error(message));
    let mut out = FullText::of(version);
    let (mut named, mut not_indexed, mut packing) = (None, Vec::new(), [false; 2]);
    for argument in &declaration.arguments {
        if let Some(specified) = specification(argument).filter(|_| named.is_none()) {
            named = Some(tokenizer(specified)?);
        } else if let Some((key, value)) = option(argument).filter(|_| version == Version::Four) {
            match key.to_ascii_lowercase().as_str() {
                "matchinfo" if value.eq_ignore_ascii_case("fts3") => out.sizes = false,
                "matchinfo" => return error(format!("unrecognized matchinfo: {value}")),
                "prefix" if !value.split(',').all(|n| n.trim_start().starts_with(|c: char| c.is_ascii_digit())) => {
                    return error(format!("error parsing prefix parameter: {value}"));
                }
                // About how SQLite keeps its index.
                "prefix" => {}
                "order" if ["asc", "desc"].iter().any(|o| value.eq_ignore_ascii_case(o)) => {}
                "order" => return error(format!("unrecognized order: {value}")),
                "content" => out.content = if value.is_empty() { Content::None } else { Content::External(value, None) },
                "notindexed" => not_indexed.push(value),
                "compress" => packing[0] = true,
                "uncompress" => packing[1] = true,
                "languageid" => return Err(Fault::Refused(format!("languageid={value}"))),
                _ => return error(format!("unrecognized parameter: {argument}")),
            }
        } else {
            out.columns.push((first_word(argument), false));
        }
    }
    if out.content == Content::Own {
        match packing {
            [false, false] => {}
            [true, true] => return Err(Fault::Refused("compress= and uncompress=".to_owned())),
            [false, true] => return error("missing compress parameter in fts4 constructor".to_owned()),
            [true, false] => return error("missing uncompress parameter in fts4 constructor".to_owned()),
        }
    }
    if out.columns.is_empty() && !matches!(out.content, Content::External(..)) {
        out.columns.push(("content".to_owned(), false));
    }
    for name in not_indexed {
        match out.columns.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(&name)) {
            Some((_, unindexed)) => *unindexed = true,
            None => return error(format!("no such column: {name}")),
        }
    }
    for (at, (name, _)) in out.columns.iter().enumerate() {
        let again = out.columns[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        if again || ["docid", &declaration.name].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return error(format!("vtable constructor failed: {}", declaration.name));
        }
    }
    out.tokenizer = match named {
        Some(named) => named,
        None => tokenizer("simple")?,
    };
    Ok(out)
}

/// What follows the word `tokenize`.
fn specification(argument: &str) -> Option<&str> {
    let rest = argument.get(8..).filter(|_| argument[..8].eq_ignore_ascii_case("tokenize"))?;
    let after = rest.chars().next().filter(|c| !is_word(*c))?;
    Some(&rest[after.len_utf8()..])
}

/// `key = value`, the value without its quotes.
fn option(argument: &str) -> Option<(&str, String)> {
    let (key, value) = argument.split_once('=')?;
    let key = key.trim_end();
    (!key.is_empty() && key.chars().all(is_word)).then(|| (key, dequoted(value.trim())))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

fn dequoted(text: &str) -> String {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`' | '['));
    quote.and_then(|quote| quoted(text, quote)).map_or_else(|| text.to_owned(), |(_, text)| text)
}

/// `sqlite3Fts3NextToken()`: the first quoted text or word of another, without its quotes.
fn first_word(text: &str) -> String {
    words(text).into_iter().next().unwrap_or_default()
}

fn words(text: &str) -> Vec<String> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'' | '`' | '[') {
            let (length, word) = quoted(rest, first).unwrap_or_else(|| (rest.len(), rest[1..].to_owned()));
            out.push(word);
            rest = &rest[length..];
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            out.push(rest[..length].to_owned());
            rest = &rest[length..];
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// `sqlite3Fts3InitTokenizer()`: a tokenizer's name and its arguments.
fn tokenizer(specified: &str) -> Result<Tokenizer, Fault> {
    let words = words(specified);
    let (name, arguments) = words.split_first().map_or(("", [].as_slice()), |(name, rest)| (name.as_str(), rest));
    let simple = || Tokenizer { name: "ascii", diacritics: 0, ..Tokenizer::default() };
    match name {
        "simple" if arguments.len() > 1 => Err(Fault::Refused("the delimiters of tokenize=simple".to_owned())),
        "simple" => Ok(simple()),
        "porter" => Ok(Tokenizer { porter: true, legacy: true, tokenchars: "_".to_owned(), ..simple() }),
        "unicode61" => {
            let mut out = Tokenizer::default();
            for argument in arguments {
                match argument.split_once('=') {
                    Some(("remove_diacritics", value @ ("0" | "1" | "2"))) => out.diacritics = value.bytes().next().map_or(1, |b| b - b'0'),
                    Some(("tokenchars", value)) => out.tokenchars.push_str(value),
                    Some(("separators", value)) => out.separators.push_str(value),
                    _ => return Err(Fault::Error("unknown tokenizer".to_owned())),
                }
            }
            Ok(out)
        }
        _ => Err(Fault::Error(format!("unknown tokenizer: {name}"))),
    }
}
