//! From an expression's text to its [`Plan`].
//!
//! The parser's tree is walked once and dropped. Its own type checks are repeated here where the plan depends on
//! them, so that no tree it lets through can confuse the evaluation.

use kernel::Labels;
use promql_parser::label::{MatchOp as ParsedOp, Matchers};
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{
    AggregateExpr, BinModifier, BinaryExpr, Expr, LabelModifier, Offset, VectorMatchCardinality,
    VectorSelector,
};

use crate::grouping::Grouping;
use crate::operator::{Arithmetic, Comparison, Operator};
use crate::plan::{
    Aggregator, Cardinality, Elementwise, Matching, Plan, Root, Scalar, Selector, SetOperator, Vector, Window,
};
use crate::{METRIC_NAME, MatchOp, Matcher, QueryRefusal, scan};

impl Plan {
    /// Parses and checks an expression. The text is bounded before it is parsed; see `limits`.
    pub fn parse(text: &str) -> Result<Self, QueryRefusal> {
        scan::check(text)?;
        let lowering = Lowering { text };
        let tree = promql_parser::parser::parse(text).map_err(|problem| lowering.invalid(problem))?;
        let root = lowering.root(&tree)?;
        Ok(Plan { text: text.to_owned(), root })
    }
}

/// One expression on its way to its plan.
#[derive(Clone, Copy)]
pub(crate) struct Lowering<'t> {
    text: &'t str,
}

type Lowered<T> = Result<T, QueryRefusal>;

