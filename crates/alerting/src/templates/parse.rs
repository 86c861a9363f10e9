//! From pieces to nodes: which action stands in which, and which variables are known where.

use std::collections::BTreeMap;

use super::TemplateError;
use super::expressions::{self, Known, Pipeline};
use super::lex::{Piece, Placed, pieces};
use super::token::Token;
use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    /// The first of the branches whose pipeline is true, else the rest. `with` sets the dot in it.
    Branch {
        sets_dot: bool,
        branches: Vec<(Pipeline, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    /// Once for each element, or the rest where there is none.
    Range {
        over: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Break,
    Continue,
    /// Another template of the same text, with what becomes its dot.
    Template {
        name: String,
        with: Option<Pipeline>,
    },
}

/// A text's own nodes, and the templates that it defines.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Parsed {
    pub(super) main: Vec<Node>,
    pub(super) named: BTreeMap<String, Vec<Node>>,
    /// A query is somewhere among them.
    pub(super) asks: bool,
}

/// What every rule's template knows; `$` is the dot with which it begins.
pub(super) const VARIABLES: [&str; 5] = ["", "labels", "externalLabels", "externalURL", "value"];

pub(super) fn parse(text: &str) -> Result<Parsed, TemplateError> {
    if text.len() > limits::TEMPLATE_BYTES_MAX {
        let message = format!("the template is longer than {} bytes", limits::TEMPLATE_BYTES_MAX);
        return Err(TemplateError::new(limits::TEMPLATE_BYTES_MAX, message));
    }
    let known = Known { variables: VARIABLES.map(str::to_owned).to_vec(), dot_is_alert: true };
    let pieces = pieces(text)?;
    let asks = pieces.iter().any(asks);
    let mut parser =
        Parser { pieces: pieces.into_iter(), depth: 0, ranges: 0, known, named: BTreeMap::new() };
    let (main, stopped) = parser.nodes()?;
    match stopped {
        None => Ok(Parsed { main, named: parser.named, asks }),
        Some(stop) => Err(TemplateError::new(stop.offset, format!("`{}` without an `if`", stop.word))),
    }
}

fn asks(piece: &Piece) -> bool {
    let Piece::Action { tokens, .. } = piece else { return false };
    tokens.iter().any(|placed| matches!(&placed.token, Token::Word(word) if word == "query"))
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    depth: usize,
    /// How many `range` stand around.
    ranges: usize,
    known: Known,
    named: BTreeMap<String, Vec<Node>>,
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
            let (offset, tokens) = match piece {
                Piece::Text(text) if text.is_empty() => continue,
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action { offset, tokens } => (offset, tokens),
            };
            let Some(word) = keyword(&tokens) else {
                nodes.push(Node::Action(self.pipeline(offset, tokens, 1)?));
                continue;
            };
            let word = word.to_owned();
            let rest: Vec<Placed> = tokens.into_iter().skip(1).collect();
            match word.as_str() {
                "else" | "end" => return Ok((nodes, Some(Stop { offset, word, rest }))),
                "if" | "with" => nodes.push(self.branch(offset, &word, rest)?),
                "range" => nodes.push(self.range(offset, rest)?),
                "break" | "continue" => nodes.push(self.leave(offset, &word, &rest)?),
                "template" => nodes.push(self.template(offset, rest)?),
                "define" => self.define(offset, rest)?,
                _ => nodes.push(self.block(offset, rest)?),
            }
        }
        Ok((nodes, None))
    }

    fn pipeline(
        &mut self,
        offset: usize,
        tokens: Vec<Placed>,
        declared_max: usize,
    ) -> Result<Pipeline, TemplateError> {
        expressions::pipeline(offset, tokens, declared_max, &mut self.known)
    }

    /// What stands inside of something: what it declares is unknown behind it.
    fn inside<T>(
        &mut self,
        offset: usize,
        read: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        self.depth += 1;
        if self.depth > limits::TEMPLATE_NESTING_MAX {
            return Err(expressions::too_deep(offset));
        }
        let known = self.known.clone();
        let inner = read(self)?;
        self.known = known;
        self.depth -= 1;
        Ok(inner)
    }

    fn branch(&mut self, offset: usize, word: &str, tokens: Vec<Placed>) -> Result<Node, TemplateError> {
        let sets_dot = word == "with";
        self.inside(offset, |parser| {
            let outer_dot = parser.known.dot_is_alert;
            let mut branches = Vec::new();
            let mut condition = Some((offset, tokens));
            loop {
                let held = match condition.take() {
                    Some((at, tokens)) => Some(parser.pipeline(at, tokens, 1)?),
                    None => None,
                };
                parser.known.dot_is_alert = outer_dot && !(sets_dot && held.is_some());
                let (body, stop) = parser.nodes()?;
                parser.known.dot_is_alert = outer_dot;
                let Stop { offset: at, word: stop, rest } = stop.ok_or_else(|| unclosed(offset, word))?;
                let otherwise = match held {
                    Some(held) => {
                        branches.push((held, body));
                        Vec::new()
                    }
                    None if stop == "end" => body,
                    None => return Err(TemplateError::new(at, "`else` after the last `else`")),
                };
                match (stop.as_str(), keyword(&rest)) {
                    ("end", _) if rest.is_empty() => {
                        return Ok(Node::Branch { sets_dot, branches, otherwise });
                    }
                    ("else", None) if rest.is_empty() => {}
                    ("else", Some(again)) if again == word => {
                        condition = Some((at, rest.into_iter().skip(1).collect()));
                    }
                    _ => return Err(nothing_after(at, &stop)),
                }
            }
        })
    }

    fn range(&mut self, offset: usize, tokens: Vec<Placed>) -> Result<Node, TemplateError> {
        self.inside(offset, |parser| {
            let over = parser.pipeline(offset, tokens, 2)?;
            let outer_dot = std::mem::replace(&mut parser.known.dot_is_alert, false);
            parser.ranges += 1;
            let (body, stop) = parser.nodes()?;
            parser.ranges -= 1;
            parser.known.dot_is_alert = outer_dot;
            let stop = stop.ok_or_else(|| unclosed(offset, "range"))?;
            let is_last = stop.word == "end";
            if !stop.rest.is_empty() {
                return Err(nothing_after(stop.offset, &stop.word));
            }
            let otherwise = if is_last { Vec::new() } else { parser.rest_of(offset, "range")? };
            Ok(Node::Range { over, body, otherwise })
        })
    }

    /// Nodes up to an `end`.
    fn rest_of(&mut self, offset: usize, word: &str) -> Result<Vec<Node>, TemplateError> {
        let (body, stop) = self.nodes()?;
        let stop = stop.ok_or_else(|| unclosed(offset, word))?;
        if stop.word == "else" {
            return Err(TemplateError::new(stop.offset, format!("`{word}` has no `else` here")));
        }
        if stop.rest.is_empty() { Ok(body) } else { Err(nothing_after(stop.offset, "end")) }
    }

    fn leave(&self, offset: usize, word: &str, rest: &[Placed]) -> Result<Node, TemplateError> {
        if !rest.is_empty() {
            return Err(nothing_after(offset, word));
        }
        match (self.ranges, word) {
            (0, _) => Err(TemplateError::new(offset, format!("`{word}` outside of a `range`"))),
            (_, "break") => Ok(Node::Break),
            _ => Ok(Node::Continue),
        }
    }

    fn template(&mut self, offset: usize, tokens: Vec<Placed>) -> Result<Node, TemplateError> {
        let (name, rest) = name_of(offset, "template", tokens)?;
        let with = if rest.is_empty() { None } else { Some(self.pipeline(offset, rest, 1)?) };
        Ok(Node::Template { name, with })
    }

    /// `define` stands at the top, and what is in it knows only its own dot.
    fn define(&mut self, offset: usize, tokens: Vec<Placed>) -> Result<(), TemplateError> {
        let (name, rest) = name_of(offset, "define", tokens)?;
        if !rest.is_empty() {
            return Err(nothing_after(offset, "define"));
        }
        if self.depth > 0 {
            return Err(TemplateError::new(offset, "`define` stands inside of nothing else"));
        }
        let body = self.body_of(offset, "define")?;
        self.name(offset, name, body)
    }

    /// `block` defines a template and is replaced by it at once.
    fn block(&mut self, offset: usize, tokens: Vec<Placed>) -> Result<Node, TemplateError> {
        let (name, rest) = name_of(offset, "block", tokens)?;
        let with = Some(self.pipeline(offset, rest, 1)?);
        let body = self.body_of(offset, "block")?;
        self.name(offset, name.clone(), body)?;
        Ok(Node::Template { name, with })
    }

    fn body_of(&mut self, offset: usize, word: &str) -> Result<Vec<Node>, TemplateError> {
        self.inside(offset, |parser| {
            parser.known = Known { variables: vec![String::new()], dot_is_alert: false };
            let ranges = std::mem::replace(&mut parser.ranges, 0);
            let body = parser.rest_of(offset, word)?;
            parser.ranges = ranges;
            Ok(body)
        })
    }

    fn name(&mut self, offset: usize, name: String, body: Vec<Node>) -> Result<(), TemplateError> {
        let is_blank = |body: &[Node]| {
            body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.named.get(&name) {
            Some(known) if !is_blank(known) && !is_blank(&body) => {
                Err(TemplateError::new(offset, format!("the template `{name}` is defined twice")))
            }
            Some(known) if !is_blank(known) => Ok(()),
            _ => {
                self.named.insert(name, body);
                Ok(())
            }
        }
    }
}

fn unclosed(offset: usize, word: &str) -> TemplateError {
    TemplateError::new(offset, format!("`{word}` has no `{{{{ end }}}}`"))
}

fn nothing_after(offset: usize, word: &str) -> TemplateError {
    TemplateError::new(offset, format!("nothing may stand after `{word}` here"))
}

/// The name that `template`, `define` and `block` begin with, and what follows it.
fn name_of(offset: usize, word: &str, tokens: Vec<Placed>) -> Result<(String, Vec<Placed>), TemplateError> {
    let mut tokens = tokens.into_iter();
    match tokens.next().map(|placed| placed.token) {
        Some(Token::Text(name)) => Ok((name, tokens.collect())),
        _ => Err(TemplateError::new(offset, format!("`{word}` needs a name in quotes"))),
    }
}

const KEYWORDS: [&str; 10] =
    ["if", "with", "range", "else", "end", "break", "continue", "template", "define", "block"];

fn keyword(tokens: &[Placed]) -> Option<&str> {
    match tokens.first().map(|placed| &placed.token) {
        Some(Token::Word(word)) if KEYWORDS.contains(&word.as_str()) => Some(word),
        _ => None,
    }
}
