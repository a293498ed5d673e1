//! Ports on the loopback address.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    ops::RangeInclusive,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use crate::error::{Error, Result};

/// Below Linux's range for outgoing connections (32768 and up, `ip_local_port_range`): a server that is restarted
/// must find its port again, and an outgoing connection of anybody could have taken one of those.
const RANGE: RangeInclusive<u16> = 20_000..=31_999;
/// Tries before giving up.
const TRIES: usize = 200;

/// A UDP socket at each port keeps every process from handing it out again until this one ends; whoever gets the port
/// listens there with TCP.
static HANDED_OUT: LazyLock<Mutex<HashMap<u16, UdpSocket>>> = LazyLock::new(Mutex::default);

/// A free port on 127.0.0.1, never one that this process, or a living one of ours, has been given before.
pub fn free() -> Result<u16> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    (0..TRIES)
        .map(|_| rand::random_range(RANGE))
        .find_map(|port| {
            let mark = UdpSocket::bind(loopback(port)).ok()?;
            is_free(port).then(|| handed_out.insert(port, mark)).map(|_| port)
        })
        .ok_or(Error::NoFreePort { first: *RANGE.start(), last: *RANGE.end() })
}

/// Whether somebody accepts connections at `address`.
#[must_use]
pub fn is_listening(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// The loopback address with this port.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The port that was asked for, provided nobody listens there, or a free one.
pub(crate) fn claim(name: &str, wanted: Option<u16>) -> Result<u16> {
    match wanted {
        None => free(),
        Some(port) if is_free(port) => Ok(port),
        Some(port) => Err(Error::PortTaken { name: name.to_owned(), port }),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(loopback(port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_nobody_listens_there() {
        let (one, two) = (free().unwrap(), free().unwrap());
        assert_ne!(one, two);
        assert!(!is_listening(loopback(one)));
    }

    #[test]
    fn a_port_that_was_handed_out_is_handed_out_to_nobody_else() {
        let port = free().unwrap();
        // As another process would find it, long before anybody listens there.
        assert!(UdpSocket::bind(loopback(port)).is_err() && is_free(port));
    }

    #[test]
    fn a_taken_port_is_seen_and_refused() {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_listening(loopback(port)));
        assert!(matches!(claim("x", Some(port)), Err(Error::PortTaken { .. })));
    }
}
