//! RAISE() (lang_createtrigger.html §4).

use super::{Binder, Bound};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Class, Expr, Kind, Raise, Ty};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};
use sqlparser::tokenizer::Span;

impl Binder<'_> {
    pub(super) fn raise(&mut self, function: &ast::Function, span: Span) -> Bound<Expr> {
        if self.rows.is_none() {
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, "RAISE() may only be used within a trigger-program").at(self.at(span)));
        }
        let args: &[FunctionArg] = if let FunctionArguments::List(list) = &function.args { &list.args } else { &[] };
        let mut args = args.iter().filter_map(|arg| if let FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) = arg { Some(e) } else { None });
        let kind = match args.next().map(|e| e.to_string().to_ascii_uppercase()).as_deref() {
            Some("IGNORE") => Some(Raise::Ignore),
            Some("ABORT") => Some(Raise::Abort),
            Some("FAIL") => Some(Raise::Fail),
            Some("ROLLBACK") => Some(Raise::Rollback),
            _ => None,
        };
        let (message, rest) = (args.next(), args.next());
        match kind {
            Some(kind) if message.is_some() == (kind != Raise::Ignore) && rest.is_none() => {
                let message = message.map(|e| self.expr(e)).transpose()?.map(Box::new);
                // It yields no value; NULL's own class would let it be left out.
                Ok(Expr { kind: Kind::Raise(kind, message), ty: Ty::plain(Class::Text) })
            }
            _ => Err(ClientError::syntax("RAISE").at(self.at(span))),
        }
    }
}
