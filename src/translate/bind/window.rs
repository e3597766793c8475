//! OVER: named windows and inline ones.

use super::{Binder, Bound};
use crate::catalog::Affinity;
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Expr as Bounded, Frame, FrameBound, Kind, Window};
use crate::value::Value;
use sqlparser::ast::{Expr, Ident, NamedWindowDefinition, NamedWindowExpr, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType};

impl Binder<'_> {
    /// A WINDOW clause with each definition that names an earlier one made whole (`sqlite3WindowChain`); the first names none.
    pub(super) fn chained(&self, clause: &[NamedWindowDefinition]) -> Bound<Vec<NamedWindowDefinition>> {
        let mut whole: Vec<NamedWindowDefinition> = Vec::with_capacity(clause.len());
        for definition in clause {
            let mut definition = definition.clone();
            if let NamedWindowExpr::WindowSpec(spec) = &mut definition.1
                && let Some(name) = spec.window_name.take()
                && !whole.is_empty()
            {
                let base = whole.iter().rev().find(|d| d.0.value.eq_ignore_ascii_case(&name.value));
                let Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(base))) = base else {
                    return Err(self.no_window(&name));
                };
                self.may_extend(spec, &name, !base.order_by.is_empty(), base.window_frame.is_some())?;
                spec.partition_by.clone_from(&base.partition_by);
                if !base.order_by.is_empty() {
                    spec.order_by.clone_from(&base.order_by);
                }
            }
            whole.push(definition);
        }
        Ok(whole)
    }

    fn no_window(&self, name: &Ident) -> ClientError {
        ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such window: {}", name.value)).at(self.at(name.span))
    }

    /// What a window that builds on another may not have.
    fn may_extend(&self, spec: &WindowSpec, base: &Ident, ordered: bool, framed: bool) -> Bound<()> {
        let clause = match () {
            () if !spec.partition_by.is_empty() => "PARTITION clause",
            () if !spec.order_by.is_empty() && ordered => "ORDER BY clause",
            () if framed => "frame specification",
            () => return Ok(()),
        };
        let message = format!("cannot override {clause} of window: {}", base.value);
        Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(base.span)))
    }

    /// The window of a call; `owner` is the place of the name that an inline window belongs to.
    /// Its `named` windows are chained, and of one name the last counts.
    pub(super) fn window(&mut self, over: &WindowType, owner: usize, named: &[NamedWindowDefinition]) -> Bound<Window> {
        match over {
            WindowType::WindowSpec(spec) => self.window_spec(spec, owner, named),
            WindowType::NamedWindow(name) => {
                let definition = named.iter().rev().find(|d| d.0.value.eq_ignore_ascii_case(&name.value));
                let definition = definition.ok_or_else(|| self.no_window(name))?;
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
                self.may_extend(spec, name, !base.order.is_empty(), base.frame.is_some())?;
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
        let mut distance = |e: &Option<Box<Expr>>| -> Bound<Option<Bounded>> {
            let bound = match e.as_deref() {
                // sqlparser takes a string here for an interval.
                Some(Expr::Interval(interval)) => self.expr(&interval.value)?,
                Some(e) => self.expr(e)?,
                None => return Ok(None),
            };
            Ok(Some(match bound.constant() {
                Some(Value::Text(text)) => Bounded::literal(number(text)),
                _ => bound,
            }))
        };
        Ok(match bound {
            WindowFrameBound::CurrentRow => FrameBound::CurrentRow,
            WindowFrameBound::Preceding(e) => FrameBound::Preceding(distance(e)?),
            WindowFrameBound::Following(e) => FrameBound::Following(distance(e)?),
        })
    }
}

/// Is it the same for every row (`sqlite3WindowOffsetExpr`)?
fn is_constant(e: &Bounded) -> bool {
    !e.any(&mut |e| matches!(e.kind, Kind::Column(_) | Kind::Subquery(_) | Kind::Exists(_) | Kind::InQuery(..)))
}

/// What a text that stands for a distance is as a number, if it looks like one.
fn number(text: &str) -> Value {
    Value::Text(text.to_owned()).apply(Affinity::Numeric)
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
            Some(_) => false,
            None => is_constant(distance),
        };
        if !fits {
            return error(&format!("frame {which} offset must be a non-negative {}", if range { "number" } else { "integer" }));
        }
    }
    Ok(())
}
