//! What follows an expression: ranges and subqueries, `@`, `offset`, `anchored` and `smoothed`.

use crate::syntax::Fault;
use crate::syntax::duration::length;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::{Kind, Symbol, Token};
use crate::syntax::tree::{At, Expr, Extension, Length, Node, TimeModifiers, VectorSelector};

const SELECTORS_ONLY: &str = "must follow a selector, a range selector or a subquery";

impl Parser<'_> {
    /// The expression with all modifiers that follow it.
    pub(super) fn modified(&mut self, mut node: Node) -> Parsed<Node> {
        loop {
            let token = self.peek();
            if token.kind == Kind::Symbol(Symbol::LeftBracket) {
                node = self.bracketed(node)?;
            } else if token.kind == Kind::Symbol(Symbol::At) {
                self.advance();
                let at = self.at()?;
                let time = time_of(&mut node, token, "`@`")?;
                if time.at.replace(at).is_some() {
                    return Err(Fault::new(token.start, "`@` is given twice"));
                }
            } else if self.is_word("offset") {
                self.advance();
                let offset = self.offset()?;
                let time = time_of(&mut node, token, "`offset`")?;
                if time.offset.replace(offset).is_some() {
                    return Err(Fault::new(token.start, "`offset` is given twice"));
                }
            } else if self.is_word("anchored") {
                self.extend(&mut node, Extension::Anchored)?;
            } else if self.is_word("smoothed") {
                self.extend(&mut node, Extension::Smoothed)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn at(&mut self) -> Parsed<At> {
        let token = self.peek();
        for (keyword, at) in [("start", At::Start), ("end", At::End)] {
            if self.take_word(keyword) {
                self.expect(Symbol::LeftParen, "`(`")?;
                self.expect(Symbol::RightParen, "`)`")?;
                return Ok(at);
            }
        }
        let is_negative = self.is_symbol(Symbol::Subtract);
        if is_negative || self.is_symbol(Symbol::Add) {
            self.advance();
        }
        let number = self.peek();
        let is_word = self.is_word("inf") || self.is_word("nan");
        if !is_word && !matches!(number.kind, Kind::Number | Kind::Duration) {
            return Err(self.unexpected("a time in seconds, `start()` or `end()`"));
        }
        self.advance();
        let (secs, _) = self.number_value(number)?;
        let ms = (if is_negative { -secs } else { secs } * 1000.0).round();
        if !ms.is_finite() || ms.abs() >= i64::MAX as f64 {
            let problem = format!("`{}` is out of the bounds of time", &self.text[token.start..number.end]);
            return Err(Fault::new(token.start, problem));
        }
        Ok(At::Millis(ms as i64))
    }

    fn extend(&mut self, node: &mut Node, extension: Extension) -> Parsed<()> {
        let token = self.advance();
        let word = self.written(token);
        if !self.settings.extended_range_selectors {
            let problem = format!("`{word}` needs the setting `extended_range_selectors`");
            return Err(Fault::new(token.start, problem));
        }
        let (Expr::Vector(selector) | Expr::Matrix { selector, .. }) = &mut node.expr else {
            let problem = format!("`{word}` must follow a selector or a range selector");
            return Err(Fault::new(token.start, problem));
        };
        match selector.extension.replace(extension) {
            Some(other) if other != extension => {
                Err(Fault::new(token.start, "`anchored` and `smoothed` do not go together"))
            }
            _ => Ok(()),
        }
    }

    /// A range or a subquery.
    fn bracketed(&mut self, node: Node) -> Parsed<Node> {
        let bracket = self.advance();
        let range = self.positive_length()?;
        if self.take(Symbol::Colon) {
            let step =
                if self.is_symbol(Symbol::RightBracket) { None } else { Some(self.positive_length()?) };
            self.expect(Symbol::RightBracket, "`]`")?;
            let (at, of) = (node.at, Box::new(node));
            return Ok(Node { at, expr: Expr::Subquery { of, range, step, time: TimeModifiers::default() } });
        }
        self.expect(Symbol::RightBracket, "`:` or `]`")?;
        let fault = |problem: &str| Err(Fault::new(bracket.start, problem));
        match node.expr {
            Expr::Vector(VectorSelector { time: TimeModifiers { offset: Some(_), .. }, .. }) => {
                fault("`offset` must follow the range")
            }
            Expr::Vector(VectorSelector { time: TimeModifiers { at: Some(_), .. }, .. }) => {
                fault("`@` must follow the range")
            }
            Expr::Vector(selector) => Ok(Node { at: node.at, expr: Expr::Matrix { selector, range } }),
            _ => fault("only a selector may have a range; a subquery has a colon, as in `[5m:1m]`"),
        }
    }

    fn positive_length(&mut self) -> Parsed<Length> {
        let duration = self.duration(0)?;
        let at = duration.at;
        let length = length(duration)?;
        match length {
            Length::Millis(ms) if ms <= 0 => Err(Fault::new(at, "the duration must be greater than 0")),
            _ => Ok(length),
        }
    }
}

fn time_of<'n>(node: &'n mut Node, modifier: Token, name: &str) -> Parsed<&'n mut TimeModifiers> {
    match &mut node.expr {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => Ok(&mut selector.time),
        Expr::Subquery { time, .. } => Ok(time),
        _ => Err(Fault::new(modifier.start, format!("{name} {SELECTORS_ONLY}"))),
    }
}
