//! Virtual tables (lang_createvtab.html): what the text of a CREATE VIRTUAL TABLE says, and how the backend's table keeps it.

mod fts3;
mod fts5;
mod vocabulary;

use super::{Column, Relation, RelationKind};
pub use vocabulary::Vocabulary;

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
    /// FTS5 (fts5.html), FTS4 or FTS3 (fts3.html).
    FullText(Box<FullText>),
    /// `rtree` or `rtree_i32` (rtree.html).
    Rtree(Rtree),
    /// `fts5vocab` or `fts4aux`: a view at the backend, which cannot be written.
    Vocabulary(Vocabulary),
}

/// The module that a full-text table is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `fts3`.
    Three,
    /// `fts4`.
    Four,
    /// `fts5`.
    Five,
}

/// What a full-text table was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullText {
    /// Its module.
    pub version: Version,
    /// Its columns, and whether each is UNINDEXED.
    pub columns: Vec<(String, bool)>,
    /// How it is cut into tokens.
    pub tokenizer: Tokenizer,
    /// Where its content is.
    pub content: Content,
    /// `contentless_delete=1`.
    pub contentless_delete: bool,
    /// Is the size of each document kept: has matchinfo() the letter `l`?
    pub sizes: bool,
    /// What FTS5's index says of where a term stands.
    pub detail: Detail,
}

/// What an FTS5 index says of where a term stands (fts5.html §4.6): what queries it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The column and the place.
    Full,
    /// The column.
    Column,
    /// Only the row.
    None,
}

impl FullText {
    fn of(version: Version) -> Self {
        FullText {
            version,
            columns: Vec::new(),
            tokenizer: Tokenizer::default(),
            content: Content::Own,
            contentless_delete: false,
            sizes: version != Version::Three,
            detail: Detail::Full,
        }
    }

    /// The name of the rowid that only FTS3 and FTS4 have.
    pub fn docid(&self) -> Option<&'static str> {
        (self.version != Version::Five).then_some("docid")
    }

    /// The hidden columns of FTS3 and FTS4 that the backend's table has not: the rowid's name, and the language, which is always 0.
    pub fn unstored(&self) -> &'static [&'static str] {
        if self.version == Version::Five { &[] } else { &["docid", "__langid"] }
    }

    /// The hidden columns: one named as the table, and where FTS5 keeps its `rank`.
    pub fn arguments<'a>(&self, table: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(table).chain((self.version == Version::Five).then_some("rank"))
    }
}

/// Where a full-text table has its content (fts5.html §4.4, fts3.html §6.2).
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

/// A tokenizer of SQLite's (fts5.html §4.3, fts3.html §8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenizer {
    /// `unicode61`, `ascii` or `trigram`; FTS3's `simple` is `ascii`.
    pub name: &'static str,
    /// `porter` around it.
    pub porter: bool,
    /// The stems are those of FTS3's `porter`.
    pub legacy: bool,
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
        Tokenizer {
            name: "unicode61",
            porter: false,
            legacy: false,
            diacritics: 1,
            tokenchars: String::new(),
            separators: String::new(),
            case_sensitive: false,
        }
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
            "fts3" => Ok(Module::FullText(Box::new(fts3::parse(declaration, Version::Three)?))),
            "fts4" => Ok(Module::FullText(Box::new(fts3::parse(declaration, Version::Four)?))),
            "fts5" => Ok(Module::FullText(Box::new(fts5::parse(declaration)?))),
            "rtree" => Ok(Module::Rtree(rtree(declaration, false)?)),
            "rtree_i32" => Ok(Module::Rtree(rtree(declaration, true)?)),
            "fts5vocab" => Ok(Module::Vocabulary(vocabulary::parse(declaration, true)?)),
            "fts4aux" => Ok(Module::Vocabulary(vocabulary::parse(declaration, false)?)),
            "fts3tokenize" | "geopoly" | "dbstat" | "csv" | "bytecode" | "tables_used" | "completion" => {
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
    pub fn full_text(&self) -> Option<&FullText> {
        match self {
            Module::FullText(fts5) => Some(fts5),
            Module::Rtree(_) | Module::Vocabulary(_) => None,
        }
    }
}

/// Tells a relation's columns what they are to its module: the ones that a name alone reaches, and those of the index, which nothing
/// does.
pub fn mark(relation: &mut Relation) {
    let Some(mut module) = relation.sql.as_deref().and_then(Module::of_text) else { return };
    if let Module::FullText(full_text) = &mut module {
        for column in &mut relation.columns {
            column.argument = full_text.arguments(&relation.name).any(|name| column.name.eq_ignore_ascii_case(name));
            if [TOKENS, ENDS].contains(&column.name.as_str()) {
                mark_internal(column);
            }
        }
        if full_text.columns.is_empty() {
            let own = relation.columns.iter().filter(|c| !c.argument && !c.hidden);
            full_text.columns = own.map(|c| (c.name.clone(), false)).collect();
        }
    }
    if let Module::Vocabulary(vocabulary) = &module {
        relation.kind = RelationKind::Table;
        relation.columns.iter_mut().for_each(|c| c.argument = vocabulary.kind.argument() == Some(c.name.as_str()));
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
        let Ok(Module::FullText(fts5)) = parse(sql) else { panic!("{:?}", parse(sql)) };
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
