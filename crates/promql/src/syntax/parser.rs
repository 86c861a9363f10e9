//! Expressions: operators by their precedence, and what stands between them.

use kernel::limits::{QUERY_BYTES_MAX, QUERY_NESTING_MAX};

use crate::limits::{QUERY_OPERATORS_MAX, QUERY_REGEXES_MAX};
use crate::operator::Comparison;
use crate::syntax::function::Type;
use crate::syntax::token::{Kind, Symbol, Token, tokens};
use crate::syntax::tree::{Aggregate, AggregateOp, Binary, BinaryOp, Expr, Node, VectorMatching};
use crate::syntax::{Fault, function, literal};
use crate::{QueryRefusal, Settings};

/// A text whose size is known and allowed.
pub(crate) struct Bounded<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    /// How many operators it has: what walks over its expression nests no deeper, and its brackets.
    pub(crate) operators: usize,
}

/// Bounds a text in length, nesting, operators and regular expressions.
pub(crate) fn bounded(text: &str) -> Result<Bounded<'_>, QueryRefusal> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryRefusal::TooLong { bytes: text.len() });
    }
    let tokens = tokens(text, QUERY_NESTING_MAX)?;
    let operators = bound(text, &tokens)?;
    Ok(Bounded { text, tokens, operators })
}

impl Bounded<'_> {
    /// The expression that the text is.
    pub(crate) fn parse(self, settings: Settings) -> Result<Node, QueryRefusal> {
        let Self { text, tokens, .. } = self;
        let mut parser = Parser { text, tokens, next: 0, settings };
        let node = parser.expression(0).map_err(|fault| fault.refused(text))?;
        if parser.peek().kind != Kind::End {
            return Err(parser.unexpected("").refused(text));
        }
        Ok(node)
    }
}

/// How many operators there are. More of them, or of regular expressions, than are allowed are refused before
/// anything recurses over them.
fn bound(text: &str, tokens: &[Token]) -> Result<usize, QueryRefusal> {
    let (mut operators, mut regexes) = (0, 0);
    let column = |token: &Token| text[..token.start].chars().count() + 1;
    for token in tokens {
        match token.kind {
            Kind::Symbol(Symbol::Matches | Symbol::NotMatches) => regexes += 1,
            Kind::Symbol(symbol) if operator(symbol).is_some() => operators += 1,
            Kind::Word if word_operator(&text[token.start..token.end]).is_some() => operators += 1,
            _ => {}
        }
        if operators > QUERY_OPERATORS_MAX {
            return Err(QueryRefusal::TooManyOperators { column: column(token) });
        }
        if regexes > QUERY_REGEXES_MAX {
            return Err(QueryRefusal::TooManyRegexes { column: column(token) });
        }
    }
    Ok(operators)
}

/// Where the tokens are being read.
pub(crate) struct Parser<'t> {
    pub(crate) text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    pub(crate) settings: Settings,
}

pub(crate) type Parsed<T> = Result<T, Fault>;

/// The operand of a sign binds as tightly as what is multiplied.
const SIGN_PRECEDENCE: u8 = 6;

impl<'t> Parser<'t> {
    pub(crate) fn peek(&self) -> Token {
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(crate) fn peek_second(&self) -> Token {
        self.tokens[(self.next + 1).min(self.tokens.len() - 1)]
    }

    pub(crate) fn advance(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    pub(crate) fn written(&self, token: Token) -> &'t str {
        &self.text[token.start..token.end]
    }

    pub(crate) fn is_symbol(&self, symbol: Symbol) -> bool {
        self.peek().kind == Kind::Symbol(symbol)
    }

    /// Takes the symbol where it comes next.
    pub(crate) fn take(&mut self, symbol: Symbol) -> bool {
        let is_next = self.is_symbol(symbol);
        self.next += usize::from(is_next);
        is_next
    }

    pub(crate) fn expect(&mut self, symbol: Symbol, expected: &str) -> Parsed<Token> {
        if self.is_symbol(symbol) { Ok(self.advance()) } else { Err(self.unexpected(expected)) }
    }

    /// The word that comes next, where one does.
    pub(crate) fn word(&self) -> Option<&'t str> {
        let token = self.peek();
        (token.kind == Kind::Word).then(|| self.written(token))
    }

    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn take_word(&mut self, keyword: &str) -> bool {
        let is_next = self.is_word(keyword);
        self.next += usize::from(is_next);
        is_next
    }

