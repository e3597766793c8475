//! SQLite's tokens, by one scan over the bytes (the grammar's own tokenizer, `tokenize.c`). Serves what needs places in the
//! client's text: splitting, fingerprints, placeholders, names of result columns, PRAGMA.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: keyword or identifier.
    Word,
    /// `"x"`, `` `x` `` or `[x]`.
    Quoted,
    /// `'…'`.
    String,
    /// `x'…'`.
    Blob,
    /// A whole number, hexadecimal ones included.
    Integer,
    /// A number with a point or an exponent.
    Real,
    /// `?`, `?1`, `:a`, `@a`, `$a`, `$1`.
    Placeholder,
    /// Anything else; one to three bytes.
    Operator,
    /// What SQLite has no token for: a quote that nothing closes, a number that runs into a word, a blob of no hex digits.
    Illegal,
}

/// A token and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where, in bytes.
    pub at: Range<usize>,
}

impl Token {
    /// Its text.
    pub fn text<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.at.clone()]
    }

    /// Is it this bare word, in any case?
    pub fn is(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// May it be a name? A string is one where SQLite takes a name.
    pub fn may_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted | Kind::String)
    }

    /// Is it this operator?
    pub fn is_op(&self, sql: &str, op: &str) -> bool {
        self.kind == Kind::Operator && self.text(sql) == op
    }
}

const fn word_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b >= 0x80
}

/// Which bytes may stand within a word: most of a text is words, and each statement is scanned.
const WORD: [bool; 256] = {
    let (mut table, mut b) = ([false; 256], 0);
    while b < 256 {
        table[b] = word_start(b as u8) || (b as u8).is_ascii_digit() || b as u8 == b'$';
        b += 1;
    }
    table
};

fn word_part(b: u8) -> bool {
    WORD[usize::from(b)]
}

/// The end of the word that begins at a place; None for anything else, and where it might be a blob.
pub fn word_end(b: &[u8], at: usize) -> Option<usize> {
    let c = *b.get(at)?;
    (word_start(c) && !matches!(c, b'x' | b'X')).then(|| run(b, at + 1, word_part))
}

/// The end of a run of bytes from a place on.
fn run(b: &[u8], from: usize, within: impl Fn(u8) -> bool) -> usize {
    b[from..].iter().position(|&c| !within(c)).map_or(b.len(), |n| from + n)
}

/// Tokens of a text, without white space and comments.
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut out = Vec::with_capacity(sql.len() / 4);
    let mut at = 0;
    while let Some(token) = next(sql.as_bytes(), &mut at) {
        out.push(token);
    }
    out
}

/// A name of one part or two, lower case, and how many tokens it takes.
pub fn dotted(sql: &str, tokens: &[Token]) -> (String, usize) {
    let name = |at: usize| tokens.get(at).map_or(String::new(), |t| unquote(t.text(sql)).to_ascii_lowercase());
    if tokens.get(1).is_some_and(|t| t.is_op(sql, ".")) { (format!("{}.{}", name(0), name(2)), 3) } else { (name(0), 1) }
}

/// The next token from `at` on, which moves behind it.
pub fn next(b: &[u8], at: &mut usize) -> Option<Token> {
    loop {
        let start = *at;
        let c = *b.get(start)?;
        let peek = |n: usize| b.get(start + n).copied().unwrap_or(0);
        let (kind, end) = match c {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                *at = start + 1;
                continue;
            }
            b'-' if peek(1) == b'-' => {
                *at = memchr::memchr(b'\n', &b[start..]).map_or(b.len(), |n| start + n);
                continue;
            }
            b'/' if peek(1) == b'*' => {
                *at = memchr::memmem::find(&b[start + 2..], b"*/").map_or(b.len(), |n| start + 2 + n + 2);
                continue;
            }
            b'\'' => quoted(b, start, b'\'').map_or((Kind::Illegal, b.len()), |end| (Kind::String, end)),
            b'"' | b'`' => quoted(b, start, c).map_or((Kind::Illegal, b.len()), |end| (Kind::Quoted, end)),
            b'[' => memchr::memchr(b']', &b[start..]).map_or((Kind::Illegal, b.len()), |n| (Kind::Quoted, start + n + 1)),
            b'x' | b'X' if peek(1) == b'\'' => blob(b, start),
            b'0'..=b'9' => number(b, start),
            b'.' if peek(1).is_ascii_digit() => number(b, start),
            b'?' => (Kind::Placeholder, run(b, start + 1, |c| c.is_ascii_digit())),
            b'$' if peek(1).is_ascii_digit() => (Kind::Placeholder, run(b, start + 1, |c| c.is_ascii_digit())),
            b'$' | b'@' | b'#' | b':' if word_part(peek(1)) => (Kind::Placeholder, variable(b, start)),
            c if word_start(c) => (Kind::Word, run(b, start + 1, word_part)),
            _ => (Kind::Operator, start + operator(&b[start..])),
        };
        *at = end;
        return Some(Token { kind, at: start..end });
    }
}