impl Lowering<'_> {
    pub(crate) fn invalid(self, problem: impl Into<String>) -> QueryRefusal {
        QueryRefusal::Invalid { expression: self.text.to_owned(), problem: problem.into(), column: None }
    }

    /// `word` is looked up in the text, to show where it stands.
    pub(crate) fn not_supported(
        self,
        what: impl Into<String>,
        word: &str,
        hint: Option<&'static str>,
    ) -> QueryRefusal {
        QueryRefusal::NotSupported { what: what.into(), column: scan::column_of(self.text, word), hint }
    }

    pub(crate) fn root(self, expr: &Expr) -> Lowered<Root> {
        match expr {
            Expr::Paren(paren) => self.root(&paren.expr),
            Expr::Unary(unary) => self.negated(&unary.expr),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            leaf => self.leaf(leaf),
        }
    }

    #[inline(never)]
    fn leaf(self, expr: &Expr) -> Lowered<Root> {
        match expr {
            Expr::NumberLiteral(number) => Ok(Root::Scalar(Scalar::Number(number.val))),
            Expr::StringLiteral(string) => Ok(Root::Text(string.val.clone())),
            Expr::VectorSelector(selector) => Ok(Root::Vector(Vector::Select(self.selector(selector)?))),
            Expr::MatrixSelector(matrix) => {
                let range_ms = i64::try_from(matrix.range.as_millis())
                    .map_err(|_| self.invalid("the range is too long"))?;
                Ok(Root::Matrix(Window { selector: self.selector(&matrix.vs)?, range_ms }))
            }
            Expr::Subquery(_) => Err(self.not_supported(
                "subqueries",
                ":",
                Some("record the inner expression by a rule, and select a range of the result"),
            )),
            _ => Err(self.invalid("an expression of an unknown kind")),
        }
    }

    pub(crate) fn vector(self, expr: &Expr) -> Lowered<Vector> {
        match self.root(expr)? {
            Root::Vector(vector) => Ok(vector),
            other => Err(self.wrong_type(&other, "an instant vector")),
        }
    }

    pub(crate) fn scalar(self, expr: &Expr) -> Lowered<Scalar> {
        match self.root(expr)? {
            Root::Scalar(scalar) => Ok(scalar),
            other => Err(self.wrong_type(&other, "a scalar")),
        }
    }

    pub(crate) fn string(self, expr: &Expr) -> Lowered<String> {
        match self.root(expr)? {
            Root::Text(text) => Ok(text),
            other => Err(self.wrong_type(&other, "a string")),
        }
    }

    pub(crate) fn window(self, expr: &Expr) -> Lowered<Window> {
        match self.root(expr)? {
            Root::Matrix(window) => Ok(window),
            other => Err(self.wrong_type(&other, "a range vector")),
        }
    }

    fn wrong_type(self, found: &Root, expected: &str) -> QueryRefusal {
        let found = match found {
            Root::Scalar(_) => "a scalar",
            Root::Text(_) => "a string",
            Root::Vector(_) => "an instant vector",
            Root::Matrix(_) => "a range vector",
        };
        self.invalid(format!("{found} stands where {expected} is expected"))
    }

    fn selector(self, selector: &VectorSelector) -> Lowered<Selector> {
        if selector.at.is_some() {
            return Err(self.not_supported(
                "the `@` modifier",
                "@",
                Some("shift the selector with `offset`"),
            ));
        }
        let name = selector.name.iter().map(|name| Matcher::equal(METRIC_NAME, name));
        let mut matchers: Vec<Matcher> = name.collect();
        matchers.extend(self.matchers(&selector.matchers)?);
        if matchers.iter().all(Matcher::matches_absent) {
            return Err(
                self.invalid("a selector needs at least one matcher that does not match the empty value")
            );
        }
        let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let offset_ms = match &selector.offset {
            None => 0,
            Some(Offset::Pos(earlier)) => millis(*earlier),
            Some(Offset::Neg(later)) => -millis(*later),
        };
        Ok(Selector { matchers, offset_ms })
    }

    fn matchers(self, parsed: &Matchers) -> Lowered<Vec<Matcher>> {
        if !parsed.or_matchers.is_empty() {
            return Err(self.not_supported(
                "`or` between matchers",
                "or",
                Some("write `or` between two selectors, or one regular expression"),
            ));
        }
        let lowered = parsed.matchers.iter().map(|matcher| {
            let op = match matcher.op {
                ParsedOp::Equal => MatchOp::Equal,
                ParsedOp::NotEqual => MatchOp::NotEqual,
                ParsedOp::Re(_) => MatchOp::Regex,
                ParsedOp::NotRe(_) => MatchOp::NotRegex,
            };
            Matcher::new(&matcher.name, op, &matcher.value).map_err(|error| self.invalid(error.to_string()))
        });
        lowered.collect()
    }

    fn negated(self, expr: &Expr) -> Lowered<Root> {
        match self.root(expr)? {
            Root::Scalar(scalar) => Ok(Root::Scalar(Scalar::Negated(Box::new(scalar)))),
            Root::Vector(vector) => {
                Ok(Root::Vector(Vector::Mapped { by: Elementwise::Function(|v| -v), of: Box::new(vector) }))
            }
            other => Err(self.wrong_type(&other, "a scalar or an instant vector")),
        }
    }

    /// Long chains of operators recurse through here and `root`, so both keep little on the stack.
    fn binary(self, binary: &BinaryExpr) -> Lowered<Root> {
        let left = self.root(&binary.lhs)?;
        let right = self.root(&binary.rhs)?;
        match &binary.modifier {
            Some(modifier) => self.combined(binary.op, modifier, left, right),
            None => self.combined(binary.op, &BinModifier::default(), left, right),
        }
    }

    #[inline(never)]
    fn combined(self, op: TokenType, modifier: &BinModifier, left: Root, right: Root) -> Lowered<Root> {
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            return Err(self.not_supported(
                "`fill` modifiers",
                "fill",
                Some("write `or` with the missing side's default"),
            ));
        }
        if let Some(operator) = set_operator(op) {
            return self.set(operator, modifier, left, right);
        }
        let operator = self.operator(op, modifier.return_bool)?;
        match (left, right) {
            (Root::Scalar(left), Root::Scalar(right)) => {
                if operator.keeps_name() {
                    return Err(self.invalid("a comparison of two scalars needs the `bool` modifier"));
                }
                let (left, right) = (Box::new(left), Box::new(right));
                Ok(Root::Scalar(Scalar::Calculated { operator, left, right }))
            }
            (Root::Scalar(scalar), Root::Vector(of)) => {
                let by = Elementwise::Operator { operator, scalar, scalar_is_left: true };
                Ok(Root::Vector(Vector::Mapped { by, of: Box::new(of) }))
            }
            (Root::Vector(of), Root::Scalar(scalar)) => {
                let by = Elementwise::Operator { operator, scalar, scalar_is_left: false };
                Ok(Root::Vector(Vector::Mapped { by, of: Box::new(of) }))
            }
            (Root::Vector(left), Root::Vector(right)) => {
                let matching = matching(modifier);
                let (left, right) = (Box::new(left), Box::new(right));
                Ok(Root::Vector(Vector::Joined { operator, matching, left, right }))
            }
            (Root::Scalar(_) | Root::Vector(_), other) | (other, _) => {
                Err(self.wrong_type(&other, "a scalar or an instant vector"))
            }
        }
    }

    fn set(self, operator: SetOperator, modifier: &BinModifier, left: Root, right: Root) -> Lowered<Root> {
        if modifier.return_bool {
            return Err(self.invalid("the `bool` modifier belongs to comparisons"));
        }
        match (left, right) {
            (Root::Vector(left), Root::Vector(right)) => Ok(Root::Vector(Vector::Set {
                operator,
                matching: on(modifier),
                left: Box::new(left),
                right: Box::new(right),
            })),
            (Root::Vector(_), other) | (other, _) => Err(self.wrong_type(&other, "an instant vector")),
        }
    }

    fn operator(self, op: TokenType, as_bool: bool) -> Lowered<Operator> {
        let compare = |comparison| Ok(Operator::Compare { comparison, as_bool });
        let calculate = |arithmetic| {
            if as_bool {
                Err(self.invalid("the `bool` modifier belongs to comparisons"))
            } else {
                Ok(Operator::Calculate(arithmetic))
            }
        };
        match op.id() {
            token::T_ADD => calculate(Arithmetic::Add),
            token::T_SUB => calculate(Arithmetic::Subtract),
            token::T_MUL => calculate(Arithmetic::Multiply),
            token::T_DIV => calculate(Arithmetic::Divide),
            token::T_MOD => calculate(Arithmetic::Remainder),
            token::T_POW => calculate(Arithmetic::Power),
            token::T_ATAN2 => calculate(Arithmetic::Atan2),
            token::T_EQLC => compare(Comparison::Equal),
            token::T_NEQ => compare(Comparison::NotEqual),
            token::T_LSS => compare(Comparison::Less),
            token::T_LTE => compare(Comparison::LessOrEqual),
            token::T_GTR => compare(Comparison::Greater),
            token::T_GTE => compare(Comparison::GreaterOrEqual),
            _ => Err(self.not_supported(format!("the operator `{op}`"), &op.to_string(), None)),
        }
    }

    fn aggregate(self, aggregate: &AggregateExpr) -> Lowered<Root> {
        let of = Box::new(self.vector(&aggregate.expr)?);
        let by = self.aggregator(aggregate)?;
        let grouping = aggregate.modifier.as_ref().map_or_else(|| Grouping::By(Vec::new()), grouping);
        Ok(Root::Vector(Vector::Aggregated { by, grouping, of }))
    }

    fn aggregator(self, aggregate: &AggregateExpr) -> Lowered<Aggregator> {
        let parameter = || {
            let expr = aggregate.param.as_deref();
            expr.ok_or_else(|| self.invalid(format!("`{}` needs a parameter", aggregate.op)))
        };
        let scalar = || self.scalar(parameter()?);
        Ok(match aggregate.op.id() {
            token::T_SUM => Aggregator::Sum,
            token::T_AVG => Aggregator::Avg,
            token::T_MIN => Aggregator::Min,
            token::T_MAX => Aggregator::Max,
            token::T_COUNT => Aggregator::Count,
            token::T_GROUP => Aggregator::Group,
            token::T_STDDEV => Aggregator::Stddev,
            token::T_STDVAR => Aggregator::Stdvar,
            token::T_QUANTILE => Aggregator::Quantile(scalar()?),
            token::T_TOPK => Aggregator::TopK(scalar()?),
            token::T_BOTTOMK => Aggregator::BottomK(scalar()?),
            token::T_COUNT_VALUES => {
                let label = self.string(parameter()?)?;
                if label.is_empty() {
                    return Err(self.invalid("`count_values` needs the name of a label"));
                }
                Aggregator::CountValues(label)
            }
            _ => {
                let name = aggregate.op.to_string();
                return Err(self.not_supported(format!("the aggregation `{name}`"), &name, None));
            }
        })
    }

    /// The labels of `absent`'s result: those that an equality pins, unless another matcher is of the same label.
    pub(crate) fn absent_labels(self, selector: &Selector) -> Lowered<Labels> {
        let of = |name: &str| selector.matchers.iter().filter(move |matcher| matcher.name() == name).count();
        let pinned = selector.matchers.iter().filter(|matcher| {
            matcher.op() == MatchOp::Equal && matcher.name() != METRIC_NAME && of(matcher.name()) == 1
        });
        Labels::new(pinned.map(|matcher| (matcher.name(), matcher.value())))
            .map_err(|error| self.invalid(error.to_string()))
    }
}

fn set_operator(op: TokenType) -> Option<SetOperator> {
    match op.id() {
        token::T_LAND => Some(SetOperator::And),
        token::T_LOR => Some(SetOperator::Or),
        token::T_LUNLESS => Some(SetOperator::Unless),
        _ => None,
    }
}

fn grouping(modifier: &LabelModifier) -> Grouping {
    match modifier {
        LabelModifier::Include(names) => Grouping::By(names.labels.clone()),
        LabelModifier::Exclude(names) => Grouping::Without(names.labels.clone()),
    }
}

fn on(modifier: &BinModifier) -> Grouping {
    modifier.matching.as_ref().map_or_else(|| Grouping::Without(Vec::new()), grouping)
}

fn matching(modifier: &BinModifier) -> Matching {
    let (cardinality, include) = match &modifier.card {
        VectorMatchCardinality::ManyToOne(include) => (Cardinality::ManyToOne, include.labels.clone()),
        VectorMatchCardinality::OneToMany(include) => (Cardinality::OneToMany, include.labels.clone()),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
            (Cardinality::OneToOne, Vec::new())
        }
    };
    Matching { on: on(modifier), cardinality, include }
}