    /// That the next token does not belong here.
    pub(crate) fn unexpected(&self, expected: &str) -> Fault {
        let token = self.peek();
        let found = match token.kind {
            Kind::End => "the end of the query".to_owned(),
            _ => format!("`{}`", self.written(token)),
        };
        let expected = if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
        Fault::new(token.start, format!("unexpected {found}{expected}"))
    }

    /// An expression of operators that bind at least as tightly as `precedence_min`.
    pub(crate) fn expression(&mut self, precedence_min: u8) -> Parsed<Node> {
        let mut left = self.operand()?;
        while let Some(op) = self.binary_operator() {
            if op.precedence() < precedence_min {
                break;
            }
            self.next += 1;
            let (returns_bool, matching) = self.matching(left.at)?;
            let right_min = op.precedence() + u8::from(op != BinaryOp::Power);
            let right = self.expression(right_min)?;
            left = joined(op, returns_bool, matching, left, right);
        }
        Ok(left)
    }

    fn binary_operator(&self) -> Option<BinaryOp> {
        let token = self.peek();
        match token.kind {
            Kind::Symbol(symbol) => operator(symbol),
            Kind::Word => word_operator(self.written(token)),
            _ => None,
        }
    }

    fn operand(&mut self) -> Parsed<Node> {
        let token = self.peek();
        let is_negative = match token.kind {
            Kind::Symbol(Symbol::Subtract) => true,
            Kind::Symbol(Symbol::Add) => false,
            _ => {
                let node = self.primary()?;
                return self.modified(node);
            }
        };
        self.next += 1;
        let of = self.expression(SIGN_PRECEDENCE)?;
        Ok(signed(token.start, is_negative, of))
    }

    fn primary(&mut self) -> Parsed<Node> {
        let token = self.peek();
        match token.kind {
            Kind::Number | Kind::Duration => self.number(),
            Kind::Text => {
                self.next += 1;
                Ok(Node { at: token.start, expr: Expr::Text(self.unquoted(token)?) })
            }
            Kind::Symbol(Symbol::LeftParen) => {
                self.next += 1;
                let of = Box::new(self.expression(0)?);
                self.expect(Symbol::RightParen, "`)`")?;
                Ok(Node { at: token.start, expr: Expr::Paren(of) })
            }
            Kind::Symbol(Symbol::LeftBrace) => self.selector(token, String::new()),
            Kind::Word => self.named(token),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn number(&mut self) -> Parsed<Node> {
        let token = self.advance();
        let (value, is_duration) = self.number_value(token)?;
        Ok(Node { at: token.start, expr: Expr::Number { value, is_duration } })
    }

    /// Seconds where it is a duration.
    pub(crate) fn number_value(&self, token: Token) -> Parsed<(f64, bool)> {
        let written = self.written(token);
        let fault =
            || Fault::new(token.start, format!("`{written}` is neither a number nor a duration like `5m`"));
        if token.kind == Kind::Duration {
            let ms = literal::duration_ms(written).ok_or_else(fault)?;
            return Ok((ms as f64 / 1000.0, true));
        }
        Ok((literal::number(written).ok_or_else(fault)?, false))
    }

    pub(crate) fn unquoted(&self, token: Token) -> Parsed<Vec<u8>> {
        literal::text(self.written(token)).map_err(|problem| Fault::new(token.start, problem))
    }

    /// As [`Parser::unquoted`], where only text makes sense.
    pub(crate) fn unquoted_text(&self, token: Token) -> Parsed<String> {
        let bytes = self.unquoted(token)?;
        String::from_utf8(bytes).map_err(|_| Fault::new(token.start, "the string is not UTF-8"))
    }

    /// An aggregation, a call, or a selector by name.
    fn named(&mut self, token: Token) -> Parsed<Node> {
        let word = self.written(token);
        if matches!(word.to_ascii_lowercase().as_str(), "inf" | "nan") {
            return self.number();
        }
        let second = self.peek_second();
        let is_called = second.kind == Kind::Symbol(Symbol::LeftParen);
        let aggregation = AggregateOp::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(word));
        if let Some(op) = aggregation {
            let follows = if second.kind == Kind::Word { self.written(second) } else { "" };
            if is_called || follows.eq_ignore_ascii_case("by") || follows.eq_ignore_ascii_case("without") {
                self.next += 1;
                return self.aggregation(token, op);
            }
        }
        let is_reserved = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];
        if is_reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) {
            return Err(self.unexpected("an expression"));
        }
        self.next += 1;
        if is_called && aggregation.is_none() {
            self.call(token)
        } else {
            self.selector(token, word.to_owned())
        }
    }

    fn call(&mut self, token: Token) -> Parsed<Node> {
        let name = self.written(token);
        let function = function::named(name)
            .ok_or_else(|| Fault::new(token.start, format!("there is no function `{name}`")))?;
        if function.is_experimental && !self.settings.experimental_functions {
            let problem = format!("the function `{name}` needs the setting `experimental_functions`");
            return Err(Fault::new(token.start, problem));
        }
        let args = self.arguments()?;
        Ok(Node { at: token.start, expr: Expr::Call { function, args } })
    }

    fn arguments(&mut self) -> Parsed<Vec<Node>> {
        self.expect(Symbol::LeftParen, "`(`")?;
        let mut args = Vec::new();
        if self.take(Symbol::RightParen) {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if self.take(Symbol::RightParen) {
                return Ok(args);
            }
            self.expect(Symbol::Comma, "`,` or `)`")?;
        }
    }

    fn aggregation(&mut self, token: Token, op: AggregateOp) -> Parsed<Node> {
        let before = self.grouping()?;
        let mut args = self.arguments()?;
        let grouping = match before {
            Some(grouping) => Some(grouping),
            None => self.grouping()?,
        };
        if matches!(op, AggregateOp::LimitK | AggregateOp::LimitRatio)
            && !self.settings.experimental_functions
        {
            let problem = format!("`{}` needs the setting `experimental_functions`", op.as_str());
            return Err(Fault::new(token.start, problem));
        }
        let wanted = 1 + usize::from(op.parameter().is_some());
        let found = args.len();
        let count = |_| {
            let problem = format!("`{}` takes {wanted} argument(s), and {found} are given", op.as_str());
            Fault::new(token.start, problem)
        };
        let of = args.pop().filter(|_| found == wanted).ok_or(()).map_err(count)?;
        let (is_without, grouping) = grouping.unwrap_or_default();
        let parameter = args.pop().map(Box::new);
        let aggregate = Aggregate { op, parameter, of: Box::new(of), grouping, is_without };
        Ok(Node { at: token.start, expr: Expr::Aggregate(aggregate) })
    }

    /// `by (…)` or `without (…)`: whether it is the latter, and the labels.
    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let is_without = self.is_word("without");
        if !is_without && !self.is_word("by") {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some((is_without, self.label_list()?)))
    }
}

