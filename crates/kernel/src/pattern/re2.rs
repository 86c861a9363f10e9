//! From RE2's syntax to that of the `regex` crate, in one pass without recursion.
//!
//! What comes out uses few words: escaped characters, classes of plain ranges, `(?i)`, `(?-i)`, and groups. Dots,
//! anchors and greediness are said in full, so that no other flag is ever on.
//!
//! Source: github.com/google/re2, "Syntax"; go.dev, package `regexp/syntax`.

use super::text::Text;
use super::{PatternError, class};
use crate::limits::{PATTERN_GROUPS_NESTED_MAX, PATTERN_REPEATS_MAX};

/// How deep the crate finds what comes out to nest: a group is also an alternation, a sequence, and repeated.
pub(super) const NESTING_MAX: u32 = 5 * PATTERN_GROUPS_NESTED_MAX as u32 + 10;

/// The expression in the crate's syntax, and the names of its groups with their numbers.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) expression: String,
    pub(super) names: Vec<(String, usize)>,
}

/// The same in the crate's syntax.
pub(super) fn translate(expression: &str) -> Result<Translated, PatternError> {
    let mut translator = Translator::new(expression);
    while let Some((at, c)) = translator.text.next() {
        translator.next(at, c)?;
    }
    match translator.groups.last() {
        Some(group) => Err(translator.text.fault(group.at, "this `(` has no `)`")),
        None => Ok(Translated { expression: translator.out, names: translator.names }),
    }
}

/// What `(?i)` and its like switch on. Case is folded by the crate, the others by what is written.
#[derive(Clone, Copy)]
struct Flags {
    folds_case: bool,
    is_multi_line: bool,
    dot_is_all: bool,
    is_lazy: bool,
}

/// A group that is open.
struct Group {
    /// Where it begins in the expression, and in what comes out.
    at: usize,
    start: usize,
    outer: Flags,
    outer_repeats: usize,
}

/// What can be repeated: the last thing, its place in what comes out, and how often it repeats what is within.
#[derive(Clone, Copy)]
struct Atom {
    start: usize,
    end: usize,
    repeats: usize,
    is_repeated: bool,
}

struct Translator<'p> {
    text: Text<'p>,
    out: String,
    names: Vec<(String, usize)>,
    captures: usize,
    flags: Flags,
    groups: Vec<Group>,
    /// The largest of the atoms so far in the innermost group.
    repeats: usize,
    last: Option<Atom>,
    /// Whether the last thing read was an operator like `*`.
    was_repeat: bool,
}

impl<'p> Translator<'p> {
    fn new(expression: &'p str) -> Self {
        Self {
            text: Text::of(expression),
            out: String::with_capacity(expression.len() + 16),
            names: Vec::new(),
            captures: 0,
            flags: Flags { folds_case: false, is_multi_line: false, dot_is_all: true, is_lazy: false },
            groups: Vec::new(),
            repeats: 1,
            last: None,
            was_repeat: false,
        }
    }

    fn next(&mut self, at: usize, c: char) -> Result<(), PatternError> {
        let was_repeat = std::mem::take(&mut self.was_repeat);
        match c {
            '(' => return self.open(at),
            ')' => return self.close(at),
            '|' => {
                self.out.push('|');
                self.last = None;
            }
            '^' if self.flags.is_multi_line => self.atom("(?m:^)"),
            '^' => self.atom(r"\A"),
            '$' if self.flags.is_multi_line => self.atom("(?m:$)"),
            '$' => self.atom(r"\z"),
            '.' if self.flags.dot_is_all => self.atom("(?s:.)"),
            '.' => self.atom(r"[^\n]"),
            '[' => {
                let class = class::bracketed(&mut self.text, at)?;
                self.atom(&class);
            }
            '*' | '+' | '?' => return self.repeat(at, &c.to_string(), None, was_repeat),
            '{' => match count(self.text.rest()) {
                Some((least, most, bytes)) => {
                    self.text.skip(bytes);
                    return self.counted(at, least, most, was_repeat);
                }
                None => self.literal('{'),
            },
            '\\' => return self.escape(at),
            _ => self.literal(c),
        }
        Ok(())
    }

