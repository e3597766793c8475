//! OVER: named windows and inline ones.

use super::{Binder, Bound};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Frame, FrameBound, Window};
use crate::value::Value;
use sqlparser::ast::{Expr, NamedWindowDefinition, NamedWindowExpr, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType};

impl Binder<'_> {
    /// The window of a call; `owner` is the place of the name that an inline window belongs to.
    pub(super) fn window(&mut self, over: &WindowType, owner: usize, named: &[NamedWindowDefinition]) -> Bound<Window> {
        match over {
            WindowType::WindowSpec(spec) => self.window_spec(spec, owner, named),
            WindowType::NamedWindow(name) => {
                let definition = named.iter().find(|d| d.0.value.eq_ignore_ascii_case(&name.value));
                let definition = definition
                    .ok_or_else(|| ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such window: {}", name.value)).at(self.at(name.span)))?;
                match &definition.1 {
                    NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, self.at(definition.0.span), named),
                    NamedWindowExpr::NamedWindow(other) => self.window(&WindowType::NamedWindow(other.clone()), owner, &[]),
                }
            }
        }
    }

    fn window_spec(&mut self, spec: &WindowSpec, owner: usize, named: &[NamedWindowDefinition]) -> Bound<Window> {
        let mut window = match &spec.window_name {
            Some(name) => {
                let base = self.window(&WindowType::NamedWindow(name.clone()), owner, named)?;
                let clause = match () {
                    () if !spec.partition_by.is_empty() => Some("PARTITION clause"),
                    () if !spec.order_by.is_empty() && !base.order.is_empty() => Some("ORDER BY clause"),
                    () if base.frame.is_some() => Some("frame specification"),
                    () => None,
                };
                if let Some(clause) = clause {
                    let message = format!("cannot override {clause} of window: {}", name.value);
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(name.span)));
                }
                base
            }
            None => Window { partition: Vec::new(), order: Vec::new(), frame: None },
        };
        for expr in &spec.partition_by {
            window.partition.push(self.expr(expr)?);
        }
        for item in &spec.order_by {
            window.order.push(self.order_item(item)?);
        }
        if let Some(frame) = &spec.window_frame {
            let exclude = self.excludes.iter().find(|(at, _)| *at == owner).map(|(_, exclude)| *exclude);
            let start = self.frame_bound(&frame.start_bound)?;
            let end = frame.end_bound.as_ref().map(|b| self.frame_bound(b)).transpose()?;
            check_frame(frame.units, &start, end.as_ref(), window.order.len()).map_err(|e| e.at(owner))?;
            window.frame = Some(Frame { units: frame.units, start, end, exclude });
        }
        Ok(window)
    }

    fn frame_bound(&mut self, bound: &WindowFrameBound) -> Bound<FrameBound> {
        // sqlparser takes a string here for an interval.
        let mut distance = |e: &Option<Box<Expr>>| match e.as_deref() {
            Some(Expr::Interval(interval)) => self.expr(&interval.value).map(Some),
            Some(e) => self.expr(e).map(Some),
            None => Ok(None),
        };
        Ok(match bound {
            WindowFrameBound::CurrentRow => FrameBound::CurrentRow,
            WindowFrameBound::Preceding(e) => FrameBound::Preceding(distance(e)?),
            WindowFrameBound::Following(e) => FrameBound::Following(distance(e)?),
        })
    }
}

/// SQLite's own rules for a frame (`sqlite3WindowAlloc`, `windowCheckValue` in `window.c`).
fn check_frame(units: WindowFrameUnits, start: &FrameBound, end: Option<&FrameBound>, terms: usize) -> Bound<()> {
    let error = |message: &str| Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
    let end_or_current = end.unwrap_or(&FrameBound::CurrentRow);
    let starts_late = matches!(
        (start, end_or_current),
        (FrameBound::Following(None), _)
            | (_, FrameBound::Preceding(None))
            | (FrameBound::CurrentRow, FrameBound::Preceding(_))
            | (FrameBound::Following(_), FrameBound::Preceding(_) | FrameBound::CurrentRow)
    );
    if starts_late {
        return error("unsupported frame specification");
    }
    for (bound, which) in [(Some(start), "starting"), (end, "ending")] {
        let Some(FrameBound::Preceding(Some(distance)) | FrameBound::Following(Some(distance))) = bound else { continue };
        let range = units == WindowFrameUnits::Range;
        if range && terms != 1 {
            return error("RANGE with offset PRECEDING/FOLLOWING requires one ORDER BY expression");
        }
        let fits = match distance.constant() {
            Some(Value::Integer(n)) => *n >= 0,
            Some(Value::Real(x)) => *x >= 0.0 && (range || x.fract() == 0.0),
            Some(Value::Text(text)) => !range && text.parse::<u64>().is_ok(),
            Some(_) => false,
            None => true,
        };
        if !fits {
            return error(&format!("frame {which} offset must be a non-negative {}", if range { "number" } else { "integer" }));
        }
    }
    Ok(())
}
