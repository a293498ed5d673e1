//! `hubctl crm`: the real program against a database and the mock.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod support;

use std::{os::unix::fs::PermissionsExt as _, process::Stdio};

use event_store::master_keys::generate_master_key;
use support::{Answer, Hub};
use tokio::{io::AsyncWriteExt as _, process::Command};
use zoho_mock::{Form, Mock, Settings};

async fn given_up(hub: &Hub, reason: &str) {
    let sql = "insert into crm.delivery (sink, ticket_id, event_id, position, wanted, state, reason, due_at, settled_at)
               values ('zoho', 'tkt_' || lpad($1, 26, '0'), gen_random_uuid(), 1, 1, 'parked', $1, now(), now())";
    sqlx::query(sql).bind(reason).execute(hub.store.pool()).await.unwrap();
}

#[tokio::test]
async fn what_was_given_up_is_shown_retried_and_discarded() {
    let hub = Hub::start().await;
    given_up(&hub, "3001").await;
    given_up(&hub, "3002").await;
    hub.hubctl(&["crm", "status"]).await.says("parked            2");
    hub.hubctl(&["crm", "parked", "--reason", "3002"]).await.says("attempts 0    3002");
    hub.hubctl(&["crm", "retry", "--reason", "3001", "--dry-run"]).await.says("1 would be tried again");
    hub.hubctl(&["crm", "retry", "--reason", "3001"]).await.says("1 due now");
    hub.hubctl(&["crm", "backlog"]).await.says("pending");
    let discard = ["crm", "discard", "--reason", "3002", "--note", "a test ticket"];
    hub.hubctl(&discard).await.refuses("nothing done");
    hub.hubctl(&[&discard[..], &["--yes"]].concat()).await.says("1 discarded");
    hub.hubctl(&["crm", "parked"]).await.says("nothing");
    hub.hubctl(&["crm", "status", "--sink", "webhook"]).await.says("parked            0");
}

#[tokio::test]
async fn a_lane_is_paused_and_resumed_by_somebody() {
    let hub = Hub::start().await;
    hub.hubctl(&["crm", "pause", "--note", "the form is being rebuilt"]).await.says("paused");
    hub.hubctl(&["crm", "status"]).await.says("paused by operator at");
    hub.hubctl(&["crm", "resume"]).await.says("the lane goes on");
    hub.hubctl(&["crm", "resume"]).await.says("was not held up");
    hub.hubctl(&["crm", "status"]).await.says("not paused");
}

#[tokio::test]
async fn a_comparison_is_asked_for_once_at_a_time() {
    let hub = Hub::start().await;
    hub.hubctl(&["crm", "reconcile", "--show"]).await.refuses("there was none yet");
    hub.hubctl(&["crm", "reconcile", "--days", "7"]).await.says("comparison #1 asked for");
    hub.hubctl(&["crm", "reconcile"]).await.says("comparison #1 asked for");
    hub.hubctl(&["crm", "reconcile", "--show"]).await.says("comparison #1, under way: 0 missing");
    hub.hubctl(&["crm", "reconcile", "--sink", "webhook"]).await.refuses("cannot be asked");
}

async fn map_check(hub: &Hub, mock: &Mock) -> Answer {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), generate_master_key()).unwrap();
    let key = key.path().display().to_string();
    let flags =
        ["--master-key-file", &key, "--zoho-accounts-url", mock.url(), "--zoho-creator-url", mock.url()];
    hub.hubctl(&[&["crm", "map-check"][..], &flags].concat()).await
}

#[tokio::test]
async fn the_mapping_is_compared_with_the_form() {
    let hub = Hub::start().await;
    let mock = Mock::start(Settings::default()).await.unwrap();
    let fits = map_check(&hub, &mock).await;
    fits.says("the form fits");
    fits.says("summary          Summary  up to 255");

    let mut form = Form::tickets();
    form.fields.retain(|field| field.link_name != "Assignee");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&form).unwrap()).unwrap();
    let settings = Settings { form_file: Some(file.path().to_owned()), ..Settings::default() };
    let other = Mock::start(settings).await.unwrap();
    // The minute's calls are counted in the database: the second call may have to wait for its turn.
    let answer = loop {
        let answer = map_check(&hub, &other).await;
        if !answer.err.contains("not before") {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    answer.refuses("! the form has no field Assignee");
    hub.hubctl(&["crm", "map-check", "--print-default"]).await.says("\"Event_Position\"");
}

#[tokio::test]
async fn an_administrator_is_walked_to_the_refresh_token() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh-token");
    let mut hubctl = Command::new(env!("CARGO_BIN_EXE_hubctl"))
        .args(["crm", "authorize", "--zoho-accounts-url", mock.url(), "--zoho-creator-url", mock.url()])
        .arg("--file")
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let code: serde_json::Value = reqwest::Client::new()
        .post(format!("{}/__mock/grant-codes", mock.url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let code = code["code"].as_str().unwrap();
    let pasted = format!("http://127.0.0.1:8989/?code={code}&location=us\n");
    hubctl.stdin.take().unwrap().write_all(pasted.as_bytes()).await.unwrap();
    let output = hubctl.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("access_type=offline"), "{said}");
    let token = std::fs::read_to_string(&file).unwrap();
    assert_eq!(token.trim(), Settings::default().credentials.refresh_token);
    assert!(!said.contains(token.trim()), "the token is in the file alone");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
