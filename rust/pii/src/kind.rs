//! The kinds of personal data and secrets.

macro_rules! kinds {
    ($($variant:ident $name:literal $tag:literal $default:literal $about:literal;)*) => {
        /// What a span is. The order decides between spans of the same length and start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind { $(#[doc = $about] $variant,)* }

        impl Kind {
            /// Every kind, in order.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// Name in configurations and columns, snake_case.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// Name in replacements, upper case.
            pub fn tag(self) -> &'static str {
                match self { $(Kind::$variant => $tag,)* }
            }

            /// Is this looked for unless told otherwise?
            pub fn is_default(self) -> bool {
                match self { $(Kind::$variant => $default,)* }
            }

            /// One line on what counts and how it is checked.
            pub fn description(self) -> &'static str {
                match self { $(Kind::$variant => $about,)* }
            }
        }
    };
}

kinds! {
    PrivateKey "private_key" "PRIVATE_KEY" true "private key in PEM armour, from BEGIN to END";
    Jwt "jwt" "JWT" true "JSON web token whose header decodes and names an algorithm";
    ApiKey "api_key" "API_KEY" true "cloud or API key recognised by provider prefix, length and alphabet";
    UrlCredentials "url_credentials" "CREDENTIALS" true "user and password inside a URL";
    Email "email" "EMAIL" true "e-mail address below a public suffix; reserved example domains are not personal";
    Iban "iban" "IBAN" true "bank account number with its country's length and valid mod-97 digits";
    PaymentCard "payment_card" "PAYMENT_CARD" true "card number with issuer range, length and Luhn digit, grouped or with context";
    CryptoAddress "crypto_address" "CRYPTO_ADDRESS" true "Bitcoin address with checksum, or Ethereum address, by EIP-55 where its case is mixed";
    Ipv6 "ipv6" "IPV6" true "IPv6 address that is globally reachable";
    Ipv4 "ipv4" "IPV4" true "IPv4 address that is globally reachable; four numbers below 32 need context";
    MacAddress "mac_address" "MAC_ADDRESS" true "48-bit hardware address";
    UsSsn "us_ssn" "US_SSN" false "US social security number, with context words";
    Phone "phone" "PHONE" true "telephone number: international with +, national formats with separators or context";
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// The set with these members.
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, &kind| set | 1 << kind as u32))
    }

    /// What is looked for unless told otherwise.
    pub fn defaults() -> Self {
        let all = Kind::ALL.iter().copied();
        Self(all.filter(|kind| kind.is_default()).fold(0, |set, kind| set | 1 << kind as u32))
    }

    /// Membership.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}
