//! Tickets through the real processes and the real model, while things go wrong around them. The programs must be built
//! before (`make test` does it).

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use event_bus::Bus;
use local_stack::{Ports, Stack, StackOptions};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running hub in a directory of its own.
struct Hub {
    stack: Stack,
    http: Client,
    _dir: TempDir,
}

impl Hub {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        // Not the folder it was compiled in: clones may share a target directory.
        let root = Path::new("..").canonicalize().unwrap();
        let options = StackOptions {
            data_dir: dir.path().to_owned(),
            bin_dir: programs(),
            model_dir: root.join(".local/minilm-l6-v2"),
            heads_dir: root.join("analyzer-worker/model"),
            ports: Ports::free().unwrap(),
            crm_linger: Duration::from_millis(100),
        };
        let stack = Stack::start(&options, |_| {}).await.unwrap_or_else(|error| panic!("{error}"));
        Self { stack, http: Client::builder().timeout(PATIENCE).build().unwrap(), _dir: dir }
    }

    async fn submit(&self, ticket: &Value, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request = self.http.post(format!("{}/api/tickets", self.stack.url())).json(ticket);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.http.get(format!("{}{path}", self.stack.url())).send().await.unwrap();
        (response.status(), response.json().await.unwrap_or(Value::Null))
    }

    /// The ticket, once the CRM has it.
    async fn delivered(&self, id: &str) -> Value {
        let arrived = async {
            loop {
                let (_, ticket) = self.get(&format!("/api/tickets/{id}")).await;
                if ticket["data"]["crm"]["recordId"].is_string() {
                    return ticket["data"].clone();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, arrived).await.unwrap_or_else(|_| panic!("{id} never reached the CRM"))
    }

    /// Ticket ids of every record in the CRM, doubles included.
    async fn crm_records(&self) -> Vec<String> {
        let url = format!("http://127.0.0.1:{}/__mock/records?by=Ticket_ID", self.stack.ports().zoho_mock);
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let records = answer["records"].as_array().unwrap();
        records.iter().map(|record| record["Ticket_ID"].as_str().unwrap().to_owned()).collect()
    }
}

/// Where cargo put the programs: beside the folder of this test.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

fn ticket(n: usize) -> Value {
    json!({
        "name": "Ada Lovelace",
        "email": format!("ada{n}@example.com"),
        "requestType": "Network",
        "description": format!(
            "Since this morning the VPN of our office drops every ten minutes for all {n} of us, error 809. \
             We cannot reach srv-fs01 and nobody can work. Please help as soon as possible."
        ),
    })
}

fn id(answer: &Value) -> String {
    answer["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_travels_from_the_form_to_one_crm_record() {
    let hub = Hub::start().await;
    let (status, answer) = hub.submit(&ticket(40), &[("prefer", "wait=25")]).await;
    assert_eq!(status, 201, "{answer}");
    let analysis = &answer["aiAnalysis"];
    assert_eq!(analysis["category"], "Network", "{analysis}");
    assert!(analysis["entities"].as_array().unwrap().contains(&json!("srv-fs01")), "{analysis}");
    assert!(analysis["summary"].as_str().unwrap().chars().count() <= 140);
    assert_eq!(analysis["analysis"]["degraded"], false, "the real model answers");

    let id = id(&answer);
    let ticket = hub.delivered(&id).await;
    assert_eq!((&ticket["category"], &ticket["name"]), (&json!("Network"), &json!("Ada Lovelace")));
    let (_, journey) = hub.get(&format!("/api/tickets/{id}/journey")).await;
    let hops: Vec<_> = journey["data"]["hops"].as_array().unwrap().iter().map(|hop| &hop["name"]).collect();
    assert_eq!(hops, ["submitted", "analyzed", "crm-record-created"]);
    assert_eq!(journey["data"]["complete"], true);
    let (_, summary) = hub.get("/api/tickets/stats/summary").await;
    assert_eq!(summary["data"]["total"], 1, "{summary}");
    assert_eq!(hub.crm_records().await, [id]);

    let bus = Bus::connect(&hub.stack.nats_url(), "test").await.unwrap();
    let mut consumer = bus.consumer("test", schemas::Position::START).await.unwrap();
    let mut seen = vec![];
    while seen.len() < 3 {
        for message in consumer.pull(PATIENCE).await.unwrap() {
            seen.push(serde_json::to_string(&message.ack().await).unwrap());
        }
    }
    // None of them can come up by chance in base64, in which the ciphertexts are written.
    for clear in ["Ada Lovelace", "ada40@", " VPN", "srv-fs01"] {
        assert!(!seen.iter().any(|message| message.contains(clear)), "{clear} is readable on the bus");
    }
    hub.stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_away_and_comes_back_no_ticket_is_lost_or_doubled() {
    let mut hub = Hub::start().await;
    let mut accepted = BTreeSet::new();
    for n in 1..=5 {
        accepted.insert(id(&hub.submit(&ticket(n), &[]).await.1));
    }

    hub.stack.nats_mut().kill().await.unwrap();
    let (status, answer) = hub.submit(&ticket(6), &[]).await;
    assert_eq!(status, 201, "without the bus tickets are taken in all the same: {answer}");
    accepted.insert(id(&answer));
    hub.stack.nats_mut().wipe_store().await.unwrap();
    accepted.insert(id(&hub.submit(&ticket(7), &[]).await.1));

    hub.stack.postgres_mut().kill().await.unwrap();
    let key = [("idempotency-key", "while-away")];
    let (status, problem) = hub.submit(&ticket(8), &key).await;
    assert_eq!((status, &problem["success"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    hub.stack.postgres_mut().restart().await.unwrap();
    let again = async {
        loop {
            let (status, answer) = hub.submit(&ticket(8), &key).await;
            if status == 201 {
                return id(&answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    accepted.insert(tokio::time::timeout(PATIENCE, again).await.unwrap());
    accepted.insert(id(&hub.submit(&ticket(9), &[]).await.1));

    for id in &accepted {
        hub.delivered(id).await;
    }
    let records = hub.crm_records().await;
    assert_eq!(records.len(), accepted.len(), "doubles in the CRM: {records:?}");
    assert_eq!(records.into_iter().collect::<BTreeSet<_>>(), accepted);
    hub.stack.stop().await.unwrap();
}
