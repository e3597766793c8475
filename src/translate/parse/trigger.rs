//! CREATE TRIGGER (lang_createtrigger.html): its head and the places of its parts, found by tokens. The statements of the body
//! and the WHEN expression are left to the ordinary parser.

use super::scan::{self, Kind, Token};
use crate::error::{ClientError, SqlState};
use std::ops::Range;

/// When a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Before the row is changed; what SQLite takes when nothing is said.
    Before,
    /// After it.
    After,
    /// In place of a change of a view.
    InsteadOf,
}

impl Time {
    /// Its keywords.
    pub fn text(self) -> &'static str {
        match self {
            Time::Before => "BEFORE",
            Time::After => "AFTER",
            Time::InsteadOf => "INSTEAD OF",
        }
    }
}

/// What a trigger fires at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

impl Event {
    /// Its keyword.
    pub fn text(self) -> &'static str {
        match self {
            Event::Insert => "INSERT",
            Event::Update => "UPDATE",
            Event::Delete => "DELETE",
        }
    }
}

/// The text of a trigger, taken apart. Places are bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// CREATE TEMP TRIGGER.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The schema that qualifies its name.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Where the name stands, without its schema.
    pub name_at: Range<usize>,
    /// BEFORE, AFTER or INSTEAD OF.
    pub time: Time,
    /// INSERT, UPDATE or DELETE.
    pub event: Event,
    /// UPDATE OF: the columns.
    pub columns: Option<Vec<String>>,
    /// Where they stand.
    pub columns_at: Vec<usize>,
    /// The schema that qualifies the table.
    pub table_schema: Option<String>,
    /// The table or view.
    pub table: String,
    /// Where its name stands.
    pub table_at: Range<usize>,
    /// The WHEN expression.
    pub when: Option<Range<usize>>,
    /// The statements between BEGIN and END.
    pub steps: Vec<Range<usize>>,
    /// Where END ends.
    pub end: usize,
}

impl Trigger {
    /// Does an UPDATE of some columns fire it? Without a list every UPDATE does.
    pub fn watches(&self, columns: &[&str]) -> bool {
        self.columns.as_ref().is_none_or(|own| own.iter().any(|o| columns.iter().any(|c| c.eq_ignore_ascii_case(o))))
    }

    /// The text that `sqlite_schema` shows: from the name on, as SQLite keeps it.
    pub fn schema_text(&self, sql: &str) -> String {
        format!("CREATE TRIGGER {}", &sql[self.name_at.start..self.end])
    }
}

/// Takes a CREATE TRIGGER apart. Errors carry a byte position into `sql`.
pub fn parse(sql: &str) -> Result<Trigger, ClientError> {
    let tokens = scan::tokens(sql);
    let mut reader = Reader { sql, tokens: &tokens, at: 0 };
    reader.expect("CREATE")?;
    let temporary = reader.take("TEMP") || reader.take("TEMPORARY");
    reader.expect("TRIGGER")?;
    let if_not_exists = reader.take("IF");
    if if_not_exists {
        reader.expect("NOT")?;
        reader.expect("EXISTS")?;
    }
    let (mut name, mut name_at) = reader.name()?;
    let mut schema = None;
    if reader.take_op(".") {
        let (second, at) = reader.name()?;
        (schema, name, name_at) = (Some(name), second, at);
    }
    let time = if reader.take("BEFORE") {
        Time::Before
    } else if reader.take("AFTER") {
        Time::After
    } else if reader.take("INSTEAD") {
        reader.expect("OF")?;
        Time::InsteadOf
    } else {
        Time::Before
    };
    let event = [Event::Insert, Event::Update, Event::Delete].into_iter().find(|e| reader.take(e.text())).ok_or_else(|| reader.error())?;
    let (mut columns, mut columns_at) = (None, Vec::new());
    if event == Event::Update && reader.take("OF") {
        let mut list = Vec::new();
        while list.is_empty() || reader.take_op(",") {
            let (name, at) = reader.name()?;
            list.push(name);
            columns_at.push(at.start);
        }
        columns = Some(list);
    }
    reader.expect("ON")?;
    let (mut table, mut table_at) = reader.name()?;
    let mut table_schema = None;
    if reader.take_op(".") {
        let (second, at) = reader.name()?;
        (table_schema, table, table_at) = (Some(table), second, at);
    }
    if reader.take("FOR") {
        reader.expect("EACH")?;
        reader.expect("ROW")?;
    }
    let when = if reader.take("WHEN") { Some(reader.until(|r| r.is("BEGIN"))?) } else { None };
    reader.expect("BEGIN")?;
    let mut steps = Vec::new();
    while steps.is_empty() || !reader.is("END") {
        if reader.is("END") {
            return Err(reader.error());
        }
        steps.push(reader.until(|r| r.is_op(";"))?);
        reader.at += 1;
    }
    let end = tokens[reader.at].at.end;
    reader.at += 1;
    while reader.take_op(";") {}
    match reader.peek() {
        None => Ok(Trigger {
            temporary,
            if_not_exists,
            schema,
            name,
            name_at,
            time,
            event,
            columns,
            columns_at,
            table_schema,
            table,
            table_at,
            when,
            steps,
            end,
        }),
        Some(_) => Err(reader.error()),
    }
}

