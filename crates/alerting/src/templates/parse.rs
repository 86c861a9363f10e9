use super::functions::{self, Function};
use super::lex::{Piece, Placed, Token, pieces, unsupported};
use super::{TemplateError, printf};
use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Value(Pipeline),
    If { branches: Vec<(Pipeline, Vec<Node>)>, otherwise: Vec<Node> },
}

/// Commands from left to right, each with the result of the one before as its last argument.
pub(super) type Pipeline = Vec<Command>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Operand(Operand),
    Call(&'static Function, Vec<Operand>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Labels,
    Label(String),
    Value,
    /// External labels: Swan has none.
    NoLabels,
    Nested(Pipeline),
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    if text.len() > limits::TEMPLATE_BYTES_MAX {
        let message = format!("the template is longer than {} bytes", limits::TEMPLATE_BYTES_MAX);
        return Err(TemplateError::new(limits::TEMPLATE_BYTES_MAX, message));
    }
    let mut parser = Parser { pieces: pieces(text)?.into_iter(), depth: 0 };
    let (nodes, stopped) = parser.nodes()?;
    match stopped {
        None => Ok(nodes),
        Some(stop) => Err(TemplateError::new(stop.offset, format!("`{}` without an `if`", stop.word))),
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    depth: usize,
}

/// `else` or `end`, with what stands after it.
struct Stop {
    offset: usize,
    word: String,
    rest: Vec<Placed>,
}

impl Parser {
    /// Nodes up to the end or to an `else` or `end`.
    fn nodes(&mut self) -> Result<(Vec<Node>, Option<Stop>), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) if text.is_empty() => {}
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Action { offset, tokens } => match keyword(&tokens) {
                    Some("if") => nodes.push(self.branches(offset, tokens)?),
                    Some(word @ ("else" | "end")) => {
                        let word = word.to_owned();
                        let rest = tokens.into_iter().skip(1).collect();
                        return Ok((nodes, Some(Stop { offset, word, rest })));
                    }
                    _ => nodes.push(Node::Value(pipeline_of(offset, tokens)?)),
                },
            }
        }
        Ok((nodes, None))
    }

    fn branches(&mut self, offset: usize, tokens: Vec<Placed>) -> Result<Node, TemplateError> {
        self.depth += 1;
        if self.depth > limits::TEMPLATE_NESTING_MAX {
            return Err(too_deep(offset));
        }
        let unclosed = || TemplateError::new(offset, "`if` has no `{{ end }}`");
        let condition = pipeline_of(offset, tokens.into_iter().skip(1).collect())?;
        let mut branches = Vec::new();
        let mut condition = Some(condition);
        loop {
            let (body, stop) = self.nodes()?;
            let Stop { offset: at, word, rest } = stop.ok_or_else(unclosed)?;
            let otherwise = match condition.take() {
                Some(held) => {
                    branches.push((held, body));
                    Vec::new()
                }
                None if word == "end" => body,
                None => return Err(TemplateError::new(at, "`else` after the last `else`")),
            };
            match (word.as_str(), keyword(&rest)) {
                ("end", _) if rest.is_empty() => {
                    self.depth -= 1;
                    return Ok(Node::If { branches, otherwise });
                }
                ("else", None) if rest.is_empty() => {}
                ("else", Some("if")) => {
                    condition = Some(pipeline_of(at, rest.into_iter().skip(1).collect())?);
                }
                _ => return Err(TemplateError::new(at, format!("nothing may stand after `{word}` here"))),
            }
        }
    }
}

