//! An expression as a tree that knows its own parts, so that the smallest part that differs can be found.

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Scalar,
    Vector,
    Matrix,
}

/// An expression: pieces of text with expressions between them.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) gives: Type,
    /// One more than there are children.
    pieces: Vec<String>,
    pub(super) children: Vec<Expression>,
}

impl Expression {
    /// What has no parts.
    pub(super) fn leaf(gives: Type, text: impl Into<String>) -> Self {
        Self { gives, pieces: vec![text.into()], children: Vec::new() }
    }

    /// From a pattern in which each `$` stands for a child.
    pub(super) fn of(gives: Type, pattern: &str, children: Vec<Self>) -> Self {
        let pieces: Vec<String> = pattern.split('$').map(str::to_owned).collect();
        assert_eq!(pieces.len(), children.len() + 1, "a child for each `$` of `{pattern}`");
        Self { gives, pieces, children }
    }

    /// The same with more text at its end.
    pub(super) fn ending_in(mut self, text: &str) -> Self {
        self.pieces.last_mut().expect("there is a piece").push_str(text);
        self
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.pieces[0].clone();
        for (child, piece) in self.children.iter().zip(&self.pieces[1..]) {
            text += &child.text();
            text += piece;
        }
        text
    }

    /// Whether it is another one in brackets.
    pub(super) fn is_bracketed(&self) -> bool {
        self.pieces == ["(", ")"]
    }

    /// The same with another child.
    pub(super) fn with_child(&self, index: usize, child: Self) -> Self {
        let mut other = self.clone();
        other.children[index] = child;
        other
    }
}
