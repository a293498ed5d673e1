//! `hubctl … | head`: whoever reads may stop reading.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use support::Hub;

#[tokio::test]
async fn a_reader_that_leaves_is_no_error() {
    let hub = Hub::start().await;
    hub.append(1..=3).await;
    hub.relay().await;
    for args in [
        &["crm", "status"][..],
        &["crm", "parked"],
        &["crm", "map-check", "--print-default"],
        &["parked", "list"],
        &["why-stuck"],
        &["bus", "verify"],
        &["replay", "--dry-run"],
        &["replay", "--to-file", "-"],
        &["migrate"],
    ] {
        let answer = hub.hubctl_unread(args).await;
        assert!(answer.ok && answer.err.is_empty(), "{args:?}: {answer:?}");
    }
}
