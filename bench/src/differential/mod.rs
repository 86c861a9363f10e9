//! `bench diff`: random PromQL on random series, asked of Prometheus and of Swan, which were sent the same.
//!
//! Every function, aggregation and way of matching that the peer knows has its turn. A difference is reduced to the
//! smallest part of the expression that still differs. Known ones, where the two rightly disagree, are listed with
//! their reasons in `known`.

mod compare;
mod feature;
mod grammar;
mod known;
mod series;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use self::compare::{Said, Verdict, compare};
use self::feature::Feature;
use self::grammar::Grammar;
use self::tree::{Expression, Type};
use crate::Outcome;
use crate::chance::Chance;
use crate::http::{Caller, in_a_query};
use crate::server::{Kind, Programs, Server, Wishes, seconds};

/// Each feature is drawn at least so often in 10,000 expressions.
const EACH_PER_10_000: u64 = 50;
/// At least this share of the results has to hold something.
const NONEMPTY_PERCENT: usize = 80;
/// How many differences are reduced and told.
const TOLD_MAX: usize = 200;
/// How many smaller expressions are tried for one difference.
const REDUCTIONS_MAX: usize = 60;

/// What to compare.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// How many expressions
    #[arg(long, default_value_t = 500)]
    expressions: usize,
    /// One seed gives one run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the series begin, in seconds since 1970
    #[arg(long, default_value_t = 1_700_000_000)]
    origin: i64,
    /// Where servers keep their data; removed afterwards
    #[arg(long, default_value = "target/diff", value_name = "DIR")]
    directory: std::path::PathBuf,
    /// Leave native histograms out, for a server that has none
    #[arg(long)]
    floats_only: bool,
    /// Compare this expression only
    #[arg(long, value_name = "PROMQL")]
    only: Option<String>,
}

/// When an expression is asked.
#[derive(Debug, Clone, Copy)]
enum When {
    Instant { at_ms: i64 },
    Range { from_ms: i64, to_ms: i64, step_ms: i64 },
}

struct Pair {
    theirs: Caller,
    ours: Caller,
}

struct Difference {
    whole: String,
    smallest: String,
    when: When,
    why: String,
}

/// Runs to its end, and says whether nothing unexplained was found.
pub(crate) fn run(arguments: &Arguments, programs: &Programs) -> Outcome<bool> {
    for kind in [Kind::Prometheus, Kind::Swan] {
        let Some(version) = programs.version(kind) else {
            println!("SKIPPED: {} is not installed (bench/peers.sh brings the peers)", kind.name());
            return Ok(true);
        };
        println!("{}: {version}", kind.name());
        if kind == Kind::Prometheus && version.contains(" 2.") {
            println!("SKIPPED: windows of Prometheus 2 hold their left end (bench/peers.sh brings 3.5)");
            return Ok(true);
        }
    }
    _ = std::fs::remove_dir_all(&arguments.directory);
    let wishes = Wishes { everything_on: true, ..Wishes::default() };
    let start =
        |kind: Kind, name: &str| Server::start(programs, kind, &arguments.directory.join(name), &wishes);
    let (theirs, ours) = (start(Kind::Prometheus, "prometheus")?, start(Kind::Swan, "swan")?);
    let mut pair = Pair { theirs: theirs.caller(), ours: ours.caller() };
    let bodies = series::bodies(arguments.seed, arguments.origin * 1000, arguments.floats_only)?;
    for body in &bodies {
        for (caller, server) in [(&mut pair.theirs, &theirs), (&mut pair.ours, &ours)] {
            caller.remote_write(server.write_path(), body)?.successful(server.kind.name())?;
        }
    }
    let outcome = compare_all(arguments, &mut pair)?;
    drop((theirs, ours));
    remove(&arguments.directory);
    Ok(outcome)
}

fn remove(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        eprintln!("`{}` was not removed: {error}", directory.display());
    }
}