fn joined(op: BinaryOp, returns_bool: bool, matching: VectorMatching, left: Node, right: Node) -> Node {
    let at = left.at;
    let is_scalar = left.value_type() == Type::Scalar && right.value_type() == Type::Scalar;
    let is_constant = left.constancy().0 && right.constancy().0;
    let (left, right) = (Box::new(left), Box::new(right));
    let binary = Binary { op, returns_bool, matching, left, right, is_scalar, is_constant };
    Node { at, expr: Expr::Binary(binary) }
}

fn signed(at: usize, is_negative: bool, of: Node) -> Node {
    match of.expr {
        Expr::Number { value, is_duration } => {
            Node { at, expr: Expr::Number { value: if is_negative { -value } else { value }, is_duration } }
        }
        expr => Node { at, expr: Expr::Unary { is_negative, of: Box::new(Node { at: of.at, expr }) } },
    }
}

fn operator(symbol: Symbol) -> Option<BinaryOp> {
    Some(match symbol {
        Symbol::Add => BinaryOp::Add,
        Symbol::Subtract => BinaryOp::Subtract,
        Symbol::Multiply => BinaryOp::Multiply,
        Symbol::Divide => BinaryOp::Divide,
        Symbol::Remainder => BinaryOp::Remainder,
        Symbol::Power => BinaryOp::Power,
        Symbol::TrimUpper => BinaryOp::TrimUpper,
        Symbol::TrimLower => BinaryOp::TrimLower,
        Symbol::Equal => BinaryOp::Compare(Comparison::Equal),
        Symbol::NotEqual => BinaryOp::Compare(Comparison::NotEqual),
        Symbol::Less => BinaryOp::Compare(Comparison::Less),
        Symbol::LessOrEqual => BinaryOp::Compare(Comparison::LessOrEqual),
        Symbol::Greater => BinaryOp::Compare(Comparison::Greater),
        Symbol::GreaterOrEqual => BinaryOp::Compare(Comparison::GreaterOrEqual),
        _ => return None,
    })
}

fn word_operator(word: &str) -> Option<BinaryOp> {
    let words = [
        ("and", BinaryOp::And),
        ("or", BinaryOp::Or),
        ("unless", BinaryOp::Unless),
        ("atan2", BinaryOp::Atan2),
    ];
    words.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, op)| op)
}
