//! Everything that can be set, with the defaults in one place: [`Settings::default`] for the library, the flags
//! and variables of `--help` for the process.

use std::{net::IpAddr, path::PathBuf};

use chrono::FixedOffset;
use clap::{Args, Parser, ValueEnum};

use crate::faults::{self, Rule};

/// The port of the process; the library takes any free one.
const PORT: u16 = 5002;

/// Settings of one mock.
#[derive(Parser, Clone)]
#[command(name = "zoho-mock", version, about, max_term_width = 110, after_help = faults::list())]
pub struct Settings {
    /// Address to listen on; only loopback is accepted, because nothing protects the mock
    #[arg(long, env = "ZOHO_MOCK_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "ZOHO_MOCK_PORT", default_value_t = PORT)]
    pub port: u16,
    /// File that keeps records and tokens over a restart (JSON, replaced atomically after each change)
    #[arg(long, env = "ZOHO_MOCK_STATE_FILE")]
    pub state_file: Option<PathBuf>,
    /// File that gets one JSON line per request; personal fields, tokens and secrets are masked
    #[arg(long, env = "ZOHO_MOCK_REQUEST_LOG")]
    pub request_log: Option<PathBuf>,
    /// Form definition as JSON instead of the built-in ticket form
    #[arg(long, env = "ZOHO_MOCK_FORM_FILE")]
    pub form_file: Option<PathBuf>,
    /// Seed of record ids and tokens; without it they differ from run to run
    #[arg(long, env = "ZOHO_MOCK_SEED")]
    pub seed: Option<u64>,
    /// How many times as fast as the machine's the mock's clock goes
    #[arg(long, env = "ZOHO_MOCK_CLOCK_SPEED", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub clock_speed: u32,
    /// The OAuth client the mock knows
    #[command(flatten)]
    pub credentials: Credentials,
    /// The one application it hosts
    #[command(flatten)]
    pub names: Names,
    /// Quotas
    #[command(flatten)]
    pub limits: Limits,
    /// Rules of the token endpoint
    #[command(flatten)]
    pub tokens: TokenRules,
    /// Behaviour that differs between reports of the real service
    #[command(flatten)]
    pub quirks: Quirks,
    /// What goes wrong
    #[command(flatten)]
    pub faults: FaultSettings,
}

impl Default for Settings {
    /// Loopback, any free port, nothing written to disk, seed 1; the environment is not read.
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            state_file: None,
            request_log: None,
            form_file: None,
            seed: Some(1),
            clock_speed: 1,
            credentials: Credentials::default(),
            names: Names::default(),
            limits: Limits::default(),
            tokens: TokenRules::default(),
            quirks: Quirks::default(),
            faults: FaultSettings::default(),
        }
    }
}

/// The OAuth client and its refresh token. No `Debug`: a habit worth keeping even for a mock's secrets.
#[derive(Args, Clone)]
#[command(next_help_heading = "OAuth client")]
pub struct Credentials {
    /// Client id that is accepted
    #[arg(long, env = "ZOHO_MOCK_CLIENT_ID", default_value_t = Credentials::default().client_id)]
    pub client_id: String,
    /// Client secret that is accepted
    #[arg(long, env = "ZOHO_MOCK_CLIENT_SECRET", hide_env_values = true, default_value_t = Credentials::default().client_secret)]
    pub client_secret: String,
    /// Refresh token that is accepted
    #[arg(long, env = "ZOHO_MOCK_REFRESH_TOKEN", hide_env_values = true, default_value_t = Credentials::default().refresh_token)]
    pub refresh_token: String,
    /// Scopes its access tokens carry
    #[arg(long, env = "ZOHO_MOCK_SCOPES", value_delimiter = ',', default_values_t = Credentials::default().scopes)]
    pub scopes: Vec<String>,
}

impl Default for Credentials {
    fn default() -> Self {
        let scopes = [
            "form.CREATE",
            "report.READ",
            "report.UPDATE",
            "report.DELETE",
            "meta.form.READ",
            "dashboard.READ",
        ];
        Self {
            client_id: "mock-client".into(),
            client_secret: "mock-secret".into(),
            refresh_token: "mock-refresh-token".into(),
            scopes: scopes.iter().map(|scope| format!("ZohoCreator.{scope}")).collect(),
        }
    }
}

/// Link names as they stand in the URLs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Names")]
pub struct Names {
    /// Account owner
    #[arg(long, env = "ZOHO_MOCK_OWNER", default_value_t = Names::default().owner)]
    pub owner: String,
    /// Application
    #[arg(long, env = "ZOHO_MOCK_APP", default_value_t = Names::default().app)]
    pub app: String,
    /// Form that records are added to
    #[arg(long, env = "ZOHO_MOCK_FORM", default_value_t = Names::default().form)]
    pub form: String,
    /// Report that records are read and changed through
    #[arg(long, env = "ZOHO_MOCK_REPORT", default_value_t = Names::default().report)]
    pub report: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            owner: "smart-service-hub".into(),
            app: "helpdesk".into(),
            form: "Tickets".into(),
            report: "All_Tickets".into(),
        }
    }
}

