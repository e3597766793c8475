//! Statements made at random: expressions of every family of SQLite's functions, and whole queries around them.
//!
//! What is made follows from a list of choices alone. A list that is shorter, or whose choices are smaller, makes a simpler
//! statement (the first of every set of forms is the simplest), so that a statement which fails is made small by making its list
//! small.

/// Values at the limits of their classes and between them.
const VALUES: [&str; 24] = [
    "1",
    "NULL",
    "0",
    "-1",
    "2",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "1.0",
    "2.5",
    "-0.5",
    "9007199254740992.0",
    "9223372036854775807.0",
    "''",
    "'a'",
    "'B'",
    "'1'",
    "'1.0'",
    "' 2 '",
    "'2024-01-31'",
    "'12:30:45.678'",
    "x'31'",
    "x''",
];
const INTEGERS: &[&str] = &["1", "NULL", "0", "-1", "2", "7", "9007199254740993", "9223372036854775807", "-9223372036854775808"];
const REALS: &[&str] = &["1.0", "NULL", "0.0", "2.5", "-0.5", "1e300", "9007199254740992.0", "0.1"];
const TEXTS: &[&str] = &["'a'", "NULL", "''", "'B'", "'1'", "'1.0'", "' 2 '", "'abc'", "'aBc'", "'1e2'", "'ä%_'"];
const FOLDED: &[&str] = &["'a'", "NULL", "'A'", "'b'", "'1'", "'aB'"];
const DATES: &[&str] =
    &["'2024-01-31'", "NULL", "'2023-12-31 23:59:59'", "'2024-02-29T12:00'", "'2000-01-01 00:00:00.5'", "'12:30'", "'no date'", "'1969-12-31'"];
const DOCUMENTS: &[&str] = &["'{\"a\":1}'", "NULL", "'[1,2.5,\"x\",null]'", "'{\"a\":{\"b\":[true]},\"c\":\"ä\"}'", "'7'", "'\"t\"'"];
const BLOBS: &[&str] = &["x'31'", "NULL", "x''", "x'00ff'", "x'6162'"];
const COMPARISONS: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "&", "|", "<<", ">>", "||"];
const PATTERNS: &[&str] = &["'a%'", "'%1%'", "'_'", "'%'", "'A_c'", "''"];
const GLOBS: &[&str] = &["'a*'", "'*1*'", "'?'", "'[a-c]*'", "'*'"];
const FORMATS: &[&str] = &["'%d'", "'%5d|'", "'%05d'", "'%s'", "'%-6s|'", "'%.3f'", "'%g'", "'%e'", "'%x'", "'%q'", "'%Q'", "'%c'", "'%,d'", "'%+d'"];
const MODIFIERS: &[&str] = &[
    "'+1 day'",
    "'-1 month'",
    "'start of month'",
    "'start of year'",
    "'weekday 1'",
    "'+1.5 hours'",
    "'-90 minutes'",
    "'+1 year'",
    "'ceiling'",
    "'floor'",
    "'unixepoch'",
    "'auto'",
    "'subsec'",
];
const STRFTIME: &[&str] = &["'%Y-%m-%d'", "'%H:%M:%f'", "'%j %w %u'", "'%s'", "'%G-W%V'", "'%e %I %p'", "'%J'"];
const PATHS: &[&str] = &["'$'", "'$.a'", "'$[0]'", "'$.a.b'", "'$[#-1]'", "'$.zz'"];

/// The table that most statements read, and the one that they join.
pub fn tables(choices: &mut Choices) -> Vec<String> {
    let mut statements = vec![
        "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, r REAL, s TEXT, n NUMERIC, x, c TEXT COLLATE NOCASE, b BLOB, d TEXT, j TEXT)".to_owned(),
        "CREATE TABLE u (id INTEGER PRIMARY KEY, i INTEGER, s TEXT, x, z TEXT COLLATE RTRIM)".to_owned(),
        "CREATE INDEX t_i ON t (i)".to_owned(),
        "CREATE INDEX u_s ON u (s)".to_owned(),
    ];
    let mut insert = |table: &str, count: usize, columns: &[&[&str]]| {
        for id in 1..=count {
            let values: Vec<&str> = columns.iter().map(|fits| choices.pick(fits)).collect();
            statements.push(format!("INSERT INTO {table} VALUES ({id}, {})", values.join(", ")));
        }
    };
    insert("t", 12, &[INTEGERS, REALS, TEXTS, &VALUES[..14], &VALUES, FOLDED, BLOBS, DATES, DOCUMENTS]);
    insert("u", 7, &[INTEGERS, TEXTS, &VALUES, &["'a'", "'a '", "NULL", "'b'", "' '"]]);
    statements
}

