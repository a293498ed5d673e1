//! Lists of tickets.

use std::cmp::Reverse;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use schemas::{
    analysis::{Priority, Sentiment},
    work::{Decided, Decision},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    asking::send,
    events::{LABELS, Labels},
    hub::Hub,
    rebuild::compared,
    size::filled,
};

/// Tickets 1 to 4 that differ in every filter; 4 is not analyzed.
async fn four_tickets() -> Hub {
    let hub = Hub::start().await;
    for (n, request_type) in [(1, "Network"), (2, "Security"), (3, "Cloud"), (4, "General")] {
        hub.submit(n, "ada@example.com", request_type).await;
    }
    let second = Labels {
        category: "Security",
        priority: Priority::Critical,
        sentiment: Sentiment::Neutral,
        route: "video-call",
        needs_review: true,
        ..LABELS
    };
    hub.analyze(1, "ada@example.com", LABELS).await;
    hub.analyze(2, "ada@example.com", second).await;
    hub.analyze(3, "ada@example.com", Labels { category: "Cloud", ..LABELS }).await;
    hub.settled().await;
    hub
}

async fn numbers(hub: &Hub, query: &str) -> Vec<i64> {
    numbers_of(&hub.data(&format!("/api/tickets?{query}")).await)
}

fn numbers_of(data: &Value) -> Vec<i64> {
    data.as_array().unwrap().iter().map(|ticket| ticket["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn each_filter_lets_its_tickets_pass() {
    let hub = four_tickets().await;
    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("sort=oldest", vec![1, 2, 3, 4]),
        ("status=open", vec![4, 3, 2, 1]),
        ("status=closed", vec![]),
        ("sort=-createdAt", vec![4, 3, 2, 1]),
        ("sort=-updatedAt", vec![3, 2, 1, 4]),
        ("sort=updatedAt", vec![4, 1, 2, 3]),
        ("sort=-urgency", vec![3, 2, 1, 4]),
        ("sort=urgency", vec![4, 1, 2, 3]),
        ("sort=-urgency&priority=High", vec![3, 1]),
        ("category=Cloud", vec![3]),
        ("priority=High", vec![3, 1]),
        ("sentiment=neutral", vec![2]),
        ("requestType=General", vec![4]),
        ("route=video-call", vec![2]),
        ("needsReview=true", vec![2]),
        ("needsReview=false", vec![4, 3, 1]),
        ("priority=High&category=Network", vec![1]),
        ("priority=Critical&category=Network", vec![]),
    ] {
        assert_eq!(numbers(&hub, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_time_span_begins_with_its_first_instant_and_ends_before_its_last() {
    let hub = four_tickets().await;
    let created = async |n| {
        let ticket = hub.data(&format!("/api/tickets/{n}")).await;
        ticket["createdAt"].as_str().unwrap().to_owned()
    };
    let (second, fourth) = (created(2).await, created(4).await);
    assert_eq!(numbers(&hub, &format!("from={second}&to={fourth}")).await, vec![3, 2]);
}

#[tokio::test]
async fn pages_visit_every_ticket_exactly_once() {
    let hub = Hub::start().await;
    for n in 1..=23 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    hub.settled().await;
    for n in [3, 9, 20] {
        hub.analyze(n, "ada@example.com", LABELS).await;
    }
    hub.settled().await;
    let forwards: Vec<i64> = (1..=23).collect();
    let backwards: Vec<i64> = (1..=23).rev().collect();
    let changed: Vec<i64> =
        forwards.iter().copied().filter(|n| ![3, 9, 20].contains(n)).chain([3, 9, 20]).collect();
    for limit in [1, 5, 23, 200] {
        for (sort, expected) in [
            ("oldest", &forwards),
            ("newest", &backwards),
            ("updatedAt", &changed),
            // The three analyzed ones have an urgency.
            ("urgency", &changed),
            ("oldest&q=down", &forwards),
            ("urgency&q=down", &changed),
            ("updatedAt&q=down", &changed),
        ] {
            assert_eq!(&walk(&hub, sort, limit).await, expected, "{sort} {limit}");
        }
    }
}

#[tokio::test]
async fn every_list_is_what_all_its_filters_let_pass() {
    let hub = Hub::start().await;
    for n in 1..=24 {
        hub.submit(n, "ada@example.com", if n % 2 == 0 { "Network" } else { "Cloud" }).await;
    }
    hub.settled().await;
    // The last four are not analyzed.
    for n in 1..=20 {
        let labels = Labels {
            category: if n % 3 == 0 { "Network" } else { "Hardware" },
            priority: if n % 4 == 0 { Priority::Critical } else { Priority::Low },
            sentiment: if n % 5 == 0 { Sentiment::Positive } else { Sentiment::Negative },
            needs_review: n % 7 == 0,
            ..LABELS
        };
        hub.analyze(n, "ada@example.com", labels).await;
    }
    hub.settled().await;
    hub.assign(3, "grace").await;
    hub.assign(8, "grace").await;
    hub.resolve(8, "Rebooted.").await;
    hub.settled().await;
    let has = |ticket: &Value, filter: &str| {
        let (member, wanted) = filter.split_once('=').unwrap();
        let held = &ticket[member];
        held.as_str().map_or_else(|| held.to_string(), str::to_owned) == wanted
    };
    let filters = [
        "status=open",
        "requestType=Network",
        "category=Hardware",
        "priority=Critical",
        "sentiment=positive",
        "route=live-chat",
        "needsReview=true",
        "assignee=grace",
    ];
    for sort in ["newest", "oldest", "-updatedAt", "updatedAt", "-urgency", "urgency"] {
        let all = hub.data(&format!("/api/tickets?limit=200&sort={sort}")).await;
        for (n, one) in filters.iter().enumerate() {
            for other in &filters[n..] {
                let pass =
                    all.as_array().unwrap().iter().filter(|ticket| has(ticket, one) && has(ticket, other));
                let expected: Vec<i64> = pass.map(|ticket| ticket["number"].as_i64().unwrap()).collect();
                let query =
                    if one == other { format!("{sort}&{one}") } else { format!("{sort}&{one}&{other}") };
                assert_eq!(walk(&hub, &query, 7).await, expected, "{query}");
            }
        }
    }
}

/// More tickets than a list by change or urgency looks at before it sorts those that have the labels.
#[tokio::test]
async fn what_few_tickets_have_is_found_among_many() {
    let (hub, _) = filled(4_300).await;
    // As if tickets that have none of these labels had changed since those up to number 300, and before those from 4000.
    sqlx::raw_sql(
        "update projector.last_changes set position = position + 50000 where number > 4000;
         insert into projector.last_changes select n, n, now(), 0, false, null from generate_series(4301, 46000) n",
    )
    .execute(hub.pool())
    .await
    .unwrap();
    for filter in
        ["category=Cloud&priority=Critical&route=co-browse", "status=closed&priority=Low&sentiment=positive"]
    {
        let all = hub.data(&format!("/api/tickets?limit=200&{filter}")).await;
        let all: Vec<_> = all.as_array().unwrap().iter().map(key).collect();
        let has = |passes: fn(i64) -> bool| all.iter().any(|&(_, number)| passes(number));
        assert!(has(|n| n <= 300) && has(|n| n > 4_000), "none of them is out of the way: {filter}");
        // They were changed in the order of their numbers.
        for sort in ["-updatedAt", "updatedAt", "-urgency"] {
            let mut expected = all.clone();
            expected.sort_by_key(|&(urgency, number)| match sort {
                "-updatedAt" => Reverse((0, number)),
                "updatedAt" => Reverse((0, -number)),
                _ => Reverse((urgency, number)),
            });
            let listed = hub.data(&format!("/api/tickets?limit=200&{filter}&sort={sort}")).await;
            let listed: Vec<_> = listed.as_array().unwrap().iter().map(key).collect();
            assert_eq!(listed, expected, "{filter}, {sort}");
        }
    }
}

/// Urgency and number of a ticket.
type Key = (i64, i64);

fn key(ticket: &Value) -> Key {
    (ticket["urgency"].as_i64().unwrap(), ticket["number"].as_i64().unwrap())
}

#[tokio::test]
async fn every_page_leads_back_to_the_one_before() {
    let hub = Hub::start().await;
    for n in 1..=7 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    hub.settled().await;
    for sort in ["newest", "oldest", "-updatedAt", "-urgency"] {
        let mut pages = vec![hub.get(&format!("/api/tickets?limit=3&sort={sort}")).await.json()];
        assert_eq!(pages[0]["prevCursor"], json!(null));
        while let Some(cursor) = pages.last().unwrap()["nextCursor"].as_str().map(str::to_owned) {
            pages.push(hub.get(&format!("/api/tickets?limit=3&cursor={cursor}")).await.json());
        }
        assert_eq!(pages.len(), 3);
        for (before, page) in pages.iter().zip(&pages[1..]).rev() {
            let cursor = page["prevCursor"].as_str().unwrap();
            let back = hub.get(&format!("/api/tickets?limit=3&cursor={cursor}")).await.json();
            assert_eq!(numbers_of(&back["data"]), numbers_of(&before["data"]), "{sort}");
            assert_eq!(back["prevCursor"].is_null(), before["prevCursor"].is_null(), "{sort}");
            assert_eq!(back["nextCursor"], before["nextCursor"], "{sort}");
        }
    }
}

#[tokio::test]
async fn a_page_that_turned_out_empty_leads_to_the_ticket_it_would_lie_beside() {
    let hub = Hub::start().await;
    for n in 1..=4 {
        hub.submit(n, "ada@example.com", "Network").await;
    }
    hub.settled().await;
    let page = async |query: &str, cursor: &Value| {
        let cursor = cursor.as_str().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        hub.get(&format!("/api/tickets?limit=1&{query}{cursor}")).await.json()
    };
    let first = page("sort=updatedAt", &Value::Null).await;
    let second = page("sort=updatedAt", &first["nextCursor"]).await;
    hub.comment(1, "The longest untouched no more.").await;
    hub.settled().await;
    let empty = page("sort=updatedAt", &second["prevCursor"]).await;
    assert_eq!((&second["data"][0]["number"], &empty["data"]), (&json!(2), &json!([])));
    assert_eq!(page("sort=updatedAt", &empty["nextCursor"]).await["data"], second["data"]);

    for sort in ["newest", "oldest", "-urgency"] {
        let query = format!("status=open&sort={sort}");
        let first = page(&query, &Value::Null).await;
        let second = page(&query, &first["nextCursor"]).await;
        let gone = first["data"][0]["number"].as_u64().unwrap();
        hub.close(gone.into()).await;
        hub.settled().await;
        let empty = page(&query, &second["prevCursor"]).await;
        assert_eq!(empty["data"], json!([]), "{sort}");
        assert_eq!(page(&query, &empty["nextCursor"]).await["data"], second["data"], "{sort}");
        hub.reopen(gone.into(), "Not done.").await;
        hub.settled().await;
    }
}

#[tokio::test]
async fn text_is_found_by_words_phrases_prefixes_and_in_its_own_language() {
    let hub = Hub::start().await;
    hub.submit_text(1, "The VPN drops every ten minutes on srv-fs01, error 809.").await;
    hub.submit_text(2, "Die Drucker im dritten Stock drucken seit gestern nicht mehr.").await;
    hub.submit_text(3, "Please reset the password of my colleague's printer account.").await;
    hub.analyze_in(2, "de").await;
    hub.analyze_in(3, "en").await;
    hub.settled().await;
    for (question, expected) in [
        ("vpn", vec![1]),
        ("VPN drops", vec![1]),
        ("drops vpn", vec![1]),
        ("%22drops every%22", vec![1]),
        ("%22every drops%22", vec![]),
        ("srv-fs01", vec![1]),
        ("srv-f*", vec![1]),
        ("809", vec![1]),
        ("druckt", vec![2]),
        ("passwords", vec![3]),
        ("resetting", vec![3]),
        // A ticket without a language is found by the words as they stand.
        ("dropped", vec![]),
        ("p* -printer", vec![]),
        ("-vpn", vec![3, 2]),
        ("print*", vec![3]),
        ("ada@example.com", vec![3, 2, 1]),
        ("lovelace the", vec![3, 1]),
        ("!!", vec![]),
        ("a' | b:* %26 !(c) \\", vec![]),
    ] {
        let query = format!("q={}", question.replace(' ', "%20"));
        assert_eq!(numbers(&hub, &query).await, expected, "{question}");
    }
    assert_eq!(numbers(&hub, "q=ada@example.com&category=Network&limit=1").await, vec![3]);
}

#[tokio::test]
async fn stems_follow_a_corrected_language_and_a_later_analysis_leaves_it() {
    let hub = Hub::start().await;
    hub.submit_text(1, "Die Drucker im dritten Stock drucken seit gestern nicht mehr.").await;
    hub.analyze_in(1, "en").await;
    hub.settled().await;
    assert_eq!(numbers(&hub, "q=druckt").await, [] as [i64; 0]);
    hub.correct(1, Decision::Language, Decided::Label("de".to_owned())).await;
    hub.settled().await;
    assert_eq!(numbers(&hub, "q=druckt").await, [1]);
    hub.analyze_in(1, "en").await;
    hub.settled().await;
    assert_eq!(numbers(&hub, "q=druckt").await, [1]);
    let comparison = compared(&hub).await;
    assert!(comparison.is_equal(), "{comparison:?}");
}

#[tokio::test]
async fn a_client_that_has_the_list_is_not_sent_it_again() {
    let hub = four_tickets().await;
    let first = hub.get("/api/tickets?limit=2").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = |tag: String| {
        let request = Request::get("/api/tickets?limit=2").header("if-none-match", tag);
        send(hub.router(), request.body(Body::empty()).unwrap())
    };
    let known = again(tag.clone()).await;
    assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    hub.submit(5, "ada@example.com", "Network").await;
    hub.settled().await;
    assert_eq!(again(tag).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_the_members_asked_for_are_sent_and_exactly_as_they_are() {
    let hub = four_tickets().await;
    let list = hub.data("/api/tickets?fields=number,status&limit=1").await;
    assert_eq!(list, json!([{ "number": 4, "status": "open" }]));
    let part = hub.get("/api/tickets/1?fields=analysis").await.text;
    assert!(part.contains("\"confidence\":0.93,"), "{part}");
    let whole = hub.data("/api/tickets/1").await;
    let mut members: Vec<_> = whole.as_object().unwrap().keys().cloned().collect();
    let mut known = projector::http::fields::KNOWN.map(str::to_owned).to_vec();
    members.sort();
    known.sort();
    assert_eq!(members, known);
}

#[tokio::test]
async fn a_list_is_compressed_for_who_understands_it() {
    let hub = four_tickets().await;
    for encoding in ["gzip", "br"] {
        let request = Request::get("/api/tickets").header("accept-encoding", encoding);
        let answer = hub.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], encoding);
    }
}

/// The numbers on all pages, following `nextCursor` to the end.
async fn walk(hub: &Hub, sort: &str, limit: usize) -> Vec<i64> {
    let mut seen = vec![];
    let mut cursor = String::new();
    loop {
        let page = hub.get(&format!("/api/tickets?sort={sort}&limit={limit}{cursor}")).await.json();
        let numbers = numbers_of(&page["data"]);
        assert!(numbers.len() <= limit);
        seen.extend(numbers);
        let Some(next) = page["nextCursor"].as_str() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn a_ticket_that_arrives_between_two_pages_moves_nothing() {
    let hub = four_tickets().await;
    let first = hub.get("/api/tickets?limit=2").await.json();
    hub.submit(5, "ada@example.com", "Network").await;
    hub.settled().await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = hub.get(&format!("/api/tickets?limit=2&cursor={cursor}")).await.json();
    assert_eq!((numbers_of(&first["data"]), numbers_of(&second["data"])), (vec![4, 3], vec![2, 1]));
    assert_eq!(second["nextCursor"], json!(null));
}

#[tokio::test]
async fn a_parameter_we_do_not_understand_is_refused_with_a_reason() {
    let hub = Hub::start().await;
    let of_another_sort = "bmV3ZXN0PjM-Mw"; // newest>3>3
    for (query, reason) in [
        ("limit=0", "limit: must be a whole number of 1 to 200"),
        ("limit=201", "limit: must be a whole number of 1 to 200"),
        ("limit=99999999999999999999", "limit: must be a whole number of 1 to 200"),
        ("limit=%2B5", "limit: must be a whole number of 1 to 200"),
        ("limit=many", "limit: must be a whole number of 1 to 200"),
        ("minPosition=-1", "minPosition: must be a whole number"),
        ("minPosition=7", "minPosition is 7, but the log ends at 0"),
        ("from=2026-11-25T08:00:00Z&to=2026-11-25T08:00:00Z", "from must be earlier than to"),
        ("q=", "q: q has 1 to 200 characters"),
        ("q=a%00b", "must not contain NUL"),
        ("category=%00", "category: a label has 1 to 100 printable characters"),
        ("fields=id,colour", "fields names \"colour\""),
        ("status=lost", "unknown variant `lost`"),
        ("cursor=nonsense", "cursor is not one we gave"),
        (&format!("sort=oldest&cursor={of_another_sort}"), "cursor belongs to a list with another sort"),
        ("sort=best", "unknown variant `best`"),
        ("priority=high", "unknown variant `high`"),
        ("needsReview=maybe", "not `true` or `false`"),
        ("from=yesterday", "invalid characters"),
        ("colour=red", "unknown field `colour`"),
        ("status=open&status=closed", "duplicate field `status`"),
    ] {
        let detail = hub.refusal(&format!("/api/tickets?{query}"), StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(reason), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_list_that_waits_for_a_position_holds_it() {
    let hub = Hub::start().await;
    let written = hub.submit(1, "ada@example.com", "Network").await;
    assert_eq!(numbers(&hub, &format!("minPosition={}", written.position)).await, vec![1]);
    let written = hub.submit(2, "ada@example.com", "Network").await;
    let download =
        hub.get(&format!("/api/tickets/export?format=ndjson&minPosition={}", written.position)).await;
    assert_eq!(download.text.lines().count(), 2);
}
