use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zoho_mock::{CallKind, Fault, FaultSettings, Mock, Plan, Rule, Settings, StartError};

use crate::client::{APP, Client, answer, unlimited};

async fn client_with(rules: impl Into<Vec<Rule>>) -> Client {
    let client = Client::with(unlimited()).await;
    client.mock.set_faults(Plan::new(1, rules)).unwrap();
    client
}

fn rows(ids: &[&str]) -> Value {
    let rows: Vec<_> = ids.iter().map(|id| json!({"Ticket_ID": id})).collect();
    json!({"data": rows, "result": {"fields": ["Ticket_ID"]}})
}

impl Client {
    /// Status and text, or `None` when the connection ended before the answer did.
    async fn try_add(&self, ids: &[&str]) -> Option<(StatusCode, String)> {
        let path = format!("/creator/v2.1/data/{APP}/form/Tickets");
        let answer = self.call(Method::POST, &path).json(&rows(ids)).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.text().await.ok()?))
    }

    fn stored(&self) -> usize {
        self.mock.records().len()
    }
}

#[tokio::test]
async fn what_is_lost_before_it_runs_leaves_nothing() {
    for (fault, answered) in [
        (Fault::CloseBefore, None),
        (Fault::GatewayError, Some("<html>")),
        (Fault::BadToken, Some("1030")),
        (Fault::MinuteLimit, Some("2955")),
        (Fault::DailyLimit, Some("4000")),
    ] {
        let client = client_with([Rule::at(fault, [1])]).await;
        let spoilt = client.try_add(&["t1"]).await;
        match answered {
            None => assert_eq!(spoilt, None, "{fault:?}"),
            Some(text) => assert!(spoilt.unwrap().1.contains(text), "{fault:?}"),
        }
        assert_eq!((client.stored(), client.mock.counters().hits_of(fault)), (0, 1), "{fault:?}");
        assert_eq!(client.mock.counters().violations.total(), 0, "an invented refusal is no violation");
        client.add_tickets(["t1".to_owned()]).await;
    }
}

