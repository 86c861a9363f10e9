use proptest::prelude::*;

use super::*;

fn bits(columns: &Columns) -> Vec<(i64, u64)> {
    columns.iter().map(|(at_ms, value)| (at_ms, value.to_bits())).collect()
}

/// Through a tail, and through a run, and back.
fn check(samples: &[(i64, f64)]) -> usize {
    // A tail that had other samples before.
    let mut tail = Tail::starting(0, 0.01);
    tail.push(1, 1.0 / 3.0);
    tail.push(2, 0.25);
    tail.cut(samples[0].0, samples[0].1, &mut Packer::default());
    samples[1..].iter().for_each(|(at_ms, value)| tail.push(*at_ms, *value));
    let (mut columns, mut packer) = (Columns::default(), Packer::default());
    tail.read(&mut columns);
    let expected: Vec<_> = samples.iter().map(|(at_ms, value)| (*at_ms, value.to_bits())).collect();
    assert_eq!(bits(&columns), expected, "tail");
    check_end(samples, &tail);
    let run = tail.to_run(&mut packer);
    columns.clear();
    run.read(&mut columns, &mut Vec::new());
    assert_eq!(bits(&columns), expected, "run");
    check_parts(samples, &run);
    run.stream.len()
}

/// What is read from an instant on is what is there, with nothing or with everything before it.
fn check_end(samples: &[(i64, f64)], tail: &Tail) {
    for (start_ms, _) in samples {
        let mut columns = Columns::default();
        columns.push(i64::MIN, 7.0);
        let since = |from_ms: i64| -> Vec<_> {
            let since = samples.iter().filter(|(at_ms, _)| *at_ms >= from_ms);
            since.map(|(at_ms, value)| (*at_ms, value.to_bits())).collect()
        };
        tail.read_from(*start_ms, &mut columns);
        let read = &bits(&columns)[1..];
        assert!(read == since(*start_ms) || read == since(i64::MIN), "from {start_ms}: {read:?}");
    }
}

/// A part of a run is what lies in it of the whole, also at its edges and beside them.
fn check_parts(samples: &[(i64, f64)], run: &Run) {
    let edges = [0, samples.len() / 3, samples.len() / 2, samples.len() - 1];
    let edges = edges.into_iter().flat_map(|at| [-1, 0, 1].map(|by| samples[at].0.saturating_add(by)));
    let edges: Vec<i64> = edges.chain([i64::MIN, i64::MAX]).collect();
    for (start_ms, end_ms) in edges.iter().flat_map(|start| edges.iter().map(move |end| (*start, *end))) {
        let within = samples.iter().filter(|(at_ms, _)| start_ms <= *at_ms && *at_ms <= end_ms);
        let expected: Vec<_> = within.map(|(at_ms, value)| (*at_ms, value.to_bits())).collect();
        let mut columns = Columns::default();
        run.read_within((start_ms, end_ms), &mut columns, &mut Vec::new());
        assert_eq!(bits(&columns), expected, "from {start_ms} to {end_ms}");
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(f64::from_bits(promql::STALE_NAN_BITS)),
        (-1_000_000_i64..1_000_000).prop_map(|v| v as f64),
        (-1_000_000_i64..1_000_000, 0_i32..9).prop_map(|(v, scale)| v as f64 / 10_f64.powi(scale)),
        (-1_000_000_i64..1_000_000, 0_u64..3)
            .prop_map(|(v, n)| f64::from_bits((v as f64 / 1e3).to_bits() + n)),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(f64::MAX), Just(f64::MIN_POSITIVE)],
        Just(2_f64.powi(53) + 2.0),
        Just(i64::MAX as f64),
        Just(i64::MIN as f64),
    ]
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        prop::collection::vec(value(), 1..300),
        // Mostly of one kind, as series are.
        (prop::collection::vec(0_i64..1000, 1..300), 0_i32..5).prop_map(|(steps, scale)| {
            steps
                .iter()
                .scan(0, |sum, step| {
                    *sum += step;
                    Some(*sum as f64 / 10_f64.powi(scale))
                })
                .collect()
        }),
        prop::collection::vec(0_u32..100_000, 1..300).prop_map(|steps| {
            steps
                .iter()
                .scan(0.0, |sum, step| {
                    *sum += f64::from(*step) / 1000.0;
                    Some(*sum)
                })
                .collect()
        }),
        (prop::collection::vec(any::<bool>(), 1..300), value(), value())
            .prop_map(|(which, a, b)| which.into_iter().map(|first| if first { a } else { b }).collect()),
    ]
}

