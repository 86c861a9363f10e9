use super::token::Token;
use super::{TemplateError, literals};

/// A piece of a template: text, or what stands between `{{` and `}}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Action { offset: usize, tokens: Vec<Placed> },
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) offset: usize,
    pub(super) token: Token,
}

/// Cuts a template into its pieces, with the spaces that trim markers take away already gone.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut at, mut trims_next) = (0, false);
    loop {
        let open = text[at..].find("{{").map(|found| at + found);
        let mut plain = &text[at..open.unwrap_or(text.len())];
        if trims_next {
            plain = plain.trim_start_matches(is_space);
        }
        let Some(open) = open else {
            pieces.push(Piece::Text(plain.to_owned()));
            return Ok(pieces);
        };
        let mut inside = open + 2;
        let marker = text[inside..].strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space));
        if marker {
            plain = plain.trim_end_matches(is_space);
            inside += 2;
        }
        pieces.push(Piece::Text(plain.to_owned()));
        let comment_at =
            if marker { text.len() - text[inside..].trim_start_matches(is_space).len() } else { inside };
        if text[comment_at..].starts_with("/*") {
            (at, trims_next) = comment(text, comment_at)?;
            continue;
        }
        let mut lexer = Lexer { text, at: inside, tokens: Vec::new() };
        trims_next = lexer.action(open)?;
        at = lexer.at;
        pieces.push(Piece::Action { offset: open, tokens: lexer.tokens });
    }
}

/// Where the text after a comment begins, and whether it is trimmed.
fn comment(text: &str, at: usize) -> Result<(usize, bool), TemplateError> {
    let unclosed = || TemplateError::new(at, "a comment has no end").hint("close it with `*/}}`");
    let end = at + text[at..].find("*/").ok_or_else(unclosed)? + 2;
    let after = text[end..].trim_start_matches(is_space);
    let trims = after.len() < text.len() - end && after.starts_with("-}}");
    match trims {
        true => Ok((text.len() - after.len() + 3, true)),
        false if text[end..].starts_with("}}") => Ok((end + 2, false)),
        false => Err(TemplateError::new(end, "a comment has to be alone in its braces")),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Placed>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Reads up to and over `}}`; true where it trims what follows.
    fn action(&mut self, open: usize) -> Result<bool, TemplateError> {
        loop {
            let spaces = self.rest().len() - self.rest().trim_start_matches(is_space).len();
            self.at += spaces;
            if spaces > 0 && self.rest().starts_with("-}}") {
                self.at += 3;
                return Ok(true);
            }
            if self.rest().starts_with("}}") {
                self.at += 2;
                return Ok(false);
            }
            let offset = self.at;
            let Some(first) = self.rest().chars().next() else {
                return Err(TemplateError::new(open, "`{{` has no `}}`"));
            };
            let token = self.token(first)?;
            self.tokens.push(Placed { offset, token });
        }
    }

    fn token(&mut self, first: char) -> Result<Token, TemplateError> {
        let offset = self.at;
        match first {
            '|' | '(' => {
                self.at += 1;
                Ok(if first == '|' { Token::Pipe } else { Token::Open })
            }
            ')' => {
                self.at += 1;
                self.fields().map(Token::Close)
            }
            '"' => {
                let (read, end) = literals::quoted(self.text, offset)?;
                self.at = end;
                Ok(Token::Text(read))
            }
            '`' => {
                let body = &self.text[offset + 1..];
                let end =
                    body.find('`').ok_or_else(|| TemplateError::new(offset, "a text has no closing '`'"))?;
                self.at = offset + 1 + end + 1;
                Ok(Token::Text(body[..end].to_owned()))
            }
            '\'' => {
                let (read, end) = literals::character(self.text, offset)?;
                self.at = end;
                Ok(Token::Int(read))
            }
            '$' => {
                self.at += 1;
                let name = self.word();
                let fields = self.fields()?;
                Ok(Token::Variable(name, fields))
            }
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '.' => {
                let fields = self.fields()?;
                if fields.is_empty() {
                    self.at += 1;
                }
                Ok(Token::Dot(fields))
            }
            '+' | '-' | '0'..='9' => self.number(),
            ':' if self.rest().starts_with(":=") => {
                self.at += 2;
                Ok(Token::Declare)
            }
            '=' | ',' => {
                self.at += 1;
                Ok(if first == '=' { Token::Assign } else { Token::Comma })
            }
            c if is_word(c) => {
                let word = self.word();
                match self.rest().starts_with('.') {
                    true => Err(TemplateError::new(self.at, format!("`{word}` has no fields"))
                        .hint("put a call whose result has some in parentheses")),
                    false => Ok(Token::Word(word)),
                }
            }
            c => Err(TemplateError::new(offset, format!("`{c}` does not belong here"))),
        }
    }

    fn number(&mut self) -> Result<Token, TemplateError> {
        let (read, length) = literals::number(self.rest(), self.at)?;
        self.at += length;
        Ok(read)
    }

    fn word(&mut self) -> String {
        let end = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        let word = self.rest()[..end].to_owned();
        self.at += end;
        word
    }

    /// `.a.b`; none where no name follows the dot.
    fn fields(&mut self) -> Result<Vec<String>, TemplateError> {
        let mut fields = Vec::new();
        while self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(is_word)) {
            self.at += 1;
            fields.push(self.word());
        }
        if !fields.is_empty() && self.rest().starts_with('.') {
            return Err(TemplateError::new(self.at, "a `.` has no name after it"));
        }
        Ok(fields)
    }
}