/// Is it a CREATE TRIGGER?
pub fn is_create(sql: &str, tokens: &[Token]) -> bool {
    tokens.first().is_some_and(|t| t.is(sql, "CREATE"))
        && tokens.iter().skip(1).find(|t| !t.is(sql, "TEMP") && !t.is(sql, "TEMPORARY")).is_some_and(|t| t.is(sql, "TRIGGER"))
}

struct Reader<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.is(self.sql, word))
    }

    fn is_op(&self, op: &str) -> bool {
        self.peek().is_some_and(|t| t.is_op(self.sql, op))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn take_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), ClientError> {
        if self.take(word) { Ok(()) } else { Err(self.error()) }
    }

    fn name(&mut self) -> Result<(String, Range<usize>), ClientError> {
        let token = self.peek().filter(|t| matches!(t.kind, Kind::Word | Kind::Quoted | Kind::String)).ok_or_else(|| self.error())?;
        self.at += 1;
        Ok((scan::unquote(token.text(self.sql)), token.at.clone()))
    }

    /// What stands up to a token outside parentheses; the reader stays at it.
    fn until(&mut self, end: impl Fn(&Self) -> bool) -> Result<Range<usize>, ClientError> {
        let first = self.at;
        let mut depth = 0usize;
        while self.peek().is_some() && !(depth == 0 && end(self)) {
            match self.tokens[self.at].text(self.sql) {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        if self.peek().is_none() || self.at == first {
            return Err(self.error());
        }
        Ok(self.tokens[first].at.start..self.tokens[self.at - 1].at.end)
    }

    /// SQLite's message for the token at hand.
    fn error(&self) -> ClientError {
        match self.peek() {
            Some(token) => ClientError::syntax(token.text(self.sql)).at(token.at.start),
            None => ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(self.sql.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_taken_apart() {
        let sql = "create temp trigger if not exists main.[a b] instead of update of x, \"Y\" on t for each row \
                   when (select 1) and case when 1 then new.x end begin select ';'; update t set x = 1 where (y); end ;";
        let trigger = parse(sql).unwrap();
        assert_eq!((trigger.name.as_str(), trigger.table.as_str(), trigger.schema.as_deref()), ("a b", "t", Some("main")));
        assert_eq!((trigger.time, trigger.event, trigger.temporary, trigger.if_not_exists), (Time::InsteadOf, Event::Update, true, true));
        assert_eq!(trigger.columns, Some(vec!["x".to_owned(), "Y".to_owned()]));
        assert_eq!(&sql[trigger.when.clone().unwrap()], "(select 1) and case when 1 then new.x end");
        let steps: Vec<&str> = trigger.steps.iter().map(|s| &sql[s.clone()]).collect();
        assert_eq!(steps, ["select ';'", "update t set x = 1 where (y)"]);
        assert!(trigger.schema_text(sql).starts_with("CREATE TRIGGER [a b] instead of") && trigger.schema_text(sql).ends_with("(y); end"));
        assert!(trigger.watches(&["y"]) && !trigger.watches(&["z"]));
    }

    #[test]
    fn errors_are_those_of_sqlite() {
        for (sql, message) in [
            ("create trigger x after insert on t for each statement begin select 1; end", "near \"statement\": syntax error"),
            ("create trigger x after insert on t begin end", "near \"end\": syntax error"),
            ("create trigger x after insert on t begin select 1 end", "incomplete input"),
            ("create trigger x after insert on t begin select 1; end x", "near \"x\": syntax error"),
            ("create trigger x after truncate on t begin select 1; end", "near \"truncate\": syntax error"),
        ] {
            assert_eq!(parse(sql).unwrap_err().message, message, "{sql}");
        }
    }
}
