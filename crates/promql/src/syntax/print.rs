//! Expressions as text: in one line, and broken into lines as Prometheus's formatter does.
//!
//! An expression is broken where its line would be longer than [`LINE_CHARS_MAX`]; what is within it is indented
//! by two spaces a level.

use std::fmt::{self, Display, Formatter, Write};

use crate::MatchOp;
use crate::number;
use crate::syntax::literal::{quote, quote_bytes, write_duration};
use crate::syntax::tree::{
    Aggregate, At, Binary, BinaryOp, Duration, DurationOperator, DurationTerm, Expr, Extension, Group,
    Length, Node, TimeModifiers, VectorMatching, VectorSelector,
};
use crate::{METRIC_NAME, Matcher};

const LINE_CHARS_MAX: usize = 100;

/// With line breaks and indentation.
pub(crate) fn pretty(node: &Node) -> String {
    let mut out = String::new();
    write_pretty(node, 0, &mut out);
    out
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::Number { value, is_duration } => f.write_str(&written_number(*value, *is_duration)),
            Expr::Text(bytes) => f.write_str(&quote_bytes(bytes)),
            Expr::Vector(selector) => {
                write_selector(selector, f)?;
                write_at(&selector.time, f)?;
                write_extension(selector.extension, f)?;
                write_offset(&selector.time, f)
            }
            Expr::Matrix { selector, range } => {
                write_selector(selector, f)?;
                write!(f, "[{range}]")?;
                write_extension(selector.extension, f)?;
                write_at(&selector.time, f)?;
                write_offset(&selector.time, f)
            }
            Expr::Subquery { of, range, step, time } => {
                write!(f, "{of}")?;
                write_subquery_suffix(range, step.as_ref(), time, f)
            }
            Expr::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                write_list(args, f)?;
                f.write_char(')')
            }
            Expr::Aggregate(aggregate) => {
                write_aggregate_head(aggregate, f)?;
                f.write_char('(')?;
                if let Some(parameter) = &aggregate.parameter {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, "{})", aggregate.of)
            }
            Expr::Binary(binary) => {
                match infinite_base(binary) {
                    Some(base) => f.write_str(base)?,
                    None => write!(f, "{}", binary.left)?,
                }
                f.write_char(' ')?;
                write_operator(binary, f)?;
                write!(f, " {}", binary.right)
            }
            Expr::Paren(of) => write!(f, "({of})"),
            Expr::Unary { is_negative, of } => write!(f, "{}{of}", if *is_negative { '-' } else { '+' }),
        }
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Length::Millis(ms) => f.write_str(&write_duration(*ms)),
            Length::Calculated(duration) => write!(f, "{duration}"),
        }
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.term {
            DurationTerm::Number { secs, is_duration } => f.write_str(&written_number(*secs, *is_duration)),
            DurationTerm::Step => f.write_str("step()"),
            DurationTerm::Range => f.write_str("range()"),
            DurationTerm::Negated(of) => write!(f, "-{of}"),
            DurationTerm::Paren(of) => write!(f, "({of})"),
            DurationTerm::Calculated { operator, left, right } => match operator {
                DurationOperator::MaxOf | DurationOperator::MinOf => {
                    write!(f, "{}({left}, {right})", operator.as_str())
                }
                _ => write!(f, "{left} {} {right}", operator.as_str()),
            },
        }
    }
}

impl DurationOperator {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            DurationOperator::Add => "+",
            DurationOperator::Subtract => "-",
            DurationOperator::Multiply => "*",
            DurationOperator::Divide => "/",
            DurationOperator::Remainder => "%",
            DurationOperator::Power => "^",
            DurationOperator::MaxOf => "max_of",
            DurationOperator::MinOf => "min_of",
        }
    }
}

fn written_number(value: f64, is_duration: bool) -> String {
    // A duration that is minus nothing is another number than nothing: `1 / -0s` is below all others.
    let sign = if value == 0.0 && value.is_sign_negative() { "-" } else { "" };
    if is_duration {
        format!("{sign}{}", write_duration((value * 1000.0).round() as i64))
    } else {
        number::decimal(value)
    }
}

fn write_list(nodes: &[Node], f: &mut Formatter<'_>) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        write!(f, "{}{node}", if index > 0 { ", " } else { "" })?;
    }
    Ok(())
}

fn write_selector(selector: &VectorSelector, f: &mut Formatter<'_>) -> fmt::Result {
    let is_bare = |name: &str| is_metric_name(name);
    let mut matchers: Vec<String> = Vec::new();
    if is_bare(&selector.name) {
        f.write_str(&selector.name)?;
    } else if !selector.name.is_empty() {
        matchers.push(quote(&selector.name));
    }
    matchers.extend(selector.matchers.iter().map(written_matcher));
    if matchers.is_empty() {
        return if selector.name.is_empty() { f.write_str("{}") } else { Ok(()) };
    }
    matchers.sort();
    write!(f, "{{{}}}", matchers.join(","))
}

fn written_matcher(matcher: &Matcher) -> String {
    if matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal {
        return format!("{METRIC_NAME}={}", quote(matcher.value()));
    }
    format!("{}{}{}", written_label(matcher.name()), matcher.op().as_str(), quote(matcher.value()))
}

fn is_metric_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

fn written_label(name: &str) -> String {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_plain = name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit());
    if is_plain { name.to_owned() } else { quote(name) }
}

fn written_labels(labels: &[String]) -> String {
    labels.iter().map(|label| written_label(label)).collect::<Vec<_>>().join(", ")
}

