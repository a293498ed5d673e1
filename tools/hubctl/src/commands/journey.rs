//! `hubctl journey`.

use std::time::Duration;

use crate::{hub_client::HubClient, view};

/// Before looking again at a journey that goes on.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The ticket's id (`tkt_…`) or number
    ticket: String,
    /// Stay until the ticket has its CRM record
    #[arg(long)]
    watch: bool,
    /// Where the hub is
    #[arg(long, env = "HUB_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let api = HubClient::new(&args.url)?;
    let mut shown = 0;
    loop {
        let journey = api.journey(&args.ticket).await?;
        for hop in journey.hops.iter().skip(shown) {
            println!("{}", view::hop(hop));
        }
        shown = shown.max(journey.hops.len());
        if journey.complete || !args.watch {
            println!("{}", view::outcome(&journey));
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
