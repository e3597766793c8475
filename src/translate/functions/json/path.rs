//! Paths (json1.html §2.1, §4.10): `$.key[0][#-1]`, and what stands to the right of `->` and `->>`.

use super::document;
use crate::translate::lower::{Frag, Lower, Lowered, fill, literal_text};
use crate::translate::tree::{Class, Expr};
use crate::value::Value;

/// The element that a path leads to.
pub(super) fn follow(lower: &mut Lower, document: Frag, path: &Expr) -> Lowered {
    if let Some(Value::Text(text)) = path.constant()
        && let Some(steps) = steps(text)
    {
        return along(lower, document, &steps);
    }
    let path = lower.text(path)?;
    lower.call("j_get", &[&document, &path])
}

/// `->` gives JSON, `->>` (`value`) the element with its storage class.
pub fn arrow(lower: &mut Lower, left: &Expr, right: &Expr, value: bool) -> Lowered {
    let document = document(lower, left)?;
    let element = match right.constant().map(constant_arrow) {
        Some(Some(steps)) => along(lower, document, &steps)?,
        _ => {
            let path = dynamic_arrow(lower, right)?;
            lower.call("j_get", &[&document, &path])?
        }
    };
    if value {
        return lower.call("j_any", &[&element]);
    }
    lower.call("j_min", &[&fill("({})::text", &[&element])])
}

/// The path that a right operand stands for, as it is found at run time.
fn dynamic_arrow(lower: &mut Lower, right: &Expr) -> Lowered {
    match right.ty.class {
        Class::Bool | Class::Integer => {
            let index = lower.integer(right)?;
            lower.call("j_arrow_int", &[&index])
        }
        Class::Number | Class::Dynamic => {
            let index = lower.carried(right, Class::Dynamic)?;
            lower.call("j_arrow_any", &[&index])
        }
        _ => {
            let label = lower.text(right)?;
            lower.call("j_arrow", &[&label])
        }
    }
}

/// The steps that a constant right operand stands for; None where they are left to the helper.
fn constant_arrow(value: &Value) -> Option<Vec<String>> {
    if let Value::Integer(n) = value {
        return Some(vec![if *n < 0 { format!("[#{n}") } else { format!("[{n}") }]);
    }
    let text = value.text()?;
    if text.starts_with('$') {
        return steps(&text);
    }
    if text.starts_with('[') && text.ends_with(']') && text.len() >= 3 {
        return steps(&format!("${text}"));
    }
    // A NUL is refused where the text is printed.
    (!text.is_empty() && !text.contains(['"', '\\', '\0'])).then(|| vec![format!(".{text}")])
}

/// Steps, each of them `.key`, `[index` or `[#-index`.
fn along(lower: &mut Lower, document: Frag, steps: &[String]) -> Lowered {
    if steps.is_empty() {
        return Ok(document);
    }
    let steps: Vec<String> = steps.iter().map(|s| literal_text(s)).collect();
    lower.call("j_at", &[&document, &Frag::text(format!("ARRAY[{}]::text[]", steps.join(", ")))])
}

/// The steps of a path that is right throughout. What is wrong in one is an error only where the document leads there, so it is
/// left to be found.
fn steps(path: &str) -> Option<Vec<String>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, tail) = if let Some(quoted) = rest.strip_prefix(".\"") {
            let (key, tail) = quoted.split_once('"')?;
            (format!(".{key}"), tail)
        } else if let Some(plain) = rest.strip_prefix('.') {
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            (format!(".{}", &plain[..end]), &plain[end..])
        } else {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            let digits = index.strip_prefix("#-").unwrap_or(index);
            if index != "#" && (digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit())) {
                return None;
            }
            (format!("[{index}"), tail)
        };
        if step == "." || step.contains(['\\', '\0']) {
            return None;
        }
        steps.push(step);
        rest = tail;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_its_steps() {
        let made = |path| steps(path).map(|s| s.join(" "));
        for (path, wanted) in [
            ("$", Some("")),
            ("$.a.\"b.c\"[0][#-1][#]", Some(".a .b.c [0 [#-1 [#")),
            ("$[", None),
            ("$.", None),
            ("$[-1]", None),
            ("a", None),
            (r#"$."a\"b""#, None),
        ] {
            assert_eq!(made(path).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn an_arrow_takes_an_index_a_label_or_a_path() {
        let made = |value| constant_arrow(&value).map(|s| s.join(" "));
        assert_eq!(made(Value::Integer(-2)).as_deref(), Some("[#-2"));
        assert_eq!(made(Value::Text("a.b".into())).as_deref(), Some(".a.b"));
        assert_eq!(made(Value::Text("[2]".into())).as_deref(), Some("[2"));
        assert_eq!(made(Value::Text("$.a[1]".into())).as_deref(), Some(".a [1"));
        assert_eq!(made(Value::Null), None);
    }
}
