//! Expressions as the HTTP API's `parse_query` writes them.

use crate::METRIC_NAME;
use crate::MatchOp;
use crate::Matcher;
use crate::number;
use crate::result::{write_list, write_text};
use crate::syntax::function::{Function, Type};
use crate::syntax::tree::{
    Aggregate, At, Binary, Duration, DurationTerm, Expr, Extension, Group, Length, Node, TimeModifiers,
    VectorMatching, VectorSelector,
};

/// An object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    fn new(out: &'o mut Vec<u8>, kind: &str) -> Self {
        out.push(b'{');
        let mut object = Self { out, is_empty: true };
        object.text("type", kind);
        object
    }

    fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    fn text(&mut self, name: &str, value: &str) {
        let out = self.key(name);
        write_text(out, value);
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.key(name).extend_from_slice(value.as_bytes());
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    fn node(&mut self, name: &str, node: Option<&Node>) {
        match node {
            Some(node) => write_node(self.key(name), node),
            None => self.raw(name, "null"),
        }
    }

    fn labels(&mut self, name: &str, labels: &[String]) {
        write_list(self.key(name), b'[', b']', labels, |out, label| write_text(out, label));
    }

    /// A length twice: in milliseconds, where it is a number, and as the expression that it is otherwise.
    fn length(&mut self, name: &str, expr_name: &str, length: Option<&Length>) {
        let (ms, duration) = match length {
            Some(Length::Millis(ms)) => (*ms, None),
            Some(Length::Calculated(duration)) => (0, Some(duration)),
            None => (0, None),
        };
        self.raw(name, &ms.to_string());
        match duration {
            Some(duration) => write_duration(self.key(expr_name), duration),
            None => self.raw(expr_name, "null"),
        }
    }

    fn at(&mut self, at: Option<At>) {
        match at {
            Some(At::Millis(ms)) => self.raw("timestamp", &ms.to_string()),
            _ => self.raw("timestamp", "null"),
        }
        match at {
            Some(At::Start) => self.text("startOrEnd", "start"),
            Some(At::End) => self.text("startOrEnd", "end"),
            _ => self.raw("startOrEnd", "null"),
        }
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends the tree of an expression.
pub(crate) fn write_node(out: &mut Vec<u8>, node: &Node) {
    match &node.expr {
        Expr::Number { value, .. } => {
            let mut object = Object::new(out, "numberLiteral");
            object.text("val", &number::decimal(*value));
            object.close();
        }
        Expr::Text(bytes) => {
            let mut object = Object::new(out, "stringLiteral");
            object.text("val", &String::from_utf8_lossy(bytes));
            object.close();
        }
        Expr::Vector(selector) => write_selector(out, "vectorSelector", selector, None),
        Expr::Matrix { selector, range } => write_selector(out, "matrixSelector", selector, Some(range)),
        Expr::Subquery { of, range, step, time } => {
            let mut object = Object::new(out, "subquery");
            object.node("expr", Some(of));
            object.length("range", "rangeExpr", Some(range));
            write_offset(&mut object, time);
            object.length("step", "stepExpr", step.as_ref());
            object.at(time.at);
            object.close();
        }
        Expr::Call { function, args } => write_call(out, function, args),
        Expr::Aggregate(aggregate) => write_aggregate(out, aggregate),
        Expr::Binary(binary) => write_binary(out, binary, node.value_type()),
        Expr::Paren(of) => {
            let mut object = Object::new(out, "parenExpr");
            object.node("expr", Some(of));
            object.close();
        }
        Expr::Unary { is_negative, of } => {
            let mut object = Object::new(out, "unaryExpr");
            object.text("op", if *is_negative { "-" } else { "+" });
            object.node("expr", Some(of));
            object.close();
        }
    }
}

fn write_offset(object: &mut Object<'_>, time: &TimeModifiers) {
    object.length("offset", "offsetExpr", time.offset.as_ref());
}

fn write_selector(out: &mut Vec<u8>, kind: &str, selector: &VectorSelector, range: Option<&Length>) {
    let mut object = Object::new(out, kind);
    object.text("name", &selector.name);
    if range.is_some() {
        object.length("range", "rangeExpr", range);
    }
    write_offset(&mut object, &selector.time);
    let name = (!selector.name.is_empty()).then(|| Matcher::equal(METRIC_NAME, &selector.name));
    let matchers = selector.matchers.iter().chain(&name);
    write_list(object.key("matchers"), b'[', b']', matchers, |out, matcher| {
        let kind = match matcher.op() {
            MatchOp::Equal | MatchOp::NotEqual | MatchOp::Regex | MatchOp::NotRegex => matcher.op().as_str(),
        };
        let mut one = Object::new(out, kind);
        one.text("name", matcher.name());
        one.text("value", matcher.value());
        one.close();
    });
    object.at(selector.time.at);
    object.flag("anchored", selector.extension == Some(Extension::Anchored));
    object.flag("smoothed", selector.extension == Some(Extension::Smoothed));
    object.close();
}

fn write_call(out: &mut Vec<u8>, function: &Function, args: &[Node]) {
    let mut object = Object::new(out, "call");
    {
        let out = object.key("func");
        out.extend_from_slice(b"{\"name\":");
        write_text(out, function.name);
        out.extend_from_slice(b",\"argTypes\":");
        write_list(out, b'[', b']', function.args, |out, arg| write_text(out, api_type(*arg)));
        out.extend_from_slice(b",\"variadic\":");
        out.extend_from_slice(function.variadic.to_string().as_bytes());
        out.extend_from_slice(b",\"returnType\":");
        write_text(out, api_type(function.returns));
        out.push(b'}');
    }
    write_list(object.key("args"), b'[', b']', args, write_node);
    object.close();
}

fn api_type(of: Type) -> &'static str {
    match of {
        Type::Scalar => "scalar",
        Type::Text => "string",
        Type::Vector => "vector",
        Type::Matrix => "matrix",
    }
}

fn write_aggregate(out: &mut Vec<u8>, aggregate: &Aggregate) {
    let mut object = Object::new(out, "aggregation");
    object.text("op", aggregate.op.as_str());
    object.node("expr", Some(&aggregate.of));
    object.node("param", aggregate.parameter.as_deref());
    object.labels("grouping", &aggregate.grouping);
    object.flag("without", aggregate.is_without);
    object.close();
}

fn write_binary(out: &mut Vec<u8>, binary: &Binary, value_type: Type) {
    let mut object = Object::new(out, "binaryExpr");
    object.text("op", binary.op.as_str());
    object.node("lhs", Some(&binary.left));
    object.node("rhs", Some(&binary.right));
    let is_vector = |node: &Node| node.value_type() == Type::Vector;
    if value_type == Type::Vector && is_vector(&binary.left) && is_vector(&binary.right) {
        write_matching(object.key("matching"), binary);
    } else {
        object.raw("matching", "null");
    }
    object.flag("bool", binary.returns_bool);
    object.close();
}

fn write_matching(out: &mut Vec<u8>, binary: &Binary) {
    let VectorMatching { labels, is_on, group, include, fill_left, fill_right } = &binary.matching;
    let cardinality = match group {
        _ if binary.op.is_set() => "many-to-many",
        None => "one-to-one",
        Some(Group::Left) => "many-to-one",
        Some(Group::Right) => "one-to-many",
    };
    out.push(b'{');
    let mut object = Object { out, is_empty: true };
    object.text("card", cardinality);
    object.labels("labels", labels);
    object.flag("on", *is_on);
    object.labels("include", include);
    let number = |value: &Option<f64>| match value {
        Some(value) if value.is_finite() => number::decimal(*value),
        _ => "null".to_owned(),
    };
    object.raw("fillValues", &format!("{{\"lhs\":{},\"rhs\":{}}}", number(fill_left), number(fill_right)));
    object.close();
}

fn write_duration(out: &mut Vec<u8>, duration: &Duration) {
    let (op, left, right, is_wrapped) = match &duration.term {
        DurationTerm::Number { secs, is_duration } => {
            let mut object = Object::new(out, "numberLiteral");
            object.text("val", &number::decimal(*secs));
            object.flag("duration", *is_duration);
            return object.close();
        }
        DurationTerm::Step => ("step", None, None, false),
        DurationTerm::Range => ("range", None, None, false),
        DurationTerm::Negated(of) => ("-", None, Some(of), false),
        DurationTerm::Paren(of) => ("+", None, Some(of), true),
        DurationTerm::Calculated { operator, left, right } => {
            (operator.as_str(), Some(left), Some(right), false)
        }
    };
    let mut object = Object::new(out, "durationExpr");
    object.text("op", op);
    for (name, side) in [("lhs", left), ("rhs", right)] {
        match side {
            Some(side) => write_duration(object.key(name), side),
            None => object.raw(name, "null"),
        }
    }
    object.flag("wrapped", is_wrapped);
    object.close();
}
