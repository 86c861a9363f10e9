//! Back-tests: what rules would have done over stored history, beside the rules in force.
//!
//! The door reads what is asked, takes the configuration, incidents and silences from the World as they stand, and
//! hands all of it to the [`Backtests`](crate::ports::Backtests) port on a thread that may take its time. Whoever goes away cancels the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::Asked;
use crate::access::Responder;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;
use crate::ports::{BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting};

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new().routes(routes!(backtest))
}

/// Cancels when whoever waits goes away.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What rules would have done over stored history, beside the rules in force. One test runs at a time.
#[utoipa::path(post, path = "/v1/backtest", tag = "alert", request_body = BacktestAsked,
    responses((status = 200, body = BacktestReport), (status = 429, body = ErrorBody)))]
async fn backtest(
    _: Responder,
    State(doorway): State<Doorway>,
    Asked(asked): Asked<BacktestAsked>,
) -> Result<Json<BacktestReport>> {
    let setting = doorway.view(BacktestSetting::of).await?;
    let cancelled = Arc::new(AtomicBool::new(false));
    let _waiting = Waiting(Arc::clone(&cancelled));
    let tested = doorway
        .blocking(move |ports| ports.backtests.run(&asked, &setting, &|| cancelled.load(Ordering::Relaxed)));
    tested.await?.map(Json).map_err(Error::from)
}

impl From<BacktestRefusal> for Error {
    fn from(refusal: BacktestRefusal) -> Self {
        let status = match refusal.code {
            "busy" => StatusCode::TOO_MANY_REQUESTS,
            "cancelled" | "fault" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut error = Error::new(status, refusal.code, refusal.sentence);
        error.body.hint = refusal.hint;
        error
    }
}
