//! SQLite's tokens as sqlparser's. A word is a keyword here only where it is one to SQLite, and the few shapes that sqlparser has
//! no room for are rewritten on the way, so that the parser behind it sees plain SQL. A token's column is its byte offset.

use super::scan::{self, Kind, Token as Scanned};
use crate::error::{ClientError, SqlState};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

/// The keyword that a bare word is to SQLite (`mkkeywordhash.c`); of PostgreSQL's, those that the dialect understands.
#[rustfmt::skip]
fn keyword(word: &str) -> Keyword {
    use Keyword as K;
    match Token::make_word(word, None) {
        Token::Word(Word { keyword, .. }) if matches!(keyword,
            K::ABORT | K::ACTION | K::ADD | K::AFTER | K::ALL | K::ALTER | K::ALWAYS | K::ANALYZE | K::AND | K::AS | K::ASC | K::ATTACH |
            K::AUTOINCREMENT | K::BEFORE | K::BEGIN | K::BETWEEN | K::BY | K::CASCADE | K::CASE | K::CAST | K::CHECK | K::COLLATE | K::COLUMN |
            K::COMMIT | K::CONFLICT | K::CONSTRAINT | K::CREATE | K::CROSS | K::CURRENT | K::CURRENT_DATE | K::CURRENT_TIME | K::CURRENT_TIMESTAMP |
            K::DATABASE | K::DEFAULT | K::DEFERRABLE | K::DEFERRED | K::DELETE | K::DESC | K::DETACH | K::DISTINCT | K::DO | K::DROP | K::EACH | K::ELSE
            | K::END | K::ESCAPE | K::EXCEPT | K::EXCLUDE | K::EXCLUSIVE | K::EXISTS | K::EXPLAIN | K::FAIL | K::FALSE | K::FILTER | K::FIRST |
            K::FOLLOWING | K::FOR | K::FOREIGN | K::FROM | K::FULL | K::GENERATED | K::GLOB | K::GROUP | K::GROUPS | K::HAVING | K::IF | K::IGNORE |
            K::ILIKE | K::IMMEDIATE | K::IN | K::INDEX | K::INDEXED | K::INITIALLY | K::INNER | K::INSERT | K::INSTEAD | K::INTERSECT | K::INTO | K::IS
            | K::JOIN | K::KEY | K::LAST | K::LEFT | K::LIKE | K::LIMIT | K::MATCH | K::MATERIALIZED | K::NATURAL | K::NO | K::NOT | K::NOTHING |
            K::NOTNULL | K::NULL | K::NULLS | K::OF | K::OFFSET | K::ON | K::OR | K::ORDER | K::OUTER | K::OVER | K::PARTITION | K::PLAN | K::PRAGMA |
            K::PRECEDING | K::PRIMARY | K::QUERY | K::RAISE | K::RANGE | K::RECURSIVE | K::REFERENCES | K::REGEXP | K::REINDEX | K::RELEASE | K::RENAME
            | K::REPLACE | K::RESTRICT | K::RETURNING | K::RIGHT | K::ROLLBACK | K::ROW | K::ROWID | K::ROWS | K::SAVEPOINT | K::SELECT | K::SET |
            K::STORED | K::STRICT | K::TABLE | K::TEMP | K::TEMPORARY | K::THEN | K::TIES | K::TO | K::TRANSACTION | K::TRIGGER | K::TRUE | K::UNBOUNDED
            | K::UNION | K::UNIQUE | K::UPDATE | K::USING | K::VACUUM | K::VALUES | K::VIEW | K::VIRTUAL | K::WHEN | K::WHERE | K::WINDOW | K::WITH |
            K::WITHIN | K::WITHOUT
        ) => keyword,
        _ => K::NoKeyword,
    }
}

/// Is it a keyword to SQLite, be it one that may stand for a name as well?
pub fn is_keyword(word: &str) -> bool {
    use Keyword as K;
    let own = ["ISNULL", "OTHERS"].iter().any(|w| w.eq_ignore_ascii_case(word));
    own || !matches!(keyword(word), K::NoKeyword | K::ILIKE | K::ROWID | K::STORED | K::STRICT)
}

