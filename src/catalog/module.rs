//! Virtual tables (lang_createvtab.html): what the text of a CREATE VIRTUAL TABLE says, and how the backend's table keeps it.

use super::{Column, Relation};

/// The tokens of a row of a full-text table, column after column.
pub const TOKENS: &str = "_fts_tokens";
/// How many of them there are up to each column's end.
pub const ENDS: &str = "_fts_ends";
/// The rowid of a virtual table at the backend.
pub const ROWID: &str = "_rowid_";

/// A CREATE VIRTUAL TABLE statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The database that qualifies the name.
    pub database: Option<String>,
    /// The table's name.
    pub name: String,
    /// The name's place in the text, in bytes.
    pub at: usize,
    /// The module's name, as written.
    pub module: String,
    /// The module's arguments, as written.
    pub arguments: Vec<String>,
}

/// A virtual table of a module that is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// FTS5 (fts5.html).
    Fts5(Box<Fts5>),
    /// `rtree` or `rtree_i32` (rtree.html).
    Rtree(Rtree),
}

/// What an FTS5 table was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fts5 {
    /// Its columns, and whether each is UNINDEXED.
    pub columns: Vec<(String, bool)>,
    /// How it is cut into tokens.
    pub tokenizer: Tokenizer,
    /// Where its content is.
    pub content: Content,
    /// `contentless_delete=1`.
    pub contentless_delete: bool,
}

/// Where an FTS5 table has its content (fts5.html §4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Content {
    /// In itself.
    #[default]
    Own,
    /// Nowhere.
    None,
    /// In another table, whose rowid column may be named.
    External(String, Option<String>),
}

/// A tokenizer of SQLite's (fts5.html §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenizer {
    /// `unicode61`, `ascii` or `trigram`.
    pub name: &'static str,
    /// `porter` around it.
    pub porter: bool,
    /// `remove_diacritics`, 0 to 2.
    pub diacritics: u8,
    /// Characters that are a token's.
    pub tokenchars: String,
    /// Characters that are none's.
    pub separators: String,
    /// A trigram that tells upper from lower case.
    pub case_sensitive: bool,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Tokenizer { name: "unicode61", porter: false, diacritics: 1, tokenchars: String::new(), separators: String::new(), case_sensitive: false }
    }
}

/// What an R*Tree was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtree {
    /// The id, then the smallest and the largest of each dimension.
    pub columns: Vec<String>,
    /// Auxiliary columns, with their declarations' rest.
    pub auxiliary: Vec<String>,
    /// `rtree_i32`: whole numbers.
    pub whole: bool,
}

/// Why a virtual table cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// SQLite's own error.
    Error(String),
    /// What is not understood here, by name.
    Refused(String),
}

impl Module {
    /// What a statement's module and arguments make.
    pub fn of(declaration: &Declaration) -> Result<Module, Fault> {
        match declaration.module.to_ascii_lowercase().as_str() {
            "fts5" => Ok(Module::Fts5(Box::new(fts5(declaration)?))),
            "rtree" => Ok(Module::Rtree(rtree(declaration, false)?)),
            "rtree_i32" => Ok(Module::Rtree(rtree(declaration, true)?)),
            "fts3" | "fts4" | "fts5vocab" | "fts3tokenize" | "fts4aux" | "geopoly" | "dbstat" | "csv" | "bytecode" | "tables_used" | "completion" => {
                Err(Fault::Refused(format!("the virtual table module {}", declaration.module)))
            }
            _ => Err(Fault::Error(format!("no such module: {}", declaration.module))),
        }
    }

    /// The module of a relation's recorded text; None for an ordinary table.
    pub fn of_text(sql: &str) -> Option<Module> {
        Declaration::parse(sql).and_then(|d| Module::of(&d).ok())
    }

    /// It as full-text search.
    pub fn fts5(&self) -> Option<&Fts5> {
        match self {
            Module::Fts5(fts5) => Some(fts5),
            Module::Rtree(_) => None,
        }
    }
}

