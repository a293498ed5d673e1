//! How answers hold up with many tickets: p50 and p99 of the documented questions over a small and a large read
//! model, side by side. Nothing is asserted: times are for reading. `make bench-lists` runs it; SMALL and LARGE are numbers
//! of tickets, ROUNDS how often each question is asked, ONLY what the names of those that are asked contain.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemas::Position;

use crate::hub::Hub;

/// Parameters of a list; or a whole path, in which NEWEST is a ticket.
const QUESTIONS: [(&str, &str); 38] = [
    ("newest", ""),
    ("by status", "status=open"),
    ("category, priority", "category=Security&priority=Critical"),
    ("five filters", "status=open&category=Cloud&priority=High&sentiment=negative&route=live-chat"),
    ("three that none has", "status=open&priority=Critical&sentiment=positive"),
    ("two filters, oldest", "category=Cloud&priority=Low&sort=oldest"),
    ("needs review, assignee", "needsReview=true&assignee=agent-7"),
    ("needs review, labels", "needsReview=true&status=open&priority=High"),
    ("a day long ago", "from=2025-12-20T00:00:00Z&to=2025-12-21T00:00:00Z"),
    ("a day long ago, open", "from=2025-12-20T00:00:00Z&to=2025-12-21T00:00:00Z&status=open"),
    ("most urgent, open", "sort=-urgency&status=open"),
    ("most urgent, three labels", "sort=-urgency&status=open&category=Cloud&priority=High"),
    (
        "most urgent, five labels",
        "sort=-urgency&status=open&category=Cloud&priority=High&sentiment=negative&route=live-chat",
    ),
    ("most urgent, assignee", "sort=-urgency&assignee=agent-7&status=open"),
    ("most urgent, review", "sort=-urgency&needsReview=true"),
    ("latest change, assignee", "sort=-updatedAt&assignee=agent-7"),
    (
        "latest change, five labels",
        "sort=-updatedAt&status=open&category=Cloud&priority=High&sentiment=negative&route=live-chat",
    ),
    ("latest change, filtered", "sort=-updatedAt&category=Network"),
    ("end of all changes", "sort=-updatedAt&cursor=END"),
    ("deep page, filtered", "category=Network&cursor=DEEP"),
    ("a common word", "q=vpn"),
    ("a rare word", "q=needle17"),
    ("a phrase, filtered", "q=%22drops%20every%22&status=open"),
    ("a prefix, filtered", "q=srv-7*&priority=High"),
    ("ticket", "/api/tickets/NEWEST"),
    ("its events", "/api/tickets/NEWEST/events"),
    ("its journey", "/api/tickets/NEWEST/journey"),
    ("its requester", "/api/tickets/NEWEST/requester"),
    ("similar to it", "/api/tickets/NEWEST/similar"),
    ("summary", "/api/tickets/stats/summary"),
    ("summary of ten days", "/api/tickets/stats/summary?from=2025-12-05T00:00:00Z&to=2025-12-15T00:00:00Z"),
    (
        "ten days by the hour",
        "/api/analytics/series?dimension=category&interval=hour&from=2025-12-02T00:00:00Z&to=2025-12-12T00:00:00Z",
    ),
    (
        "months by the day",
        "/api/analytics/series?dimension=category&interval=day&from=2025-12-01T00:00:00Z&to=2026-03-01T00:00:00Z",
    ),
    ("summary as it was", "/api/tickets/stats/summary?asOf=2026-10-01T12:30:00Z"),
    ("waiting times", "/api/analytics/times"),
    ("topics", "/api/analytics/topics"),
    ("confusion", "/api/analytics/confusion"),
    ("sessions", "/api/analytics/sessions"),
];

#[tokio::test]
#[ignore = "takes minutes: make bench-lists"]
async fn questions_cost_the_same_with_many_tickets() {
    let number = |name: &str, usual: i64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let rounds = number("ROUNDS", 200);
    let (small, large) = (number("SMALL", 10_000), number("LARGE", 1_000_000));
    let (small, large) = (filled(small).await, filled(large).await);
    #[expect(clippy::print_stdout, reason = "this is its result")]
    let print = |line: String| println!("{line}");
    print(format!("{:<26} {:>22} {:>22} {:>8}", "ms, limit 50", "small p50/p99", "large p50/p99", "p99"));
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, query) in QUESTIONS.into_iter().filter(|(name, _)| name.contains(&only)) {
        let (mut a, mut b) = (vec![], vec![]);
        for _ in 0..rounds {
            a.push(asked(&small, query).await);
            b.push(asked(&large, query).await);
        }
        let ((a50, a99), (b50, b99)) = (percentiles(a), percentiles(b));
        print(format!("{name:<26} {a50:>12.2}/{a99:>8.2} {b50:>13.2}/{b99:>8.2} {:>7.2}x", b99 / a99));
    }
}