/// Is it a word that SQLite never takes for a name without quotes (all keywords without a fallback in `parse.y`)?
#[rustfmt::skip]
pub(super) fn reserved(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(keyword,
        K::ADD | K::ALL | K::ALTER | K::AND | K::AS | K::AUTOINCREMENT | K::BETWEEN | K::CASE | K::CHECK | K::COLLATE | K::COMMIT | K::CONSTRAINT |
        K::CREATE | K::DEFAULT | K::DEFERRABLE | K::DELETE | K::DISTINCT | K::DROP | K::ELSE | K::ESCAPE | K::EXCEPT | K::EXISTS | K::FOREIGN |
        K::FROM | K::GROUP | K::HAVING | K::IN | K::INDEX | K::INSERT | K::INTERSECT | K::INTO | K::IS | K::JOIN | K::LIMIT | K::NOT | K::NOTHING |
        K::NOTNULL | K::NULL | K::ON | K::OR | K::ORDER | K::OVER | K::PRIMARY | K::REFERENCES | K::RETURNING | K::SELECT | K::SET | K::TABLE |
        K::THEN | K::TO | K::TRANSACTION | K::UNION | K::UNIQUE | K::UPDATE | K::USING | K::VALUES | K::WHEN | K::WHERE | K::WINDOW
    )
}

/// A word of a join's kind: a name elsewhere, but never an alias without AS.
pub(super) fn join_word(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(keyword, K::CROSS | K::FULL | K::INNER | K::LEFT | K::NATURAL | K::OUTER | K::RIGHT)
}

/// What a window's frame leaves out (lang_windowfunctions.html §2.3). sqlparser's frames have no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclude {
    /// The row itself.
    CurrentRow,
    /// The row and its peers.
    Group,
    /// The row's peers.
    Ties,
}

/// The EXCLUDE clauses of a text. Each is known by the place of the name that its window belongs to: the function's before
/// OVER, the window's own in a WINDOW clause.
pub fn exclusions(sql: &str, tokens: &[Scanned]) -> Vec<(usize, Exclude)> {
    let (mut open, mut out) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Operator if token.is_op(sql, "(") => open.push(at),
            Kind::Operator if token.is_op(sql, ")") => drop(open.pop()),
            Kind::Word if token.is(sql, "EXCLUDE") => {
                let exclude = match exclude_clause(sql, tokens, at) {
                    Some(Some(exclude)) => exclude,
                    _ => continue,
                };
                out.extend(open.last().and_then(|open| window_owner(sql, tokens, *open)).map(|owner| (owner, exclude)));
            }
            _ => {}
        }
    }
    out
}

/// The EXCLUDE clause that begins at a token and ends a window's parentheses; NO OTHERS is none.
fn exclude_clause(sql: &str, tokens: &[Scanned], at: usize) -> Option<Option<Exclude>> {
    let is = |n: usize, word: &str| tokens.get(at + n).is_some_and(|t| t.is(sql, word));
    let (exclude, length) = match () {
        () if is(1, "NO") && is(2, "OTHERS") => (None, 3),
        () if is(1, "CURRENT") && is(2, "ROW") => (Some(Exclude::CurrentRow), 3),
        () if is(1, "GROUP") => (Some(Exclude::Group), 2),
        () if is(1, "TIES") => (Some(Exclude::Ties), 2),
        () => return None,
    };
    tokens.get(at + length).is_some_and(|t| t.is_op(sql, ")")).then_some(exclude)
}

/// The place of the name that the window in the parentheses at `open` belongs to.
fn window_owner(sql: &str, tokens: &[Scanned], open: usize) -> Option<usize> {
    let before = open.checked_sub(1)?;
    if tokens[before].is(sql, "AS") {
        return Some(tokens[before.checked_sub(1)?].at.start);
    }
    // OVER stands behind a call, FILTER (…) perhaps between them.
    let mut name = opening(sql, tokens, before.checked_sub(1)?)?.checked_sub(1)?;
    if tokens[name].is(sql, "FILTER") {
        name = opening(sql, tokens, name.checked_sub(1)?)?.checked_sub(1)?;
    }
    Some(tokens[name].at.start)
}

