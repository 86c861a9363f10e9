//! What stands in an action: pipelines of commands, their operands, and what they declare.

use super::TemplateError;
use super::functions::{self, Function};
use super::lex::Placed;
use super::token::Token;
use super::{printf, strings};
use crate::limits;

/// Commands from left to right, each with the result of the one before as its last argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    /// The variables that take the result; an action with some prints nothing.
    pub(super) variables: Vec<String>,
    /// They are new, rather than known before.
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) head: Operand,
    pub(super) arguments: Vec<Operand>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Nil,
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Dot,
    Variable(String),
    /// `.field` of something.
    Fields(Box<Operand>, Vec<String>),
    Function(&'static Function),
    Nested(Pipeline),
}

/// What expressions may refer to at one place.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) variables: Vec<String>,
    /// Whether the dot is the alert, whose fields are known.
    pub(super) dot_is_alert: bool,
}

/// Reads one action.
pub(super) fn pipeline(
    offset: usize,
    tokens: Vec<Placed>,
    declared_max: usize,
    known: &mut Known,
) -> Result<Pipeline, TemplateError> {
    let mut reader = Reader { tokens: tokens.into_iter().peekable(), end: offset, depth: 0, known };
    let (variables, declares) = reader.declarations(declared_max)?;
    let commands = reader.commands()?;
    if let Some(extra) = reader.tokens.next() {
        let message = match extra.token {
            Token::Close(_) => "`)` without `(`",
            _ => "this does not belong here",
        };
        return Err(TemplateError::new(extra.offset, message));
    }
    if declares {
        known.variables.extend(variables.iter().cloned());
    }
    Ok(Pipeline { variables, declares, commands })
}

pub(super) fn too_deep(offset: usize) -> TemplateError {
    TemplateError::new(offset, format!("nested deeper than {}", limits::TEMPLATE_NESTING_MAX))
}

struct Reader<'k> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    /// Where the action begins: where something is missing.
    end: usize,
    depth: usize,
    known: &'k Known,
}

