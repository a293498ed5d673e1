//! A ticket's life.

use schemas::{
    Position, Sealed, TicketEvent,
    event::{ResolutionConfirmed, TicketAssigned},
};
use serde_json::json;

use crate::desk::Desk;

#[tokio::test]
async fn a_ticket_goes_from_open_to_closed_and_back() {
    let desk = Desk::start().await;
    for (version, command, body, status) in [
        (2, "assign", json!({ "assignee": "agent-7" }), "open"),
        (3, "comments", json!({ "text": "Looking into it." }), "open"),
        (4, "resolve", json!({ "resolution": "Replaced the cable." }), "resolved"),
        (5, "confirm", json!({ "score": 5, "signature": "Ada" }), "resolved"),
        (6, "close", json!({}), "closed"),
        (7, "reopen", json!({ "reason": "It drops again." }), "open"),
        (8, "close", json!({}), "closed"),
    ] {
        let expected = json!({ "id": desk.id, "version": version, "position": version, "status": status });
        assert_eq!(desk.done(command, body).await, expected, "{command}");
    }
    let story = desk.story().await;
    let types: Vec<_> = story.iter().map(|envelope| envelope.type_name.as_str()).collect();
    assert_eq!(
        types,
        [
            "hub.ticket.submitted.v1",
            "hub.ticket.assigned.v1",
            "hub.ticket.commented.v1",
            "hub.ticket.resolved.v1",
            "hub.ticket.resolution-confirmed.v1",
            "hub.ticket.closed.v1",
            "hub.ticket.reopened.v1",
            "hub.ticket.closed.v1",
        ]
    );
}

#[tokio::test]
async fn every_event_names_its_story_its_actor_and_its_trace() {
    let desk = Desk::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    desk.ask_with(&[("traceparent", traceparent)], "close", json!({})).await;
    let (first, (last, _)) = (desk.story().await.remove(0), desk.last().await);
    assert_eq!(last.metadata.correlationid, first.id);
    assert_eq!(last.metadata.traceparent.as_deref(), Some(traceparent));
    assert_eq!(last.metadata.actor, "anonymous");
}

#[tokio::test]
async fn what_people_write_is_sealed_for_the_requester() {
    let desk = Desk::start().await;
    for (command, member) in [("comments", "text"), ("resolve", "resolution"), ("reopen", "reason")] {
        desk.done(command, json!({ member: "  Ada's cat ate the cable.  " })).await;
        let (envelope, event) = desk.last().await;
        let sealed: Sealed<String> = match event {
            TicketEvent::Commented(data) => data.text,
            TicketEvent::Resolved(data) => data.resolution,
            TicketEvent::Reopened(data) => data.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(sealed.requester(), &desk.side.keys.requester_id("ada@example.com"));
        let clear = desk.side.keys.open_sealed(&sealed, envelope.id, member).await.unwrap();
        assert_eq!(clear, "Ada's cat ate the cable.");
    }
    assert!(!serde_json::to_string(&desk.story().await).unwrap().contains("cable"));
}

#[tokio::test]
async fn an_assignee_stands_in_the_log_and_a_signature_only_as_its_hash() {
    let desk = Desk::start().await;
    desk.done("assign", json!({ "assignee": "agent-7" })).await;
    let assigned = TicketEvent::Assigned(TicketAssigned { assignee: "agent-7".into() });
    assert_eq!(desk.last().await.1, assigned);
    desk.done("resolve", json!({ "resolution": "Done." })).await;
    desk.done("confirm", json!({ "score": 4, "signature": "abc" })).await;
    // FIPS 180-2, appendix B.1.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let confirmed = ResolutionConfirmed { score: 4, signature: Some(hash.into()) };
    assert_eq!(desk.last().await.1, TicketEvent::ResolutionConfirmed(confirmed));
}

#[tokio::test]
async fn what_is_so_already_answers_the_version_that_is() {
    let desk = Desk::start().await;
    let assignee = json!({ "assignee": "agent-7" });
    let first = desk.done("assign", assignee.clone()).await;
    assert_eq!(desk.done("assign", assignee.clone()).await, first);
    desk.done("comments", json!({ "text": "Hm." })).await;
    assert_eq!(desk.done("assign", assignee).await["version"], 3);
    for (command, body) in [("resolve", json!({ "resolution": "Done." })), ("close", json!({}))] {
        let first = desk.done(command, body.clone()).await;
        assert_eq!(desk.done(command, body).await, first, "{command}");
    }
    assert_eq!(desk.side.store.head().await.unwrap(), Position(5));
}

#[tokio::test]
async fn a_ticket_is_named_by_its_number_too() {
    let desk = Desk::start().await;
    let answer = desk.ask_of("1", &[], "close", json!({})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["data"]["id"]), (200, &json!(desk.id)));
}

#[tokio::test]
async fn many_commands_at_once_all_get_through_or_say_why() {
    let desk = Desk::start().await;
    let comment = |n: i32| desk.ask("comments", json!({ "text": format!("comment {n}") }));
    let (a, b, c, d) = tokio::join!(comment(1), comment(2), comment(3), comment(4));
    let mut versions: Vec<_> =
        [a, b, c, d].iter().map(|answer| answer.body["data"]["version"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5]);
}