    fn atom(&mut self, written: &str) {
        let start = self.out.len();
        self.out.push_str(written);
        self.last = Some(Atom { start, end: self.out.len(), repeats: 1, is_repeated: false });
    }

    fn literal(&mut self, c: char) {
        let start = self.out.len();
        class::push_literal(&mut self.out, c);
        self.last = Some(Atom { start, end: self.out.len(), repeats: 1, is_repeated: false });
    }

    fn escape(&mut self, at: usize) -> Result<(), PatternError> {
        match self.text.peek() {
            Some('A') => self.assertion(r"\A"),
            Some('z') => self.assertion(r"\z"),
            Some('b') => self.assertion(r"(?-u:\b)"),
            Some('B') => self.assertion(r"(?-u:\B)"),
            Some('C') => return Err(self.text.fault(at, r"`\C`, any byte, is not supported")),
            Some('Q') => return self.quoted(at),
            Some('p' | 'P') => {
                let class = class::unicode(&mut self.text, at)?;
                self.atom(&class);
            }
            Some(c) if class::perl(c).is_some() => {
                self.text.next();
                let class = class::perl(c).map(|class| format!("[{class}]")).unwrap_or_default();
                self.atom(&class);
            }
            _ => {
                let code = class::escaped(&mut self.text, at)?;
                match char::from_u32(code) {
                    Some(c) => self.literal(c),
                    None => self.atom(class::NOTHING),
                }
            }
        }
        Ok(())
    }

    fn assertion(&mut self, written: &str) {
        self.text.next();
        self.atom(written);
    }

    /// `\Q…\E`.
    fn quoted(&mut self, at: usize) -> Result<(), PatternError> {
        self.text.next();
        let rest = self.text.rest();
        let Some(bytes) = rest.find(r"\E") else {
            return Err(self.text.fault(at, r"this `\Q` has no `\E`"));
        };
        rest[..bytes].chars().for_each(|c| self.literal(c));
        self.text.skip(bytes + 2);
        Ok(())
    }

    fn open(&mut self, at: usize) -> Result<(), PatternError> {
        if self.groups.len() == PATTERN_GROUPS_NESTED_MAX {
            let problem = format!("groups nest deeper than the {PATTERN_GROUPS_NESTED_MAX} levels allowed");
            return Err(self.text.fault(at, problem));
        }
        let outer = self.flags;
        let start = self.out.len();
        let rest = self.text.rest();
        if let Some(named) = rest.strip_prefix("?P<").or_else(|| rest.strip_prefix("?<")) {
            let name = named.split_once('>').map(|(name, _)| name);
            let is_word = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let Some(name) = name.filter(is_word).filter(|name| !name.is_empty()) else {
                return Err(self.text.fault(at, "the name of this group is none"));
            };
            self.text.skip(rest.len() - named.len() + name.len() + 1);
            self.names.push((name.to_owned(), self.captures + 1));
        } else if rest.starts_with('?') {
            if !self.flagged(at)? {
                return Ok(());
            }
            return self.enter(at, start, outer);
        }
        self.captures += 1;
        self.out.push('(');
        self.enter(at, start, outer)
    }

    fn enter(&mut self, at: usize, start: usize, outer: Flags) -> Result<(), PatternError> {
        self.groups.push(Group { at, start, outer, outer_repeats: self.repeats });
        self.repeats = 1;
        self.last = None;
        Ok(())
    }

    /// `(?flags)`, or `(?flags:` where it is true.
    fn flagged(&mut self, at: usize) -> Result<bool, PatternError> {
        let mut flags = self.flags;
        let (mut is_on, mut is_said) = (true, true);
        self.text.next();
        loop {
            let next = self.text.next();
            match next.map(|(_, c)| c) {
                Some('i') => flags.folds_case = is_on,
                Some('m') => flags.is_multi_line = is_on,
                Some('s') => flags.dot_is_all = is_on,
                Some('U') => flags.is_lazy = is_on,
                Some('-') if is_on => {
                    (is_on, is_said) = (false, false);
                    continue;
                }
                Some(c @ (':' | ')')) if is_said => {
                    let folding = match (self.flags.folds_case, flags.folds_case) {
                        (false, true) => "i",
                        (true, false) => "-i",
                        _ => "",
                    };
                    self.flags = flags;
                    if c == ':' || !folding.is_empty() {
                        self.out.push_str("(?");
                        self.out.push_str(folding);
                        self.out.push(c);
                    }
                    return Ok(c == ':');
                }
                _ => {
                    let end = next.map_or(self.text.all.len(), |(at, c)| at + c.len_utf8());
                    let problem = format!("`{}` begins no group", &self.text.all[at..end]);
                    return Err(self.text.fault(at, problem));
                }
            }
            is_said = true;
        }
    }