impl Reader<'_> {
    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declarations(&mut self, most: usize) -> Result<(Vec<String>, bool), TemplateError> {
        let place = |reader: &Self, at: usize| reader.tokens.clone().nth(at).map(|placed| placed.token);
        let count = match (place(self, 1), place(self, 3)) {
            (Some(Token::Declare | Token::Assign), _) => 1,
            (Some(Token::Comma), Some(Token::Declare | Token::Assign)) => 2,
            _ => return Ok((Vec::new(), false)),
        };
        let mut variables = Vec::new();
        let mut offset = self.end;
        for _ in 0..count {
            let Some(Placed { offset: at, token: Token::Variable(name, fields) }) = self.tokens.next() else {
                return Err(TemplateError::new(self.end, "only a variable like `$x` takes a value"));
            };
            if !fields.is_empty() || name.is_empty() {
                return Err(TemplateError::new(at, "only a variable like `$x` takes a value"));
            }
            offset = at;
            variables.push(name);
            if variables.len() < count {
                self.tokens.next();
            }
        }
        let declares = matches!(self.tokens.next(), Some(Placed { token: Token::Declare, .. }));
        if variables.len() > most {
            return Err(TemplateError::new(offset, "only `range` gives two values"));
        }
        if !declares {
            variables.iter().try_for_each(|name| self.knows(offset, name))?;
        }
        Ok((variables, declares))
    }

    fn knows(&self, offset: usize, name: &str) -> Result<(), TemplateError> {
        if self.known.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        let error = TemplateError::new(offset, format!("there is no variable `${name}`"));
        let known: Vec<String> = self
            .known
            .variables
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| format!("`${name}`"))
            .collect();
        Err(if known.is_empty() { error } else { error.hint(format!("there are {}", known.join(", "))) })
    }

    /// Commands up to the end or to a closing parenthesis.
    fn commands(&mut self) -> Result<Vec<Command>, TemplateError> {
        let mut commands = Vec::new();
        loop {
            let piped = !commands.is_empty();
            commands.push(self.command(piped)?);
            if self.tokens.next_if(|placed| placed.token == Token::Pipe).is_none() {
                return Ok(commands);
            }
        }
    }

    fn command(&mut self, piped: bool) -> Result<Command, TemplateError> {
        let first = self.tokens.next();
        let Some(Placed { offset, token }) = first else {
            return Err(TemplateError::new(self.end, "a value is missing"));
        };
        let head = self.operand(offset, token)?;
        let arguments = self.arguments()?;
        match &head {
            Operand::Function(function) => {
                function.check_count(offset, arguments.len() + usize::from(piped))?;
                check_literals(offset, function, &arguments)?;
            }
            Operand::Nil => return Err(TemplateError::new(offset, "`nil` alone is no value")),
            // A method may take arguments; what it is a method of, only its expansion tells.
            Operand::Fields(..) => {}
            _ if piped => return Err(TemplateError::new(offset, "only a function can stand after `|`")),
            _ if !arguments.is_empty() => {
                let error = TemplateError::new(offset, "a value takes no arguments");
                return Err(error.hint("write `|` before a function"));
            }
            _ => {}
        }
        Ok(Command { head, arguments })
    }

    fn arguments(&mut self) -> Result<Vec<Operand>, TemplateError> {
        let mut arguments = Vec::new();
        while let Some(Placed { offset, token }) =
            self.tokens.next_if(|placed| !matches!(placed.token, Token::Pipe | Token::Close(_)))
        {
            let argument = self.operand(offset, token)?;
            if let Operand::Function(function) = &argument
                && function.check_count(offset, 0).is_err()
            {
                let message = format!("the function `{}` stands where a value is expected", function.name);
                let error = TemplateError::new(offset, message);
                return Err(error.hint("put a call that is an argument in parentheses"));
            }
            arguments.push(argument);
        }
        Ok(arguments)
    }

    fn operand(&mut self, offset: usize, token: Token) -> Result<Operand, TemplateError> {
        match token {
            Token::Text(text) => Ok(Operand::Text(text)),
            Token::Int(int) => Ok(Operand::Int(int)),
            Token::Float(float) => Ok(Operand::Float(float)),
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Ok(Operand::Bool(word == "true")),
                "nil" => Ok(Operand::Nil),
                _ => functions::named(&word)
                    .map(Operand::Function)
                    .ok_or_else(|| functions::none_named(offset, &word)),
            },
            Token::Variable(name, fields) => {
                self.knows(offset, &name)?;
                fields_of_alert(offset, name.is_empty() && self.known.dot_is_alert, &fields)?;
                Ok(with_fields(Operand::Variable(name), fields))
            }
            Token::Dot(fields) => {
                fields_of_alert(offset, self.known.dot_is_alert, &fields)?;
                Ok(with_fields(Operand::Dot, fields))
            }
            Token::Open => self.nested(offset),
            Token::Pipe | Token::Close(_) => Err(TemplateError::new(offset, "a value is missing")),
            Token::Declare | Token::Assign | Token::Comma => {
                Err(TemplateError::new(offset, "this does not belong here")
                    .hint("a variable is declared at the beginning: `$x := …`"))
            }
        }
    }

    fn nested(&mut self, offset: usize) -> Result<Operand, TemplateError> {
        self.depth += 1;
        if self.depth > limits::TEMPLATE_NESTING_MAX {
            return Err(too_deep(offset));
        }
        let commands = self.commands()?;
        self.depth -= 1;
        match self.tokens.next() {
            Some(Placed { token: Token::Close(fields), .. }) => {
                let nested = Pipeline { variables: Vec::new(), declares: false, commands };
                Ok(with_fields(Operand::Nested(nested), fields))
            }
            _ => Err(TemplateError::new(offset, "`(` has no `)`")),
        }
    }
}

fn with_fields(operand: Operand, fields: Vec<String>) -> Operand {
    if fields.is_empty() { operand } else { Operand::Fields(Box::new(operand), fields) }
}

/// What a rule's template has is known before it is expanded.
fn fields_of_alert(offset: usize, is_alert: bool, fields: &[String]) -> Result<(), TemplateError> {
    let Some(first) = fields.first().filter(|_| is_alert) else { return Ok(()) };
    if ["Labels", "Value", "ExternalLabels", "ExternalURL"].contains(&first.as_str()) {
        return Ok(());
    }
    let error = TemplateError::new(offset, format!("there is no field `.{first}`"));
    Err(error.hint("there are `.Labels`, `.Value`, `.ExternalLabels` and `.ExternalURL`"))
}

/// What a literal first argument tells already: a format that cannot be followed, an expression that does not compile.
fn check_literals(offset: usize, function: &Function, arguments: &[Operand]) -> Result<(), TemplateError> {
    let Some(Operand::Text(text)) = arguments.first() else { return Ok(()) };
    let checked = match function.name {
        "printf" => printf::check(text),
        "match" | "reReplaceAll" => strings::regex(text).map(|_| ()),
        _ => Ok(()),
    };
    checked.map_err(|message| TemplateError::new(offset, message))
}
