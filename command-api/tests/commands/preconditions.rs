//! Insisting on a version, and asking twice.

use std::collections::BTreeSet;

use schemas::Position;
use serde_json::json;

use crate::desk::Desk;

#[tokio::test]
async fn a_command_for_the_current_version_is_carried_out() {
    let desk = Desk::start().await;
    for (version, tag) in [(1, "1"), (2, "\"2\""), (3, "W/\"3\""), (4, "\"4-4\""), (5, "W/\"5-5\""), (6, "*")]
    {
        let answer = desk.ask_with(&[("if-match", tag)], "comments", json!({ "text": "On it." })).await;
        assert_eq!(answer.status, 200, "{tag}: {}", answer.body);
        assert_eq!(answer.body["data"]["version"], version + 1);
    }
}

#[tokio::test]
async fn the_answer_carries_the_tag_for_the_next_command() {
    let desk = Desk::start().await;
    let first = desk.ask("comments", json!({ "text": "One." })).await;
    assert_eq!(first.header("etag"), "W/\"2-2\"");
    let next = [("if-match", first.header("etag"))];
    assert_eq!(desk.ask_with(&next, "comments", json!({ "text": "Two." })).await.status, 200);
    assert_eq!(desk.ask_with(&next, "comments", json!({ "text": "Two again." })).await.status, 409);
}

#[tokio::test]
async fn a_ticket_that_moved_on_is_a_conflict_that_names_both_versions() {
    let desk = Desk::start().await;
    desk.done("comments", json!({ "text": "Meanwhile." })).await;
    for (tag, expected) in [("\"1-1\"", 1), ("7", 7)] {
        let answer = desk.ask_with(&[("if-match", tag)], "close", json!({})).await;
        assert_eq!(answer.status, 409, "{tag}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let versions = (&answer.body["expectedVersion"], &answer.body["actualVersion"]);
        assert_eq!(versions, (&json!(expected), &json!(2)), "{}", answer.body);
    }
    assert_eq!(desk.side.store.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn of_two_commands_for_one_version_one_gets_through() {
    let desk = Desk::start().await;
    let tag = [("if-match", "1")];
    let (one, other) = tokio::join!(
        desk.ask_with(&tag, "comments", json!({ "text": "One." })),
        desk.ask_with(&tag, "comments", json!({ "text": "Other." })),
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn who_insists_on_no_version_is_never_told_of_one() {
    let desk = Desk::start().await;
    let comments = (2..=33).map(|n| desk.ask("comments", json!({ "text": format!("Comment {n}.") })));
    let answers = futures::future::join_all(comments).await;
    let versions: BTreeSet<_> =
        answers.iter().map(|answer| answer.body["data"]["version"].as_i64()).collect();
    assert_eq!(versions, (2..=33).map(Some).collect());
}

#[tokio::test]
async fn what_names_no_version_is_refused() {
    let desk = Desk::start().await;
    for tag in ["", "latest", "\"1", "\"1\", \"2\"", "-1"] {
        let answer = desk.ask_with(&[("if-match", tag)], "close", json!({})).await;
        assert_eq!(answer.status, 400, "{tag}");
        assert!(answer.body["detail"].as_str().unwrap().starts_with("If-Match must be"), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_same_comment_under_a_key_is_said_once() {
    let desk = Desk::start().await;
    let key = [("idempotency-key", "c-1")];
    let first = desk.ask_with(&key, "comments", json!({ "text": "Once." })).await;
    desk.done("comments", json!({ "text": "Meanwhile." })).await;
    let again = desk.ask_with(&key, "comments", json!({ "text": "Once." })).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(desk.side.store.head().await.unwrap(), Position(3));
}

#[tokio::test]
async fn a_repeated_request_is_answered_even_where_the_ticket_moved_on() {
    let desk = Desk::start().await;
    desk.done("close", json!({})).await;
    let headers = [("idempotency-key", "r-1"), ("if-match", "2")];
    let reason = json!({ "reason": "It drops again." });
    let first = desk.ask_with(&headers, "reopen", reason.clone()).await;
    assert_eq!((first.status.as_u16(), &first.body["data"]["status"]), (200, &json!("open")));
    // Still open: reopening breaks a rule, and the version is another one.
    assert_eq!(desk.ask_with(&headers, "reopen", reason.clone()).await.body, first.body);
    desk.done("close", json!({})).await;
    let later = desk.ask_with(&headers, "reopen", reason).await;
    assert_eq!((&later.body, later.header("idempotency-replayed")), (&first.body, "true"));
    assert_eq!(desk.side.store.head().await.unwrap(), Position(4));
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let desk = Desk::start().await;
    let key = [("idempotency-key", "k-1")];
    assert_eq!(desk.ask_with(&key, "comments", json!({ "text": "One." })).await.status, 200);
    for (command, body) in [
        ("comments", json!({ "text": "Other." })),
        ("resolve", json!({ "resolution": "One." })),
        ("reopen", json!({ "reason": "One." })),
    ] {
        let answer = desk.ask_with(&key, command, body).await;
        assert_eq!(answer.status, 422, "{command}");
        assert!(answer.body["detail"].as_str().unwrap().contains("Idempotency-Key"), "{}", answer.body);
    }
    assert_eq!(desk.side.store.head().await.unwrap(), Position(2));
}
