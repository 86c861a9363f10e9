//! Whatever bytes a caller sends, the engine answers or refuses: it neither panics nor runs out of anything.
//!
//! Every file of `tests/corpus` is replayed as it is and with bytes changed, and so are random expressions; an input
//! that ever broke something becomes a file there.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as its test does")]

mod random;

use std::path::Path;

use kernel::{Rng, Span, Timestamp};
use promql::in_memory::InMemory;
use promql::{Engine, Plan, QueryRefusal, Settings, TimeRange, never_cancelled};

const VARIANTS: u64 = 300;

fn replay(text: &str, source: &InMemory) {
    let plan = match Plan::parse_with(text, Settings::ALL) {
        Ok(plan) => plan,
        Err(refusal) => {
            if let QueryRefusal::Invalid { place: Some(_), .. } = &refusal {
                assert!(!refusal.to_string().is_empty(), "{text:?} is refused without a reason");
            }
            return;
        }
    };
    let normal = plan.normal_form();
    let again = Plan::parse_with(&normal, Settings::ALL)
        .unwrap_or_else(|refusal| panic!("{text:?} is printed as {normal:?}: {refusal}"));
    assert_eq!(again.normal_form(), normal, "{text:?}");
    plan.write_tree_json(&mut Vec::new());
    let range = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(600_000));
    let engine = Engine { samples_max: 1_000_000, ..Engine::default() };
    // An expression may be refused for what it needs, or fail on the data; both are answers.
    let answer = |plan: &Plan| {
        let result = engine.range(plan, source, range, Span::from_mins(1), &never_cancelled).ok()?;
        let mut json = Vec::new();
        result.write_json(&mut json);
        Some(String::from_utf8(json).unwrap())
    };
    assert_eq!(answer(&plan), answer(&again), "{text:?} is printed as {normal:?}");
}

/// The same bytes with a few of them changed, repeated, cut out or taken from elsewhere in the file.
fn variant(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + rng.below(4) {
        let length = bytes.len() as u64;
        if length == 0 {
            break;
        }
        let (from, to) = (rng.below(length) as usize, rng.below(length) as usize);
        let (from, to) = (from.min(to), from.max(to));
        match rng.below(5) {
            0 => bytes[from] = rng.below(256) as u8,
            1 => bytes[from] = *rng.pick(b"(){}[]\"'`@:,=~!<>+-*/%^.0e#\\ \n").unwrap(),
            2 => drop(bytes.drain(from..to.min(from + 12))),
            3 => {
                let part = bytes[from..to.min(from + 24)].to_vec();
                bytes.splice(to..to, part);
            }
            _ => bytes.truncate(to),
        }
    }
    bytes
}

#[test]
fn no_input_breaks_the_engine() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "the corpus has only {} files", files.len());
    let source = random::data(&mut Rng::new(7));
    for (index, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        replay(&String::from_utf8_lossy(&bytes), &source);
        let mut rng = Rng::new(index as u64);
        for _ in 0..VARIANTS {
            let bytes = variant(&mut rng, &bytes);
            replay(&String::from_utf8_lossy(&bytes), &source);
        }
    }
    for seed in 0..VARIANTS * 10 {
        let mut rng = Rng::new(seed);
        let text = random::vector(&mut rng, 2);
        let bytes = variant(&mut rng, text.as_bytes());
        replay(&String::from_utf8_lossy(&bytes), &source);
    }
}
