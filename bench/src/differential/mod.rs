//! `bench diff`: random PromQL on random series, asked of Prometheus and of Swan, which were sent the same.
//!
//! Every function, aggregation and way of matching that the peer knows has its turn. A difference is reduced to the
//! smallest part of the expression that still differs. Known ones, where the two rightly disagree, are listed with
//! their reasons in `known`.

mod compare;
mod feature;
mod grammar;
mod known;
mod pair;
mod series;
mod tally;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use self::compare::{Verdict, compare};
use self::feature::Feature;
use self::grammar::Grammar;
use self::pair::{Pair, When};
use self::tally::Tally;
use self::tree::{Expression, Type};
use crate::Outcome;
use crate::chance::Chance;
use crate::server::{Kind, Programs, Server, Wishes};

/// How many differences are reduced and told.
const TOLD_MAX: usize = 200;
/// How many smaller expressions are tried for one difference.
const REDUCTIONS_MAX: usize = 200;

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

struct Difference {
    whole: String,
    smallest: String,
    when: When,
    why: String,
}

/// Runs to its end, and says whether nothing unexplained was found and everything was covered.
pub(crate) fn run(arguments: &Arguments, programs: &Programs) -> Outcome<bool> {
    for kind in [Kind::Prometheus, Kind::Swan] {
        let version = programs.version(kind).ok_or_else(|| missing(kind))?;
        println!("{}: {version}", kind.name());
        if kind == Kind::Prometheus && version.contains(" 2.") {
            return Err(
                "windows of Prometheus 2 hold their left end (hint: bench/peers.sh brings 3.5)".into()
            );
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

fn missing(kind: Kind) -> String {
    let hint =
        if kind == Kind::Swan { "build it, or name it with --swan" } else { "bench/peers.sh brings it" };
    format!("{} is not installed (hint: {hint})", kind.name())
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
    let mut tally = Tally::of(&features);
    let mut grammar = Grammar::new(Chance::new(chance.draw()), features, middle_s, arguments.floats_only);
    let (mut differences, mut explained, mut repeated) = (Vec::new(), BTreeMap::new(), 0);
    let count = if arguments.only.is_some() { 1 } else { arguments.expressions };
    for _ in 0..count {
        let expression = match &arguments.only {
            Some(text) => Expression::leaf(Type::Vector, text.clone()),
            None => grammar.expression(),
        };
        let when = when(&mut chance, arguments.origin * 1000, &expression);
        let (theirs, ours) = pair.ask(&expression.text(), when)?;
        tally.count(&grammar.take_drawn(), &theirs);
        let Verdict::Different(why) = compare(&theirs, &ours, is_ordered(&expression)) else { continue };
        // Only the smallest part tells whether it is a known one: the whole may have something else besides.
        if differences.len() < TOLD_MAX {
            let (smallest, when, why) = reduce(pair, &expression, when, why)?;
            match pair.explain(&smallest.text(), when, is_ordered(&smallest))? {
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
    tell(&differences, &explained, repeated);
    let is_enough = arguments.only.is_some() || tally.tell(count);
    Ok(differences.is_empty() && is_enough)
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
        if pair.is_known_to_peer(&probe)? {
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

/// The smallest part that still differs, and when: a part of the expression itself, or the expression with a part made
/// smaller.
fn reduce(
    pair: &mut Pair,
    expression: &Expression,
    when: When,
    why: String,
) -> Outcome<(Expression, When, String)> {
    let (mut smallest, mut when, mut why, mut tried) = (expression.clone(), when, why, 0);
    'smaller: loop {
        let within = grammar::within_subquery(&smallest.text(), when).into_iter();
        let within =
            within.flat_map(|when| smallest.children.iter().cloned().map(move |child| (child, when)));
        let candidates: Vec<_> =
            within.chain(smaller(&smallest).into_iter().map(|candidate| (candidate, when))).collect();
        for (candidate, at) in candidates {
            // A range query of a matrix is refused by both; of a scalar it is no smaller than its vector.
            if tried >= REDUCTIONS_MAX
                || (candidate.gives == Type::Matrix && matches!(at, When::Range { .. }))
            {
                continue;
            }
            tried += 1;
            let (theirs, ours) = pair.ask(&candidate.text(), at)?;
            if let Verdict::Different(found) = compare(&theirs, &ours, is_ordered(&candidate)) {
                (smallest, when, why) = (candidate, at, found);
                continue 'smaller;
            }
        }
        return Ok((smallest, when, why));
    }
}

fn smaller(expression: &Expression) -> Vec<Expression> {
    let mut all: Vec<Expression> = expression.children.clone();
    for (index, child) in expression.children.iter().enumerate() {
        // What is in brackets stays there: without them the whole may be another expression.
        let within = if child.is_bracketed() { &child.children[0] } else { child };
        let others = smaller(within).into_iter().filter(|other| other.gives == within.gives);
        let others =
            others.map(|other| if child.is_bracketed() { child.with_child(0, other) } else { other });
        all.extend(others.map(|other| expression.with_child(index, other)));
    }
    all
}

fn tell(differences: &[Difference], explained: &BTreeMap<&'static str, usize>, repeated: usize) {
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
    println!("{} unexplained difference(s), and {repeated} refusals like those", differences.len());
}
