//! GLOB and LIKE patterns (lang_expr.html §"The LIKE, GLOB, REGEXP, MATCH, and extract operators") for PostgreSQL.

/// What a constant GLOB pattern becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glob {
    /// A LIKE pattern, case-sensitive, whose escape character is the backslash.
    Like(String),
    /// An anchored regular expression of PostgreSQL (ARE), for `~`.
    Regex(String),
    /// It matches nothing.
    Never,
}

/// Translates a GLOB pattern: to LIKE, which an index on a prefix serves, unless it has character sets.
pub fn glob(pattern: &str) -> Glob {
    match parse(pattern) {
        None => Glob::Never,
        Some(parts) if parts.iter().any(|p| matches!(p, Part::Set { .. })) => Glob::Regex(regex(&parts)),
        Some(parts) => Glob::Like(parts.iter().fold(String::new(), |mut like, part| {
            match part {
                Part::Any => like.push('%'),
                Part::One => like.push('_'),
                Part::Literal(c) => {
                    if matches!(c, '%' | '_' | '\\') {
                        like.push('\\');
                    }
                    like.push(*c);
                }
                Part::Set { .. } => unreachable!("sets go to the regular expression"),
            }
            like
        })),
    }
}

/// The text that every match of a LIKE pattern starts with, and whether the pattern is that text alone, a `%` and nothing more.
pub fn like_prefix(pattern: &str, escape: Option<char>) -> (String, bool) {
    let mut prefix = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == escape => match rest.next() {
                Some(c) => prefix.push(c),
                None => return (prefix, false),
            },
            '%' => return (prefix, rest.as_str().is_empty()),
            '_' => return (prefix, false),
            c => prefix.push(c),
        }
    }
    (prefix, false)
}

enum Part {
    Any,
    One,
    Literal(char),
    Set { negated: bool, items: Vec<Item> },
}

enum Item {
    One(char),
    Range(char, char),
}

/// None when a set is not closed, which matches nothing.
fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One,
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut items = Vec::new();
                items.extend(chars.next_if_eq(&']').map(Item::One));
                // A dash starts a range only after a single character that no range has used up.
                let mut low = None;
                loop {
                    match (chars.next()?, low) {
                        (']', _) => break,
                        ('-', Some(from)) if chars.peek().is_some_and(|c| *c != ']') => {
                            let to = chars.next()?;
                            // A backwards range still holds its start, which stands in the set by itself.
                            if from <= to {
                                items.pop();
                                items.push(Item::Range(from, to));
                            }
                            low = None;
                        }
                        (c, _) => {
                            items.push(Item::One(c));
                            low = Some(c);
                        }
                    }
                }
                Part::Set { negated, items }
            }
            c => Part::Literal(c),
        });
    }
    Some(parts)
}

fn regex(parts: &[Part]) -> String {
    let mut regex = String::from("^");
    for part in parts {
        match part {
            Part::Any => regex.push_str(".*"),
            Part::One => regex.push('.'),
            Part::Literal(c) => escape(*c, &mut regex),
            Part::Set { negated, items } => {
                if items.is_empty() {
                    regex.push_str(if *negated { "." } else { "(?!)" });
                    continue;
                }
                regex.push_str(if *negated { "[^" } else { "[" });
                for item in items {
                    match item {
                        Item::One(c) => escape(*c, &mut regex),
                        Item::Range(a, b) => {
                            escape(*a, &mut regex);
                            regex.push('-');
                            escape(*b, &mut regex);
                        }
                    }
                }
                regex.push(']');
            }
        }
    }
    regex + "$"
}

fn escape(c: char, regex: &mut String) {
    if c.is_ascii_punctuation() {
        regex.push('\\');
    }
    regex.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_where_it_can() {
        assert_eq!(glob("a*b?c%"), Glob::Like("a%b_c\\%".to_owned()));
        assert_eq!(glob("a[0-9]*"), Glob::Regex("^a[0-9].*$".to_owned()));
        assert_eq!(glob("[^]x-]"), Glob::Regex("^[^\\]x\\-]$".to_owned()));
        assert_eq!(glob("a[bc"), Glob::Never);
    }

    #[test]
    fn prefixes() {
        assert_eq!(like_prefix("abc%", None), ("abc".to_owned(), true));
        assert_eq!(like_prefix("a!%b_", Some('!')), ("a%b".to_owned(), false));
    }
}