/// The end of a quoted token in which the quote is doubled to stand for itself; None where nothing closes it.
fn quoted(b: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr(quote, &b[at..])? + 1;
        if b.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

fn blob(b: &[u8], start: usize) -> (Kind, usize) {
    let end = b[start + 2..].iter().position(|c| !c.is_ascii_hexdigit()).map_or(b.len(), |n| start + 2 + n);
    if b.get(end) == Some(&b'\'') && (end - start).is_multiple_of(2) {
        return (Kind::Blob, end + 1);
    }
    (Kind::Illegal, memchr::memchr(b'\'', &b[end..]).map_or(b.len(), |n| end + n + 1))
}

/// The end of a named parameter. Tcl's names count: `::` within, and an index in parentheses at the end.
fn variable(b: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&c) = b.get(at) {
        match c {
            c if word_part(c) => at += 1,
            b'(' if b[start] == b'$' => {
                let end = b[at..].iter().position(|c| *c == b')' || c.is_ascii_whitespace());
                return match end {
                    Some(n) if b[at + n] == b')' => at + n + 1,
                    _ => at,
                };
            }
            b':' if b[start] == b'$' && b.get(at + 1) == Some(&b':') => at += 2,
            _ => break,
        }
    }
    at
}

fn number(b: &[u8], start: usize) -> (Kind, usize) {
    // An underscore stands between two digits.
    let digits = |mut at: usize, digit: fn(&u8) -> bool| {
        while at < b.len() && (digit(&b[at]) || b[at] == b'_' && at > start && digit(&b[at - 1]) && b.get(at + 1).is_some_and(digit)) {
            at += 1;
        }
        at
    };
    let decimal: fn(&u8) -> bool = u8::is_ascii_digit;
    let mut kind = Kind::Integer;
    let mut at;
    if b[start] == b'0' && matches!(b.get(start + 1), Some(b'x' | b'X')) && b.get(start + 2).is_some_and(u8::is_ascii_hexdigit) {
        at = digits(start + 2, u8::is_ascii_hexdigit);
    } else {
        at = digits(start, decimal);
        if b.get(at) == Some(&b'.') {
            kind = Kind::Real;
            at = digits(at + 1, decimal);
        }
        if matches!(b.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(b.get(at + 1), Some(b'+' | b'-')));
            if b.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
                kind = Kind::Real;
                at = digits(at + 1 + sign, decimal);
            }
        }
    }
    if b.get(at).copied().is_some_and(word_part) {
        return (Kind::Illegal, b[at..].iter().position(|&c| !word_part(c)).map_or(b.len(), |n| at + n));
    }
    (kind, at)
}

fn operator(b: &[u8]) -> usize {
    let at = |n: usize| b.get(n).copied().unwrap_or(0);
    match (b[0], at(1)) {
        (b'-' | b'#', b'>') if at(2) == b'>' => 3,
        (b'!', b'~') if at(2) == b'*' => 3,
        (b':', b':') | (b'|', b'|') | (b'=', b'=') | (b'~', b'*') => 2,
        (b'-' | b'#' | b'<' | b'>' | b'@', b'>') | (b'<', b'<' | b'@' | b'=') | (b'>' | b'!', b'=') | (b'!', b'~') => 2,
        // Beyond ASCII everything belongs to a word.
        _ => 1,
    }
}

/// The places of the statements, up to their semicolons (SQLite keeps what stands there of DDL); a trigger's body (BEGIN … END) belongs to its statement.
pub fn statements(sql: &str) -> Vec<Range<usize>> {
    // The common case, for which no second look at every token is needed.
    let end = memchr::memchr(b';', sql.as_bytes()).unwrap_or(sql.len());
    if sql[end..].trim_end().len() <= 1 {
        let first = next(&sql.as_bytes()[..end], &mut 0);
        return first.map(|token| token.at.start..end).into_iter().collect();
    }
    let mut out = Vec::new();
    let mut first = None;
    // Of the statement's first tokens; only a trigger's body holds semicolons.
    let (mut count, mut creates, mut trigger, mut depth) = (0, false, false, 0i32);
    let mut at = 0;
    while let Some(token) = next(sql.as_bytes(), &mut at) {
        if token.is_op(sql, ";") && !(trigger && depth > 0) {
            if let Some(start) = first.take() {
                out.push(start..token.at.start);
            }
            (count, creates, trigger, depth) = (0, false, false, 0);
            continue;
        }
        match count {
            0 => creates = token.is(sql, "CREATE"),
            1..4 => trigger |= creates && token.is(sql, "TRIGGER"),
            _ if !trigger => {}
            _ if token.is(sql, "BEGIN") || token.is(sql, "CASE") => depth += 1,
            _ if token.is(sql, "END") => depth -= 1,
            _ => {}
        }
        count += 1;
        first.get_or_insert(token.at.start);
    }
    if let Some(start) = first {
        out.push(start..sql.len());
    }
    out
}

