//! Which account, application, form and report. By default everything points at the mock on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::data_centre::DataCentre;

/// The mock's own, of no worth elsewhere: used where nothing is set and the accounts server is on this machine.
const MOCK: [&str; 3] = ["mock-client", "mock-secret", "mock-refresh-token"];

const CLIENT_ID: &str = "ZOHO_CLIENT_ID";
const CLIENT_SECRET: &str = "ZOHO_CLIENT_SECRET";
const REFRESH_TOKEN: &str = "ZOHO_REFRESH_TOKEN";

/// Where the records go.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Zoho Creator")]
pub struct ZohoSettings {
    /// Accounts server of the data centre, for example <https://accounts.zoho.in>.
    #[arg(long = "zoho-accounts-url", env = "ZOHO_ACCOUNTS_URL", default_value = "http://127.0.0.1:5002")]
    pub accounts_url: Url,
    /// API gateway of the same data centre, for example <https://www.zohoapis.in>.
    #[arg(long = "zoho-creator-url", env = "ZOHOCREATOR_URL", default_value = "http://127.0.0.1:5002")]
    pub creator_url: Url,
    /// OAuth client.
    #[arg(long = "zoho-client-id", env = "ZOHO_CLIENT_ID")]
    pub client_id: Option<String>,
    /// Its secret; better from a file.
    #[arg(
        long = "zoho-client-secret",
        env = "ZOHO_CLIENT_SECRET",
        hide_env_values = true,
        conflicts_with = "client_secret_file"
    )]
    pub client_secret: Option<SecretString>,
    /// File with the secret, readable by this service only.
    #[arg(long = "zoho-client-secret-file", env = "ZOHO_CLIENT_SECRET_FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// Refresh token; better from a file.
    #[arg(
        long = "zoho-refresh-token",
        env = "ZOHO_REFRESH_TOKEN",
        hide_env_values = true,
        conflicts_with = "refresh_token_file"
    )]
    pub refresh_token: Option<SecretString>,
    /// File with the refresh token, readable by this service only.
    #[arg(long = "zoho-refresh-token-file", env = "ZOHO_REFRESH_TOKEN_FILE")]
    pub refresh_token_file: Option<PathBuf>,
    /// File with the key that encrypts the access token in the database, 64 hexadecimal digits; without it the hub's master
    /// key does.
    #[arg(long = "zoho-token-key-file", env = "ZOHO_TOKEN_KEY_FILE")]
    pub token_key_file: Option<PathBuf>,
    /// Owner of the application, as in its URLs.
    #[arg(long = "zoho-owner", env = "ZOHO_OWNER", default_value = "smart-service-hub")]
    pub owner: String,
    /// Link name of the application.
    #[arg(long = "zoho-app", env = "ZOHO_APP", default_value = "helpdesk")]
    pub app: String,
    /// Link name of the form that takes the records.
    #[arg(long = "zoho-form", env = "ZOHO_FORM", default_value = "Tickets")]
    pub form: String,
    /// Link name of a report over the form that shows `Ticket_ID` and `Delivery_Batch`.
    #[arg(long = "zoho-report", env = "ZOHO_REPORT", default_value = "All_Tickets")]
    pub report: String,
    /// Which of our items goes into which field: a JSON file like `examples/zoho-mapping.json`, which holds the defaults.
    #[arg(long = "zoho-mapping-file", env = "ZOHO_MAPPING_FILE")]
    pub mapping_file: Option<PathBuf>,
    /// Shape of the addresses; by default that of the host.
    #[arg(long = "zoho-path-style", env = "ZOHO_PATH_STYLE", value_enum, default_value_t)]
    pub path_style: PathStyle,
    /// What records of ours do not set off in the application; by default everything runs.
    #[arg(long = "zoho-skip-workflow", env = "ZOHO_SKIP_WORKFLOW", value_enum, value_delimiter = ',')]
    pub skip_workflow: Vec<Workflow>,
    /// Environment of the application; only for applications that were moved to environments.
    #[arg(long = "zoho-environment", env = "ZOHO_ENVIRONMENT", value_enum)]
    pub environment: Option<Environment>,
    /// Developer API calls a day: 250 on the Free and Standard plans, 500 on Professional, 1000 per user on Enterprise.
    #[arg(long = "zoho-daily-calls", env = "ZOHO_DAILY_CALLS", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
    pub daily_calls: i64,
    /// Of those, how many urgent tickets may buy to leave before their batch is full.
    #[arg(long = "zoho-early-flushes", env = "ZOHO_EARLY_FLUSHES", default_value_t = 20, value_parser = clap::value_parser!(i64).range(0..))]
    pub early_flushes: i64,
    /// Time zone of the account's super-admin, whose midnight gives the day's calls anew: `Asia/Kolkata`.
    #[arg(long = "zoho-time-zone", env = "ZOHO_TIME_ZONE", default_value = "UTC")]
    pub time_zone: String,
    /// Hour of that time zone after which CRM and log are compared every night.
    #[arg(long = "zoho-reconcile-hour", env = "ZOHO_RECONCILE_HOUR", default_value_t = 3, value_parser = clap::value_parser!(i32).range(0..24))]
    pub reconcile_hour: i32,
    /// Days of records that the nightly comparison reaches back.
    #[arg(long = "zoho-reconcile-days", env = "ZOHO_RECONCILE_DAYS", default_value_t = 7, value_parser = clap::value_parser!(i32).range(1..))]
    pub reconcile_days: i32,
}

