//! Where a small bug can be planted in a source file, found by its grammar: comparisons, boolean
//! operators, conditions, calls whose twin has the same type, statements, and function bodies whose
//! answer is plain. Tests within the file and macros are left alone.

use proc_macro2::Span;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One bug that can be planted. Bytes `at` of the file become `text`, in which `ON` stands for the
/// question whether the bug is switched on.
#[derive(Clone, Debug)]
pub struct Site {
    pub at: Range<usize>,
    pub line: usize,
    pub within: String,
    pub what: String,
    pub text: String,
}

/// Methods whose twin takes and gives the same types.
const TWINS: [(&str, &str); 9] = [
    ("min", "max"),
    ("max", "min"),
    ("any", "all"),
    ("all", "any"),
    ("is_some", "is_none"),
    ("is_none", "is_some"),
    ("is_ok", "is_err"),
    ("is_some_and", "is_none_or"),
    ("is_none_or", "is_some_and"),
];

/// Every site of a file; none where it cannot be parsed.
pub fn of(source: &str) -> Vec<Site> {
    let Ok(file) = syn::parse_file(source) else {
        return vec![];
    };
    let mut finder = Finder {
        source,
        within: vec![],
        found: vec![],
    };
    finder.visit_file(&file);
    finder.found
}

struct Finder<'a> {
    source: &'a str,
    within: Vec<String>,
    found: Vec<Site>,
}

