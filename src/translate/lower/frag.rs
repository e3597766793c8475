//! Pieces of PostgreSQL's text with slots in them.

use crate::translate::plan::{Demand, Part, Source, Template};

/// A piece of text. Every operator in it stands in parentheses, so pieces can be put together without thought of precedence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frag {
    template: Template,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Slot(Source, Demand),
}

impl Frag {
    /// Fixed text.
    pub fn text(text: impl Into<String>) -> Self {
        Frag { template: Template::fixed(text) }
    }

    /// A template as a piece.
    pub fn of(template: Template) -> Self {
        Frag { template }
    }

    /// A slot.
    pub fn slot(source: Source, demand: Demand) -> Self {
        let mut template = Template::default();
        template.slot(source, demand);
        Frag { template }
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) {
        self.template.push(text);
    }

    /// Appends a piece.
    pub fn append(&mut self, other: &Frag) {
        self.template.append(&other.template);
    }

    /// The template made of it.
    pub fn into_template(self) -> Template {
        self.template
    }

    /// The text, where no slot may be.
    pub fn into_fixed(self) -> Option<String> {
        self.template.slots.is_empty().then(|| self.template.printed(|_, _| {}))
    }

    /// What is left of the piece between a head and a tail; None when it does not start or end so.
    pub fn strip(&self, head: &Frag, tail: &str) -> Option<Frag> {
        let (head, mut rest) = (head.pieces(), self.pieces());
        let (last, whole) = head.split_last()?;
        if !rest.starts_with(whole) {
            return None;
        }
        rest.drain(..whole.len());
        let (Piece::Text(prefix), Piece::Text(text)) = (last, rest.first_mut()?) else { return None };
        *text = text.strip_prefix(prefix.as_str())?.to_owned();
        match rest.last_mut()? {
            Piece::Text(text) => *text = text.strip_suffix(tail)?.to_owned(),
            Piece::Slot(..) => return None,
        }
        let mut out = Frag::default();
        for piece in rest {
            match piece {
                Piece::Text(text) => out.push(&text),
                Piece::Slot(source, demand) => out.template.slot(source, demand),
            }
        }
        Some(out)
    }

    /// Text and slots in turn, slots with their contents.
    fn pieces(&self) -> Vec<Piece> {
        let slot = |at: &usize| Piece::Slot(self.template.slots[*at].source.clone(), self.template.slots[*at].demand);
        let piece = |part: &Part| match part {
            Part::Text(text) => Piece::Text(text.clone()),
            Part::Slot(at) => slot(at),
        };
        self.template.parts.iter().map(piece).collect()
    }

    /// Pieces with a separator between them.
    pub fn join(pieces: &[Frag], separator: &str) -> Self {
        let mut out = Frag::default();
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0 {
                out.push(separator);
            }
            out.append(piece);
        }
        out
    }
}

/// A piece as an SQL expression whose value is the piece's text, its slots written out as literals: for statements that the
/// backend puts together.
pub fn quoted(piece: &Frag) -> Frag {
    let mut out = Frag::text("concat(");
    for (i, part) in piece.pieces().into_iter().enumerate() {
        if i > 0 {
            out.push(", ");
        }
        match part {
            Piece::Text(text) => out.push(&super::literal_text(&text)),
            Piece::Slot(source, demand) => {
                out.push("quote_nullable(");
                out.template.slot(source, demand);
                out.push(&format!("), '::{}'", demand.type_name()));
            }
        }
    }
    out.push(")");
    out
}

/// A piece between two texts, which may have braces of their own.
pub fn wrapped(before: &str, piece: &Frag, after: &str) -> Frag {
    let mut out = Frag::text(before);
    out.append(piece);
    out.push(after);
    out
}

/// Text with each `{}` filled by the next piece.
pub fn fill(pattern: &str, pieces: &[&Frag]) -> Frag {
    let mut out = Frag::default();
    let mut pieces = pieces.iter();
    for (i, text) in pattern.split("{}").enumerate() {
        if i > 0 {
            // Braces of a name's own stay as they are.
            match pieces.next() {
                Some(piece) => out.append(piece),
                None => out.push("{}"),
            }
        }
        out.push(text);
    }
    out
}
