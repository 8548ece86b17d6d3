//! The addresses that the service listens on, and what it is called there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use easel_embedded::door::Names;
use tokio::net::TcpListener;

use super::ServeArguments;
use crate::command_error::CommandError;

/// A listener and its names.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) names: Names,
}

impl Listening {
    /// The address for programs on this machine, and for links where the service has no other name: of a listener on all
    /// addresses, the one that other machines reach.
    pub(super) fn local_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(outward_ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        format!("http://{address}")
    }

    /// Listens at the address that `option` names. One that other machines reach has to be asked for in words.
    ///
    /// # Errors
    /// It cannot be listened on, or nobody said that it should be.
    pub(super) async fn start(
        arguments: &ServeArguments,
        address: SocketAddr,
        option: &str,
    ) -> Result<Self, CommandError> {
        if !address.ip().is_loopback() && !arguments.insecure_http {
            return Err(CommandError::wrong_use(format!(
                "{option}: other machines reach {address}, and this is plain HTTP: everybody on the way there could read \
                 tokens and images; keep a loopback address and put a proxy with TLS in front of it (--public-url), or \
                 accept that with --insecure-http"
            )));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| {
            CommandError::failed(format!("{option}: {address} cannot be listened on: {error}; port 0 takes a free one"))
        })?;
        let address = listener.local_addr().map_err(|error| CommandError::failed(format!("{option}: {error}")))?;
        let public = arguments.public_url.iter().map(|url| url.origin.clone()).collect();
        Ok(Self { listener, address, names: Names::new(address, public) })
    }
}

/// The address that this machine has for others. Nothing is sent: the system says which one it would send from.
fn outward_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of documentation, which is nobody's.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
