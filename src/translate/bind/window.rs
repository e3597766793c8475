//! OVER: named windows and inline ones.

use super::{Binder, Bound};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::Window;
use sqlparser::ast::{NamedWindowDefinition, NamedWindowExpr, WindowSpec, WindowType};

impl Binder<'_> {
    /// The window of a call.
    pub(super) fn window(&mut self, over: &WindowType, named: &[NamedWindowDefinition]) -> Bound<Window> {
        match over {
            WindowType::WindowSpec(spec) => self.window_spec(spec, named),
            WindowType::NamedWindow(name) => {
                let definition = named.iter().find(|d| d.0.value.eq_ignore_ascii_case(&name.value));
                let definition = definition
                    .ok_or_else(|| ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such window: {}", name.value)).at(self.at(name.span)))?;
                match &definition.1 {
                    NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, named),
                    NamedWindowExpr::NamedWindow(other) => self.window(&WindowType::NamedWindow(other.clone()), &[]),
                }
            }
        }
    }

    fn window_spec(&mut self, spec: &WindowSpec, named: &[NamedWindowDefinition]) -> Bound<Window> {
        let mut window = match &spec.window_name {
            Some(name) => self.window(&WindowType::NamedWindow(name.clone()), named)?,
            None => Window { partition: Vec::new(), order: Vec::new(), frame: None },
        };
        for expr in &spec.partition_by {
            window.partition.push(self.expr(expr)?);
        }
        for item in &spec.order_by {
            window.order.push(self.order_item(item, &[])?);
        }
        if let Some(frame) = &spec.window_frame {
            window.frame = Some((frame.units, frame.clone()));
        }
        Ok(window)
    }
}
