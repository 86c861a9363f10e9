//! Arithmetic with durations, in ranges, steps and offsets.

use crate::limits::DURATION_SECS_MAX;
use crate::syntax::Fault;
use crate::syntax::parser::{Parsed, Parser};
use crate::syntax::token::{Kind, Symbol};
use crate::syntax::tree::{Duration, DurationOperator, DurationTerm, Length};

/// What a query's durations are calculated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct QueryTimes {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// 0 for a query at one instant.
    pub(crate) step_ms: i64,
}

/// As tightly as what is multiplied.
const SIGN_PRECEDENCE: u8 = 3;

impl Parser<'_> {
    /// A duration of operators that bind at least as tightly as `precedence_min`.
    pub(super) fn duration(&mut self, precedence_min: u8) -> Parsed<Duration> {
        let mut left = self.duration_operand()?;
        while let Some((operator, precedence)) = self.duration_operator() {
            if precedence < precedence_min {
                break;
            }
            self.advance();
            let right_min = precedence + u8::from(operator != DurationOperator::Power);
            let right = self.duration(right_min)?;
            left = self.calculated(left.at, operator, left, right)?;
        }
        Ok(left)
    }

    /// What follows `offset`. Operators behind it belong to the expression around, unless it is in parentheses.
    pub(super) fn offset(&mut self) -> Parsed<Length> {
        let first = self.peek();
        let is_negative = self.is_symbol(Symbol::Subtract);
        if is_negative || self.is_symbol(Symbol::Add) {
            self.advance();
        }
        let of = self.duration_primary()?;
        length(if is_negative { negated(first.start, of) } else { Duration { at: first.start, ..of } })
    }

    fn duration_operator(&self) -> Option<(DurationOperator, u8)> {
        let Kind::Symbol(symbol) = self.peek().kind else { return None };
        Some(match symbol {
            Symbol::Add => (DurationOperator::Add, 1),
            Symbol::Subtract => (DurationOperator::Subtract, 1),
            Symbol::Multiply => (DurationOperator::Multiply, 2),
            Symbol::Divide => (DurationOperator::Divide, 2),
            Symbol::Remainder => (DurationOperator::Remainder, 2),
            Symbol::Power => (DurationOperator::Power, 3),
            _ => return None,
        })
    }

    fn duration_operand(&mut self) -> Parsed<Duration> {
        let token = self.peek();
        let is_negative = match token.kind {
            Kind::Symbol(Symbol::Subtract) => true,
            Kind::Symbol(Symbol::Add) => false,
            _ => return self.duration_primary(),
        };
        self.advance();
        let of = self.duration(SIGN_PRECEDENCE)?;
        Ok(if is_negative { negated(token.start, of) } else { Duration { at: token.start, ..of } })
    }

    fn duration_primary(&mut self) -> Parsed<Duration> {
        let token = self.peek();
        let at = token.start;
        if matches!(token.kind, Kind::Number | Kind::Duration) {
            self.advance();
            let (secs, is_duration) = self.number_value(token)?;
            if secs.abs() > DURATION_SECS_MAX || secs.is_nan() {
                return Err(Fault::new(
                    at,
                    format!("the duration `{}` is out of range", self.written(token)),
                ));
            }
            return Ok(Duration { at, term: DurationTerm::Number { secs, is_duration } });
        }
        if token.kind == Kind::Symbol(Symbol::LeftParen) {
            self.experimental(at)?;
            self.advance();
            let of = self.duration(0)?;
            self.expect(Symbol::RightParen, "`)`")?;
            return Ok(Duration { at, term: DurationTerm::Paren(Box::new(of)) });
        }
        match self.word().map(str::to_ascii_lowercase).as_deref() {
            Some("step") => self.duration_call(DurationTerm::Step),
            Some("range") => self.duration_call(DurationTerm::Range),
            Some("max_of") => self.duration_choice(DurationOperator::MaxOf),
            Some("min_of") => self.duration_choice(DurationOperator::MinOf),
            _ => Err(self.unexpected("a duration like `5m`")),
        }
    }

    fn duration_call(&mut self, term: DurationTerm) -> Parsed<Duration> {
        let at = self.advance().start;
        self.experimental(at)?;
        self.expect(Symbol::LeftParen, "`(`")?;
        self.expect(Symbol::RightParen, "`)`")?;
        Ok(Duration { at, term })
    }

    fn duration_choice(&mut self, operator: DurationOperator) -> Parsed<Duration> {
        let at = self.advance().start;
        self.expect(Symbol::LeftParen, "`(`")?;
        let left = self.duration(0)?;
        self.expect(Symbol::Comma, "`,`")?;
        let right = self.duration(0)?;
        self.expect(Symbol::RightParen, "`)`")?;
        self.calculated(at, operator, left, right)
    }

    fn calculated(
        &self,
        at: usize,
        operator: DurationOperator,
        left: Duration,
        right: Duration,
    ) -> Parsed<Duration> {
        self.experimental(at)?;
        let is_zero = matches!(right.term, DurationTerm::Number { secs, .. } if secs == 0.0);
        if is_zero && matches!(operator, DurationOperator::Divide | DurationOperator::Remainder) {
            return Err(Fault::new(right.at, "division by zero"));
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(Duration { at, term: DurationTerm::Calculated { operator, left, right } })
    }

    fn experimental(&self, at: usize) -> Parsed<()> {
        if self.settings.duration_expressions {
            return Ok(());
        }
        Err(Fault::new(at, "arithmetic with durations needs the setting `duration_expressions`"))
    }
}

