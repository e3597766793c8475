//! SQLite's grammar on sqlparser: its operators' precedence (lang_expr.html), names and quotes.

use super::lex;
use sqlparser::ast::{BinaryOperator, DataType, Expr, Ident, ObjectName, Statement, UnaryOperator, Value, ValueWithSpan};
use sqlparser::dialect::{Dialect, Precedence, SQLiteDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use std::any::TypeId;

/// SQLite, with a listed set of PostgreSQL's own spellings (`::`, `$1`, ILIKE, RETURNING, DISTINCT ON, `#>`, `@>`, `~`).
#[derive(Debug)]
pub struct Sqlite;

const OR: u8 = 5;
const AND: u8 = 10;
const NOT: u8 = 15;
const EQUAL: u8 = 20;
const LESS: u8 = 21;
const BITS: u8 = 24;
const PLUS: u8 = 30;
const TIMES: u8 = 40;
const CONCAT: u8 = 45;
const COLLATE: u8 = 50;
const UNARY: u8 = 60;
const CAST: u8 = 70;
const PERIOD: u8 = 100;

/// Keywords that end a type's words.
const ENDS_TYPE: [Keyword; 14] = [
    Keyword::CONSTRAINT,
    Keyword::PRIMARY,
    Keyword::NOT,
    Keyword::NULL,
    Keyword::UNIQUE,
    Keyword::CHECK,
    Keyword::DEFAULT,
    Keyword::COLLATE,
    Keyword::REFERENCES,
    Keyword::GENERATED,
    Keyword::AS,
    Keyword::ON,
    Keyword::DEFERRABLE,
    Keyword::AUTOINCREMENT,
];

/// Types of PostgreSQL's own that need its parser (`timestamp with time zone`, arrays) stand behind `::` only.
fn word_is_native(token: &Token) -> bool {
    matches!(keyword(token), Keyword::INTERVAL | Keyword::ARRAY)
}

fn negatable(keyword: Keyword) -> bool {
    use Keyword::{BETWEEN, GLOB, ILIKE, IN, LIKE, MATCH, REGEXP};
    matches!(keyword, IN | LIKE | ILIKE | GLOB | MATCH | REGEXP | BETWEEN)
}

fn keyword(token: &Token) -> Keyword {
    if let Token::Word(w) = token
        && w.quote_style.is_none()
    {
        return w.keyword;
    }
    Keyword::NoKeyword
}

/// An unquoted word that sqlparser knows no keyword for.
fn is_word(token: &Token, text: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(text))
}

