//! The shop: a small HTTP service of its own, with a storefront, a search, a checkout, and figures for whoever
//! scrapes them.
//!
//! A deploy can be bad: from then on three of five checkouts fail, until it is rolled back. The shop tells nobody.

mod agent;
mod customers;
mod write_request;

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) use agent::report_samples;
pub(super) use customers::{Events, check_out, report_events, send_heartbeats, stroll};

/// What the shop sells, so that a search finds something.
const GOODS: [&str; 4] = ["fern", "moss", "ivy", "lichen"];

/// The shop; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shop(Arc<Mutex<Books>>);

/// What the shop has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Books {
    /// Whether the version that runs is the bad one.
    pub(super) is_bad: bool,
    pages: u64,
    searches: u64,
    searches_without_result: u64,
    orders: u64,
    failures: u64,
    since_deploy: u64,
}

impl Books {
    /// Checkouts that went well; each sends a receipt.
    pub(super) fn orders(&self) -> u64 {
        self.orders
    }
}

impl Shop {
    /// Its routes, all under `/shop`.
    pub(super) fn routes(&self) -> Router {
        Router::new()
            .route("/shop/", get(storefront))
            .route("/shop/search", get(search))
            .route("/shop/checkout", post(checkout))
            .route("/shop/metrics", get(metrics))
            .route("/shop/deploy", post(deploy))
            .route("/shop/rollback", post(roll_back))
            .with_state(self.clone())
    }

    pub(super) fn books(&self) -> Books {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        // A panic while it is held leaves whole counts.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn storefront(State(shop): State<Shop>) -> Html<&'static str> {
    shop.count(|books| books.pages += 1);
    Html(
        "<!doctype html><title>Fernhill Shop</title><h1>Fernhill Shop</h1><p>Ferns, moss, ivy and lichen.</p>",
    )
}

#[derive(Debug, Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn search(State(shop): State<Shop>, Query(Search { q }): Query<Search>) -> String {
    let found = GOODS.contains(&q.as_str());
    shop.count(|books| {
        books.searches += 1;
        books.searches_without_result += u64::from(!found);
    });
    if found {
        format!("1 result: {}\n", GOODS.iter().find(|good| **good == q).unwrap_or(&""))
    } else {
        "0 results\n".to_owned()
    }
}

/// With the bad version three of five checkouts fail, in turn, so that every run is the same.
async fn checkout(State(shop): State<Shop>) -> Response {
    let fails = shop.count(|books| {
        books.since_deploy += 1;
        let fails = books.is_bad && books.since_deploy % 5 < 3;
        if fails {
            books.failures += 1
        } else {
            books.orders += 1
        }
        fails
    });
    if fails {
        (StatusCode::BAD_GATEWAY, "payment: timed out after 100 ms\n").into_response()
    } else {
        "thank you\n".into_response()
    }
}

async fn deploy(State(shop): State<Shop>) -> &'static str {
    shop.count(|books| (books.is_bad, books.since_deploy) = (true, 0));
    "deployed version 42\n"
}

/// Back to the demo's page, because a button of that page leads here too.
async fn roll_back(State(shop): State<Shop>) -> Redirect {
    shop.count(|books| books.is_bad = false);
    Redirect::to("/")
}

/// Prometheus text. Series stand from the first scrape on, so that a first failure is an increase.
async fn metrics(State(shop): State<Shop>) -> Response {
    let books = shop.books();
    let mut text = String::from("# TYPE shop_requests_total counter\n");
    let requests = [
        ("storefront", 200, books.pages + books.searches),
        ("storefront", 502, 0),
        ("checkout", 200, books.orders),
        ("checkout", 502, books.failures),
    ];
    for (service, code, count) in requests {
        writeln!(text, "shop_requests_total{{service=\"{service}\",code=\"{code}\"}} {count}")
            .expect("a String takes all text");
    }
    text.push_str("# TYPE shop_searches_without_result_total counter\n");
    writeln!(text, "shop_searches_without_result_total {}", books.searches_without_result)
        .expect("a String takes all text");
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