/// A hub with so many tickets of the same 347 days, as a rebuild and autovacuum would have left them.
pub(crate) async fn filled(tickets: i64) -> (Hub, i64) {
    let hub = Hub::without_projection().await;
    let mut connection = hub.pool().acquire().await.unwrap();
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.unwrap();
    for statement in [
        "insert into projector.tickets (id, number, requester_id, name, email, description, summary, request_type, status,
             category, priority, sentiment, kind, route, urgency, needs_review, degraded, crm_status, created_at,
             analyzed_at, updated_at, position, version, assignee)
         select 'tkt_' || lpad(n::text, 26, '0'), n, md5((n % 50000)::text), 'Ada Lovelace', 'ada@example.com',
             'The VPN of our office drops every ten minutes on srv-' || n % 1000 || ', needle' || n % 5000, 'The VPN drops.',
             (array['Network','Security','Cloud','Hardware','General'])[1 + dice[1] % 5],
             (array['open','open','resolved','closed'])[1 + dice[2] % 4],
             (array['Network','Security','Cloud','Hardware','General'])[1 + dice[3] % 5],
             (array['Low','Medium','Medium','High','High','Critical'])[1 + dice[4] % 6],
             -- Nobody is happy about anything critical.
             (array['negative','neutral','positive'])[1 + dice[5] % (case when dice[4] % 6 = 5 then 2 else 3 end)],
             'technical', (array['live-chat','ai-chatbot','co-browse','video-call'])[1 + dice[6] % 4], 1 + dice[7] % 10,
             n % 37 = 0, false, 'delivered', time, time, time, $1 + n, 2, 'agent-' || n % 40
         from generate_series(1, $1) n, lateral (select timestamptz '2025-12-01T00:00:00Z' + n * 30000000 / $1 * interval '1 s' as time) t,
              lateral (select array_agg(abs(hashint8extended(n, die) / 2)) as dice from generate_series(1, 7) die) d",
        "insert into projector.label_sets
         select distinct status, request_type, category, priority, sentiment, route
         from projector.tickets where $1 > 0",
        "insert into projector.last_changes
         select number, position, created_at, label_set, needs_review, assignee from projector.tickets where $1 > 0",
        "insert into projector.timeline (ticket_id, version, position, event_id, type, recorded_at, actor, details)
         select id, 2, position, gen_random_uuid(), 'hub.ticket.analyzed.v1', created_at, 'system:analyzer', '{}'
         from projector.tickets where $1 > 0",
        "insert into projector.search (number, ticket_id, stems_of, words)
         select number, id, 'en', words || projector.stems('en', words)
         from projector.tickets, lateral (select to_tsvector('simple', description) as words) w where $1 > 0",
        "insert into projector.requesters
         select requester_id, count(*), count(*), 0, 0, min(created_at), max(created_at), max(number)
         from projector.tickets where $1 > 0 group by requester_id",
        "insert into projector.embeddings (ticket_id, number, created_at, space, scale, steps)
         select id, number, created_at, 'minilm-l6', 0.004, decode(repeat(md5(id) || md5(id || 'b'), 12), 'hex')
         from projector.tickets where $1 > 0",
        "insert into projector.statistics (grain, at, dimension, label, other, count)
         select 'hour', date_trunc('hour', created_at), dimension, label, other, count(*)
         from projector.tickets, lateral (values
             ('tickets', '', ''), ('analyzed', '', ''), ('status', status, ''), ('category', category, ''),
             ('priority', priority, ''), ('sentiment', sentiment, ''), ('route', route, ''),
             ('urgency', urgency::text, ''), ('request-type', request_type, ''),
             ('confusion', request_type, category), ('assignee', assignee, status),
             ('topic-error-code', 'E' || number % 300, ''), ('time-to-analysis', (number % 20)::text, '')
         ) cell (dimension, label, other)
         where $1 > 0 group by 2, 3, 4, 5 order by 1, 3, 2, 4, 5",
        "insert into projector.statistics (grain, at, dimension, label, other, count)
         select coarse.grain, case coarse.grain when 'all' then 'epoch' else date_trunc('day', at) end, dimension, label,
                other, sum(count)
         from projector.statistics, (values ('all'), ('day')) coarse (grain)
         where $1 > 0 group by 1, 2, 3, 4, 5 order by 1, 3, 2, 4, 5",
        // As if tickets never changed.
        "insert into projector.statistics (grain, at, dimension, label, other, count)
         select case grain when 'hour' then 'change' else 'change-day' end, at, dimension, label, other, count
         from projector.statistics
         where $1 > 0 and grain in ('hour', 'day') and dimension not like 'topic-%' order by 1, 3, 2, 4, 5",
        // Looking back finds its place in the log; what it holds has no ticket to fold.
        "insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
         select number, id, 1, gen_random_uuid(), 'hub.ticket.unknown.v1', '{}',
                '{\"correlationid\":\"00000000-0000-7000-8000-000000000000\",\"actor\":\"system:test\"}', created_at
         from projector.tickets where $1 > 0",
    ] {
        sqlx::query(statement).bind(tickets).execute(&mut *connection).await.unwrap();
    }
    let vacuum =
        "vacuum analyze projector.tickets, projector.last_changes, projector.timeline, projector.search, projector.requesters,
                           projector.embeddings, projector.statistics, projector.label_sets, log.events";
    sqlx::raw_sql(vacuum).execute(&mut *connection).await.unwrap();
    drop(connection);
    hub.progress.reset(Position(tickets));
    (hub, tickets)
}

async fn asked((hub, tickets): &(Hub, i64), query: &str) -> Duration {
    let half = tickets / 2;
    let deep = URL_SAFE_NO_PAD.encode(format!("newest>{half}>{half}"));
    let end = URL_SAFE_NO_PAD.encode(format!("-updatedAt>{}>30", tickets + 30));
    let began = Instant::now();
    let query = query.replace("DEEP", &deep).replace("END", &end).replace("NEWEST", &tickets.to_string());
    let path = if query.starts_with('/') { query } else { format!("/api/tickets?limit=50&{query}") };
    let reply = hub.get(&path).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    began.elapsed()
}

fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    (at(50), at(99))
}