/// Quotas; 0 switches one off. The defaults are those of an Enterprise account with one user.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Limits (0 = none)")]
pub struct Limits {
    /// Creator calls within any 60 seconds
    #[arg(long, env = "ZOHO_MOCK_PER_MINUTE", default_value_t = Limits::default().per_minute)]
    pub per_minute: u32,
    /// Creator calls at the same time
    #[arg(long, env = "ZOHO_MOCK_CONCURRENT", default_value_t = Limits::default().concurrent)]
    pub concurrent: u32,
    /// Creator calls per day of the account
    #[arg(long, env = "ZOHO_MOCK_PER_DAY", default_value_t = Limits::default().per_day)]
    pub per_day: u32,
    /// Records the account may hold
    #[arg(long = "max-records", env = "ZOHO_MOCK_MAX_RECORDS", default_value_t = Limits::default().records)]
    pub records: usize,
    /// Time zone of the account (like +05:30): its day starts the daily quota anew, its clock words date-times
    #[arg(long, env = "ZOHO_MOCK_UTC_OFFSET", default_value_t = Limits::default().utc_offset)]
    pub utc_offset: FixedOffset,
    /// Leave out Retry-After when a limit refuses a call
    #[arg(long, env = "ZOHO_MOCK_NO_RETRY_AFTER")]
    pub no_retry_after: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_minute: 50,
            concurrent: 6,
            per_day: 1000,
            records: 0,
            utc_offset: chrono::Offset::fix(&chrono::Utc),
            no_retry_after: false,
        }
    }
}

/// Rules of the token endpoint.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Access tokens")]
pub struct TokenRules {
    /// Life of an access token in seconds
    #[arg(long = "token-seconds", env = "ZOHO_MOCK_TOKEN_SECONDS", default_value_t = TokenRules::default().seconds)]
    pub seconds: u32,
    /// Access tokens per refresh token within any 10 minutes
    #[arg(long = "tokens-per-window", env = "ZOHO_MOCK_TOKENS_PER_WINDOW", default_value_t = TokenRules::default().per_window)]
    pub per_window: u32,
    /// Access tokens alive at once; one more ends the oldest (15 on newer pages, 30 on older ones)
    #[arg(long = "active-tokens", env = "ZOHO_MOCK_ACTIVE_TOKENS", default_value_t = TokenRules::default().active)]
    pub active: usize,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self { seconds: 3600, per_window: 10, active: 15 }
    }
}

/// Where reports of the real service differ or say nothing, the mock can do either.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Quirks")]
pub struct Quirks {
    /// HTTP status of refusals
    #[arg(long, env = "ZOHO_MOCK_STATUS_STYLE", value_enum, default_value_t)]
    pub status_style: StatusStyle,
    /// JSON shape of `error` when field validation (3002) fails
    #[arg(long, env = "ZOHO_MOCK_ERROR_SHAPE", value_enum, default_value_t)]
    pub error_shape: ErrorShape,
    /// Answer of Get Records without a row
    #[arg(long, env = "ZOHO_MOCK_EMPTY_ANSWER", value_enum, default_value_t)]
    pub empty_answer: EmptyAnswer,
    /// What the application makes of the `environment` header
    #[arg(long, env = "ZOHO_MOCK_ENVIRONMENTS", value_enum, default_value_t)]
    pub environments: Environments,
    /// Unique fields take "a" and "A" for the same value
    #[arg(long, env = "ZOHO_MOCK_UNIQUE_IGNORES_CASE")]
    pub unique_ignores_case: bool,
    /// Update and delete answer the ID as a JSON number
    #[arg(long, env = "ZOHO_MOCK_NUMERIC_IDS")]
    pub numeric_ids: bool,
    /// "Access Denied" of the token endpoint comes with HTTP 200 instead of 400
    #[arg(long, env = "ZOHO_MOCK_ACCESS_DENIED_OK")]
    pub access_denied_ok: bool,
}

/// What goes wrong. Can be changed while the mock runs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Faults")]
pub struct FaultSettings {
    /// A fault and when it hits, like `commit_then_close:add=0.05` (a chance), `minute_limit=every:20x3` (every 20th call
    /// and the two after it) or `late:add@90=at:3+7` (those two, 90 s late); may be given several times. See the list of
    /// faults below
    #[arg(
        long = "fault",
        env = "ZOHO_MOCK_FAULTS",
        value_delimiter = ',',
        value_name = "FAULT[:CALLS][@SECONDS]=WHEN"
    )]
    pub rules: Vec<Rule>,
    /// File with a plan of faults as JSON, as `GET /__mock/faults` shows it
    #[arg(id = "faults_file", long = "faults-file", env = "ZOHO_MOCK_FAULTS_FILE")]
    pub file: Option<PathBuf>,
    /// Seed of the chances; without it that of the file, or the one of the ids
    #[arg(id = "fault_seed", long = "fault-seed", env = "ZOHO_MOCK_FAULT_SEED")]
    pub seed: Option<u64>,
}

/// HTTP status of refusals.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusStyle {
    /// Real 4xx codes, as the v2.1 page says
    #[default]
    V21,
    /// Always 200, as the v2 page says; only 429 stays
    V2,
}

/// JSON shape of `error` in a 3002 result.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"Ticket_ID": "This value …"}`
    #[default]
    Object,
    /// `["Ticket_ID: This value …"]`
    Array,
}

/// Answer of Get Records without a row.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyAnswer {
    /// 400 with 9280 (criteria) or 9220 (empty report)
    #[default]
    #[value(name = "9280")]
    Code9280,
    /// 404 with 3100, as in v2
    #[value(name = "3100")]
    Code3100,
    /// 200 with `"data": []`
    List,
}

/// What the application makes of the `environment` header.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environments {
    /// It was never moved to environments: the header is an error
    #[default]
    Refused,
    /// `development`, `stage` and `production` are accepted, and may be left out
    Optional,
    /// The header must be there
    Required,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }

    #[test]
    fn flags_default_to_the_defaults_of_the_library() {
        let parsed = Settings::parse_from(["zoho-mock"]);
        assert_eq!(parsed.port, 5002);
        assert_eq!(parsed.credentials.scopes, Credentials::default().scopes);
        assert_eq!(parsed.limits.per_minute, Limits::default().per_minute);
    }
}
