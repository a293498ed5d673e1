//! What is refused, and why.

use schemas::{Position, TicketId};
use serde_json::{Value, json};

use crate::desk::Desk;

/// Every command with a body that makes sense.
fn commands() -> [(&'static str, Value); 7] {
    [
        ("comments", json!({ "text": "On it." })),
        ("assign", json!({ "assignee": "agent-7" })),
        ("resolve", json!({ "resolution": "Done." })),
        ("reopen", json!({ "reason": "Again." })),
        ("close", json!({})),
        ("confirm", json!({ "score": 5 })),
        ("corrections", json!({ "field": "category", "to": "Cloud", "reason": "Rented." })),
    ]
}

#[tokio::test]
async fn a_ticket_that_is_not_there_and_a_name_that_is_none_answer_the_same() {
    let desk = Desk::start().await;
    desk.done("comments", json!({ "text": "The log has a second event." })).await;
    let nobody = TicketId::new(7.into()).to_string();
    for (command, body) in commands() {
        for name in [nobody.as_str(), "2", "99", "-1", "abc", "tkt_", "%FF", "99999999999999999999"] {
            let answer = desk.ask_of(name, &[], command, body.clone()).await;
            assert_eq!(answer.status, 404, "{name}/{command}");
            assert_eq!(answer.body["detail"], "there is no such ticket", "{name}/{command}");
        }
    }
}

#[tokio::test]
async fn a_broken_rule_is_named() {
    let desk = Desk::start().await;
    for (command, body, rule) in [
        ("reopen", json!({ "reason": "Again." }), "already-open"),
        ("confirm", json!({ "score": 5 }), "not-resolved"),
        ("corrections", json!({ "field": "category", "to": "Cloud", "reason": "Rented." }), "not-analyzed"),
    ] {
        let answer = desk.ask(command, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!(rule)), "{command}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!((&answer.body["success"], &answer.body["error"]), (&json!(false), &answer.body["detail"]));
    }
    desk.done("close", json!({})).await;
    for (command, body) in [
        ("comments", json!({ "text": "Too late." })),
        ("assign", json!({ "assignee": "agent-7" })),
        ("resolve", json!({ "resolution": "Done." })),
    ] {
        let answer = desk.ask(command, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!("closed")), "{command}");
        assert_eq!(answer.body["detail"], "the ticket is closed: reopen it first");
    }
    assert_eq!(desk.side.store.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_resolution_is_confirmed_once() {
    let desk = Desk::start().await;
    desk.done("resolve", json!({ "resolution": "Done." })).await;
    let first = desk.done("confirm", json!({ "score": 2 })).await;
    assert_eq!(desk.done("confirm", json!({ "score": 2 })).await, first);
    let other = desk.ask("confirm", json!({ "score": 5 })).await;
    assert_eq!((other.status.as_u16(), &other.body["rule"]), (422, &json!("already-confirmed")));
}

#[tokio::test]
async fn a_wrong_field_is_named_and_nothing_is_appended() {
    let desk = Desk::start().await;
    for (command, body, field) in [
        ("comments", json!({ "text": " \n " }), "text"),
        ("comments", json!({ "text": "ü".repeat(2001) }), "text"),
        ("comments", json!({ "text": "nul\0" }), "text"),
        ("assign", json!({ "assignee": "" }), "assignee"),
        ("assign", json!({ "assignee": "x".repeat(101) }), "assignee"),
        ("resolve", json!({ "resolution": "" }), "resolution"),
        ("reopen", json!({ "reason": "" }), "reason"),
        ("confirm", json!({ "score": 0 }), "score"),
        ("confirm", json!({ "score": 6 }), "score"),
        ("confirm", json!({ "score": 5, "signature": "" }), "signature"),
        ("corrections", json!({ "field": "category", "to": "Cloud", "reason": "" }), "reason"),
    ] {
        let answer = desk.ask(command, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["details"][0]["field"]), (400, &json!(field)));
        assert_eq!(answer.body["error"], "Validation failed");
    }
    assert_eq!(desk.side.store.head().await.unwrap(), Position(1));
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_explained() {
    let desk = Desk::start().await;
    for (command, body, hint) in [
        ("comments", json!({}), "missing field `text`"),
        ("comments", json!({ "text": 7 }), "invalid type"),
        ("comments", json!({ "text": "a", "author": "b" }), "unknown field `author`"),
        ("close", json!({ "force": true }), "unknown field `force`"),
        ("confirm", json!({ "score": 4.5 }), "must be a whole number"),
        ("confirm", json!({ "score": 300 }), "must be a whole number"),
        ("corrections", json!({ "field": "urgency", "to": 300, "reason": "y" }), "a level of 1 to 10"),
        (
            "corrections",
            json!({ "field": "entities", "to": ["Ada"], "reason": "y" }),
            "or a list of {\"text\", ",
        ),
        ("corrections", json!({ "field": "summary", "to": null, "reason": "y" }), "to must be a text"),
    ] {
        let answer = desk.ask(command, body).await;
        assert_eq!(answer.status, 400, "{command}: {}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains(hint), "{}", answer.body);
    }
}

#[tokio::test]
async fn nothing_is_written_about_a_requester_who_was_erased() {
    let desk = Desk::of_an_erased_requester().await;
    for (command, body) in
        [("comments", json!({ "text": "Where did Ada go?" })), ("resolve", json!({ "resolution": "Gone." }))]
    {
        let answer = desk.ask(command, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rule"]), (422, &json!("requester-erased")));
    }
    assert_eq!(desk.done("close", json!({})).await["status"], "closed");
}
