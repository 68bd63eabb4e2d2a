//! What lies outside the reported machines: well-known cloud services and The Internet.

use std::net::IpAddr;

use orrery_model::{Report, SmolStr};

/// Domains whose names are worth a node of their own.
const SERVICE_DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "googleapis.com",
    "weave.works",
    "core.windows.net",
    "servicebus.windows.net",
    "azure-api.net",
    "onmicrosoft.com",
    "cloudapp.azure.com",
    "database.windows.net",
    "documents.azure.com",
];

/// Names seen for an address: first the ones asked for, then the ones it resolves back to.
pub(crate) fn names<'a>(report: &'a Report, address: &str) -> Vec<&'a str> {
    let record = report.dns.get(address).into_iter();
    record
        .flat_map(|record| record.forward.iter().chain(&record.reverse))
        .map(SmolStr::as_str)
        .filter(|n| !n.is_empty())
        .collect()
}

/// The first name that belongs to a well-known service.
pub(crate) fn known_service<'a>(names: &[&'a str]) -> Option<&'a str> {
    names.iter().copied().find(|n| is_known_service(n))
}

fn is_known_service(name: &str) -> bool {
    let known = SERVICE_DOMAINS.iter().any(|domain| {
        name.strip_suffix(domain)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|rest| !rest.is_empty())
    });
    // A machine of the user's own in the cloud is no service.
    let machine = name.starts_with("ec2") && name.ends_with(".amazonaws.com");
    known && !machine
}

/// The address in an endpoint id, where it is one.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.split_once('%').map_or(text, |(address, _zone)| address);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_services() {
        let check = |name: &str, expected: bool| assert_eq!(is_known_service(name), expected, "{name}");
        check("s3.eu-west-1.amazonaws.com", true);
        check("ec2-1-2-3-4.compute-1.amazonaws.com", false);
        check("storage.googleapis.com", true);
        check("googleapis.com", false);
        check("notgoogleapis.com", false);
        check("x.database.windows.net", true);
        check("example.com", false);
        check("", false);
        check("s3.amazonaws.com.", false);
        check("ec2.amazonaws.com", false);
        check("a.documents.azure.com", true);
        check("x.weave.works", true);
    }
}