/// The parenthesis that the one at `close` closes.
fn opening(sql: &str, tokens: &[Scanned], close: usize) -> Option<usize> {
    let mut depth = 0usize;
    for at in (0..=close).rev() {
        if tokens[at].is_op(sql, ")") {
            depth += 1;
        } else if tokens[at].is_op(sql, "(") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// sqlparser's tokens of a text.
pub(super) fn lex(sql: &str, tokens: &[Scanned]) -> Result<Vec<TokenWithSpan>, ClientError> {
    let first = |n: usize, words: &[&str]| tokens.get(n).is_some_and(|t| words.iter().any(|w| t.is(sql, w)));
    let statement = match () {
        () if first(0, &["CREATE"]) && (first(1, &["TABLE"]) || first(2, &["TABLE"])) => Verb::CreateTable,
        () if first(0, &["DELETE", "UPDATE"]) => Verb::Modify,
        () => Verb::Other,
    };
    let mut lexer = Lexer { sql, tokens, out: Vec::with_capacity(tokens.len() + 1), frames: vec![Frame::default()], verb: statement, limited: false };
    let mut at = 0;
    while at < tokens.len() {
        at = lexer.token(at)?;
    }
    Ok(lexer.out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    CreateTable,
    Modify,
    Other,
}

/// What the tokens within a pair of parentheses are.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// Behind FROM, before the clause that follows it.
    from: bool,
    /// The parentheses hold a part of a FROM clause.
    joins: bool,
    /// The constraints of a table, behind its columns.
    constraints: bool,
}

struct Lexer<'a> {
    sql: &'a str,
    tokens: &'a [Scanned],
    out: Vec<TokenWithSpan>,
    frames: Vec<Frame>,
    verb: Verb,
    /// Behind the LIMIT of an UPDATE or DELETE.
    limited: bool,
}

impl<'a> Lexer<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |t| t.text(self.sql))
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(self.sql, word))
    }

    fn any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(at, w))
    }

    fn op(&self, at: usize, op: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is_op(self.sql, op))
    }

    fn previous(&self, at: usize, words: &[&str]) -> bool {
        at.checked_sub(1).is_some_and(|p| self.any(p, words))
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn push(&mut self, at: usize, token: Token) {
        let place = &self.tokens[at].at;
        let location = |byte: usize| Location { line: 1, column: byte as u64 + 1 };
        self.out.push(TokenWithSpan { token, span: Span { start: location(place.start), end: location(place.end) } });
    }

    fn push_word(&mut self, at: usize, text: &str) {
        self.push(at, Token::make_word(text, None));
    }

    fn refused(&self, construct: &str, at: usize) -> ClientError {
        ClientError::refused(construct).at(self.tokens[at].at.start)
    }

    /// Takes the token at `at` and what belongs to it; gives the place of the next.
    fn token(&mut self, at: usize) -> Result<usize, ClientError> {
        let text = self.text(at);
        let token = match self.tokens[at].kind {
            Kind::Word => return self.word(at, text),
            Kind::Operator => return self.operator(at, text),
            Kind::Quoted => {
                let quote = text.chars().next();
                Token::Word(Word { value: scan::unquote(text), quote_style: quote, keyword: Keyword::NoKeyword })
            }
            Kind::String => Token::SingleQuotedString(scan::unquote(text)),
            Kind::Blob => Token::HexStringLiteral(text[2..text.len() - 1].to_owned()),
            Kind::Integer | Kind::Real => Token::Number(text.to_owned(), false),
            Kind::Placeholder => Token::Placeholder(text.to_owned()),
            Kind::Illegal => {
                let message = format!("unrecognized token: \"{text}\"");
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.tokens[at].at.start));
            }
        };
        self.push(at, token);
        Ok(at + 1)
    }

    fn word(&mut self, at: usize, text: &'a str) -> Result<usize, ClientError> {
        let keyword = keyword(text);
        let outer = self.frames.len() == 1;
        use Keyword as K;
        match keyword {
            // These three are keywords only where they can be nothing else (`analyzeWindowKeyword` and its kin in `tokenize.c`).
            K::WINDOW if !(self.name(at + 1) && self.is(at + 2, "AS")) => return Ok(self.plain(at, text)),
            K::OVER if !(at > 0 && self.op(at - 1, ")") && (self.op(at + 1, "(") || self.name(at + 1))) => return Ok(self.plain(at, text)),
            K::FILTER if !(at > 0 && self.op(at - 1, ")") && self.op(at + 1, "(")) => return Ok(self.plain(at, text)),
            K::TRUE | K::FALSE if self.op(at + 1, ".") || at > 0 && self.op(at - 1, ".") => return Ok(self.plain(at, text)),
            // IS DISTINCT FROM is no FROM.
            K::FROM if self.previous(at, &["DISTINCT"]) && self.previous(at - 1, &["IS", "NOT"]) => {}
            K::FROM => self.frame().from = true,
            K::WHERE
            | K::GROUP
            | K::HAVING
            | K::ORDER
            | K::WINDOW
            | K::UNION
            | K::EXCEPT
            | K::INTERSECT
            | K::SELECT
            | K::SET
            | K::RETURNING
            | K::VALUES => {
                self.frame().from = false;
            }
            K::LIMIT => {
                self.frame().from = false;
                self.limited |= outer && self.verb == Verb::Modify;
            }
            K::OFFSET if outer && self.limited => return Err(self.refused("OFFSET in an UPDATE or DELETE", at)),
            K::CROSS | K::FULL | K::INNER | K::LEFT | K::NATURAL | K::OUTER | K::RIGHT => {
                if let Some(next) = self.join(at)? {
                    return Ok(next);
                }
            }
            K::EXCLUDE if exclude_clause(self.sql, self.tokens, at).is_some() => {
                let mut next = at + 1;
                while !self.op(next, ")") {
                    next += 1;
                }
                return Ok(next);
            }
            K::REPLACE if at > 0 && self.is(at + 1, "INTO") && !self.previous(at, &["OR"]) => {
                for word in ["INSERT", "OR", "REPLACE"] {
                    self.push_word(at, word);
                }
                return Ok(at + 1);
            }
            // What a constraint says about conflicts is read by `conflict`.
            K::ON if self.is(at + 1, "CONFLICT") && self.verb == Verb::CreateTable && self.frames.len() == 2 => return Ok(at + 3),
            // SQLite reads it, and leaves it at that (foreignkeys.html §6).
            K::MATCH
                if self.verb == Verb::CreateTable
                    && self.frames.len() == 2
                    && self.name(at + 1)
                    && !self.previous(at, &["DEFERRABLE", "DEFERRED", "IMMEDIATE"]) =>
            {
                return Ok(at + 2);
            }
            // So it does with a timing that is no foreign key's.
            K::NOT | K::DEFERRABLE if self.verb == Verb::CreateTable && self.frames.len() == 2 && self.idle_timing(at).is_some() => {
                return Ok(self.idle_timing(at).unwrap_or(at + 1));
            }
            // Behind a DEFAULT it begins a constraint; the parser would take `DEFAULT (x) NOT NULL` for an expression.
            K::NOT if self.verb == Verb::CreateTable && self.frames.len() == 2 && self.is(at + 1, "NULL") => {
                self.push(at, Token::Word(Word { value: CONSTRAINT_NOT.to_owned(), quote_style: None, keyword }));
                return Ok(at + 1);
            }
            K::CONSTRAINT | K::PRIMARY | K::UNIQUE | K::CHECK | K::FOREIGN if self.verb == Verb::CreateTable && self.frames.len() == 2 => {
                self.table_constraint(at, keyword);
            }
            _ => {}
        }
        self.push(at, Token::Word(Word { value: text.to_owned(), quote_style: None, keyword }));
        Ok(at + 1)
    }

    /// Where `[NOT] DEFERRABLE [INITIALLY …]` ends that stands behind no REFERENCES of its column; None where it is no such thing.
    fn idle_timing(&self, at: usize) -> Option<usize> {
        let word = at + usize::from(self.is(at, "NOT"));
        if !self.is(word, "DEFERRABLE") {
            return None;
        }
        let mut depth = 0;
        for before in (0..at).rev() {
            if self.op(before, ")") {
                depth += 1;
            } else if depth > 0 {
                depth -= i32::from(self.op(before, "("));
            } else if self.is(before, "REFERENCES") {
                return None;
            } else if self.op(before, "(") || self.op(before, ",") {
                break;
            }
        }
        Some(word + if self.is(word + 1, "INITIALLY") { 3 } else { 1 })
    }

    fn plain(&mut self, at: usize, text: &str) -> usize {
        self.push(at, Token::Word(Word { value: text.to_owned(), quote_style: None, keyword: Keyword::NoKeyword }));
        at + 1
    }

    /// Can the token be a name (a string can, too)?
    fn name(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        match token.kind {
            Kind::Quoted | Kind::String => true,
            Kind::Word => {
                let keyword = keyword(token.text(self.sql));
                !reserved(keyword) || matches!(keyword, Keyword::WINDOW | Keyword::OVER)
            }
            _ => false,
        }
    }

    /// The words of a join in the order that sqlparser wants: NATURAL, its kind, OUTER, JOIN.
    fn join(&mut self, at: usize) -> Result<Option<usize>, ClientError> {
        let mut end = at;
        while self.any(end, &["CROSS", "FULL", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT"]) {
            end += 1;
        }
        if !self.is(end, "JOIN") || end == at + 1 {
            return Ok(None);
        }
        let has = |word: &str| (at..end).any(|i| self.is(i, word));
        let (natural, left, right, full, inner, cross) = (has("NATURAL"), has("LEFT"), has("RIGHT"), has("FULL"), has("INNER"), has("CROSS"));
        let outer = left || right || full;
        if end - at > 3 || (inner || cross) && (outer || has("OUTER")) || has("OUTER") && !outer {
            let words: Vec<String> = (at..end).map(|i| self.text(i).to_owned()).collect();
            let message = format!("unknown join type: {}", words.join(" "));
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.tokens[at].at.start));
        }
        let kind = match () {
            () if full || left && right => "FULL",
            () if left => "LEFT",
            () if right => "RIGHT",
            () => "INNER",
        };
        if natural {
            self.push_word(at, "NATURAL");
        }
        self.push_word(at, kind);
        Ok(Some(end))
    }

    /// Constraints of a table need no comma between them (`conslist` in `parse.y`).
    fn table_constraint(&mut self, at: usize, keyword: Keyword) {
        let named = at >= 2 && self.is(at - 2, "CONSTRAINT");
        if at > 0 && self.op(at - 1, ",") {
            self.frame().constraints = true;
        } else if self.frame().constraints && !(named && keyword != Keyword::CONSTRAINT) && !self.previous(at, &["CONSTRAINT"]) {
            self.push(at, Token::Comma);
        }
    }

    fn operator(&mut self, at: usize, text: &str) -> Result<usize, ClientError> {
        let token = match text {
            "(" => return Ok(self.open(at)),
            ")" => {
                self.frames.pop();
                Token::RParen
            }
            "," => {
                if self.frames.len() == 1 && self.limited {
                    return Err(self.refused("OFFSET in an UPDATE or DELETE", at));
                }
                if self.frame().joins {
                    // `(a, b)` within FROM; at the top of it sqlparser takes the comma.
                    self.push_word(at, "JOIN");
                    return Ok(at + 1);
                }
                Token::Comma
            }
            "." => Token::Period,
            "+" => Token::Plus,
            "-" => Token::Minus,
            "*" => Token::Mul,
            "/" => Token::Div,
            "%" => Token::Mod,
            "=" => Token::Eq,
            "==" => Token::DoubleEq,
            "<>" | "!=" => Token::Neq,
            "<" => Token::Lt,
            "<=" => Token::LtEq,
            ">" => Token::Gt,
            ">=" => Token::GtEq,
            "<<" => Token::ShiftLeft,
            ">>" => Token::ShiftRight,
            "&" => Token::Ampersand,
            "|" => Token::Pipe,
            "||" => Token::StringConcat,
            "~" => Token::Tilde,
            "->" => Token::Arrow,
            "->>" => Token::LongArrow,
            ";" => Token::SemiColon,
            "::" => Token::DoubleColon,
            "@>" => Token::AtArrow,
            "<@" => Token::ArrowAt,
            "#>" => Token::HashArrow,
            "#>>" => Token::HashLongArrow,
            "~*" => Token::TildeAsterisk,
            "!~" => Token::ExclamationMarkTilde,
            "!~*" => Token::ExclamationMarkTildeAsterisk,
            _ => {
                let message = format!("unrecognized token: \"{text}\"");
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.tokens[at].at.start));
            }
        };
        self.push(at, token);
        Ok(at + 1)
    }

    fn open(&mut self, at: usize) -> usize {
        let outer = *self.frame();
        let query = self.any(at + 1, &["SELECT", "VALUES", "WITH"]);
        let joins = outer.from && !query && (self.previous(at, &["FROM", "JOIN"]) || at > 0 && (self.op(at - 1, ",") || self.op(at - 1, "(")));
        // An aggregate without arguments may still say ORDER BY, which orders nothing.
        let call = at > 0 && self.is(at + 1, "ORDER") && self.name(at - 1) && !self.any(at - 1, &["OVER", "FILTER"]) && !self.previous(at, &["AS"]);
        self.push(at, Token::LParen);
        self.frames.push(Frame { from: joins, joins, constraints: false });
        if !call {
            return at + 1;
        }
        let mut depth = 1;
        let mut next = at + 1;
        while next < self.tokens.len() {
            match self.text(next) {
                "(" if self.op(next, "(") => depth += 1,
                ")" if self.op(next, ")") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            next += 1;
        }
        next
    }
}

/// The value of a NOT that begins a column's constraint.
pub(super) const CONSTRAINT_NOT: &str = "NOT ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_are_known_by_their_window() {
        let sql = "SELECT sum(a) FILTER (WHERE f(1)) OVER (ROWS 1 PRECEDING EXCLUDE TIES), max(a) OVER w FROM t WINDOW w AS (GROUPS 2 PRECEDING EXCLUDE GROUP)";
        let found = exclusions(sql, &scan::tokens(sql));
        assert_eq!(found, [(sql.find("sum").unwrap(), Exclude::Ties), (sql.find("w AS").unwrap(), Exclude::Group)]);
    }
}
