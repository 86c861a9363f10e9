//! What must hold of an expression before the parser sees it.
//!
//! The parser recurses over what it built, compiles every regular expression it meets, and panics on a duration
//! that is out of range. So the text is read once here, token by token and without recursion, and refused where
//! it is too long, nests too deeply, or holds such a regular expression or duration.

use kernel::Span;
use kernel::limits::{QUERY_BYTES_MAX, QUERY_NESTING_MAX};
use promql_parser::util::unquote_string;

use crate::limits::{DURATION_SECS_MAX, QUERY_OPERATORS_MAX, QUERY_REGEXES_MAX};
use crate::{MatchOp, Matcher, QueryRefusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Text,
    Symbol,
}

#[derive(Debug, Clone, Copy)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    at: usize,
}

/// Tokens of the text; white space and comments are between them. It is coarser than PromQL's own lexer:
/// each character of an operator is a symbol, and a duration is a number.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

/// Refuses what the parser must not see.
pub(crate) fn check(text: &str) -> Result<(), QueryRefusal> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryRefusal::TooLong { bytes: text.len() });
    }
    let mut open: Vec<Token<'_>> = Vec::new();
    let (mut operators, mut regexes) = (0, 0);
    let mut before = [""; 2];
    for token in (Tokens { text, at: 0 }) {
        let inside = open.last().map_or("", |bracket| bracket.text);
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Symbol => {
                open.push(token);
                if open.len() > QUERY_NESTING_MAX {
                    return Err(QueryRefusal::TooDeep { column: column(text, token.at) });
                }
            }
            ")" | "]" | "}"
                if token.kind == Kind::Symbol
                    && open.pop().map(|bracket| closing(bracket.text)) != Some(token.text) =>
            {
                return Err(invalid(text, format!("unexpected `{}`", token.text), token.at));
            }
            _ => {}
        }
        if inside != "{" && is_operator(token, before[1]) {
            operators += 1;
            if operators > QUERY_OPERATORS_MAX {
                return Err(QueryRefusal::TooManyOperators { column: column(text, token.at) });
            }
        }
        let in_duration = inside == "["
            || before[1].eq_ignore_ascii_case("offset")
            || (before[0].eq_ignore_ascii_case("offset") && matches!(before[1], "+" | "-"));
        if in_duration && !is_duration_sane(token) {
            return Err(invalid(text, format!("`{}` is not a duration like `5m`", token.text), token.at));
        }
        if token.kind == Kind::Text && before[1] == "~" && matches!(before[0], "=" | "!") {
            regexes += 1;
            if regexes > QUERY_REGEXES_MAX {
                return Err(QueryRefusal::TooManyRegexes { column: column(text, token.at) });
            }
            check_regex(text, token)?;
        }
        before = [before[1], token.text];
    }
    match open.first() {
        Some(bracket) => Err(invalid(text, format!("unclosed `{}`", bracket.text), bracket.at)),
        None => Ok(()),
    }
}

/// Where a word stands in the text, outside of strings and comments, as a column.
pub(crate) fn column_of(text: &str, word: &str) -> Option<usize> {
    let found = Tokens { text, at: 0 }
        .find(|token| token.kind != Kind::Text && token.text.eq_ignore_ascii_case(word))?;
    Some(column(text, found.at))
}

