//! Appends of all kinds, interleaved: each round measures everything once, so that a ratio compares what was measured
//! seconds apart. The median round counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    bed::Bed,
    cpu::{Meter, Used},
    hub::{Program, Site},
    load::Measured,
    options::Options,
    peers,
    pgbench::Pgbench,
    table::{Bounds, Table, median},
    tickets::{Requesters, Tickets},
};

/// What is measured at a number of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Pgbench,
    SubmitOfNew,
    SubmitOfKnown,
    Command,
    Peer(&'static str),
    PeerCommand(&'static str),
}

/// Goal and floor of a submission by connections, as ratios to pgbench.
const SUBMIT: [(usize, Bounds); 4] = [
    (64, Bounds::at_least(1.9, 1.2)),
    (32, Bounds::at_least(1.4, 0.9)),
    (8, Bounds::at_least(0.8, 0.55)),
    (1, Bounds::at_least(0.67, 0.5)),
];
const COMMAND: Bounds = Bounds::at_least(0.9, 0.5);
/// Characters of the reason why a peer failed.
const REASON: usize = 160;
/// Requesters who come again.
const KNOWN: u64 = 1_000;

type Points = BTreeMap<(Subject, usize), Vec<(Measured, Used)>>;

struct Rounds<'a> {
    options: &'a Options,
    bed: &'a Bed,
    pgbench: Pgbench,
    command_api: Program,
    tickets: Tickets,
    peers: Vec<Box<dyn peers::Peer>>,
    points: Points,
    /// Why a peer has no figure.
    failures: BTreeSet<String>,
}

/// Measures, and adds the ratios to the table.
pub async fn run(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let pgbench = Pgbench::prepare(bed).await?;
    let site = Site::make(bed, "appends").await?;
    let command_api = site.start("command-api").await?;
    let peers = if options.peers() { peers::open(bed, table).await? } else { vec![] };
    let (tickets, points, failures) = (Tickets::default(), Points::new(), BTreeSet::new());
    let mut rounds = Rounds { options, bed, pgbench, command_api, tickets, peers, points, failures };
    for round in 1..=options.rounds() {
        eprintln!("round {round} of {}", options.rounds());
        rounds.round().await?;
    }
    rounds.report(table);
    rounds.command_api.stop().await
}

