//! What stands between `{{` and `}}`.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A function's name or a keyword.
    Word(String),
    /// `$name.field.field`.
    Variable(String, Vec<String>),
    /// `.field.field`; empty for a lone dot.
    Dot(Vec<String>),
    Text(String),
    Int(i64),
    Float(f64),
    Pipe,
    Open,
    /// `)`, with the fields that follow at once: `).field`.
    Close(Vec<String>),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Comma,
}