fn column(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

fn invalid(text: &str, problem: String, at: usize) -> QueryRefusal {
    QueryRefusal::Invalid { expression: text.to_owned(), problem, column: Some(column(text, at)) }
}

fn closing(opening: &str) -> &'static str {
    match opening {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

fn is_operator(token: Token<'_>, before: &str) -> bool {
    match token.kind {
        Kind::Symbol => match token.text {
            "+" | "-" | "*" | "/" | "%" | "^" | "<" | ">" => true,
            "=" => matches!(before, "=" | "!"),
            _ => false,
        },
        Kind::Word => {
            ["and", "or", "unless", "atan2"].iter().any(|word| token.text.eq_ignore_ascii_case(word))
        }
        Kind::Number | Kind::Text => false,
    }
}

/// Units as the parser takes them are checked by the same grammar; seconds are bounded, because the parser
/// turns them into a duration that panics where it overflows.
fn is_duration_sane(token: Token<'_>) -> bool {
    match token.kind {
        Kind::Number => match token.text.parse::<f64>() {
            Ok(secs) => (0.0..=DURATION_SECS_MAX).contains(&secs),
            Err(_) => token.text.parse::<Span>().is_ok_and(|span| span.as_secs_f64() <= DURATION_SECS_MAX),
        },
        Kind::Word => !["inf", "nan", "infinity"].iter().any(|word| token.text.eq_ignore_ascii_case(word)),
        Kind::Text | Kind::Symbol => true,
    }
}

fn check_regex(text: &str, token: Token<'_>) -> Result<(), QueryRefusal> {
    let Ok(value) = unquote_string(token.text) else {
        return Ok(()); // The parser says what is wrong with the string.
    };
    match Matcher::new("", MatchOp::Regex, value) {
        Ok(_) => Ok(()),
        Err(error) => Err(invalid(text, error.problem(), token.at)),
    }
}

impl<'t> Tokens<'t> {
    fn take_while(&mut self, from: usize, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[from..];
        let length = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at = from + length;
        &rest[..length]
    }

    fn number(&mut self, from: usize) -> &'t str {
        let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        loop {
            let upto = if self.at > from { self.at } else { from };
            self.take_while(upto, is_digit);
            let read = &self.text[from..self.at];
            let exponent = (read.ends_with('e') || read.ends_with('E')) && !read.starts_with("0x");
            let signed = self.text[self.at..].starts_with(['+', '-']);
            if exponent && signed {
                self.at += 1;
            } else {
                return &self.text[from..self.at];
            }
        }
    }

    fn quoted(&mut self, from: usize, quote: char) -> &'t str {
        let mut escaped = false;
        for (offset, c) in self.text[from..].char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' && quote != '`' {
                escaped = true;
            } else if c == quote {
                self.at = from + offset + 1;
                return &self.text[from..self.at];
            }
        }
        self.at = self.text.len();
        &self.text[from..]
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            let at = self.at;
            let mut rest = self.text[at..].chars();
            let first = rest.next()?;
            let (kind, text) = match first {
                c if c.is_whitespace() => {
                    self.take_while(at, char::is_whitespace);
                    continue;
                }
                '#' => {
                    self.take_while(at, |c| c != '\n');
                    continue;
                }
                '"' | '\'' | '`' => (Kind::Text, self.quoted(at, first)),
                c if c.is_ascii_digit() => (Kind::Number, self.number(at)),
                '.' if rest.next().is_some_and(|c| c.is_ascii_digit()) => (Kind::Number, self.number(at)),
                c if c.is_alphabetic() || c == '_' => {
                    (Kind::Word, self.take_while(at, |c| c.is_alphanumeric() || c == '_' || c == ':'))
                }
                c => {
                    self.at = at + c.len_utf8();
                    (Kind::Symbol, &self.text[at..self.at])
                }
            };
            return Some(Token { kind, text, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(check(r#"up{a="((", b='[', c=`{`} # ((("#), Ok(()));
        assert_eq!(check("((((up))))[5m:1m]"), Ok(()));
    }

    #[test]
    fn nesting_and_operators_are_capped_where_they_pass_the_limit() {
        let deep = format!("{}1{}", "(".repeat(50_000 / 4), ")".repeat(50_000 / 4));
        assert_eq!(check(&deep), Err(QueryRefusal::TooLong { bytes: deep.len() }));
        let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
        assert_eq!(check(&deep), Err(QueryRefusal::TooDeep { column: QUERY_NESTING_MAX + 1 }));
        let signs = format!("{}1", "-".repeat(QUERY_OPERATORS_MAX + 1));
        assert_eq!(check(&signs), Err(QueryRefusal::TooManyOperators { column: QUERY_OPERATORS_MAX + 1 }));
    }

    #[test]
    fn an_unbalanced_bracket_is_shown_where_it_stands() {
        let problem = |text: &str| check(text).unwrap_err().to_string();
        assert_eq!(problem("sum(up"), "`sum(up` is not a PromQL expression: unclosed `(` at column 4");
        assert_eq!(problem("sum(up])"), "`sum(up])` is not a PromQL expression: unexpected `]` at column 7");
    }

    #[test]
    fn durations_that_would_overflow_are_refused() {
        for text in
            ["up[1e300]", "up[inf]", "up offset 1e300", "up offset -99999999999", "up[5m99999999999s]"]
        {
            assert!(check(text).is_err(), "{text}");
        }
        for text in ["up[5m]", "up[1h30m:10s]", "up offset -5m", "up[20]", "up[0.5]", "up * 1e300"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn regular_expressions_are_checked_before_the_parser_compiles_them() {
        assert!(check(r#"up{a=~"(x{1000}){1000}"}"#).is_err());
        assert!(check(r#"up{a=~"("}"#).is_err());
        let many = format!("up{{{}}}", r#"a=~".+","#.repeat(QUERY_REGEXES_MAX + 1));
        assert!(matches!(check(&many), Err(QueryRefusal::TooManyRegexes { .. })));
    }
}