/// Tells a relation's columns what they are to its module: the ones that a name alone reaches, and those of the index, which nothing
/// does.
pub fn mark(relation: &mut Relation) {
    let Some(module) = relation.sql.as_deref().and_then(Module::of_text) else { return };
    if module.fts5().is_some() {
        let own = relation.name.clone();
        for column in &mut relation.columns {
            column.argument = column.name.eq_ignore_ascii_case(&own) || column.name == "rank";
            if [TOKENS, ENDS].contains(&column.name.as_str()) {
                mark_internal(column);
            }
        }
    }
    relation.module = Some(module);
}

/// A column that the index keeps for itself.
pub fn mark_internal(column: &mut Column) {
    (column.hidden, column.generated) = (true, true);
}

impl Declaration {
    /// Parses a text; None when it is no CREATE VIRTUAL TABLE.
    pub fn parse(sql: &str) -> Option<Self> {
        let mut scan = Scan { sql, at: 0 };
        (scan.word("CREATE") && scan.word("VIRTUAL") && scan.word("TABLE")).then_some(())?;
        let if_not_exists = scan.word("IF") && scan.word("NOT") && scan.word("EXISTS");
        let (mut at, mut name) = scan.name()?;
        let mut database = None;
        if scan.symbol('.') {
            database = Some(name);
            (at, name) = scan.name()?;
        }
        scan.word("USING").then_some(())?;
        let (_, module) = scan.name()?;
        let arguments = if scan.symbol('(') { scan.arguments()? } else { Vec::new() };
        Some(Declaration { if_not_exists, database, name, at, module, arguments })
    }
}

/// A text, and how far it has been read.
struct Scan<'a> {
    sql: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn rest(&mut self) -> &str {
        loop {
            let rest = &self.sql[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = &self.sql[self.at..];
            if rest.starts_with("--") {
                self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else {
                return &self.sql[self.at..];
            }
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word)) && !rest[word.len()..].starts_with(is_word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len_utf8() } else { 0 };
        found
    }

    /// A name, and where it stands.
    fn name(&mut self) -> Option<(usize, String)> {
        let rest = self.rest();
        let (length, name) = match rest.chars().next()? {
            quote @ ('"' | '\'' | '`' | '[') => quoted(rest, quote)?,
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (length, rest[..length].to_owned())
            }
            _ => return None,
        };
        self.at += length;
        Some((self.at - length, name))
    }

    /// The arguments up to the closing parenthesis, cut at commas outside of quotes and parentheses.
    fn arguments(&mut self) -> Option<Vec<String>> {
        let (mut out, mut depth, mut start) = (Vec::new(), 0, self.at);
        loop {
            let rest = &self.sql[self.at..];
            let c = rest.chars().next()?;
            match c {
                '"' | '\'' | '`' | '[' => {
                    self.at += quoted(rest, c)?.0;
                    continue;
                }
                '(' => depth += 1,
                ')' | ',' if depth == 0 => {
                    let argument = self.sql[start..self.at].trim();
                    if !(argument.is_empty() && c == ')' && out.is_empty()) {
                        out.push(argument.to_owned());
                    }
                    start = self.at + 1;
                    if c == ')' {
                        self.at += 1;
                        return Some(out);
                    }
                }
                ')' => depth -= 1,
                _ => {}
            }
            self.at += c.len_utf8();
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// A quoted text at the start of another: its length, and what it stands for.
fn quoted(text: &str, open: char) -> Option<(usize, String)> {
    let close = if open == '[' { ']' } else { open };
    let (mut out, mut chars) = (String::new(), text.char_indices().skip(1).peekable());
    while let Some((at, c)) = chars.next() {
        if c != close {
            out.push(c);
        } else if open != '[' && chars.peek().is_some_and(|(_, next)| *next == close) {
            out.push(close);
            chars.next();
        } else {
            return Some((at + 1, out));
        }
    }
    None
}

/// A word of an argument, quoted or bare: what it stands for, whether it was quoted, and what follows it.
fn gobbled(text: &str) -> Option<(String, bool, &str)> {
    let first = text.chars().next()?;
    if matches!(first, '"' | '\'' | '`' | '[') {
        let (length, word) = quoted(text, first)?;
        return Some((word, true, text[length..].trim_start()));
    }
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())).unwrap_or(text.len());
    (length > 0).then(|| (text[..length].to_owned(), false, text[length..].trim_start()))
}

