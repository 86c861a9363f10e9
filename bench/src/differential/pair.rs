//! Two servers that were sent the same, asked the same.

use serde_json::{Value, json};

use super::compare::{Allowed, Said, Verdict, compare, compare_but, is_part};
use super::known::{self, Check};
use crate::Outcome;
use crate::http::{Caller, in_a_query};
use crate::server::seconds;

/// When an expression is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Instant { at_ms: i64 },
    Range { from_ms: i64, to_ms: i64, step_ms: i64 },
}

pub(super) struct Pair {
    pub(super) theirs: Caller,
    pub(super) ours: Caller,
}

impl Pair {
    pub(super) fn ask(&mut self, expression: &str, when: When) -> Outcome<(Said, Said)> {
        let target = target(expression, when);
        Ok((ask(&mut self.theirs, &target)?, ask(&mut self.ours, &target)?))
    }

    /// Whether the peer knows what an expression speaks of.
    pub(super) fn is_known_to_peer(&mut self, probe: &str) -> Outcome<bool> {
        let said = ask(&mut self.theirs, &target(probe, When::Instant { at_ms: 1000 }))?;
        Ok(!said.is_refused())
    }

    /// Why it is right that the two differ, where that is known and seen.
    pub(super) fn explain(
        &mut self,
        expression: &str,
        when: When,
        ordered: bool,
    ) -> Outcome<Option<&'static str>> {
        for (check, reason) in known::candidates(expression) {
            let holds = match check {
                Check::Values(allowed) => self.agree_but(expression, when, ordered, allowed)?,
                Check::Instants => self.agree_one_by_one(expression, when)?,
                Check::Within => self.agree_but(&format!("({expression}) * 1"), when, ordered, is_part)?,
            };
            if holds {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn agree_but(&mut self, expression: &str, when: When, ordered: bool, allowed: Allowed) -> Outcome<bool> {
        let (theirs, ours) = self.ask(expression, when)?;
        Ok(compare_but(&theirs, &ours, ordered, allowed) == Verdict::Same)
    }

    /// Whether both say the same at each instant of a range, and Swan says of the range what it says of the instants.
    fn agree_one_by_one(&mut self, expression: &str, when: When) -> Outcome<bool> {
        let When::Range { from_ms, to_ms, step_ms } = when else { return Ok(false) };
        let (_, range) = self.ask(expression, when)?;
        let mut instants = Vec::new();
        for at_ms in (from_ms..=to_ms).step_by(usize::try_from(step_ms)?) {
            let (theirs, ours) = self.ask(expression, When::Instant { at_ms })?;
            if compare(&theirs, &ours, false) != Verdict::Same {
                return Ok(false);
            }
            instants.push(ours);
        }
        Ok(compare(&Said::joined(instants), &range, false) == Verdict::Same)
    }
}

fn ask(caller: &mut Caller, target: &str) -> Outcome<Said> {
    let answer = caller.get(target)?;
    // A server that stumbles is a difference, not the end of the run.
    let answer: Value = answer.json().unwrap_or_else(|error| json!({ "error": error.to_string() }));
    Ok(Said::of(&answer))
}

fn target(expression: &str, when: When) -> String {
    let query = in_a_query(expression);
    match when {
        When::Instant { at_ms } => format!("/api/v1/query?time={}&query={query}", seconds(at_ms)),
        When::Range { from_ms, to_ms, step_ms } => {
            let (from, to, step) = (seconds(from_ms), seconds(to_ms), seconds(step_ms));
            format!("/api/v1/query_range?start={from}&end={to}&step={step}&query={query}")
        }
    }
}
