//! The program as its users meet it: the binary, real mail, a real Prometheus, a kill -9, a full disk.
//!
//! Every test starts its own processes on loopback, waits for what it observes and never for a length of time, and
//! leaves nothing running. A WARN or an ERROR in the server's log that a test did not expect fails that test.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod alert_readings;
mod alertmanager;
mod api;
mod backtest;
mod bad_input;
mod check;
mod clock_jumps;
mod commands;
mod credentials;
mod crowded;
mod documented;
mod full_disk;
mod global_section;
mod house;
mod http;
mod killed;
mod live;
mod mail;
mod mail_delivery;
mod noticeboard;
mod on_arrival;
mod prometheus;
mod prometheus_api;
mod prometheus_suite;
mod quarantine;
mod reload;
mod remote_write;
mod replay;
mod rule_tests;
mod scraping;
mod shop;
mod start_timestamps;
mod storage;
mod swan;
mod team;
mod whole_path;