fn negated(at: usize, of: Duration) -> Duration {
    let term = match of.term {
        DurationTerm::Number { secs, is_duration } => DurationTerm::Number { secs: -secs, is_duration },
        term => DurationTerm::Negated(Box::new(Duration { at: of.at, term })),
    };
    Duration { at, term }
}

/// As a number of milliseconds where nothing has to be calculated.
pub(super) fn length(duration: Duration) -> Parsed<Length> {
    match duration.term {
        DurationTerm::Number { secs, .. } => Ok(Length::Millis(millis(secs))),
        _ => Ok(Length::Calculated(duration)),
    }
}

/// Cut off below a millisecond.
fn millis(secs: f64) -> i64 {
    ((secs * 1e9).round() / 1e6).trunc() as i64
}

impl Length {
    /// The milliseconds that it stands for in a query of these times.
    pub(crate) fn millis(&self, times: QueryTimes, may_be_negative: bool) -> Result<i64, Fault> {
        let duration = match self {
            Length::Millis(ms) => return Ok(*ms),
            Length::Calculated(duration) => duration,
        };
        let secs = duration.secs(times)?;
        let fault = |problem: &str| Err(Fault::new(duration.at, problem));
        if !secs.is_finite() {
            return fault("the duration is not a finite number");
        }
        if secs <= 0.0 && !may_be_negative {
            return fault("the duration must be greater than 0");
        }
        if secs.abs() > DURATION_SECS_MAX {
            return fault("the duration is out of range");
        }
        Ok((secs * 1000.0).trunc() as i64)
    }
}

impl Duration {
    fn secs(&self, times: QueryTimes) -> Result<f64, Fault> {
        Ok(match &self.term {
            DurationTerm::Number { secs, .. } => *secs,
            DurationTerm::Step => times.step_ms as f64 / 1000.0,
            DurationTerm::Range => times.end_ms.saturating_sub(times.start_ms) as f64 / 1000.0,
            DurationTerm::Negated(of) => -of.secs(times)?,
            DurationTerm::Paren(of) => of.secs(times)?,
            DurationTerm::Calculated { operator, left, right } => {
                let (left, right) = (left.secs(times)?, right.secs(times)?);
                match operator {
                    DurationOperator::Add => left + right,
                    DurationOperator::Subtract => left - right,
                    DurationOperator::Multiply => left * right,
                    DurationOperator::Divide | DurationOperator::Remainder if right == 0.0 => {
                        return Err(Fault::new(self.at, "division by zero"));
                    }
                    DurationOperator::Divide => left / right,
                    DurationOperator::Remainder => left % right,
                    DurationOperator::Power => left.powf(right),
                    DurationOperator::MaxOf => left.max(right),
                    DurationOperator::MinOf => left.min(right),
                }
            }
        })
    }
}
