//! Internet addresses that are globally reachable by the IANA special-purpose registries (RFC 6890).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::context::{self, Words};
use crate::verdict::Verdict;

/// Replacements that FineWeb inserts; they must not be found again.
pub(crate) const FINEWEB_ADDRESSES: [&str; 6] =
    ["22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168"];

/// (network, prefix length) that are not globally reachable, IANA IPv4 registry.
const PRIVATE_V4: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24), // deprecated 6to4 relay
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3), // multicast and reserved: nobody's address
];

static VERSION_WORDS: Words =
    Words::new(&["version", "ver", "v", "build", "release", "firmware", "section", "oid", "rev"]);

/// Words that make an address of four small numbers, which sections and versions are too.
static ADDRESS_WORDS: Words = Words::new(&[
    "ip",
    "ips",
    "ipv4",
    "address",
    "addresses",
    "addr",
    "adresse",
    "dirección",
    "host",
    "hosts",
    "hostname",
    "dns",
    "nameserver",
    "resolver",
    "ping",
    "ssh",
    "gateway",
    "router",
    "proxy",
]);
/// Four numbers below this are small: sections seldom count further, one random address in 4096 is like that.
const SMALL: u8 = 32;
/// Of a version the first three are smaller still, while the fourth counts builds.
const SMALL_BEFORE_BUILD: u8 = 16;

pub(crate) fn is_global_v4(address: [u8; 4]) -> bool {
    let bits = u32::from_be_bytes(address);
    !PRIVATE_V4.iter().any(|&(network, prefix)| (bits ^ u32::from_be_bytes(network)) >> (32 - prefix) == 0)
}

/// The IPv4 address that begins with the digit run at `start`.
pub(crate) fn v4(text: &[u8], start: usize) -> Verdict {
    if start > 0 {
        let before = text[start - 1];
        let name =
            before == b'-' && context::alnum_before(text, start - 1) && !text[start - 2].is_ascii_digit();
        if before.is_ascii_alphanumeric() || before == b'.' || name {
            return Verdict::Nothing;
        }
    }
    let Some((octets, end)) = dotted_quad(text, start) else { return Verdict::Nothing };
    let longer = text.get(end) == Some(&b'.') && context::digit_at(text, end + 1);
    if longer || context::alnum_at(text, end) {
        return Verdict::Nothing;
    }
    let dotted = Ipv4Addr::from(octets).to_string();
    let is_placeholder = FINEWEB_ADDRESSES.contains(&dotted.as_str());
    let is_small = octets.iter().all(|&octet| octet < SMALL)
        || octets[..3].iter().all(|&octet| octet < SMALL_BEFORE_BUILD);
    let is_valid = is_global_v4(octets)
        && !is_placeholder
        && !VERSION_WORDS.before(text, start, 10)
        && (!is_small || is_used_as_address(text, start, end));
    Verdict::checked(is_valid, start..end)
}

/// Four numbers up to 255 without leading zeros, and where they end.
fn dotted_quad(text: &[u8], start: usize) -> Option<([u8; 4], usize)> {
    let mut at = start;
    let mut octets = [0u8; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let digits = text[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 3 || (digits > 1 && text[at] == b'0') {
            return None;
        }
        let value = text[at..at + digits].iter().fold(0u32, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        *octet = u8::try_from(value).ok()?;
        at += digits;
    }
    Some((octets, at))
}

/// In a URL or after a login, with a port or a prefix length, or after a word that says so.
fn is_used_as_address(text: &[u8], start: usize, end: usize) -> bool {
    text[..start].ends_with(b"//")
        || text[..start].ends_with(b"@")
        || (matches!(text.get(end), Some(b':' | b'/')) && context::digit_at(text, end + 1))
        || ADDRESS_WORDS.before(text, start, 32)
}

pub(crate) fn is_v6_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// The IPv6 address that is the whole of `run`, a maximal run of hex digits, colons and dots.
pub(crate) fn v6(text: &[u8], run: Range<usize>) -> Verdict {
    if context::alnum_before(text, run.start) || context::alnum_at(text, run.end) {
        return Verdict::Nothing;
    }
    let mut end = run.end;
    while end > run.start
        && (text[end - 1] == b'.' || (text[end - 1] == b':' && !text[..end].ends_with(b"::")))
    {
        end -= 1;
    }
    if !(3..=45).contains(&(end - run.start)) {
        return Verdict::Nothing;
    }
    let written = &text[run.start..end];
    let Some(address) = std::str::from_utf8(written).ok().and_then(|text| text.parse::<Ipv6Addr>().ok())
    else {
        return Verdict::Nothing;
    };
    let is_compressed = written.windows(2).any(|pair| pair == b"::");
    Verdict::checked(is_global_v6(address, is_compressed), run.start..end)
}

/// Neither special (IANA IPv6 special-purpose registry, RFC 4291: loopback, mapped, private, link-local, multicast,
/// documentation, benchmarking, ORCHID, 6to4) nor, when written with `::`, outside the space allocated so far
/// (2000::/3). Eight groups written out are an address in any case.
fn is_global_v6(address: Ipv6Addr, is_compressed: bool) -> bool {
    let s = address.segments();
    let is_allocated = s[0] & 0xE000 == 0x2000;
    let is_reserved = s[0] < 0x0100 || s[0] >= 0xFC00; // ::/8, and fc00::/7 with all above
    let is_protocol = s[0] == 0x2001 && s[1] < 0x200; // 2001::/23
    let is_example = (s[0] == 0x2001 && s[1] == 0xDB8) || (s[0] == 0x3FFF && s[1] < 0x1000);
    let is_translated = s[0] == 0x2002 || (s[0] == 0x0064 && s[1] == 0xFF9B) || s[0] == 0x0100;
    (is_allocated || !is_compressed) && !is_reserved && !is_protocol && !is_example && !is_translated
}
