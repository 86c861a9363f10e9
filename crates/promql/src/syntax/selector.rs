//! Selectors, and the lists of labels that operators and aggregations take.

use crate::syntax::Fault;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::{Kind, Symbol, Token};
use crate::syntax::tree::{Expr, Group, Node, TimeModifiers, VectorMatching, VectorSelector};
use crate::{METRIC_NAME, MatchOp, Matcher};

impl Parser<'_> {
    /// A selector whose name, if it has one before its braces, is taken already.
    pub(super) fn selector(&mut self, first: Token, name: String) -> Parsed<Node> {
        let mut matchers = Vec::new();
        if self.take(Symbol::LeftBrace) {
            while !self.take(Symbol::RightBrace) {
                matchers.push(self.matcher()?);
                if !self.is_symbol(Symbol::RightBrace) {
                    self.expect(Symbol::Comma, "`,` or `}`")?;
                }
            }
        }
        if !name.is_empty()
            && let Some(again) = matchers.iter().find(|matcher| matcher.name() == METRIC_NAME)
        {
            let problem = format!("the metric's name is given twice: `{name}` and `{}`", again.value());
            return Err(Fault::new(first.start, problem));
        }
        let selector = VectorSelector { name, matchers, time: TimeModifiers::default(), extension: None };
        Ok(Node { at: first.start, expr: Expr::Vector(selector) })
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.peek();
        let is_quoted = token.kind == Kind::Text;
        let name = match token.kind {
            Kind::Text => self.unquoted_text(token)?,
            Kind::Word => self.written(token).to_owned(),
            _ => return Err(self.unexpected("a label or `}`")),
        };
        self.advance();
        let op = match self.peek().kind {
            Kind::Symbol(Symbol::Assign) => MatchOp::Equal,
            Kind::Symbol(Symbol::NotEqual) => MatchOp::NotEqual,
            Kind::Symbol(Symbol::Matches) => MatchOp::Regex,
            Kind::Symbol(Symbol::NotMatches) => MatchOp::NotRegex,
            _ if is_quoted => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return Err(self.unexpected("one of `=`, `!=`, `=~`, `!~`")),
        };
        self.advance();
        let value = self.peek();
        if value.kind != Kind::Text {
            return Err(self.unexpected("a string"));
        }
        self.advance();
        let text = self.unquoted_text(value)?;
        Matcher::new(name, op, text).map_err(|error| Fault::new(value.start, error.problem()))
    }

    /// `(a, b, "c")`
    pub(super) fn label_list(&mut self) -> Parsed<Vec<String>> {
        self.expect(Symbol::LeftParen, "`(`")?;
        let mut labels = Vec::new();
        while !self.take(Symbol::RightParen) {
            let token = self.peek();
            let label = match token.kind {
                Kind::Text => self.unquoted_text(token)?,
                Kind::Word => self.written(token).to_owned(),
                _ => return Err(self.unexpected("a label")),
            };
            if label.is_empty() {
                return Err(Fault::new(token.start, "a label needs a name"));
            }
            self.advance();
            labels.push(label);
            if !self.is_symbol(Symbol::RightParen) {
                self.expect(Symbol::Comma, "`,` or `)`")?;
            }
        }
        Ok(labels)
    }

    /// What may stand between an operator and its right side: whether `bool` is there, and which series match.
    /// `at` is where the operator's left side begins.
    pub(super) fn matching(&mut self, at: usize) -> Parsed<(bool, VectorMatching)> {
        let mut matching = VectorMatching::default();
        let returns_bool = self.take_word("bool");
        let is_on = self.is_word("on");
        if is_on || self.is_word("ignoring") {
            self.advance();
            matching.is_on = is_on;
            matching.labels = self.label_list()?;
            for (keyword, group) in [("group_left", Group::Left), ("group_right", Group::Right)] {
                if matching.group.is_none() && self.take_word(keyword) {
                    matching.group = Some(group);
                    if self.is_symbol(Symbol::LeftParen) {
                        matching.include = self.label_list()?;
                    }
                }
            }
        }
        if is_on && let Some(both) = matching.include.iter().find(|label| matching.labels.contains(label)) {
            return Err(Fault::new(
                at,
                format!("the label `{both}` stands in `on` and in the group modifier"),
            ));
        }
        self.fills(&mut matching, at)?;
        Ok((returns_bool, matching))
    }

    fn fills(&mut self, matching: &mut VectorMatching, at: usize) -> Parsed<()> {
        for _ in 0..2 {
            if self.peek_second().kind != Kind::Symbol(Symbol::LeftParen) {
                return Ok(());
            }
            let (left, right) = match self.word().map(str::to_ascii_lowercase).as_deref() {
                Some("fill") if matching.fill_left.is_none() && matching.fill_right.is_none() => (true, true),
                Some("fill_left") if matching.fill_left.is_none() => (true, false),
                Some("fill_right") if matching.fill_right.is_none() => (false, true),
                _ => return Ok(()),
            };
            if !self.settings.fill_modifiers {
                return Err(Fault::new(at, "`fill` modifiers need the setting `fill_modifiers`"));
            }
            self.advance();
            let value = self.fill_value()?;
            matching.fill_left = if left { Some(value) } else { matching.fill_left };
            matching.fill_right = if right { Some(value) } else { matching.fill_right };
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Symbol::LeftParen, "`(`")?;
        let is_negative = self.is_symbol(Symbol::Subtract);
        if is_negative || self.is_symbol(Symbol::Add) {
            self.advance();
        }
        let token = self.peek();
        let is_word = self.is_word("inf") || self.is_word("nan");
        if !is_word && !matches!(token.kind, Kind::Number | Kind::Duration) {
            return Err(self.unexpected("a number"));
        }
        self.advance();
        let (value, _) = self.number_value(token)?;
        self.expect(Symbol::RightParen, "`)`")?;
        Ok(if is_negative { -value } else { value })
    }
}