/// Shape of the addresses of Creator.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathStyle {
    /// `creator.zoho.…` has the older shape, everything else the gateway's.
    #[default]
    Auto,
    /// `/creator/v2.1/data/{owner}/{app}/form/{form}`
    Gateway,
    /// `/api/v2.1/{owner}/{app}/form/{form}`
    Creator,
}

/// What Creator runs when a record is added or changed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Workflow {
    /// Scripts of the form.
    FormWorkflow,
    /// What is planned for later.
    Schedules,
    /// All of it.
    All,
}

/// Environment of an application.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Where it is built.
    Development,
    /// Where it is tried.
    Stage,
}

impl Environment {
    /// As the header says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Stage => "stage",
        }
    }
}

/// A setting that cannot work. Says which, never what a secret is.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Tokens would go to a stranger.
    #[error("{setting} is neither a Zoho host nor a loopback address")]
    UnknownHost {
        /// The variable.
        setting: &'static str,
    },
    /// Tokens of one data centre mean nothing in another.
    #[error("ZOHO_ACCOUNTS_URL is in data centre {accounts} and ZOHOCREATOR_URL in {gateway}")]
    TwoDataCentres {
        /// Of the accounts server.
        accounts: &'static str,
        /// Of the gateway.
        gateway: &'static str,
    },
    /// A credential is neither set nor in a file.
    #[error("{setting} is not set")]
    Missing {
        /// The variable.
        setting: &'static str,
    },
    /// The file of a credential.
    #[error("the file in {setting} cannot be read, or is empty")]
    Unreadable {
        /// The variable.
        setting: &'static str,
        /// Why.
        #[source]
        source: Option<std::io::Error>,
    },
}

/// What proves who we are. Its parts never show in a log.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) refresh_token: SecretString,
}

/// An OAuth client, whoever it acts for.
#[derive(Clone, Debug)]
pub struct OauthClient {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

/// The checked addresses.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub(crate) data_centre: &'static DataCentre,
    pub(crate) token: Url,
    pub(crate) form: Url,
    pub(crate) report: Url,
    pub(crate) fields: Url,
}

impl ZohoSettings {
    /// The addresses of the three calls.
    ///
    /// # Errors
    /// [`SettingsError`] for hosts that are not Zoho's, or not of one data centre.
    pub fn endpoints(&self) -> Result<Endpoints, SettingsError> {
        let unknown = |setting| move || SettingsError::UnknownHost { setting };
        let accounts =
            DataCentre::of_accounts(&self.accounts_url).ok_or_else(unknown("ZOHO_ACCOUNTS_URL"))?;
        let gateway = DataCentre::of_gateway(&self.creator_url).ok_or_else(unknown("ZOHOCREATOR_URL"))?;
        if accounts != gateway {
            return Err(SettingsError::TwoDataCentres { accounts: accounts.name, gateway: gateway.name });
        }
        let (owner, app) = (self.owner.as_str(), self.app.as_str());
        let (data, meta): (&[&str], &[&str]) = match self.path_style {
            PathStyle::Creator => (&["api", "v2.1"], &["api", "v2.1"]),
            PathStyle::Auto if DataCentre::is_older_base(&self.creator_url) => {
                (&["api", "v2.1"], &["api", "v2.1"])
            }
            PathStyle::Auto | PathStyle::Gateway => {
                (&["creator", "v2.1", "data"], &["creator", "v2.1", "meta"])
            }
        };
        let path = |base: &[&str], rest: &[&str]| {
            with_path(&self.creator_url, &[base, &[owner, app], rest].concat())
        };
        Ok(Endpoints {
            data_centre: gateway,
            token: with_path(&self.accounts_url, &["oauth", "v2", "token"]),
            form: path(data, &["form", &self.form]),
            report: path(data, &["report", &self.report]),
            fields: path(meta, &["form", &self.form, "fields"]),
        })
    }

    /// The credentials, from wherever they are.
    ///
    /// # Errors
    /// [`SettingsError`] when one of them is nowhere.
    pub fn credentials(&self) -> Result<Credentials, SettingsError> {
        let OauthClient { id, secret } = self.oauth_client()?;
        let refresh =
            value_or_file(self.refresh_token.as_ref(), self.refresh_token_file.as_deref(), REFRESH_TOKEN)?;
        let refresh_token = self.or_mock(refresh, MOCK[2], REFRESH_TOKEN)?;
        Ok(Credentials { client_id: id, client_secret: secret, refresh_token })
    }