fn compare_all(arguments: &Arguments, pair: &mut Pair) -> Outcome<bool> {
    let mut chance = Chance::new(arguments.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut features = known_to_peer(pair)?;
    if arguments.floats_only {
        features.retain(|feature| !matches!(feature, Feature::Native(_)));
    }
    let middle_s = arguments.origin + series::STEPS * series::STEP_MS / 2000;
    let mut grammar = Grammar::new(Chance::new(chance.draw()), features, middle_s, arguments.floats_only);
    let (mut differences, mut explained) = (Vec::new(), BTreeMap::new());
    let (mut nonempty, mut repeated) = (0, 0);
    let count = if arguments.only.is_some() { 1 } else { arguments.expressions };
    for _ in 0..count {
        let expression = match &arguments.only {
            Some(text) => Expression::leaf(Type::Vector, text.clone()),
            None => grammar.expression(),
        };
        let when = when(&mut chance, arguments.origin * 1000, &expression);
        let (theirs, ours) = pair.ask(&expression.text(), when)?;
        nonempty += usize::from(!theirs.is_empty());
        let Verdict::Different(why) = compare(&theirs, &ours, is_ordered(&expression)) else { continue };
        // Only the smallest part tells whether it is a known one: the whole may have something else besides.
        if differences.len() < TOLD_MAX {
            let (smallest, why) = reduce(pair, &expression, when, why)?;
            match known::reason(&smallest.text(), &why) {
                Some(reason) => *explained.entry(reason).or_insert(0) += 1,
                None if is_told(&differences, &why) => repeated += 1,
                None => differences.push(Difference {
                    whole: expression.text(),
                    smallest: smallest.text(),
                    when,
                    why,
                }),
            }
        }
    }
    tell(&differences, &explained);
    let is_covered = arguments.only.is_some() || tell_cover(&grammar.tally, count);
    let share = nonempty * 100 / count.max(1);
    let found = differences.len();
    println!(
        "{count} expressions, {share} % with a result, {found} unexplained difference(s), {repeated} refusals like those"
    );
    Ok(differences.is_empty() && is_covered && (arguments.only.is_some() || share >= NONEMPTY_PERCENT))
}

/// Whether the same thing was refused before: the column and the expression that it is in do not matter.
fn is_told(differences: &[Difference], why: &str) -> bool {
    let core =
        |why: &str| why.rsplit(": ").next().unwrap_or("").split(" at column").next().map(str::to_owned);
    why.contains("refuses")
        && differences.iter().any(|told| told.why.contains("refuses") && core(&told.why) == core(why))
}

/// The features that the peer's version has.
fn known_to_peer(pair: &mut Pair) -> Outcome<Vec<Feature>> {
    let mut known = Vec::new();
    for feature in feature::all() {
        let Some(probe) = feature.probe() else {
            known.push(feature);
            continue;
        };
        let target = format!("/api/v1/query?time=1&query={}", in_a_query(&probe));
        let answer = pair.theirs.get(&target)?.json()?;
        if answer["status"] == "success" {
            known.push(feature);
        } else {
            println!("the peer does not know `{}`: left out", feature.name());
        }
    }
    Ok(known)
}

/// Half of the time an instant, else a range; half of the instants are at whole steps.
fn when(chance: &mut Chance, origin_ms: i64, expression: &Expression) -> When {
    let span_ms = series::STEPS * series::STEP_MS;
    let mut draw = |bound: i64| i64::try_from(chance.below(bound.unsigned_abs())).unwrap_or(0);
    let mut at_ms = origin_ms + 600_000 + draw(span_ms - 540_000);
    if draw(2) == 0 {
        at_ms -= (at_ms - origin_ms) % series::STEP_MS;
    }
    if draw(2) == 0 || is_ordered(expression) {
        return When::Instant { at_ms };
    }
    let step_ms = [15_000, 60_000, 37_000, 5_000, 300_000][usize::try_from(draw(5)).unwrap_or(0)];
    When::Range { from_ms: at_ms, to_ms: at_ms + step_ms * draw(40), step_ms }
}

fn is_ordered(expression: &Expression) -> bool {
    expression.text().starts_with("sort")
}

impl Pair {
    fn ask(&mut self, expression: &str, when: When) -> Outcome<(Said, Said)> {
        let target = target(expression, when);
        let ask = |caller: &mut Caller| -> Outcome<Said> {
            let answer = caller.get(&target)?;
            // A server that stumbles is a difference, not the end of the run.
            let answer: Value = answer.json().unwrap_or_else(|error| json!({ "error": error.to_string() }));
            Ok(Said::of(&answer))
        };
        Ok((ask(&mut self.theirs)?, ask(&mut self.ours)?))
    }
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

/// The smallest part that still differs: a part of the expression itself, or the expression with a part made smaller.
fn reduce(
    pair: &mut Pair,
    expression: &Expression,
    when: When,
    why: String,
) -> Outcome<(Expression, String)> {
    let (mut smallest, mut why, mut tried) = (expression.clone(), why, 0);
    'smaller: loop {
        for candidate in smaller(&smallest) {
            // A range query of a matrix is refused by both; of a scalar it is no smaller than its vector.
            if tried >= REDUCTIONS_MAX
                || (candidate.gives == Type::Matrix && matches!(when, When::Range { .. }))
            {
                continue;
            }
            tried += 1;
            let (theirs, ours) = pair.ask(&candidate.text(), when)?;
            if let Verdict::Different(found) = compare(&theirs, &ours, is_ordered(&candidate)) {
                (smallest, why) = (candidate, found);
                continue 'smaller;
            }
        }
        return Ok((smallest, why));
    }
}

fn smaller(expression: &Expression) -> Vec<Expression> {
    let mut all: Vec<Expression> = expression.children.clone();
    for (index, child) in expression.children.iter().enumerate() {
        // A grandchild in the place of its parent, where that gives the same type.
        let same = |grandchild: &&Expression| grandchild.gives == child.gives;
        all.extend(
            child.children.iter().filter(same).map(|other| expression.with_child(index, other.clone())),
        );
        let within = smaller(child).into_iter().filter(|other| other.gives == child.gives);
        all.extend(within.map(|other| expression.with_child(index, other)));
    }
    all
}

fn tell(differences: &[Difference], explained: &BTreeMap<&'static str, usize>) {
    for (reason, count) in explained {
        println!("known, {count} times: {reason}");
    }
    for difference in differences {
        println!("\nDIFFERENT {}", difference.smallest);
        if difference.whole != difference.smallest {
            println!("  within  {}", difference.whole);
        }
        println!("  asked   {:?}", difference.when);
        println!("  {}", difference.why);
    }
}

/// Whether each feature was drawn often enough.
fn tell_cover(tally: &BTreeMap<String, u64>, count: usize) -> bool {
    let wanted = EACH_PER_10_000 * count as u64 / 10_000;
    let rare: Vec<_> = tally.iter().filter(|(_, drawn)| **drawn < wanted).collect();
    for (name, drawn) in &rare {
        println!("`{name}` was drawn {drawn} times only, {wanted} are wanted");
    }
    let least = tally.values().min().copied().unwrap_or(0);
    println!("{} functions, aggregations and ways of matching, each at least {least} times", tally.len());
    rare.is_empty()
}
