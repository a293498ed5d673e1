use reqwest::{Method, StatusCode};
use serde_json::json;
use zoho_mock::{CallKind, Environments, Mock, Quirks, Settings, StartError};

use crate::client::{APP, Client, answer};

#[tokio::test]
async fn a_missing_token_and_a_bearer_token_are_refused_alike() {
    let client = Client::new().await;
    let path = format!("/creator/v2.1/data/{APP}/report/All_Tickets");
    let bearer = client.plain(Method::GET, &path).header("authorization", format!("Bearer {}", client.token));
    let missing = client.plain(Method::GET, &path);
    for request in [bearer, missing] {
        let (status, refused) = answer(request.header("accept", "application/json")).await;
        assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!(1030)));
        assert!(refused["description"].is_string());
    }
}

#[tokio::test]
async fn data_calls_want_exactly_json_and_meta_calls_do_not_care() {
    let client = Client::new().await;
    for accept in ["*/*", "application/json, text/plain, */*"] {
        let token = format!("Zoho-oauthtoken {}", client.token);
        let get = |path: &str| {
            client.plain(Method::GET, path).header("authorization", token.clone()).header("accept", accept)
        };
        let (status, refused) = answer(get(&format!("/creator/v2.1/data/{APP}/report/All_Tickets"))).await;
        assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!(9210)));
        assert_eq!(answer(get("/creator/v2.1/meta/applications")).await.1["code"], 3000);
    }
}

#[tokio::test]
async fn each_wrong_name_has_its_own_code() {
    let client = Client::new().await;
    let cases = [
        (Method::GET, "nobody/helpdesk/report/All_Tickets", 1040),
        (Method::GET, "smart-service-hub/nothing/report/All_Tickets", 2892),
        (Method::POST, "smart-service-hub/helpdesk/form/Nothing", 2893),
        (Method::GET, "smart-service-hub/helpdesk/report/Nothing", 2894),
    ];
    for (method, path, code) in cases {
        let (status, refused) = answer(client.call(method, &format!("/creator/v2.1/data/{path}"))).await;
        assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_url_and_a_wrong_method_are_refused_in_creators_words() {
    let client = Client::new().await;
    let (status, refused) = answer(client.call(Method::GET, "/creator/v2.1/nothing")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!(1000)));
    for prefix in ["/creator/v2.1/data", "/api/v2.1"] {
        let (status, refused) =
            answer(client.call(Method::PUT, &format!("{prefix}/{APP}/form/Tickets"))).await;
        assert_eq!((status, &refused["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!(1020)));
    }
}

#[tokio::test]
async fn the_environment_header_fits_the_application_or_not() {
    use Environments::{Optional, Refused, Required};
    for (environments, with, without) in
        [(Refused, 2930, 9220), (Optional, 9220, 9220), (Required, 9220, 2930)]
    {
        let quirks = Quirks { environments, ..Quirks::default() };
        let client = Client::with(Settings { quirks, ..Settings::default() }).await;
        let (_, answered) = answer(client.report(&[]).header("environment", "development")).await;
        assert_eq!(answered["code"], with, "{environments:?}");
        assert_eq!(client.get(&[]).await.1["code"], without, "{environments:?}");
    }
}

#[tokio::test]
async fn calls_and_answers_are_counted() {
    let client = Client::new().await;
    client.add_tickets(["t1".to_owned()]).await;
    client.get(&[]).await;
    client.get(&[("criteria", r#"Ticket_ID == "t2""#)]).await;
    let counters = client.mock.counters();
    assert_eq!((counters.calls_of(CallKind::Add), counters.calls_of(CallKind::Get)), (1, 2));
    assert_eq!((counters.answers[&3000], counters.answers[&9280]), (2, 1));
    assert_eq!(counters.violations.total(), 0);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let settings = Settings { host: [0, 0, 0, 0].into(), ..Settings::default() };
    let Err(refused) = Mock::start(settings).await else { panic!("it listens on every interface") };
    assert!(matches!(refused, StartError::NotLoopback(_)));
    assert!(refused.to_string().contains("not a loopback address"));
}
