//! A query's text as tokens.
//!
//! What a character means depends on where it stands: between braces a word has no colon, and between brackets a
//! colon stands by itself. Keywords are words here; the parser knows where they mean something.

use crate::QueryRefusal;
use crate::syntax::Fault;

/// One token; `start` and `end` are bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, with colons where it stands outside of braces.
    Word,
    Number,
    /// `1h30m`
    Duration,
    /// A string with its quotes.
    Text,
    Symbol(Symbol),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbol {
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    Assign,
    Matches,
    NotMatches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    TrimUpper,
    TrimLower,
}

/// Two characters first, so that the longest symbol is found.
const SYMBOLS: [(&str, Symbol); 26] = [
    ("=~", Symbol::Matches),
    ("!~", Symbol::NotMatches),
    ("==", Symbol::Equal),
    ("!=", Symbol::NotEqual),
    ("<=", Symbol::LessOrEqual),
    (">=", Symbol::GreaterOrEqual),
    ("</", Symbol::TrimUpper),
    (">/", Symbol::TrimLower),
    ("(", Symbol::LeftParen),
    (")", Symbol::RightParen),
    ("{", Symbol::LeftBrace),
    ("}", Symbol::RightBrace),
    ("[", Symbol::LeftBracket),
    ("]", Symbol::RightBracket),
    (",", Symbol::Comma),
    (":", Symbol::Colon),
    ("@", Symbol::At),
    ("=", Symbol::Assign),
    ("+", Symbol::Add),
    ("-", Symbol::Subtract),
    ("*", Symbol::Multiply),
    ("/", Symbol::Divide),
    ("%", Symbol::Remainder),
    ("^", Symbol::Power),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
];

/// Where the text is being read.
struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// The brackets that are open.
    open: Vec<(Symbol, usize)>,
    tokens: Vec<Token>,
}

/// The tokens of a text, closed by [`Kind::End`]; every bracket in it is closed, and nests no deeper than
/// `nesting_max`.
pub(crate) fn tokens(text: &str, nesting_max: usize) -> Result<Vec<Token>, QueryRefusal> {
    let mut lexer = Lexer { text, at: 0, open: Vec::new(), tokens: Vec::new() };
    loop {
        lexer.skip_blanks();
        let Some(first) = lexer.rest().chars().next() else { break };
        let (kind, length) = lexer.token(first)?;
        let token = Token { kind, start: lexer.at, end: lexer.at + length };
        lexer.at += length;
        lexer.bracket(token, nesting_max)?;
        lexer.tokens.push(token);
    }
    if let Some((symbol, at)) = lexer.open.first() {
        let bracket = &text[*at..at + 1];
        let _ = symbol;
        return Err(Fault::new(*at, format!("unclosed `{bracket}`")).refused(text));
    }
    lexer.tokens.push(Token { kind: Kind::End, start: text.len(), end: text.len() });
    Ok(lexer.tokens)
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blank;
            if !self.rest().starts_with('#') {
                return;
            }
            let rest = self.rest();
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        }
    }

    fn fault(&self, problem: String) -> QueryRefusal {
        Fault::new(self.at, problem).refused(self.text)
    }

    fn token(&self, first: char) -> Result<(Kind, usize), QueryRefusal> {
        let rest = self.rest();
        let inside = self.open.last().map(|(symbol, _)| *symbol);
        let second_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        match first {
            '"' | '\'' | '`' => match quoted_length(rest, first) {
                Some(length) => Ok((Kind::Text, length)),
                None => Err(self.fault("the string is not closed".to_owned())),
            },
            '0'..='9' if inside != Some(Symbol::LeftBrace) => self.number(),
            '.' if second_is_digit => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => {
                Ok((Kind::Word, word_length(rest, inside.is_none_or(may_hold_colons))))
            }
            ':' if inside.is_none_or(may_hold_colons) => Ok((Kind::Word, word_length(rest, true))),
            _ => match SYMBOLS.iter().find(|(written, _)| rest.starts_with(written)) {
                // Between brackets `<` never stands, and between braces only what compares.
                Some((written, symbol)) => Ok((Kind::Symbol(*symbol), written.len())),
                None => Err(self.fault(format!("unexpected character `{first}`"))),
            },
        }
    }

    fn number(&self) -> Result<(Kind, usize), QueryRefusal> {
        let rest = self.rest();
        let length = number_length(rest);
        let follows = rest.as_bytes().get(length).copied().unwrap_or(b' ');
        if !is_word(follows) && follows != b'.' {
            return Ok((Kind::Number, length));
        }
        let length = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let follows = rest.as_bytes().get(length).copied().unwrap_or(b' ');
        let written = &rest[..length];
        let units = written.bytes().all(|byte| byte.is_ascii_digit() || b"smhdwy".contains(&byte));
        if units
            && written.ends_with(|c: char| c.is_ascii_alphabetic())
            && !is_word(follows)
            && follows != b'.'
        {
            return Ok((Kind::Duration, length));
        }
        let shown = rest.bytes().position(|byte| !is_word(byte) && byte != b'.').unwrap_or(rest.len());
        Err(self
            .fault(format!("`{}` is neither a number nor a duration like `5m`", &rest[..shown.max(length)])))
    }

    fn bracket(&mut self, token: Token, nesting_max: usize) -> Result<(), QueryRefusal> {
        let Kind::Symbol(symbol) = token.kind else { return Ok(()) };
        let opening = match symbol {
            Symbol::LeftParen | Symbol::LeftBrace | Symbol::LeftBracket => {
                self.open.push((symbol, token.start));
                if self.open.len() > nesting_max {
                    return Err(QueryRefusal::TooDeep {
                        column: self.text[..token.start].chars().count() + 1,
                    });
                }
                return Ok(());
            }
            Symbol::RightParen => Symbol::LeftParen,
            Symbol::RightBrace => Symbol::LeftBrace,
            Symbol::RightBracket => Symbol::LeftBracket,
            _ => return Ok(()),
        };
        if self.open.pop().map(|(open, _)| open) == Some(opening) {
            return Ok(());
        }
        let shown = &self.text[token.start..token.end];
        Err(Fault::new(token.start, format!("unexpected `{shown}`")).refused(self.text))
    }
}

/// Whether words between these brackets may hold colons.
fn may_hold_colons(open: Symbol) -> bool {
    open == Symbol::LeftParen
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word_length(rest: &str, with_colons: bool) -> usize {
    rest.bytes().position(|byte| !(is_word(byte) || (with_colons && byte == b':'))).unwrap_or(rest.len())
}

/// With the closing quote; `None` where there is none. Only a raw string spans lines.
fn quoted_length(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (offset, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == '\n' && quote != '`' {
            return None;
        } else if c == quote {
            return Some(offset + 1);
        }
    }
    None
}

/// What may be a number: digits with underscores between them, a point, an exponent; or hexadecimal digits.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize, is_digit: fn(&u8) -> bool| {
        bytes[from..]
            .iter()
            .position(|byte| !is_digit(byte) && *byte != b'_')
            .map_or(bytes.len(), |n| from + n)
    };
    if bytes.len() > 2 && bytes[0] == b'0' && bytes[1].eq_ignore_ascii_case(&b'x') {
        return digits(2, u8::is_ascii_hexdigit);
    }
    let mut at = digits(0, u8::is_ascii_digit);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1, u8::is_ascii_digit);
    }
    if bytes.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        let sign = usize::from(bytes.get(at + 1).is_some_and(|byte| matches!(byte, b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign, u8::is_ascii_digit);
        }
    }
    at
}
