//! User names and passwords inside URLs.

use crate::verdict::Verdict;

const LONGEST: usize = 256;
/// What documentation writes where a password would be.
const PLACEHOLDERS: [&[u8]; 14] = [
    b"password",
    b"pass",
    b"passwd",
    b"pwd",
    b"pw",
    b"secret",
    b"guest",
    b"changeme",
    b"token",
    b"passphrase",
    b"yourpassword",
    b"your_password",
    b"mypassword",
    b"my_password",
];

/// The `user:password` before the `@` at `at`, when `scheme://` stands before it.
pub(crate) fn at(text: &[u8], at: usize) -> Verdict {
    let allowed = |byte: u8| {
        byte > b' '
            && byte != 0x7F
            && !matches!(byte, b'/' | b'@' | b'?' | b'#' | b'<' | b'>' | b'"' | b'\'' | b'`')
    };
    let run = text[..at].iter().rev().take(LONGEST + 1).take_while(|&&byte| allowed(byte)).count();
    let start = at - run;
    let has_scheme = text[..start].ends_with(b"://") && start > 3 && text[start - 4].is_ascii_alphanumeric();
    if run > LONGEST || !has_scheme {
        return Verdict::Nothing;
    }
    let Some(colon) = memchr::memchr(b':', &text[start..at]) else { return Verdict::Nothing };
    let password = &text[start + colon + 1..at];
    let Some(&first) = password.first() else { return Verdict::Nothing };
    let host =
        text.get(at + 1).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'[' || byte >= 0x80);
    let is_template = matches!(first, b'$' | b'{' | b'%' | b'[' | b'(')
        && !password.first_chunk::<3>().is_some_and(is_escape);
    let is_masked = password.iter().all(|&byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'_'));
    let is_placeholder = PLACEHOLDERS.iter().any(|word| password.eq_ignore_ascii_case(word));
    Verdict::checked(host && !is_template && !is_masked && !is_placeholder, start..at)
}

fn is_escape(bytes: &[u8; 3]) -> bool {
    bytes[0] == b'%' && bytes[1].is_ascii_hexdigit() && bytes[2].is_ascii_hexdigit()
}