#[tokio::test]
async fn what_is_lost_after_it_ran_has_happened() {
    for fault in [Fault::CommitThenClose, Fault::CommitThenError, Fault::EmptyBody, Fault::CommitThenCut] {
        let client = client_with([Rule::every(fault, 1)]).await;
        let spoilt = client.try_add(&["t1", "t2"]).await;
        match fault {
            Fault::CommitThenClose => assert_eq!(spoilt, None),
            Fault::EmptyBody => assert_eq!(spoilt, Some((StatusCode::OK, String::new()))),
            Fault::CommitThenError => {
                let (status, text) = spoilt.unwrap();
                assert!(status.is_server_error() && text.starts_with("<html>"), "{status} {text}");
            }
            _ => {}
        }
        assert_eq!(client.stored(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_is_cut_with_the_connection_or_as_half_a_json() {
    let client = client_with([Rule::every(Fault::CommitThenCut, 1)]).await;
    let (mut halves, mut ends) = (0, 0);
    for n in 0..20 {
        match client.try_add(&[&format!("t{n}")]).await {
            Some((_, text)) => {
                assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
                halves += 1;
            }
            None => ends += 1,
        }
    }
    assert!(halves > 0 && ends > 0, "{halves} and {ends}");
    assert_eq!(client.stored(), 20);
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up() {
    let client = client_with([Rule::every(Fault::CommitThenSilence, 1).seconds(0.05)]).await;
    assert_eq!(client.try_add(&["t1"]).await, None);
    assert_eq!(client.stored(), 1);
}

#[tokio::test]
async fn a_late_call_runs_by_the_mocks_clock_and_before_whatever_comes_then() {
    let client = client_with([Rule::at(Fault::Late, [1]).seconds(90.0)]).await;
    assert_eq!(client.try_add(&["t1"]).await, None);
    client.clock.advance(chrono::TimeDelta::seconds(89));
    client.mock.land_due().await;
    assert_eq!((client.stored(), client.mock.held_calls()), (0, 1));
    client.clock.advance(chrono::TimeDelta::seconds(1));
    let (_, second) = client.try_add(&["t1"]).await.unwrap();
    assert!(second.contains("already exists"), "{second}");
    assert_eq!((client.stored(), client.mock.held_calls()), (1, 0));
}

#[tokio::test]
async fn half_a_batch_lands_and_the_answer_says_nothing() {
    let client = client_with([Rule::at(Fault::HalfBatch, [1])]).await;
    let (status, _) = client.try_add(&["t1", "t2", "t3", "t4"]).await.unwrap();
    assert!(status.is_server_error());
    let stored = client.mock.records();
    let ids: Vec<_> = stored.iter().map(|record| record.text("Ticket_ID").unwrap()).collect();
    assert_eq!(ids, ["t1", "t2"]);
}

#[tokio::test]
async fn an_error_occurred_after_the_call_ran_or_without() {
    let client = client_with([Rule::every(Fault::ErrorOccurred, 1)]).await;
    for n in 0..20 {
        let (status, text) = client.try_add(&[&format!("t{n}")]).await.unwrap();
        assert!(status == StatusCode::NOT_FOUND && text.contains("2930"), "{status} {text}");
    }
    assert!((1..20).contains(&client.stored()));
}

#[tokio::test]
async fn results_can_be_short_out_of_order_or_with_a_warning() {
    for (fault, codes) in [
        (Fault::ShortResult, vec![("t1", false), ("t2", false)]),
        (Fault::ReorderedResult, vec![("t3", false), ("t2", false), ("t1", false)]),
        (Fault::CreatedWithError, vec![("t1", true), ("t2", true), ("t3", true)]),
    ] {
        let client = client_with([Rule::at(fault, [1])]).await;
        let (_, added) = client.add(&rows(&["t1", "t2", "t3"])).await;
        let items = added["result"].as_array().unwrap();
        let seen =
            items.iter().map(|item| (item["data"]["Ticket_ID"].as_str().unwrap(), item["error"].is_array()));
        assert_eq!(seen.collect::<Vec<_>>(), codes, "{fault:?}");
        assert_eq!(client.stored(), 3);
    }
}

#[tokio::test]
async fn a_new_row_can_be_shown_later() {
    let client = client_with([Rule::at(Fault::ReadDelay, [1]).seconds(30.0)]).await;
    client.add_tickets(["t1".to_owned()]).await;
    let query = [("criteria", "(Ticket_ID == \"t1\")")];
    assert_eq!(client.get(&query).await.1["code"], 9280);
    assert_eq!(client.stored(), 1, "the oracle sees it all the same");
    client.clock.advance(chrono::TimeDelta::seconds(30));
    assert_eq!(client.get(&query).await.1["code"], 3000);
}

#[tokio::test]
async fn two_inserts_at_once_can_both_succeed() {
    let client = client_with([Rule::at(Fault::UniqueRace, [2])]).await;
    client.add_tickets(["t1".to_owned()]).await;
    client.add_tickets(["t1".to_owned()]).await;
    let (_, records) = answer(client.plain(Method::GET, "/__mock/records?by=Ticket_ID")).await;
    assert_eq!(records["duplicates"][0]["Ticket_ID"], "t1");
    client.mock.set_faults(Plan::new(1, [Rule::at(Fault::UniqueRace, [2])])).unwrap();
    assert_eq!(client.add(&rows(&["t1"])).await.1["result"][0]["code"], 3002, "the third is refused again");
    client.clock.advance(chrono::TimeDelta::seconds(2));
    assert_eq!(
        client.add(&rows(&["t1"])).await.1["result"][0]["code"],
        3002,
        "and who comes later is no rival"
    );
}

#[tokio::test]
async fn the_token_endpoint_can_refuse_too() {
    let of_token = |fault, at| Rule::at(fault, [at]);
    let client = client_with([
        of_token(Fault::AccessDenied, 1),
        of_token(Fault::AccessDeniedOk, 2),
        of_token(Fault::InvalidCode, 3),
    ])
    .await;
    let refresh = async || client.ask_token("mock-refresh-token").await;
    for (status, error) in [(400, "Access Denied"), (200, "Access Denied"), (200, "invalid_code")] {
        let (answered, body) = refresh().await;
        assert_eq!((answered.as_u16(), &body["error"]), (status, &json!(error)));
    }
    assert!(refresh().await.1["access_token"].is_string());
    assert_eq!(client.mock.counters().calls_of(CallKind::Token), 5, "one before the plan");
    assert_eq!(client.mock.counters().violations.refresh, 0);
}

#[tokio::test]
async fn faults_follow_their_seed() {
    let mut seen = vec![];
    for seed in [7, 7, 8] {
        let client = Client::with(unlimited()).await;
        client.mock.set_faults(Plan::new(seed, [Rule::chance(Fault::DailyLimit, 0.5)])).unwrap();
        let mut answers = vec![];
        for _ in 0..30 {
            answers.push(client.get(&[]).await.1["code"].as_u64().unwrap());
        }
        seen.push(answers);
    }
    assert!(seen[0] == seen[1] && seen[0] != seen[2]);
}

#[tokio::test]
async fn faults_are_set_shown_and_ended_over_http() {
    let client = Client::with(unlimited()).await;
    let plan = json!({"seed": 5, "rules": [{"fault": "daily_limit", "on": ["get"], "every": 1}]});
    let set = client.plain(Method::POST, "/__mock/faults").json(&plan);
    assert_eq!(answer(set).await.0, StatusCode::OK);
    assert_eq!(client.get(&[]).await.1["code"], 4000);
    assert_eq!(client.add(&rows(&["t1"])).await.1["code"], 3000, "other calls go well");
    let (_, shown) = answer(client.plain(Method::GET, "/__mock/faults")).await;
    assert_eq!(shown["hits"], json!({"daily_limit": 1}));
    assert_eq!(shown["plan"]["rules"][0]["on"], json!(["get"]));
    let ended = client.plain(Method::DELETE, "/__mock/faults").send().await.unwrap();
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(client.get(&[]).await.1["code"], 3000);
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_changes_nothing() {
    let client = client_with([Rule::every(Fault::DailyLimit, 1).on([CallKind::Get])]).await;
    for wrong in [json!({"rules": [{"fault": "late"}]}), json!({"rules": [{"fault": "gremlin", "every": 1}]})]
    {
        let (status, refused) = answer(client.plain(Method::POST, "/__mock/faults").json(&wrong)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(refused["error"].is_string());
    }
    assert_eq!(client.get(&[]).await.1["code"], 4000);
}

#[tokio::test]
async fn a_file_and_flags_give_faults_from_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"seed":3,"rules":[{"fault":"daily_limit","at":[1]}]}"#).unwrap();
    let rules = vec!["minute_limit=at:2".parse().unwrap()];
    let faults = FaultSettings { rules, file: Some(file.path().to_owned()), seed: None };
    let client = Client::with(Settings { faults, ..Settings::default() }).await;
    assert_eq!(client.get(&[]).await.1["code"], 4000);
    assert_eq!(client.get(&[]).await.1["code"], 2955);
    assert_eq!(client.get(&[]).await.1["code"], 9220);
    let faults = FaultSettings { rules: vec![Rule::chance(Fault::Late, 7.0)], ..FaultSettings::default() };
    let started = Mock::start(Settings { faults, ..Settings::default() }).await;
    assert!(matches!(started, Err(StartError::Faults(_))));
}