    fn close(&mut self, at: usize) -> Result<(), PatternError> {
        let Some(group) = self.groups.pop() else {
            return Err(self.text.fault(at, "this `)` has no `(`"));
        };
        self.out.push(')');
        self.flags = group.outer;
        let repeats = self.repeats;
        self.repeats = group.outer_repeats.max(repeats);
        self.last = Some(Atom { start: group.start, end: self.out.len(), repeats, is_repeated: false });
        Ok(())
    }

    /// `{least,most}`; `most` is `None` where it is unbounded, and a number is where it is too large.
    fn counted(
        &mut self,
        at: usize,
        least: usize,
        most: Option<usize>,
        was_repeat: bool,
    ) -> Result<(), PatternError> {
        let bound = most.unwrap_or(least);
        if least > bound || bound > PATTERN_REPEATS_MAX {
            let problem = format!("a repeat counts from 0 to {PATTERN_REPEATS_MAX}, upwards");
            return Err(self.text.fault(at, problem));
        }
        let written = match most {
            Some(most) => format!("{{{least},{most}}}"),
            None => format!("{{{least},}}"),
        };
        self.repeat(at, &written, Some(bound), was_repeat)
    }

    /// Repeats the last atom, where there is one.
    fn repeat(
        &mut self,
        at: usize,
        written: &str,
        count: Option<usize>,
        was_repeat: bool,
    ) -> Result<(), PatternError> {
        let is_lazy = self.flags.is_lazy != (self.text.peek() == Some('?'));
        if self.text.peek() == Some('?') {
            self.text.next();
        }
        if was_repeat {
            return Err(self.text.fault(at, "what is repeated is a repeat already"));
        }
        let Some(mut atom) = self.last else {
            return Err(self.text.fault(at, "there is nothing to repeat"));
        };
        atom.repeats = match count {
            Some(0) => 1,
            Some(count) => count * atom.repeats,
            None => atom.repeats,
        };
        if count.is_some_and(|count| count >= 2) && atom.repeats > PATTERN_REPEATS_MAX {
            let problem = format!("repeats within repeats come to more than {PATTERN_REPEATS_MAX}");
            return Err(self.text.fault(at, problem));
        }
        if atom.is_repeated {
            self.out.insert(atom.end, ')');
            self.out.insert_str(atom.start, "(?:");
            atom.end += 4;
        }
        let written = format!("{written}{}", if is_lazy { "?" } else { "" });
        self.out.insert_str(atom.end, &written);
        atom.end += written.len();
        atom.is_repeated = true;
        self.repeats = self.repeats.max(atom.repeats);
        self.last = Some(atom);
        self.was_repeat = true;
        Ok(())
    }
}

/// What `{n}`, `{n,}` or `{n,m}` counts, and the bytes after the `{`; `None` where it is text.
fn count(rest: &str) -> Option<(usize, Option<usize>, usize)> {
    let (inner, _) = rest.split_once('}')?;
    let bytes = inner.len() + 1;
    match inner.split_once(',') {
        None => number(inner).map(|n| (n, Some(n), bytes)),
        Some((least, "")) => number(least).map(|least| (least, None, bytes)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?), bytes)),
    }
}

/// A number without leading zeros; one that is too large for a repeat is too large in any case.
fn number(written: &str) -> Option<usize> {
    let is_number = !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit());
    let leads = written.len() > 1 && written.starts_with('0');
    (is_number && !leads).then(|| written.parse().unwrap_or(usize::MAX))
}