/// Where the choices come from: a seed at first, then what was chosen.
pub struct Choices {
    state: u64,
    replayed: Option<Vec<usize>>,
    made: Vec<usize>,
}

impl Choices {
    /// Endless ones (xorshift), so that a seed stands for the same statements on every machine.
    pub fn seeded(seed: u64) -> Choices {
        Choices { state: seed.max(1), replayed: None, made: Vec::new() }
    }

    /// Those of a list; behind its end all are the first.
    pub fn replaying(list: Vec<usize>) -> Choices {
        Choices { state: 1, replayed: Some(list), made: Vec::new() }
    }

    /// What was chosen since the last time that this was asked.
    pub fn take(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.made)
    }

    fn below(&mut self, n: usize) -> usize {
        let choice = match &self.replayed {
            Some(list) => list.get(self.made.len()).copied().unwrap_or(0) % n,
            None => {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                (self.state % n as u64) as usize
            }
        };
        self.made.push(choice);
        choice
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// One in so many.
    fn seldom(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

/// A statement, and whether all the order that it asks for is one.
pub fn statement(choices: &mut Choices) -> String {
    Statement { choices, within: &["t"] }.any()
}

/// Makes one statement, or a part of it.
struct Statement<'c> {
    choices: &'c mut Choices,
    /// The tables whose columns may be named.
    within: &'c [&'static str],
}

