//! Back-tests as the HTTP side asks for them: one at a time.

use std::sync::{Arc, Mutex, TryLockError};

use promql::SeriesSource;
use web::ports::{BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting, Backtests};

/// Tests over the server's own series.
pub(crate) struct BacktestPort {
    series: Arc<dyn SeriesSource>,
    running: Mutex<()>,
}

impl BacktestPort {
    pub(crate) fn new(series: Arc<dyn SeriesSource>) -> Self {
        Self { series, running: Mutex::new(()) }
    }
}

impl Backtests for BacktestPort {
    fn run(
        &self,
        asked: &BacktestAsked,
        setting: &BacktestSetting,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<BacktestReport, BacktestRefusal> {
        let _running = match self.running.try_lock() {
            Ok(running) => running,
            // A test that panicked has left nothing behind.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let hint = Some("ask again when it is done".to_owned());
                let sentence = "another back-test is running".to_owned();
                return Err(BacktestRefusal { code: "busy", sentence, hint });
            }
        };
        let problems = crate::config::check::rule_problems(&asked.groups, setting.configuration.promql);
        if let Some(problem) = problems.into_iter().find(|problem| problem.is_error) {
            let sentence = format!("{}: {}", problem.path, problem.message);
            return Err(BacktestRefusal { code: "bad_backtest", sentence, hint: problem.hint });
        }
        super::run(asked, setting, &*self.series, &is_cancelled)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::{OnceLock, PoisonError};

    use facts::configuration::{Rule, RuleGroup};
    use kernel::{Labels, Span, Timestamp};
    use promql::{Matcher, Selected, Selection, SourceFault, TimeRange};

    use super::*;

    /// Whoever reads it asks for another test.
    #[derive(Default)]
    struct Impatient {
        port: OnceLock<Arc<BacktestPort>>,
        answers: Mutex<Vec<&'static str>>,
    }

    impl SeriesSource for Impatient {
        fn select(
            &self,
            _: &Selection<'_>,
            _: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
        ) -> Result<(), SourceFault> {
            let answer =
                self.port.get().expect("it is set").run(&asked(), &BacktestSetting::default(), &|| false);
            let code = answer.map_or_else(|refusal| refusal.code, |_| "tested");
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(code);
            Ok(())
        }
        fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceFault> {
            Ok(Vec::new())
        }
        fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceFault> {
            Ok(Vec::new())
        }
        fn series(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<Labels>, SourceFault> {
            Ok(Vec::new())
        }
    }

    fn asked() -> BacktestAsked {
        let rule: Rule = serde_json::from_str(r#"{ "alert": "A", "expr": "up == 0" }"#).unwrap();
        let group = RuleGroup {
            name: "g".to_owned(),
            interval: Span::from_secs(15),
            file: String::new(),
            query_offset: Span::ZERO,
            limit: 0,
            labels: std::collections::BTreeMap::new(),
            rules: vec![rule],
        };
        let (from, to) = (Timestamp::from_secs(0), Timestamp::from_secs(3600));
        BacktestAsked { groups: vec![group], from, to, window: None, zone: None, skip: Vec::new() }
    }

    #[test]
    fn one_test_runs_at_a_time_and_the_next_may_come_after_it() {
        let source = Arc::new(Impatient::default());
        let port = Arc::new(BacktestPort::new(Arc::clone(&source) as _));
        assert!(source.port.set(Arc::clone(&port)).is_ok());
        for _ in 0..2 {
            assert!(port.run(&asked(), &BacktestSetting::default(), &|| false).is_ok());
        }
        let answers = source.answers.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(answers.len() >= 2 && answers.iter().all(|answer| *answer == "busy"), "{answers:?}");
    }

    #[test]
    fn nobody_waits_for_a_test_that_is_cancelled() {
        let source: Arc<dyn SeriesSource> = Arc::new(promql::in_memory::InMemory::new());
        let port = BacktestPort::new(source);
        let refused = port.run(&asked(), &BacktestSetting::default(), &|| true).unwrap_err();
        assert_eq!(refused.code, "cancelled");
    }
}