impl Rounds<'_> {
    async fn round(&mut self) -> anyhow::Result<()> {
        for clients in self.options.clients.clone() {
            self.point(Subject::Pgbench, clients).await?;
            self.point(Subject::SubmitOfNew, clients).await?;
            self.point(Subject::SubmitOfKnown, clients).await?;
            self.point(Subject::Command, clients).await?;
            for peer in 0..self.peers.len() {
                let name = self.peers[peer].name();
                for subject in [Subject::Peer(name), Subject::PeerCommand(name)] {
                    if let Err(error) = self.point(subject, clients).await {
                        let why: String = format!("{error:#}").chars().take(REASON).collect();
                        self.failures.insert(format!("{name} failed: {why}"));
                    }
                }
            }
        }
        Ok(())
    }

    async fn point(&mut self, subject: Subject, clients: usize) -> anyhow::Result<()> {
        let (point, port) = (self.options.point(), self.command_api.port);
        let meter = self.command_api.meter(self.bed);
        let before = meter.read();
        let measured = match subject {
            Subject::Pgbench => self.pgbench.insert(clients, point).await?,
            Subject::SubmitOfNew => self.tickets.submit(port, clients, point, Requesters::New).await?,
            Subject::SubmitOfKnown => {
                self.tickets.submit(port, clients, point, Requesters::Of(KNOWN)).await?
            }
            Subject::Command => self.tickets.comment(port, clients, point).await?,
            Subject::Peer(name) => peers::submit(self.peer(name), clients, point).await?,
            Subject::PeerCommand(name) => peers::command(self.peer(name), clients, point).await?,
        };
        let used = self.used(meter, before).await?;
        eprintln!("  {:<44} {measured}; {}", subject.name(clients), used.per_operation(measured.count));
        self.points.entry((subject, clients)).or_default().push((measured, used));
        Ok(())
    }

    /// What was used since, the relay's share included: the next point begins when the bus has everything.
    async fn used(&self, meter: Meter, before: Used) -> anyhow::Result<Used> {
        let appended = self.tickets.appended();
        if appended > 0 {
            self.command_api.reaches("relayedPosition", appended).await?;
        }
        Ok(meter.read().since(before))
    }

    fn peer(&self, name: &str) -> Box<dyn peers::Peer> {
        let found = self.peers.iter().find(|peer| peer.name() == name);
        found.map_or_else(|| self.peers[0].share(), |peer| peer.share())
    }

    fn report(&self, table: &mut Table) {
        for clients in &self.options.clients {
            let goal = SUBMIT.iter().find(|(at, _)| at == clients).map(|(_, bounds)| *bounds);
            self.ratio(table, Subject::SubmitOfNew, *clients, goal);
            self.ratio(table, Subject::SubmitOfKnown, *clients, goal);
            self.ratio(table, Subject::Command, *clients, (*clients == 64).then_some(COMMAND));
            for peer in &self.peers {
                self.ratio(table, Subject::Peer(peer.name()), *clients, None);
                self.ratio(table, Subject::PeerCommand(peer.name()), *clients, None);
            }
        }
        self.against_best_peer(table);
        self.failures.iter().for_each(|failure| table.note(failure.clone()));
        let all = self.points.values().flatten();
        let shares: Vec<f64> = all.map(|(m, used)| used.others() * m.rate / m.count.max(1) as f64).collect();
        table.note(format!("other programs kept {:.2} cores busy in the median point", median(&shares)));
    }

    fn ratio(&self, table: &mut Table, subject: Subject, clients: usize, bounds: Option<Bounds>) {
        let (Some(ours), Some(base)) =
            (self.points.get(&(subject, clients)), self.points.get(&(Subject::Pgbench, clients)))
        else {
            return;
        };
        let rates = |points: &[(Measured, Used)]| points.iter().map(|(m, _)| m.rate).collect::<Vec<_>>();
        let ratios: Vec<f64> = ours.iter().zip(base).map(|((o, _), (b, _))| o.rate / b.rate).collect();
        let tails: Vec<f64> = ours.iter().zip(base).map(|((o, _), (b, _))| o.p99_ms / b.p99_ms).collect();
        let p = |of: fn(&Measured) -> f64| median(&ours.iter().map(|(m, _)| of(m)).collect::<Vec<_>>());
        let detail = format!(
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
            median(&rates(ours)),
            p(|m| m.p50_ms),
            p(|m| m.p99_ms)
        );
        let reference = format!("pgbench INSERT {:.0}/s", median(&rates(base)));
        table.ratio(subject.name(clients), detail, reference, median(&ratios), bounds);
        if clients == 64 && subject == Subject::SubmitOfNew {
            let reference = "p99 of pgbench INSERT".to_owned();
            let bounds = Some(Bounds::at_most(0.6, 0.6));
            table.ratio("its p99".to_owned(), String::new(), reference, median(&tails), bounds);
        }
    }

    fn against_best_peer(&self, table: &mut Table) {
        let rates = |subject, clients| {
            let points: &Vec<(Measured, Used)> = self.points.get(&(subject, clients))?;
            Some(median(&points.iter().map(|(m, _)| m.rate).collect::<Vec<_>>()))
        };
        let peers =
            self.peers.iter().filter_map(|peer| Some((rates(Subject::Peer(peer.name()), 64)?, peer.name())));
        let Some((best, name)) = peers.max_by(|(a, _), (b, _)| a.total_cmp(b)) else { return };
        let Some(ours) = rates(Subject::SubmitOfNew, 64) else { return };
        table.ratio(
            "submit over HTTP, 64 connections".to_owned(),
            format!("{ours:.0}/s"),
            format!("best peer, in process ({name}) {best:.0}/s"),
            ours / best,
            Some(Bounds::at_least(4.0, 2.7)),
        );
    }
}

impl Subject {
    fn name(self, clients: usize) -> String {
        match self {
            Self::Pgbench => format!("pgbench INSERT, {clients} clients"),
            Self::SubmitOfNew => format!("submit over HTTP, {clients} connections"),
            Self::SubmitOfKnown => format!("the same, {KNOWN} known requesters, {clients}"),
            Self::Command => format!("comment over HTTP, {clients} connections"),
            Self::Peer(name) => format!("{name}, new stream, {clients} callers"),
            Self::PeerCommand(name) => format!("{name}, second event, {clients} callers"),
        }
    }
}