impl Statement<'_> {
    fn any(&mut self) -> String {
        match self.choices.below(9) {
            0..=2 => self.rows(),
            3 => self.joined(),
            4 => self.grouped(),
            5 => self.compound(),
            6 => self.windowed(),
            7 => self.nested(),
            _ => self.distinct(),
        }
    }

    fn rows(&mut self) -> String {
        let e = self.expression(3);
        let filter = if self.choices.seldom(2) { format!(" WHERE {}", self.expression(2)) } else { String::new() };
        match self.choices.below(3) {
            0 => format!("SELECT id, {e} AS e FROM t{filter} ORDER BY id"),
            1 => format!("SELECT id, {e} AS e FROM t{filter} ORDER BY iif({}, i, s){}, id", self.expression(1), self.direction()),
            _ => format!("SELECT id, {e} AS e FROM t{filter} ORDER BY e{}, id LIMIT 4 OFFSET {}", self.direction(), self.choices.below(3)),
        }
    }

    fn direction(&mut self) -> &'static str {
        self.choices.pick(&["", " DESC", " NULLS LAST", " DESC NULLS FIRST", " COLLATE NOCASE"])
    }

    fn joined(&mut self) -> String {
        let mut both = Statement { choices: self.choices, within: &["t", "u"] };
        let kind = both.choices.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let on = match both.choices.below(4) {
            0 => "t.i = u.i".to_owned(),
            1 => "t.x = u.s".to_owned(),
            2 => "t.c = u.z".to_owned(),
            // PostgreSQL joins in full by equality alone.
            _ if kind == "FULL JOIN" => "t.s = u.s".to_owned(),
            _ => both.expression(1),
        };
        let e = both.expression(2);
        let filter = if both.choices.seldom(2) { format!(" WHERE {}", both.expression(1)) } else { String::new() };
        format!("SELECT t.id, u.id, {e} AS e FROM t {kind} u ON {on}{filter} ORDER BY t.id, u.id")
    }

    fn aggregate(&mut self) -> String {
        let arg = self.expression(1);
        let filter = if self.choices.seldom(4) { format!(" FILTER (WHERE {})", self.expression(1)) } else { String::new() };
        match self.choices.below(8) {
            0 => format!("count({arg}){filter}"),
            1 => format!("count(DISTINCT {arg}){filter}"),
            2 => format!("min({arg}){filter}"),
            3 => format!("max({arg}){filter}"),
            4 => format!("sum({}){filter}", self.small_number()),
            5 => format!("avg({}){filter}", self.small_number()),
            6 => format!("total({}){filter}", self.small_number()),
            _ => format!("group_concat({}, ',' ORDER BY id){filter}", self.leaf()),
        }
    }

    /// What is added up must not depend on the order.
    fn small_number(&mut self) -> &'static str {
        self.choices.pick(&["id", "id * 0.5", "length(s)", "s", "i IS NULL", "round(r)", "CAST(s AS INTEGER)"])
    }

    fn grouped(&mut self) -> String {
        let key = if self.choices.seldom(3) { self.expression(1) } else { self.column() };
        let (first, second) = (self.aggregate(), self.aggregate());
        let having = if self.choices.seldom(3) { format!(" HAVING {} > 1", self.aggregate()) } else { String::new() };
        match self.choices.below(3) {
            0 => format!("SELECT {first} AS a, {second} AS b FROM t"),
            1 => format!("SELECT {first} AS a, {second} AS b FROM t GROUP BY {key}{having}"),
            _ => format!("SELECT {key} AS k, {first} AS a FROM t GROUP BY {key}{having} ORDER BY 2, 1"),
        }
    }

    fn compound(&mut self) -> String {
        let op = self.choices.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
        let left = self.expression(1);
        let right = Statement { choices: self.choices, within: &["u"] }.expression(1);
        // What a collation takes for the same has no order.
        let direction = self.choices.pick(&["", " DESC"]);
        match self.choices.below(3) {
            0 => format!("SELECT {left} AS e FROM t {op} SELECT {right} FROM u"),
            1 => format!("SELECT {left} AS e FROM t {op} SELECT {right} FROM u ORDER BY 1{direction}"),
            _ => format!("SELECT {left} AS e FROM t {op} SELECT {right} FROM u {} SELECT 1", self.choices.pick(&["UNION ALL", "EXCEPT"])),
        }
    }

    fn windowed(&mut self) -> String {
        let partition = if self.choices.seldom(2) { format!("PARTITION BY {} ", self.column()) } else { String::new() };
        let key = self.column();
        let direction = self.choices.pick(&["", " DESC", " NULLS LAST"]);
        let arg = self.leaf();
        let (call, framed) = match self.choices.below(12) {
            0 => ("row_number()".to_owned(), false),
            1 => ("rank()".to_owned(), false),
            2 => ("dense_rank()".to_owned(), false),
            3 => ("ntile(3)".to_owned(), false),
            4 => (format!("lag({arg}, {})", self.choices.below(3)), false),
            5 => (format!("lead({arg}, 1, {})", self.leaf()), false),
            6 => (format!("first_value({arg})"), true),
            7 => (format!("last_value({arg})"), true),
            8 => (format!("nth_value({arg}, 2)"), true),
            9 => (format!("count({arg})"), true),
            10 => (format!("min({arg})"), true),
            _ => ("sum(id)".to_owned(), true),
        };
        if framed && self.choices.seldom(3) {
            let start = self.choices.pick(&["UNBOUNDED PRECEDING", "2 PRECEDING", "CURRENT ROW"]);
            let end = self.choices.pick(&["CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"]);
            // Near the limits of the integers a distance makes reals of them.
            let key = self.choices.pick(&["id", "s", "c", "b", "r", "length(s)", "iif(id % 3, id, s)", "iif(id % 4, x'31', NULL)", "j"]);
            return format!("SELECT id, sum(id) OVER ({partition}ORDER BY {key}{direction} RANGE BETWEEN {start} AND {end}) AS w FROM t ORDER BY id");
        }
        let frame = if framed && self.choices.seldom(2) {
            let units = self.choices.pick(&["ROWS", "GROUPS"]);
            let start = self.choices.pick(&["UNBOUNDED PRECEDING", "2 PRECEDING", "CURRENT ROW"]);
            let end = self.choices.pick(&["CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"]);
            let exclude = self.choices.pick(&["", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES"]);
            format!(" {units} BETWEEN {start} AND {end}{exclude}")
        } else {
            String::new()
        };
        format!("SELECT id, {call} OVER ({partition}ORDER BY {key}{direction}, id{frame}) AS w FROM t ORDER BY id")
    }

    fn nested(&mut self) -> String {
        let (inner, filter) = (self.expression(2), self.expression(1));
        let test = self.comparison("e", 1);
        match self.choices.below(5) {
            0 => format!("SELECT id, e FROM (SELECT id, {inner} AS e, i, s FROM t) WHERE {test} ORDER BY id"),
            1 => format!("WITH w(id, e) AS (SELECT id, {inner} FROM t WHERE {filter}) SELECT id, e, typeof(e) FROM w ORDER BY id"),
            2 => format!("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i OR {filter}) ORDER BY id"),
            3 => format!("SELECT id, (SELECT {inner} FROM u WHERE u.id = t.id) AS e FROM t ORDER BY id"),
            _ => format!(
                "WITH RECURSIVE w(k, e) AS (SELECT 1, {} UNION ALL SELECT k + 1, {} FROM w WHERE k < 4) SELECT k, e FROM w ORDER BY k",
                self.value(),
                self.choices.pick(&["e", "e + 1", "e || 'x'", "coalesce(e, k)", "-e"]),
            ),
        }
    }

    fn distinct(&mut self) -> String {
        let e = self.expression(1);
        match self.choices.below(3) {
            0 => format!("SELECT DISTINCT {e} AS e FROM t"),
            1 => format!("SELECT DISTINCT {e} AS e FROM t ORDER BY 1{}", self.choices.pick(&["", " DESC"])),
            _ => format!("SELECT count(*) AS n FROM (SELECT DISTINCT {e}, {} FROM t)", self.column()),
        }
    }

    fn value(&mut self) -> &'static str {
        self.choices.pick(&VALUES)
    }

    fn column(&mut self) -> String {
        let table = self.within[self.choices.below(self.within.len())];
        let columns: &[&str] = if table == "t" { &["i", "r", "s", "n", "x", "c", "b", "id"] } else { &["i", "s", "x", "z", "id"] };
        let column = self.choices.pick(columns);
        if self.within == ["t"] { column.to_owned() } else { format!("{table}.{column}") }
    }

    fn leaf(&mut self) -> String {
        if self.choices.seldom(3) { self.value().to_owned() } else { self.column() }
    }

    fn comparison(&mut self, left: &str, depth: usize) -> String {
        format!("{left} {} {}", self.choices.pick(COMPARISONS), self.expression(depth - 1))
    }

    /// An expression of at most that many levels.
    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.choices.seldom(5) {
            return self.leaf();
        }
        let depth = depth - 1;
        match self.choices.below(8) {
            0 => self.leaf(),
            1 => self.predicate(depth),
            2 => format!("({} {} {})", self.expression(depth), self.choices.pick(ARITHMETIC), self.expression(depth)),
            3 => self.choice(depth),
            4 => self.text(depth),
            5 => self.number(depth),
            6 => self.date(),
            _ => self.document(depth),
        }
    }

    fn predicate(&mut self, depth: usize) -> String {
        let a = self.expression(depth);
        match self.choices.below(15) {
            0 | 1 => format!("({})", self.comparison(&a, depth + 1)),
            2 => format!("({a} IS NULL)"),
            3 => format!("({a} IN ({}, {}))", self.expression(depth), self.leaf()),
            4 => format!("({a} NOT IN (SELECT x FROM u))"),
            5 => format!("({a} IN (SELECT {} FROM u))", self.choices.pick(&["i", "s", "z", "id"])),
            6 => format!("({a} BETWEEN {} AND {})", self.leaf(), self.leaf()),
            7 => format!("({a} LIKE {})", self.choices.pick(PATTERNS)),
            8 => format!("({a} GLOB {})", self.choices.pick(GLOBS)),
            9 => format!("({a} COLLATE {} {} {})", self.choices.pick(&["NOCASE", "RTRIM", "BINARY"]), self.choices.pick(COMPARISONS), self.leaf()),
            10 => format!("(({a}, {}) {} ({}, {}))", self.leaf(), self.choices.pick(&COMPARISONS[..6]), self.leaf(), self.leaf()),
            11 => format!("(NOT {a})"),
            12 => format!("({a} {} {})", self.choices.pick(&["AND", "OR"]), self.expression(depth)),
            13 => format!("({a} IS {}TRUE)", self.choices.pick(&["", "NOT "])),
            _ => format!("EXISTS (SELECT 1 FROM u AS v WHERE v.i = {a})"),
        }
    }

    fn choice(&mut self, depth: usize) -> String {
        let (a, b) = (self.expression(depth), self.expression(depth));
        match self.choices.below(7) {
            0 => format!("coalesce({a}, {b})"),
            1 => format!("CASE WHEN {a} THEN {b} ELSE {} END", self.leaf()),
            2 => format!("CASE {a} WHEN {b} THEN {} WHEN {} THEN {} END", self.leaf(), self.leaf(), self.leaf()),
            3 => format!("nullif({a}, {b})"),
            4 => format!("iif({a}, {b}, {})", self.leaf()),
            5 => format!("ifnull({a}, {b})"),
            _ => format!("{}({a}, {b})", self.choices.pick(&["min", "max"])),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let a = self.expression(depth);
        match self.choices.below(14) {
            0 => format!("typeof({a})"),
            1 => format!("CAST({a} AS {})", self.choices.pick(&["TEXT", "INTEGER", "REAL", "NUMERIC"])),
            2 => format!("length({a})"),
            3 => format!("{}({a})", self.choices.pick(&["upper", "lower", "trim", "ltrim", "rtrim"])),
            4 => format!("substr({a}, {})", self.choices.pick(&["1", "2", "-2", "0", "id - 3"])),
            5 => format!("substr({a}, {}, {})", self.choices.pick(&["1", "-2", "0"]), self.choices.pick(&["2", "-1", "0"])),
            6 => format!("instr({a}, {})", self.leaf()),
            7 => format!("replace({a}, {}, 'xy')", self.leaf()),
            8 => format!("quote({a})"),
            9 => format!("hex({a})"),
            10 => format!("printf({}, {a})", self.choices.pick(FORMATS)),
            11 => format!("unicode({a})"),
            12 => format!("concat({a}, '-', {})", self.leaf()),
            _ => format!("trim({a}, {})", self.choices.pick(&["'a'", "' 1'", "''"])),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        let a = self.expression(depth);
        match self.choices.below(8) {
            0 => format!("(-{a})"),
            1 => format!("(+{a})"),
            2 => format!("(~{a})"),
            3 => format!("abs({a})"),
            4 => format!("round({a})"),
            5 => format!("round({a}, {})", self.choices.pick(&["1", "0", "-1", "3"])),
            6 => format!("sign({a})"),
            _ => format!("{}({a})", self.choices.pick(&["floor", "ceil", "trunc"])),
        }
    }

    fn date(&mut self) -> String {
        let source = match (self.within, self.choices.below(3)) {
            (["t"], 0) => "d".to_owned(),
            (["t"], 1) => self.column(),
            _ => self.choices.pick(DATES).to_owned(),
        };
        let modifiers = match self.choices.below(3) {
            0 => String::new(),
            1 => format!(", {}", self.choices.pick(MODIFIERS)),
            _ => format!(", {}, {}", self.choices.pick(MODIFIERS), self.choices.pick(MODIFIERS)),
        };
        match self.choices.below(5) {
            0 => format!("date({source}{modifiers})"),
            1 => format!("datetime({source}{modifiers})"),
            2 => format!("time({source}{modifiers})"),
            3 => format!("unixepoch({source}{modifiers})"),
            _ => format!("strftime({}, {source}{modifiers})", self.choices.pick(STRFTIME)),
        }
    }

    fn document(&mut self, depth: usize) -> String {
        let source = if self.within == ["t"] { "j" } else { self.choices.pick(DOCUMENTS) };
        match self.choices.below(10) {
            0 => format!("({source} ->> {})", self.choices.pick(PATHS)),
            1 => format!("({source} -> {})", self.choices.pick(PATHS)),
            2 => format!("json_extract({source}, {})", self.choices.pick(PATHS)),
            3 => format!("json_type({source}, {})", self.choices.pick(PATHS)),
            4 => format!("json_array_length({source})"),
            5 => format!("json_array({}, {})", self.plain(depth), self.plain(0)),
            6 => format!("json_object('k', {})", self.plain(depth)),
            7 => format!("json_set({source}, {}, {})", self.choices.pick(PATHS), self.plain(0)),
            8 => format!("json_valid({})", self.expression(depth)),
            _ => format!("json_quote({})", self.plain(depth)),
        }
    }

    /// What may stand in JSON: no blob.
    fn plain(&mut self, depth: usize) -> String {
        let e = self.expression(depth);
        if e.contains("b") || e.contains("x") { "s".to_owned() } else { e }
    }
}
