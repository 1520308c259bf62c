//! Who may answer over TLS: a server of that name whose certificate leads to a root that was named.

use bytes::Bytes;
use http::{Request, Uri};
use meridian::io::lean::web::Web;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const ROOT: &[u8] = include_bytes!("../fixtures/tls/root.pem");
const SERVER: &[u8] = include_bytes!("../fixtures/tls/localhost.pem");
const KEY: &[u8] = include_bytes!("../fixtures/tls/localhost.key.der");

/// A server on loopback that shows the certificate of `localhost`; its port.
fn serve() -> u16 {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(SERVER).collect();
    let key = PrivateKeyDer::try_from(KEY.to_vec()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("a chain"), key);
    let config = Arc::new(config.expect("its own key"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).expect("a session");
            let mut lines = BufReader::new(StreamOwned::new(session, stream));
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let _ = lines.get_mut().write_all(reply);
            let _ = lines.get_mut().flush();
        }
    });
    port
}

#[tokio::test]
async fn only_a_server_of_a_named_authority_and_of_its_own_name_is_spoken_to() {
    let port = serve();
    let paypal: &[u8] = include_bytes!("../fixtures/paypal/other-root.pem");
    for (roots, host, answers) in [
        (ROOT, "localhost", true),
        (paypal, "localhost", false),
        (b"".as_slice(), "localhost", false),
        (ROOT, "127.0.0.1", false),
    ] {
        let origin: Uri = format!("https://{host}:{port}").parse().expect("a URI");
        let request = Request::get("/").body(Default::default());
        let request = request.expect("a request");
        let within = Duration::from_secs(20);
        let web = Web::new(&[roots], 1024);
        let said = web.exchange(&origin, request, within).await;
        let said = said.map(|reply| reply.into_body());
        match answers {
            true => assert_eq!(said, Ok(Bytes::from_static(b"ok"))),
            false => assert!(said.is_err(), "{host}: {said:?}"),
        }
    }
}