impl Finder<'_> {
    fn text(&self, span: Span) -> &str {
        &self.source[span.byte_range()]
    }

    fn add(&mut self, span: Span, what: String, text: String) {
        let within = self.within.join("::");
        self.found.push(Site {
            at: span.byte_range(),
            line: span.start().line,
            within,
            what,
            text,
        });
    }

    /// Either the expression as it is, or another one.
    fn instead(&mut self, span: Span, what: String, other: String) {
        let own = self.text(span).to_owned();
        self.add(
            span,
            what,
            format!("(if ON {{ {other} }} else {{ {own} }})"),
        );
    }

    fn never(&mut self, condition: &syn::Expr) {
        if has_let(condition) {
            return;
        }
        let span = condition.span();
        let own = self.text(span).to_owned();
        self.add(span, format!("never: {own}"), format!("(!ON && ({own}))"));
    }

    /// A function that answers at once and does nothing.
    fn body(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_some() || block.stmts.is_empty() {
            return;
        }
        let answer = match &signature.output {
            syn::ReturnType::Default => "",
            syn::ReturnType::Type(_, answer) => match self.text(answer.span()) {
                "bool" => "false",
                "Applied" => "Ok(())",
                text if text.starts_with("Option<") => "None",
                text if text.starts_with("Vec<") => "vec![]",
                text if text.starts_with("Result<(),") => "Ok(())",
                _ => return,
            },
        };
        let brace = block.brace_token.span.open();
        let text = format!("{{ if ON {{ return {answer}; }} ");
        self.add(brace, format!("does nothing: {}", signature.ident), text);
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if for_tests(&item.attrs) {
            return;
        }
        self.within.push(item.sig.ident.to_string());
        self.body(&item.sig, &item.block);
        if item.sig.constness.is_none() {
            visit::visit_block(self, &item.block);
        }
        self.within.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.within.push(item.sig.ident.to_string());
        self.body(&item.sig, &item.block);
        if item.sig.constness.is_none() {
            visit::visit_block(self, &item.block);
        }
        self.within.pop();
    }

    // What is computed while compiling cannot be switched.
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_pat(&mut self, _: &'a syn::Pat) {}
    fn visit_type(&mut self, _: &'a syn::Type) {}

    fn visit_stmt(&mut self, stmt: &'a syn::Stmt) {
        if let syn::Stmt::Expr(expr, Some(_)) = stmt {
            let left_out = match expr {
                syn::Expr::MethodCall(_) | syn::Expr::Call(_) | syn::Expr::Await(_) => true,
                syn::Expr::Try(_) => true,
                syn::Expr::Assign(assign) => !matches!(*assign.left, syn::Expr::Path(_)),
                syn::Expr::Binary(binary) => is_assigning(&binary.op),
                _ => false,
            };
            if left_out {
                let own = self.text(stmt.span()).to_owned();
                let what = format!("left out: {own}");
                self.add(stmt.span(), what, format!("if !ON {{ {own} }}"));
            }
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_expr_if(&mut self, expr: &'a syn::ExprIf) {
        self.never(&expr.cond);
        visit::visit_expr_if(self, expr);
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.never(guard);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_binary(&mut self, expr: &'a syn::ExprBinary) {
        use syn::BinOp as Op;
        let other = match expr.op {
            Op::Lt(_) => Some("<="),
            Op::Le(_) => Some("<"),
            Op::Gt(_) => Some(">="),
            Op::Ge(_) => Some(">"),
            Op::Eq(_) => Some("!="),
            Op::Ne(_) => Some("=="),
            Op::And(_) if !has_let(&expr.left) && !has_let(&expr.right) => Some("||"),
            Op::Or(_) => Some("&&"),
            Op::Add(_) if is_number(&expr.right) => Some("-"),
            Op::Sub(_) => Some("+"),
            _ => None,
        };
        if let Some(other) = other {
            let (left, right) = (self.text(expr.left.span()), self.text(expr.right.span()));
            let own = self.text(expr.op.span());
            let what = format!("{left} {own} {right}: {other}");
            let other = format!("{left} {other} {right}");
            self.instead(expr.span(), what, other);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'a syn::ExprUnary) {
        if matches!(expr.op, syn::UnOp::Not(_)) {
            let other = self.text(expr.expr.span()).to_owned();
            self.instead(expr.span(), format!("!{other}: without !"), other);
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let name = call.method.to_string();
        if let Some((_, twin)) = TWINS.iter().find(|(of, _)| *of == name) {
            let whole = self.text(call.span());
            let (from, to) = (
                call.span().byte_range().start,
                call.method.span().byte_range(),
            );
            let head = &whole[..to.start - from];
            let tail = &whole[to.end - from..];
            let other = format!("{head}{twin}{tail}");
            self.instead(call.span(), format!(".{name}: .{twin}"), other);
        }
        visit::visit_expr_method_call(self, call);
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    let of_test = |a: &syn::Attribute| {
        let plain = a.path().is_ident("test");
        let when = a.path().is_ident("cfg")
            && a.parse_args::<syn::Path>()
                .is_ok_and(|of| of.is_ident("test"));
        plain || when
    };
    attributes.iter().any(of_test)
}

/// Whether a condition binds names, as `if let` does: it must stay where it is.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        syn::Expr::Paren(inner) => has_let(&inner.expr),
        _ => false,
    }
}

fn is_number(expr: &syn::Expr) -> bool {
    let int = |lit: &syn::Lit| matches!(lit, syn::Lit::Int(_));
    matches!(expr, syn::Expr::Lit(of) if int(&of.lit))
}

fn is_assigning(op: &syn::BinOp) -> bool {
    use syn::BinOp as Op;
    matches!(
        op,
        Op::AddAssign(_) | Op::SubAssign(_) | Op::BitOrAssign(_) | Op::BitAndAssign(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(source: &str) -> Vec<String> {
        of(source).into_iter().map(|site| site.what).collect()
    }

    #[test]
    fn conditions_statements_and_bodies_can_be_wrong() {
        let source = "fn f(a: i64) -> bool { if a > 0 { g(); } a.max(1) == 1 }";
        assert_eq!(
            whats(source),
            [
                "does nothing: f",
                "never: a > 0",
                "a > 0: >=",
                "left out: g();",
                "a.max(1) == 1: !=",
                ".max: .min",
            ]
        );
    }

    #[test]
    fn tests_constants_patterns_and_let_conditions_are_left_alone() {
        let source = "const A: bool = 1 < 2;\n#[cfg(test)] mod tests { fn f() { g(); } }\n\
                      fn f(a: Option<u8>) -> u8 { if let Some(n) = a && true { n } else { 0 } }";
        assert!(whats(source).is_empty(), "{:?}", whats(source));
    }

    #[test]
    fn what_is_planted_is_the_code_itself_while_it_is_off() {
        let source = "fn f(a: i64) -> bool { a < 2 }";
        let site = of(source).pop().expect("a site");
        assert_eq!(&source[site.at.clone()], "a < 2");
        assert_eq!(site.text, "(if ON { a <= 2 } else { a < 2 })");
    }
}
