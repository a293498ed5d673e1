use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{APP, Client, answer};

#[tokio::test]
async fn the_fields_of_the_form_can_be_read_in_both_path_styles() {
    let client = Client::new().await;
    for prefix in ["/creator/v2.1/meta", "/api/v2.1"] {
        let (_, answer) =
            answer(client.call(Method::GET, &format!("{prefix}/{APP}/form/Tickets/fields"))).await;
        assert_eq!(answer["code"], 3000);
        let fields = answer["fields"].as_array().unwrap();
        let field = |name: &str| fields.iter().find(|field| field["link_name"] == name).unwrap();
        assert_eq!(fields.len(), zoho_mock::Form::tickets().fields.len());
        let ticket_id = field("Ticket_ID");
        assert_eq!((&ticket_id["mandatory"], &ticket_id["unique"]), (&json!(true), &json!(true)));
        assert_eq!((&field("Email")["type"], &field("Email")["max_char"]), (&json!(3), &json!(80)));
        let priorities: Vec<_> = choices(field("Priority"));
        assert_eq!(priorities, ["Low", "Medium", "High", "Critical"]);
    }
}

fn choices(field: &Value) -> Vec<&str> {
    field["choices"].as_array().unwrap().iter().map(|choice| choice["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_of_applications_needs_no_owner() {
    let client = Client::new().await;
    for path in ["/creator/v2.1/meta/applications", "/api/v2.1/applications"] {
        let (_, answer) = answer(client.call(Method::GET, path)).await;
        assert_eq!(answer["applications"][0]["link_name"], "helpdesk");
    }
}
