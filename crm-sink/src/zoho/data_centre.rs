//! Zoho's data centres. An account lives in exactly one of them, and its tokens are worth something to whoever gets
//! them: they go to these hosts and to no other.

use reqwest::Url;

/// A data centre's two hosts.
#[derive(Debug, PartialEq, Eq)]
pub struct DataCentre {
    /// How Zoho calls it; `local` for a stand-in on this machine.
    pub name: &'static str,
    accounts: &'static str,
    gateway: &'static str,
}

const fn row(name: &'static str, accounts: &'static str, gateway: &'static str) -> DataCentre {
    DataCentre { name, accounts, gateway }
}

/// Every data centre (zoho.com/accounts/protocol/oauth/multi-dc.html). Canada's accounts are on a domain of their own.
const ALL: [DataCentre; 9] = [
    row("US", "accounts.zoho.com", "www.zohoapis.com"),
    row("EU", "accounts.zoho.eu", "www.zohoapis.eu"),
    row("IN", "accounts.zoho.in", "www.zohoapis.in"),
    row("AU", "accounts.zoho.com.au", "www.zohoapis.com.au"),
    row("JP", "accounts.zoho.jp", "www.zohoapis.jp"),
    row("CA", "accounts.zohocloud.ca", "www.zohoapis.ca"),
    row("CN", "accounts.zoho.com.cn", "www.zohoapis.com.cn"),
    row("SA", "accounts.zoho.sa", "www.zohoapis.sa"),
    row("AE", "accounts.zoho.ae", "www.zohoapis.ae"),
];

static LOCAL: DataCentre = row("local", "", "");

impl DataCentre {
    /// Whose accounts server this is; `None` for a host that is nobody's.
    #[must_use]
    pub fn of_accounts(url: &Url) -> Option<&'static Self> {
        Self::find(url, |centre| centre.accounts)
    }

    /// Whose API gateway this is; `None` for a host that is nobody's.
    #[must_use]
    pub fn of_gateway(url: &Url) -> Option<&'static Self> {
        Self::find(url, |centre| centre.gateway)
    }

    /// Whether it is a stand-in on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        *self == LOCAL
    }

    fn find(url: &Url, host: impl Fn(&Self) -> &str) -> Option<&'static Self> {
        static TABLE: [DataCentre; 9] = ALL;
        if is_loopback(url) {
            return Some(&LOCAL);
        }
        let plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty();
        TABLE.iter().find(|centre| plain && url.host_str() == Some(host(centre)))
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