fn keyword(tokens: &[Placed]) -> Option<&str> {
    match tokens.first().map(|placed| &placed.token) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

fn too_deep(offset: usize) -> TemplateError {
    TemplateError::new(offset, format!("nested deeper than {}", limits::TEMPLATE_NESTING_MAX))
}

fn pipeline_of(offset: usize, tokens: Vec<Placed>) -> Result<Pipeline, TemplateError> {
    let mut reader = Reader { tokens: tokens.into_iter().peekable(), end: offset, depth: 0 };
    let pipeline = reader.pipeline()?;
    match reader.tokens.next() {
        None => Ok(pipeline),
        Some(extra) => Err(TemplateError::new(extra.offset, "`)` without `(`")),
    }
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    /// Where the action begins: where something is missing.
    end: usize,
    depth: usize,
}

impl Reader {
    /// Commands up to the end or to a closing parenthesis.
    fn pipeline(&mut self) -> Result<Pipeline, TemplateError> {
        let mut commands: Pipeline = Vec::new();
        loop {
            let piped = !commands.is_empty();
            commands.push(self.command(piped)?);
            match self.tokens.peek().map(|placed| &placed.token) {
                Some(Token::Pipe) => {
                    self.tokens.next();
                }
                _ => return Ok(commands),
            }
        }
    }

    fn command(&mut self, piped: bool) -> Result<Command, TemplateError> {
        let first = self.tokens.next();
        let Some(Placed { offset, token }) = first else {
            return Err(TemplateError::new(self.end, "a value is missing"));
        };
        if let Token::Word(name) = &token
            && !matches!(name.as_str(), "true" | "false")
        {
            let function = functions::named(name).ok_or_else(|| no_function(offset, name))?;
            let arguments = self.arguments()?;
            function.check_count(offset, arguments.len() + usize::from(piped))?;
            check_literals(offset, function, &arguments)?;
            return Ok(Command::Call(function, arguments));
        }
        let operand = self.operand(offset, token)?;
        if piped {
            return Err(TemplateError::new(offset, "only a function can stand after `|`"));
        }
        match self.arguments()?.is_empty() {
            true => Ok(Command::Operand(operand)),
            false => {
                Err(TemplateError::new(offset, "a value takes no arguments")
                    .hint("write `|` before a function"))
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Operand>, TemplateError> {
        let mut arguments = Vec::new();
        while let Some(Placed { offset, token }) =
            self.tokens.next_if(|placed| !matches!(placed.token, Token::Pipe | Token::Close))
        {
            arguments.push(self.operand(offset, token)?);
        }
        Ok(arguments)
    }

    fn operand(&mut self, offset: usize, token: Token) -> Result<Operand, TemplateError> {
        match token {
            Token::Text(text) => Ok(Operand::Text(text)),
            Token::Int(int) => Ok(Operand::Int(int)),
            Token::Float(float) => Ok(Operand::Float(float)),
            Token::Word(word) if word == "true" || word == "false" => Ok(Operand::Bool(word == "true")),
            Token::Word(word) if functions::named(&word).is_some() => {
                let message = format!("the function `{word}` stands where a value is expected");
                Err(TemplateError::new(offset, message).hint("put a call that is an argument in parentheses"))
            }
            Token::Word(word) => Err(no_function(offset, &word)),
            Token::Variable(name, fields) => variable(offset, &name, fields),
            Token::Dot(fields) => field_of_dot(offset, fields),
            Token::Open => {
                self.depth += 1;
                if self.depth > limits::TEMPLATE_NESTING_MAX {
                    return Err(too_deep(offset));
                }
                let nested = self.pipeline()?;
                self.depth -= 1;
                match self.tokens.next() {
                    Some(Placed { token: Token::Close, .. }) => Ok(Operand::Nested(nested)),
                    _ => Err(TemplateError::new(offset, "`(` has no `)`")),
                }
            }
            Token::Pipe | Token::Close => Err(TemplateError::new(offset, "a value is missing")),
        }
    }
}

fn variable(offset: usize, name: &str, fields: Vec<String>) -> Result<Operand, TemplateError> {
    match name {
        "labels" => labels(offset, fields),
        "externalLabels" => none_of_ours(offset, fields),
        "value" if fields.is_empty() => Ok(Operand::Value),
        "externalURL" if fields.is_empty() => Ok(Operand::Text(String::new())),
        "value" | "externalURL" => Err(TemplateError::new(offset, format!("`${name}` has no fields"))),
        "" => Err(unsupported(offset, "`$` alone")),
        _ => {
            let error = TemplateError::new(offset, format!("there is no variable `${name}`"));
            Err(error.hint("there are `$labels` and `$value`"))
        }
    }
}

fn field_of_dot(offset: usize, fields: Vec<String>) -> Result<Operand, TemplateError> {
    let mut fields = fields.into_iter();
    let first = fields.next();
    let rest: Vec<String> = fields.collect();
    match first.as_deref() {
        Some("Labels") => labels(offset, rest),
        Some("ExternalLabels") => none_of_ours(offset, rest),
        Some("Value") if rest.is_empty() => Ok(Operand::Value),
        Some("ExternalURL") if rest.is_empty() => Ok(Operand::Text(String::new())),
        Some(name) => {
            let error = TemplateError::new(offset, format!("there is no field `.{name}`"));
            Err(error.hint("there are `.Labels` and `.Value`"))
        }
        None => Err(unsupported(offset, "`.` alone").hint("use `.Labels` or `.Value`")),
    }
}

fn labels(offset: usize, mut fields: Vec<String>) -> Result<Operand, TemplateError> {
    match fields.len() {
        0 => Ok(Operand::Labels),
        1 => Ok(Operand::Label(fields.remove(0))),
        _ => Err(TemplateError::new(offset, "a label's value has no fields")),
    }
}

fn none_of_ours(offset: usize, fields: Vec<String>) -> Result<Operand, TemplateError> {
    labels(offset, fields).map(|operand| match operand {
        Operand::Labels => Operand::NoLabels,
        _ => Operand::Text(String::new()),
    })
}

fn no_function(offset: usize, name: &str) -> TemplateError {
    if functions::UNSUPPORTED.contains(&name) {
        return unsupported(offset, format_args!("`{name}`"));
    }
    let known: Vec<&str> = functions::FUNCTIONS.iter().map(|function| function.name).collect();
    TemplateError::new(offset, format!("there is no function `{name}`"))
        .hint(format!("there are {}", known.join(", ")))
}

/// What a literal first argument tells already: a format that cannot be followed, an expression that does not compile.
fn check_literals(offset: usize, function: &Function, arguments: &[Operand]) -> Result<(), TemplateError> {
    let Some(Operand::Text(text)) = arguments.first() else { return Ok(()) };
    let checked = match function.name {
        "printf" => printf::check(text),
        "match" | "reReplaceAll" => functions::regex(text).map(|_| ()),
        _ => Ok(()),
    };
    checked.map_err(|message| TemplateError::new(offset, message))
}
