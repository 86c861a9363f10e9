//! Operators between two expressions.

use super::{Lowered, Lowering};
use crate::grouping::Grouping;
use crate::operator::{Arithmetic, Operator, Trim};
use crate::plan::{Cardinality, Elementwise, Join, Matching, Root, Scalar, SetOperator, Vector};
use crate::syntax::Fault;
use crate::syntax::tree::{Binary, BinaryOp, Group, VectorMatching};

impl Lowering {
    /// Long chains of operators recurse through here and `root`, so both keep little on the stack.
    pub(super) fn binary(self, binary: &Binary, at: usize, is_constant: bool) -> Lowered<Root> {
        let trims = matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        let lowering = if trims { self.with_buckets() } else { self };
        let left = lowering.root(&binary.left, is_constant)?;
        let right = lowering.root(&binary.right, is_constant)?;
        combined(binary, at, left, right)
    }
}

#[inline(never)]
fn combined(binary: &Binary, at: usize, left: Root, right: Root) -> Lowered<Root> {
    let op = binary.op;
    let operator = operator(op, binary.returns_bool);
    if binary.returns_bool && operator.is_none_or(|operator| !operator.is_comparison()) {
        return Err(Fault::new(at, "the `bool` modifier belongs to comparisons"));
    }
    for (node, root) in [(&binary.left, &left), (&binary.right, &right)] {
        if !matches!(root, Root::Scalar(_) | Root::Vector(_)) {
            let found = node.value_type().as_str();
            let problem = format!("operators go with scalars and instant vectors, and this is {found}");
            return Err(Fault::new(node.at, problem));
        }
    }
    let are_vectors = matches!((&left, &right), (Root::Vector(_), Root::Vector(_)));
    let VectorMatching { labels, fill_left, fill_right, .. } = &binary.matching;
    let has_fill = fill_left.is_some() || fill_right.is_some();
    if !are_vectors && (!labels.is_empty() || has_fill) {
        return Err(Fault::new(at, "series are matched between instant vectors only"));
    }
    let Some(operator) = operator else { return set(binary, at, left, right) };
    match (left, right) {
        (Root::Scalar(left), Root::Scalar(right)) => scalars(operator, at, left, right),
        (Root::Scalar(scalar), Root::Vector(of)) => {
            let by = Elementwise::Operator { operator, scalar, scalar_is_left: true };
            Ok(Root::Vector(Vector::Mapped { by, of: Box::new(of), at }))
        }
        (Root::Vector(of), Root::Scalar(scalar)) => {
            let by = Elementwise::Operator { operator, scalar, scalar_is_left: false };
            Ok(Root::Vector(Vector::Mapped { by, of: Box::new(of), at }))
        }
        (Root::Vector(left), Root::Vector(right)) => {
            let matching = matching(&binary.matching);
            Ok(Root::Vector(Vector::Joined(Box::new(Join { operator, matching, left, right, at }))))
        }
        _ => Err(Fault::new(at, "operators go with scalars and instant vectors")),
    }
}

fn scalars(operator: Operator, at: usize, left: Scalar, right: Scalar) -> Lowered<Root> {
    match operator {
        Operator::Compare { as_bool: false, .. } => {
            Err(Fault::new(at, "a comparison of two scalars needs the `bool` modifier"))
        }
        Operator::Trim(_) => Err(Fault::new(at, "only histograms are trimmed, and these are scalars")),
        _ => {
            let (left, right) = (Box::new(left), Box::new(right));
            Ok(Root::Scalar(Scalar::Calculated { operator, left, right }))
        }
    }
}

fn set(binary: &Binary, at: usize, left: Root, right: Root) -> Lowered<Root> {
    let operator = match binary.op {
        BinaryOp::And => SetOperator::And,
        BinaryOp::Or => SetOperator::Or,
        _ => SetOperator::Unless,
    };
    let name = binary.op.as_str();
    let VectorMatching { group, fill_left, fill_right, .. } = &binary.matching;
    if group.is_some() || fill_left.is_some() || fill_right.is_some() {
        let problem = format!("`{name}` matches many series with many, without grouping or filling");
        return Err(Fault::new(at, problem));
    }
    match (left, right) {
        (Root::Vector(left), Root::Vector(right)) => Ok(Root::Vector(Vector::Set {
            operator,
            matching: on(&binary.matching),
            left: Box::new(left),
            right: Box::new(right),
        })),
        _ => Err(Fault::new(at, format!("`{name}` goes with instant vectors only"))),
    }
}

fn operator(op: BinaryOp, as_bool: bool) -> Option<Operator> {
    Some(match op {
        BinaryOp::Add => Operator::Calculate(Arithmetic::Add),
        BinaryOp::Subtract => Operator::Calculate(Arithmetic::Subtract),
        BinaryOp::Multiply => Operator::Calculate(Arithmetic::Multiply),
        BinaryOp::Divide => Operator::Calculate(Arithmetic::Divide),
        BinaryOp::Remainder => Operator::Calculate(Arithmetic::Remainder),
        BinaryOp::Power => Operator::Calculate(Arithmetic::Power),
        BinaryOp::Atan2 => Operator::Calculate(Arithmetic::Atan2),
        BinaryOp::TrimUpper => Operator::Trim(Trim::Upper),
        BinaryOp::TrimLower => Operator::Trim(Trim::Lower),
        BinaryOp::Compare(comparison) => Operator::Compare { comparison, as_bool },
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => return None,
    })
}

fn on(matching: &VectorMatching) -> Grouping {
    let labels = matching.labels.clone();
    if matching.is_on { Grouping::By(labels) } else { Grouping::Without(labels) }
}

fn matching(matching: &VectorMatching) -> Matching {
    let cardinality = match matching.group {
        None => Cardinality::OneToOne,
        Some(Group::Left) => Cardinality::ManyToOne,
        Some(Group::Right) => Cardinality::OneToMany,
    };
    Matching {
        on: on(matching),
        cardinality,
        include: matching.include.clone(),
        fill_left: matching.fill_left,
        fill_right: matching.fill_right,
    }
}