    /// The OAuth client alone, before there is a refresh token.
    ///
    /// # Errors
    /// [`SettingsError`] when id or secret is nowhere.
    pub fn oauth_client(&self) -> Result<OauthClient, SettingsError> {
        let id = self.client_id.as_deref().map(SecretString::from);
        let secret =
            value_or_file(self.client_secret.as_ref(), self.client_secret_file.as_deref(), CLIENT_SECRET)?;
        Ok(OauthClient {
            id: self.or_mock(id, MOCK[0], CLIENT_ID)?.expose_secret().to_owned(),
            secret: self.or_mock(secret, MOCK[1], CLIENT_SECRET)?,
        })
    }

    fn or_mock(
        &self,
        value: Option<SecretString>,
        mock: &str,
        setting: &'static str,
    ) -> Result<SecretString, SettingsError> {
        let local = DataCentre::of_accounts(&self.accounts_url).is_some_and(DataCentre::is_local);
        value.or_else(|| local.then(|| mock.into())).ok_or(SettingsError::Missing { setting })
    }
}

/// The value itself, or what its file holds.
fn value_or_file(
    value: Option<&SecretString>,
    file: Option<&Path>,
    setting: &'static str,
) -> Result<Option<SecretString>, SettingsError> {
    let Some(path) = file else { return Ok(value.cloned()) };
    let unreadable = |source| SettingsError::Unreadable { setting, source };
    let text = fs::read_to_string(path).map_err(|error| unreadable(Some(error)))?;
    if text.trim().is_empty() { Err(unreadable(None)) } else { Ok(Some(text.trim().into())) }
}

/// The base address with these segments after it, each escaped.
fn with_path(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    // Only a URL that cannot be a base (`mailto:`) has no segments; those are no known host.
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        zoho: ZohoSettings,
    }

    fn settings(flags: &[&str]) -> ZohoSettings {
        Only::parse_from([&["test"], flags].concat()).zoho
    }

    #[test]
    fn without_settings_everything_is_the_local_mock() {
        let endpoints = settings(&[]).endpoints().unwrap();
        assert_eq!(endpoints.token.as_str(), "http://127.0.0.1:5002/oauth/v2/token");
        assert_eq!(
            endpoints.form.as_str(),
            "http://127.0.0.1:5002/creator/v2.1/data/smart-service-hub/helpdesk/form/Tickets"
        );
        assert!(settings(&[]).credentials().is_ok());
    }

    #[test]
    fn the_older_base_has_the_older_paths() {
        let older =
            ["--zoho-accounts-url=https://accounts.zoho.in", "--zoho-creator-url=https://creator.zoho.in"];
        let endpoints = settings(&older).endpoints().unwrap();
        let base = "https://creator.zoho.in/api/v2.1/smart-service-hub/helpdesk";
        assert_eq!(endpoints.form.as_str(), format!("{base}/form/Tickets"));
        assert_eq!(endpoints.report.as_str(), format!("{base}/report/All_Tickets"));
        let asked = settings(&["--zoho-path-style=creator"]).endpoints().unwrap();
        assert_eq!(asked.fields.path(), "/api/v2.1/smart-service-hub/helpdesk/form/Tickets/fields");
        let plain = settings(&[]).endpoints().unwrap();
        assert_eq!(plain.fields.path(), "/creator/v2.1/meta/smart-service-hub/helpdesk/form/Tickets/fields");
    }

    #[test]
    fn both_hosts_must_be_in_one_data_centre() {
        let mixed =
            ["--zoho-accounts-url=https://accounts.zoho.in", "--zoho-creator-url=https://www.zohoapis.eu"];
        assert!(matches!(settings(&mixed).endpoints(), Err(SettingsError::TwoDataCentres { .. })));
        let stranger = ["--zoho-creator-url=https://example.com"];
        assert!(matches!(settings(&stranger).endpoints(), Err(SettingsError::UnknownHost { .. })));
    }

    #[test]
    fn a_real_account_needs_its_own_credentials() {
        let real = settings(&["--zoho-accounts-url=https://accounts.zoho.in", "--zoho-client-id=1000.X"]);
        assert!(matches!(real.credentials(), Err(SettingsError::Missing { setting: "ZOHO_CLIENT_SECRET" })));
    }

    #[test]
    fn names_cannot_break_out_of_the_path() {
        let odd = settings(&["--zoho-owner=a/../b?c"]).endpoints().unwrap();
        assert!(odd.form.path().starts_with("/creator/v2.1/data/a%2F..%2Fb%3Fc/helpdesk"));
    }
}
