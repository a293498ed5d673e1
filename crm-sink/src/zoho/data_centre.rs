//! Zoho's data centres. An account lives in exactly one of them, and its tokens are worth something to whoever gets
//! them: they go to these hosts and to no other.

use reqwest::Url;

/// A data centre's hosts.
#[derive(Debug, PartialEq, Eq)]
pub struct DataCentre {
    /// How Zoho calls it; `local` for a stand-in on this machine.
    pub name: &'static str,
    accounts: &'static str,
    gateway: &'static str,
    /// The base of the time before the gateway; some data centres never had it.
    older: Option<&'static str>,
}

const fn row(
    name: &'static str,
    accounts: &'static str,
    gateway: &'static str,
    older: Option<&'static str>,
) -> DataCentre {
    DataCentre { name, accounts, gateway, older }
}

/// Every data centre (zoho.com/accounts/protocol/oauth/multi-dc.html). Canada's accounts are on a domain of their own.
const ALL: [DataCentre; 9] = [
    row("US", "accounts.zoho.com", "www.zohoapis.com", Some("creator.zoho.com")),
    row("EU", "accounts.zoho.eu", "www.zohoapis.eu", Some("creator.zoho.eu")),
    row("IN", "accounts.zoho.in", "www.zohoapis.in", Some("creator.zoho.in")),
    row("AU", "accounts.zoho.com.au", "www.zohoapis.com.au", Some("creator.zoho.com.au")),
    row("JP", "accounts.zoho.jp", "www.zohoapis.jp", Some("creator.zoho.jp")),
    row("CA", "accounts.zohocloud.ca", "www.zohoapis.ca", None),
    row("CN", "accounts.zoho.com.cn", "www.zohoapis.com.cn", None),
    row("SA", "accounts.zoho.sa", "www.zohoapis.sa", None),
    row("AE", "accounts.zoho.ae", "www.zohoapis.ae", None),
];

static LOCAL: DataCentre = row("local", "", "", None);

impl DataCentre {
    /// Whose accounts server this is; `None` for a host that is nobody's.
    #[must_use]
    pub fn of_accounts(url: &Url) -> Option<&'static Self> {
        Self::find(url, |centre, host| host == centre.accounts)
    }

    /// Whose API gateway this is; `None` for a host that is nobody's.
    #[must_use]
    pub fn of_gateway(url: &Url) -> Option<&'static Self> {
        Self::find(url, |centre, host| host == centre.gateway || Some(host) == centre.older)
    }

    /// Whether this is a host of the time before the gateway, which has paths of its own.
    #[must_use]
    pub fn is_older_base(url: &Url) -> bool {
        ALL.iter().any(|centre| centre.older.is_some() && centre.older == url.host_str())
    }

    /// Whether it is a stand-in on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        *self == LOCAL
    }

    fn find(url: &Url, is: impl Fn(&Self, &str) -> bool) -> Option<&'static Self> {
        static TABLE: [DataCentre; 9] = ALL;
        if is_loopback(url) {
            return Some(&LOCAL);
        }
        let plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty();
        TABLE.iter().find(|centre| plain && url.host_str().is_some_and(|host| is(centre, host)))
    }
}

/// By address, not by a name that could be given to another machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    matches!(url.scheme(), "http" | "https") && address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(url: &str) -> Option<&'static str> {
        DataCentre::of_gateway(&url.parse().unwrap()).map(|centre| centre.name)
    }

    #[test]
    fn every_gateway_is_known_and_paired_with_its_accounts() {
        for centre in &ALL {
            let gateway: Url = format!("https://{}", centre.gateway).parse().unwrap();
            let accounts: Url = format!("https://{}", centre.accounts).parse().unwrap();
            assert_eq!(DataCentre::of_gateway(&gateway), Some(centre));
            assert_eq!(DataCentre::of_accounts(&accounts), Some(centre));
            if let Some(older) = centre.older {
                let older: Url = format!("https://{older}").parse().unwrap();
                assert_eq!(DataCentre::of_gateway(&older), Some(centre));
                assert!(DataCentre::is_older_base(&older) && !DataCentre::is_older_base(&gateway));
            }
        }
    }

    #[test]
    fn a_host_that_only_looks_like_zoho_is_nobodys() {
        for url in [
            "https://www.zohoapis.in.example.com",
            "http://www.zohoapis.in",
            "https://www.zohoapis.in:8443",
            "https://www.zohoapis.in@example.com",
            "https://user@www.zohoapis.in",
            "https://accounts.zoho.in",
            "http://localhost:5002",
            "http://192.0.2.1",
        ] {
            assert_eq!(gateway(url), None, "{url}");
        }
    }

    #[test]
    fn loopback_is_local() {
        assert_eq!(gateway("http://127.0.0.1:5002"), Some("local"));
        assert_eq!(gateway("http://[::1]:5002"), Some("local"));
    }
}