fn write_at(time: &TimeModifiers, f: &mut Formatter<'_>) -> fmt::Result {
    match time.at {
        None => Ok(()),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
        Some(At::Millis(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            write!(f, " @ {sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
        }
    }
}

fn write_offset(time: &TimeModifiers, f: &mut Formatter<'_>) -> fmt::Result {
    match &time.offset {
        None | Some(Length::Millis(0)) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn write_extension(extension: Option<Extension>, f: &mut Formatter<'_>) -> fmt::Result {
    match extension {
        None => Ok(()),
        Some(Extension::Anchored) => f.write_str(" anchored"),
        Some(Extension::Smoothed) => f.write_str(" smoothed"),
    }
}

fn write_subquery_suffix(
    range: &Length,
    step: Option<&Length>,
    time: &TimeModifiers,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    write!(f, "[{range}:")?;
    if let Some(step) = step {
        write!(f, "{step}")?;
    }
    f.write_char(']')?;
    write_at(time, f)?;
    write_offset(time, f)
}

fn write_aggregate_head(aggregate: &Aggregate, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    match (aggregate.is_without, aggregate.grouping.is_empty()) {
        (true, _) => write!(f, " without ({}) ", written_labels(&aggregate.grouping)),
        (false, false) => write!(f, " by ({}) ", written_labels(&aggregate.grouping)),
        (false, true) => Ok(()),
    }
}

/// The operator with all that belongs to it.
/// Infinity where it is raised to a power: the plus with which it is written elsewhere would be read as that of the
/// power.
fn infinite_base(binary: &Binary) -> Option<&'static str> {
    let is_infinite = matches!(binary.left.expr, Expr::Number { value: f64::INFINITY, .. });
    (is_infinite && binary.op == BinaryOp::Power).then_some("Inf")
}

fn write_operator(binary: &Binary, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(binary.op.as_str())?;
    if binary.returns_bool {
        f.write_str(" bool")?;
    }
    let VectorMatching { labels, is_on, group, include, fill_left, fill_right } = &binary.matching;
    if !labels.is_empty() || *is_on || group.is_some() {
        write!(f, " {} ({})", if *is_on { "on" } else { "ignoring" }, written_labels(labels))?;
    }
    match group {
        None => {}
        Some(Group::Left) => write!(f, " group_left ({})", written_labels(include))?,
        Some(Group::Right) => write!(f, " group_right ({})", written_labels(include))?,
    }
    match (fill_left, fill_right) {
        (Some(left), Some(right)) if left == right => write!(f, " fill ({})", number::general(*left)),
        _ => {
            if let Some(left) = fill_left {
                write!(f, " fill_left ({})", number::general(*left))?;
            }
            if let Some(right) = fill_right {
                write!(f, " fill_right ({})", number::general(*right))?;
            }
            Ok(())
        }
    }
}

/// What a writer to a formatter writes, as text.
struct Written<F>(F);

impl<F: Fn(&mut Formatter<'_>) -> fmt::Result> Display for Written<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// The expression where it fits into one line; it is not written any further than that.
fn one_line(node: &Node) -> Option<String> {
    struct Line(String);
    impl fmt::Write for Line {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() <= LINE_CHARS_MAX { Ok(()) } else { Err(fmt::Error) }
        }
    }
    let mut line = Line(String::new());
    fmt::Write::write_fmt(&mut line, format_args!("{node}")).ok().map(|()| line.0)
}

fn indent(level: usize, out: &mut String) {
    (0..level).for_each(|_| out.push_str("  "));
}

fn write_pretty(node: &Node, level: usize, out: &mut String) {
    if let Expr::Unary { is_negative, of } = &node.expr {
        indent(level, out);
        out.push(if *is_negative { '-' } else { '+' });
        let mut inner = String::new();
        write_pretty(of, level, &mut inner);
        out.push_str(inner.trim());
        return;
    }
    if let Some(line) = one_line(node) {
        if !matches!(node.expr, Expr::Subquery { .. }) {
            indent(level, out);
        }
        out.push_str(&line);
        return;
    }
    match &node.expr {
        Expr::Aggregate(aggregate) => {
            indent(level, out);
            out.push_str(&Written(|f: &mut Formatter<'_>| write_aggregate_head(aggregate, f)).to_string());
            let args = aggregate.parameter.iter().chain([&aggregate.of]).map(|node| &**node);
            write_args(args, level, out);
        }
        Expr::Call { function, args } => {
            indent(level, out);
            out.push_str(function.name);
            write_args(args.iter(), level, out);
        }
        Expr::Paren(of) => {
            indent(level, out);
            write_args([&**of].into_iter(), level, out);
        }
        Expr::Binary(binary) => {
            match infinite_base(binary) {
                Some(base) => {
                    indent(level + 1, out);
                    out.push_str(base);
                }
                None => write_pretty(&binary.left, level + 1, out),
            }
            out.push('\n');
            indent(level, out);
            out.push_str(&Written(|f: &mut Formatter<'_>| write_operator(binary, f)).to_string());
            out.push('\n');
            write_pretty(&binary.right, level + 1, out);
        }
        Expr::Subquery { of, range, step, time } => {
            write_pretty(of, level, out);
            let suffix = |f: &mut Formatter<'_>| write_subquery_suffix(range, step.as_ref(), time, f);
            out.push_str(&Written(suffix).to_string());
        }
        _ => {
            indent(level, out);
            out.push_str(&node.to_string());
        }
    }
}

fn write_args<'n>(args: impl Iterator<Item = &'n Node>, level: usize, out: &mut String) {
    out.push_str("(\n");
    for (index, arg) in args.enumerate() {
        if index > 0 {
            out.push_str(",\n");
        }
        write_pretty(arg, level + 1, out);
    }
    out.push('\n');
    indent(level, out);
    out.push(')');
}