impl Dialect for Sqlite {
    // sqlparser asks for the dialect by type in many places; what it does for SQLite is wanted there.
    fn dialect(&self) -> TypeId {
        TypeId::of::<SQLiteDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        SQLiteDialect {}.is_delimited_identifier_start(ch)
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        SQLiteDialect {}.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        SQLiteDialect {}.is_identifier_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        let token = &parser.peek_token_ref().token;
        Some(Ok(match token {
            Token::Word(_) if is_word(token, "ISNULL") => EQUAL,
            Token::Word(_) => match keyword(token) {
                Keyword::OR => OR,
                Keyword::AND => AND,
                Keyword::NOT => match keyword(&parser.peek_nth_token_ref(1).token) {
                    Keyword::NULL if !begins_constraint(token) => EQUAL,
                    k if negatable(k) => EQUAL,
                    _ => 0,
                },
                Keyword::IS | Keyword::NOTNULL => EQUAL,
                Keyword::COLLATE => COLLATE,
                k if negatable(k) => EQUAL,
                _ => 0,
            },
            Token::Eq | Token::DoubleEq | Token::Neq => EQUAL,
            Token::Tilde | Token::TildeAsterisk | Token::ExclamationMarkTilde | Token::ExclamationMarkTildeAsterisk => EQUAL,
            Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => LESS,
            Token::Ampersand | Token::Pipe | Token::ShiftLeft | Token::ShiftRight => BITS,
            Token::AtArrow | Token::ArrowAt | Token::HashArrow | Token::HashLongArrow | Token::Question | Token::HashMinus => BITS,
            Token::Plus | Token::Minus => PLUS,
            Token::Mul | Token::Div | Token::Mod => TIMES,
            Token::StringConcat | Token::Arrow | Token::LongArrow => CONCAT,
            Token::DoubleColon => CAST,
            Token::Period => PERIOD,
            _ => 0,
        }))
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => PERIOD,
            Precedence::DoubleColon => CAST,
            Precedence::Between | Precedence::Eq | Precedence::Like | Precedence::Is => EQUAL,
            Precedence::AtTz | Precedence::MulDivModOp => TIMES,
            Precedence::PlusMinus => PLUS,
            Precedence::Xor | Precedence::Ampersand | Precedence::Caret | Precedence::Pipe | Precedence::Colon | Precedence::PgOther => BITS,
            Precedence::UnaryNot => NOT,
            Precedence::And => AND,
            Precedence::Or => OR,
        }
    }

    fn parse_data_type(&self, parser: &mut Parser) -> Option<Result<DataType, ParserError>> {
        // Any words are a type to SQLite, with up to two numbers behind them; what ends them begins a constraint.
        let word = |token: &Token| matches!(token, Token::Word(w) if !(w.quote_style.is_none() && ENDS_TYPE.contains(&w.keyword)));
        if !word(&parser.peek_token_ref().token) || word_is_native(&parser.peek_token_ref().token) {
            return None;
        }
        let mut name = String::new();
        while let Token::Word(w) = &parser.peek_token_ref().token
            && word(&parser.peek_token_ref().token)
        {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&w.value);
            parser.next_token();
        }
        if parser.consume_token(&Token::LParen) {
            name.push('(');
            while !parser.consume_token(&Token::RParen) {
                match parser.next_token().token {
                    Token::EOF => return Some(parser.expected("a closing parenthesis", parser.get_current_token().clone())),
                    other => name.push_str(&other.to_string()),
                }
            }
            name.push(')');
        }
        Some(Ok(DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new())))
    }

    fn supports_string_literal_column_names(&self) -> bool {
        true
    }

    fn parse_statement(&self, parser: &mut Parser) -> Option<Result<Statement, ParserError>> {
        SQLiteDialect {}.parse_statement(parser)
    }

    // `- + ~` bind tighter than everything but COLLATE and `::`; sqlparser's own levels differ per operator.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let op = match &parser.peek_token_ref().token {
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            Token::Tilde => UnaryOperator::BitwiseNot,
            // sqlparser tries a word as a type first, which takes longer than all the rest.
            Token::Word(w) if w.keyword != Keyword::NULL => return word_prefix(parser),
            // sqlparser takes VALUES here for a function.
            Token::LParen if keyword(&parser.peek_nth_token_ref(1).token) == Keyword::VALUES => return Some(values_prefix(parser)),
            _ => return literal_prefix(parser).map(Ok),
        };
        parser.next_token();
        Some(parser.parse_subexpr(UNARY).map(|expr| Expr::UnaryOp { op, expr: Box::new(expr) }))
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        let start = parser.peek_token_ref().token.clone();
        if is_word(&start, "ISNULL") {
            parser.next_token();
            return Some(Ok(Expr::IsNull(Box::new(expr.clone()))));
        }
        match keyword(&start) {
            Keyword::IS => Some(is_operator(parser, expr)),
            Keyword::BETWEEN => Some(between_operator(parser, expr, false)),
            Keyword::LIKE | Keyword::ILIKE | Keyword::GLOB | Keyword::MATCH | Keyword::REGEXP => {
                parser.next_token();
                Some(like_operator(parser, expr, keyword(&start), false))
            }
            Keyword::NOT => {
                let next = keyword(&parser.peek_nth_token_ref(1).token);
                if next == Keyword::BETWEEN {
                    parser.next_token();
                    return Some(between_operator(parser, expr, true));
                }
                matches!(next, Keyword::LIKE | Keyword::ILIKE | Keyword::GLOB | Keyword::MATCH | Keyword::REGEXP).then(|| {
                    parser.next_token();
                    parser.next_token();
                    like_operator(parser, expr, next, true)
                })
            }
            _ => None,
        }
    }

    fn supports_in_empty_list(&self) -> bool {
        true
    }

    fn supports_in_table_expression(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_start_transaction_modifier(&self) -> bool {
        true
    }

    fn supports_end_transaction_modifier(&self) -> bool {
        true
    }

    fn supports_asc_desc_in_column_definition(&self) -> bool {
        true
    }

    fn supports_dollar_placeholder(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_non_decimal_integer_literals(&self) -> bool {
        true
    }

    fn supports_cte_materialization(&self) -> bool {
        true
    }

    fn supports_cross_join_constraint(&self) -> bool {
        true
    }

    fn supports_comma_join_constraint(&self) -> bool {
        true
    }

    fn supports_insert_table_alias(&self) -> bool {
        true
    }

    fn supports_update_order_by(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        false
    }

    fn supports_double_eq_assignment(&self) -> bool {
        true
    }

    fn supports_indexed_by(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_cast_empty_data_type_to_unspecified(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_unterminated_block_comments(&self) -> bool {
        true
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn supports_create_table_select(&self) -> bool {
        true
    }

    fn supports_string_literal_column_alias(&self, _explicit: bool) -> bool {
        true
    }

    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        lex::reserved(kw)
    }

    fn is_column_alias(&self, kw: &Keyword, _parser: &mut Parser) -> bool {
        !lex::reserved(*kw) && !lex::join_word(*kw) && !negatable(*kw)
    }

    fn is_table_factor(&self, kw: &Keyword, _parser: &mut Parser) -> bool {
        !lex::reserved(*kw)
    }

    fn is_table_alias(&self, kw: &Keyword, _parser: &mut Parser) -> bool {
        !lex::reserved(*kw) && !lex::join_word(*kw) && *kw != Keyword::INDEXED
    }

    fn is_table_factor_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser) -> bool {
        explicit || self.is_table_alias(kw, parser)
    }

    fn supports_values_as_table_factor(&self) -> bool {
        false
    }
}

/// `a NOT NULL` is an operator in expressions, a constraint behind a column's DEFAULT.
fn begins_constraint(token: &Token) -> bool {
    matches!(token, Token::Word(w) if w.value == lex::CONSTRAINT_NOT)
}

/// A primary expression that begins with a word: a name of up to three parts, or a call. None for what sqlparser reads itself.
fn word_prefix(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let token = &parser.peek_token_ref().token;
    let calls = parser.peek_nth_token_ref(1).token == Token::LParen;
    match keyword(token) {
        Keyword::NoKeyword => {}
        Keyword::TRUE | Keyword::FALSE | Keyword::CAST | Keyword::CURRENT_DATE | Keyword::CURRENT_TIME | Keyword::CURRENT_TIMESTAMP => return None,
        word if lex::reserved(word) => return None,
        _ => {}
    }
    let Token::Word(first) = parser.next_token().token else { return None };
    let span = parser.get_current_token().span;
    let first = Ident { value: first.value, quote_style: first.quote_style, span };
    if calls {
        return Some(parser.parse_function(ObjectName::from(vec![first])));
    }
    if parser.peek_token_ref().token != Token::Period {
        return Some(Ok(Expr::Identifier(first)));
    }
    let mut parts = vec![first];
    while parser.consume_token(&Token::Period) {
        match parser.parse_identifier() {
            Ok(part) => parts.push(part),
            Err(error) => return Some(Err(error)),
        }
    }
    // A function of PostgreSQL's own may carry a schema.
    if parser.peek_token_ref().token == Token::LParen {
        return Some(parser.parse_function(ObjectName::from(parts)));
    }
    Some(Ok(Expr::CompoundIdentifier(parts)))
}

/// `(VALUES …)` as an operand.
fn values_prefix(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.next_token();
    let query = parser.parse_query()?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Subquery(query))
}

fn literal_prefix(parser: &mut Parser) -> Option<Expr> {
    let value = match &parser.peek_token_ref().token {
        Token::Number(text, long) => Value::Number(text.clone(), *long),
        Token::SingleQuotedString(text) => Value::SingleQuotedString(text.clone()),
        Token::HexStringLiteral(text) => Value::HexStringLiteral(text.clone()),
        Token::Placeholder(text) => Value::Placeholder(text.clone()),
        Token::Word(w) if w.keyword == Keyword::NULL => Value::Null,
        _ => return None,
    };
    let span = parser.next_token().span;
    Some(Expr::Value(ValueWithSpan { value, span }))
}

/// IS, IS NOT, IS [NOT] DISTINCT FROM, IS [NOT] NULL: operators of equality's level with any right side.
fn is_operator(parser: &mut Parser, expr: &Expr) -> Result<Expr, ParserError> {
    parser.next_token();
    let mut negated = parser.parse_keyword(Keyword::NOT);
    if parser.parse_keywords(&[Keyword::DISTINCT, Keyword::FROM]) {
        negated = !negated;
    }
    let left = Box::new(expr.clone());
    let right = Box::new(parser.parse_subexpr(EQUAL)?);
    let op = if negated { BinaryOperator::IsNot } else { BinaryOperator::Is };
    Ok(Expr::BinaryOp { left, op, right })
}

/// BETWEEN: its AND ends the lower bound, which may hold every operator that binds tighter than AND.
fn between_operator(parser: &mut Parser, expr: &Expr, negated: bool) -> Result<Expr, ParserError> {
    parser.next_token();
    let low = Box::new(parser.parse_subexpr(AND)?);
    parser.expect_keyword_is(Keyword::AND)?;
    let high = Box::new(parser.parse_subexpr(EQUAL)?);
    Ok(Expr::Between { expr: Box::new(expr.clone()), negated, low, high })
}

/// LIKE and its kin, with the optional ESCAPE.
fn like_operator(parser: &mut Parser, expr: &Expr, keyword: Keyword, negated: bool) -> Result<Expr, ParserError> {
    let left = Box::new(expr.clone());
    let right = Box::new(parser.parse_subexpr(EQUAL)?);
    let escape = if parser.parse_keyword(Keyword::ESCAPE) { Some(Box::new(parser.parse_subexpr(EQUAL)?)) } else { None };
    let made = match keyword {
        Keyword::LIKE => return Ok(Expr::Like { negated, any: false, expr: left, pattern: right, escape_char: escape }),
        Keyword::ILIKE => return Ok(Expr::ILike { negated, any: false, expr: left, pattern: right, escape_char: escape }),
        Keyword::GLOB => Expr::BinaryOp { left, op: BinaryOperator::Glob, right },
        Keyword::MATCH => Expr::BinaryOp { left, op: BinaryOperator::Match, right },
        _ => Expr::BinaryOp { left, op: BinaryOperator::Regexp, right },
    };
    Ok(if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(made))) } } else { made })
}