/// `sqlite3Fts5ConfigParse()`: each argument is a column with an option, or an option of the table.
fn fts5(declaration: &Declaration) -> Result<Fts5, Fault> {
    let error = |message: String| Err(Fault::Error(message));
    if declaration.name.eq_ignore_ascii_case("rank") {
        return error(format!("reserved fts5 table name: {}", declaration.name));
    }
    let mut out = Fts5::default();
    let (mut rowid, mut tokenized) = (None, false);
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
            "columnsize" => {
                if !flag(option)? {
                    return Err(Fault::Refused("columnsize=0".to_owned()));
                }
            }
            "detail" if value.eq_ignore_ascii_case("full") => {}
            "contentless_unindexed" | "locale" | "tokendata" if !flag(option)? => {}
            other => return Err(Fault::Refused(format!("{other}={value}"))),
        }
    }
    if out.contentless_delete && out.content != Content::None {
        return error("contentless_delete=1 requires a contentless table".to_owned());
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
            ("trigram", "remove_diacritics", "0") => {}
            ("trigram", "remove_diacritics", "1" | "2") => return Err(Fault::Refused("a trigram that removes diacritics".to_owned())),
            _ => return Err(wrong()),
        }
    }
    Ok(out)
}

/// `rtreeInit()`.
fn rtree(declaration: &Declaration, whole: bool) -> Result<Rtree, Fault> {
    let error = |message: &str| Err(Fault::Error(message.to_owned()));
    let mut out = Rtree { columns: Vec::new(), auxiliary: Vec::new(), whole };
    for argument in &declaration.arguments {
        let name = |text: &str| gobbled(text.trim_start()).map(|(name, _, _)| name).unwrap_or_default();
        match argument.strip_prefix('+') {
            Some(auxiliary) => out.auxiliary.push(name(auxiliary)),
            None if !out.auxiliary.is_empty() => return error("Auxiliary rtree columns must be last"),
            None => out.columns.push(name(argument)),
        }
    }
    match out.columns.len() {
        0..3 => error("Too few columns for an rtree table"),
        12.. => error("Too many columns for an rtree table"),
        n if n % 2 == 0 => error("Wrong number of columns for an rtree table"),
        _ => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Result<Module, Fault> {
        Module::of(&Declaration::parse(sql).expect("a CREATE VIRTUAL TABLE"))
    }

    #[test]
    fn arguments_are_cut_at_commas_of_their_own() {
        let sql = "create virtual table if not exists main.\"a b\" using fts5(x, [y z] unindexed, tokenize = 'porter unicode61 tokenchars ''-_''')";
        let declaration = Declaration::parse(sql).expect("a CREATE VIRTUAL TABLE");
        assert_eq!((declaration.name.as_str(), declaration.database.as_deref()), ("a b", Some("main")));
        let Ok(Module::Fts5(fts5)) = parse(sql) else { panic!("{:?}", parse(sql)) };
        assert_eq!(fts5.columns, [("x".to_owned(), false), ("y z".to_owned(), true)]);
        assert_eq!((fts5.tokenizer.porter, fts5.tokenizer.tokenchars.as_str()), (true, "-_"));
    }

    #[test]
    fn faults_are_sqlites() {
        let fault = |sql: &str| match parse(sql) {
            Err(Fault::Error(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault("CREATE VIRTUAL TABLE t USING nothing(a)"), "no such module: nothing");
        assert_eq!(fault("CREATE VIRTUAL TABLE t USING fts5(a, b = c)"), "unrecognized option: \"b\"");
        assert_eq!(fault("CREATE VIRTUAL TABLE t USING fts5(a hidden)"), "unrecognized column option: hidden");
        assert_eq!(fault("CREATE VIRTUAL TABLE t USING rtree(id, a, b, c)"), "Wrong number of columns for an rtree table");
    }
}