proptest! {
    #[test]
    fn every_value_and_every_distance_in_time_comes_back_bit_for_bit(
        start in any::<i64>(),
        values in values(),
        steps in prop::collection::vec(
            prop_oneof![8 => Just(15_000_u64), 1 => 1_u64..20, 1 => 14_990_u64..15_010, 1 => 1_u64..1 << 40], 300),
    ) {
        let mut at_ms = start;
        let mut samples = Vec::new();
        for (step, value) in steps.into_iter().zip(values) {
            samples.push((at_ms, value));
            let Some(next) = at_ms.checked_add_unsigned(step) else { break };
            at_ms = next;
        }
        check(&samples);
    }

    #[test]
    fn a_damaged_stream_is_refused_or_read_and_never_panics(
        mut stream in prop::collection::vec(any::<u8>(), 0..200),
        count in 0_usize..600,
        first_ms in any::<i64>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        values in values(),
    ) {
        let mut columns = Columns::default();
        let _ = decode(&stream, first_ms, count, &mut columns, &mut Vec::new());
        prop_assert!(columns.timestamps.len() == columns.values.len());
        let (mut timestamps, mut found) = (Vec::new(), Vec::new());
        let _ = histograms::decode(&stream, first_ms, count, &mut timestamps, &mut found);
        let times: Vec<i64> = (0..values.len() as i64).collect();
        stream = Packer::default().stream(&times, &values).to_vec();
        let at = at.index(stream.len());
        stream[at] = byte;
        columns.clear();
        let _ = decode(&stream, first_ms, values.len(), &mut columns, &mut Vec::new());
        prop_assert!(columns.timestamps.len() == columns.values.len());
    }

    #[test]
    fn what_is_newer_takes_the_place_of_what_is_older(
        older in prop::collection::btree_map(0_i64..60, Just(1.0), 0..40),
        newer in prop::collection::btree_map(0_i64..60, Just(2.0), 0..40),
    ) {
        let columns = |map: &std::collections::BTreeMap<i64, f64>| Columns {
            timestamps: map.keys().copied().collect(), values: map.values().copied().collect() };
        let mut merged = columns(&older);
        merged.merge_from(0, &columns(&newer));
        let mut expected = older;
        expected.extend(newer);
        prop_assert_eq!(merged.iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_ends_of_time_fit_into_one_run() {
    check(&[(i64::MIN, 1.0), (-1, 2.0), (0, 3.0), (i64::MAX, 4.0)]);
}

#[test]
fn a_single_bit_of_each_position_survives() {
    let samples: Vec<_> = (0..64).map(|bit| (bit, f64::from_bits(1 << bit))).collect();
    check(&samples);
}

#[test]
fn the_newest_sample_can_be_replaced_without_growth() {
    let mut tail = Tail::starting(0, 1.0);
    tail.push(1, 2.0);
    tail.replace_newest(7.5);
    tail.push(2, 3.0);
    let mut columns = Columns::default();
    tail.read(&mut columns);
    assert_eq!(columns.iter().collect::<Vec<_>>(), [(0, 1.0), (1, 7.5), (2, 3.0)]);
}

#[test]
fn the_last_minutes_of_a_steady_counter_are_read_from_the_end() {
    let mut tail = Tail::starting(0, 1.0);
    (1..100).for_each(|round| tail.push(round * 15_000, (round * 7) as f64));
    let mut columns = Columns::default();
    tail.read_from(80 * 15_000, &mut columns);
    assert_eq!((columns.len(), columns.timestamps[0]), (20, 80 * 15_000));
    // A binary fraction, which has no decimal, and stays; then there are steps again.
    let third = 1.0 / 3.0;
    let values = [2.0, 3.0, third, third, third, 5.0, 5.0, 6.0, third, third, 7.0, 8.0, 9.0];
    let samples: Vec<_> = values.iter().enumerate().map(|(at, value)| (at as i64 * 15_000, *value)).collect();
    check(&samples);
}

#[test]
fn a_reset_leaves_the_steps_before_and_after_it_small() {
    let of = |value: &dyn Fn(i64) -> i64| {
        let samples: Vec<_> = (0..200).map(|i| (i * 15_000, value(i) as f64)).collect();
        check(&samples);
        let mut tail = Tail::starting(samples[0].0, samples[0].1);
        samples[1..].iter().for_each(|(at_ms, value)| tail.push(*at_ms, *value));
        let mut columns = Columns::default();
        tail.read_from(180 * 15_000, &mut columns);
        assert_eq!(columns.timestamps[0], 180 * 15_000);
        tail.bytes()
    };
    let steady = of(&|i| 1_000_000_000 + i * 7);
    let reset = of(&|i| if i < 100 { 1_000_000_000 + i * 7 } else { i * 7 });
    let wide = of(&|i| i * 1_000_000_000);
    assert!(steady <= 264, "{steady}");
    assert!(reset <= 264, "{reset}");
    assert!(wide <= 4 * 200 + 64, "{wide}");
}

#[test]
fn a_counter_that_is_reset_and_a_gap_cost_no_more_than_themselves() {
    let steady: Vec<_> = (0..240).map(|i| (i * 15_000, (i * 1000 + i * i % 60) as f64)).collect();
    let mut broken = steady.clone();
    for (at_ms, value) in &mut broken[100..] {
        *at_ms += 3_600_000;
        *value -= 100_000.0;
    }
    assert!(check(&broken) <= check(&steady) + 24, "{} {}", check(&broken), check(&steady));
}

#[test]
fn steady_counters_and_decimal_gauges_take_few_bytes() {
    let bytes =
        |value: &dyn Fn(i64) -> f64| check(&(0..240).map(|i| (i * 15_000, value(i))).collect::<Vec<_>>());
    assert!(bytes(&|_| 1.0) <= 16, "constant: {}", bytes(&|_| 1.0));
    assert!(bytes(&|_| 1.0 / 3.0) <= 40, "fraction: {}", bytes(&|_| 1.0 / 3.0));
    assert!(bytes(&|i| (i * 1000) as f64) <= 16, "counter: {}", bytes(&|i| (i * 1000) as f64));
    let cents = |i: i64| (1000 + i * 37 % 100) as f64 / 100.0;
    assert!(bytes(&cents) <= 240, "decimals: {}", bytes(&cents));
    assert!(bytes(&|i| if i == 100 { promql::STALE_NAN } else { 7.0 }) <= 40);
}