/// A name without its quotes; strings, too, are names where SQLite takes a name.
pub fn unquote(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(q @ ('"' | '`' | '\'')) => {
            let inner = text[1..].strip_suffix(q).unwrap_or(&text[1..]);
            inner.replace(&format!("{q}{q}"), &q.to_string())
        }
        Some('[') => text[1..].trim_end_matches(']').to_owned(),
        _ => text.to_owned(),
    }
}

/// The texts of the items of the first result list of a statement: behind its outermost SELECT, or behind RETURNING.
pub fn result_items(sql: &str, returning: bool) -> Vec<String> {
    const ENDS: [&str; 11] = ["FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "RETURNING"];
    let tokens = tokens(sql);
    let (mut depth, mut items, mut started) = (0i32, Vec::new(), false);
    // An item goes up to the token behind it, comments and all (`sqlite3ExprListSetSpan`).
    let text_of = |start: usize, end: usize| sql[start..end].trim_ascii_end().to_owned();
    let mut item: Option<usize> = None;
    let mut end = sql.len();
    for (at, token) in tokens.iter().enumerate() {
        let text = token.text(sql);
        // IS DISTINCT FROM is no FROM.
        let operator = at > 0 && token.is(sql, "FROM") && tokens[at - 1].is(sql, "DISTINCT");
        if token.kind == Kind::Operator {
            match text {
                "(" => depth += 1,
                ")" => depth -= 1,
                // Prepared statements come with theirs.
                ";" => {
                    end = token.at.start;
                    break;
                }
                "," if depth == 0 && started => {
                    items.extend(item.take().map(|start| text_of(start, token.at.start)));
                    continue;
                }
                _ => {}
            }
        }
        let head = if returning { "RETURNING" } else { "SELECT" };
        if !started {
            started = depth == 0 && token.is(sql, head);
            continue;
        }
        if depth < 0 || (depth == 0 && !operator && token.kind == Kind::Word && ENDS.iter().any(|w| text.eq_ignore_ascii_case(w))) {
            end = token.at.start;
            break;
        }
        if item.is_none() && items.is_empty() && (token.is(sql, "DISTINCT") || token.is(sql, "ALL")) {
            continue;
        }
        item = item.or(Some(token.at.start));
    }
    items.extend(item.map(|start| text_of(start, end)));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(sql: &str) -> Vec<&str> {
        statements(sql).into_iter().map(|r| &sql[r]).collect()
    }

    #[test]
    fn splits_as_sqlite_does() {
        assert_eq!(parts("SELECT 1; -- x\n;; SELECT ';' ;"), ["SELECT 1", "SELECT ';' "]);
        let trigger = "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM t; END";
        assert_eq!(parts(&format!("{trigger}; SELECT 2")), [trigger, "SELECT 2"]);
        assert_eq!(parts("BEGIN; COMMIT"), ["BEGIN", "COMMIT"]);
        assert!(parts(" /* nothing */ -- at all").is_empty());
    }

    #[test]
    fn placeholders_only_where_they_are() {
        let sql = "SELECT '?', \"?\", [?], ?, ?12, :a, @b, $c -- ?\n/* ? */ x'00' 1.5e3 0x1F a->>'b'";
        let found: Vec<_> = tokens(sql).iter().filter(|t| t.kind == Kind::Placeholder).map(|t| t.text(sql).to_owned()).collect();
        assert_eq!(found, ["?", "?12", ":a", "@b", "$c"]);
    }

    #[test]
    fn names_of_result_items() {
        assert_eq!(result_items("SELECT DISTINCT a+1, count( * ), (select 1, 2) x FROM t", false), ["a+1", "count( * )", "(select 1, 2) x"]);
        assert_eq!(result_items("SELECT a IS NOT DISTINCT FROM 1, 2 FROM t", false), ["a IS NOT DISTINCT FROM 1", "2"]);
        assert_eq!(result_items("WITH a AS (SELECT 9) SELECT 1 , f(2,3)", false), ["1", "f(2,3)"]);
        assert_eq!(result_items("INSERT INTO t SELECT 1 RETURNING id, a||b", true), ["id", "a||b"]);
        assert_eq!(result_items("SELECT 1+1, f(2) ; ", false), ["1+1", "f(2)"]);
        assert_eq!(result_items("SELECT /*b*/ 1+1 /* c */ , 2 -- d\n FROM t", false), ["1+1 /* c */", "2 -- d"]);
    }

    #[test]
    fn any_text_ends() {
        for text in ["'", "\"", "[", "/*", "x'", "\u{e9}\u{20ac}", "::", "?", "1e", "1_", "-"] {
            let _ = (tokens(text), statements(text));
        }
    }
}
