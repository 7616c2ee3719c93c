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
    PrivateKey "private_key" "PRIVATE_KEY" true "private key in PEM armour, or of a wallet, with checksum";
    Jwt "jwt" "JWT" true "JSON web token whose header decodes and names an algorithm";
    ApiKey "api_key" "API_KEY" true "cloud or API key recognised by provider prefix, length and alphabet";
    UrlCredentials "url_credentials" "CREDENTIALS" true "user and password inside a URL";
    Email "email" "EMAIL" true "e-mail address below a public suffix; reserved example domains are not personal";
    Iban "iban" "IBAN" true "bank account number with its country's length and valid mod-97 digits";
    PaymentCard "payment_card" "PAYMENT_CARD" true "card number with issuer range, length and Luhn digit, grouped or with context";
    CryptoAddress "crypto_address" "CRYPTO_ADDRESS" true "address with checksum (Bitcoin and its kin, Ripple, Stellar, Monero, bech32), or Ethereum, by EIP-55 where its case is mixed";
    Ipv6 "ipv6" "IPV6" true "IPv6 address that is globally reachable";
    Ipv4 "ipv4" "IPV4" true "IPv4 address that is globally reachable; four numbers below 32, or three below 16 before any, need context";
    MacAddress "mac_address" "MAC_ADDRESS" true "48-bit hardware address";
    UsSsn "us_ssn" "US_SSN" false "United States: social security number, with context words";
    UsItin "us_itin" "US_ITIN" false "United States: individual taxpayer identification number, with context words";
    CaSin "ca_sin" "CA_SIN" false "Canada: social insurance number (Luhn), with context words";
    UkNhs "uk_nhs" "UK_NHS" false "Britain: NHS number (modulo 11), with context words";
    UkNino "uk_nino" "UK_NINO" false "Britain: national insurance number (prefix and suffix rules), with context words or printed in groups";
    DeSteuerId "de_steuer_id" "DE_STEUER_ID" false "Germany: tax identification number (ISO 7064 modulo 11,10), with context words";
    FrNir "fr_nir" "FR_NIR" false "France: social security number (modulo 97), with context words";
    EsDni "es_dni" "ES_DNI" false "Spain: DNI and NIE (letter of the remainder modulo 23), with context words";
    ItCodiceFiscale "it_codice_fiscale" "IT_CODICE_FISCALE" false "Italy: codice fiscale (check letter), with context words or in capitals";
    NlBsn "nl_bsn" "NL_BSN" false "Netherlands: BSN (eleven test), with context words";
    BeNn "be_nn" "BE_NN" false "Belgium: national number (modulo 97), with context words";
    PlPesel "pl_pesel" "PL_PESEL" false "Poland: PESEL (weights 1 3 7 9, date), with context words";
    BrCpf "br_cpf" "BR_CPF" false "Brazil: CPF (two digits modulo 11), with context words";
    BrCnpj "br_cnpj" "BR_CNPJ" false "Brazil: CNPJ (two digits modulo 11), with context words";
    InAadhaar "in_aadhaar" "IN_AADHAAR" false "India: Aadhaar (Verhoeff), with context words";
    CnResidentId "cn_resident_id" "CN_RESIDENT_ID" false "China: resident identity number (modulo 11-2, date), with context words";
    JpMyNumber "jp_my_number" "JP_MY_NUMBER" false "Japan: individual number (modulo 11), with context words";
    KrRrn "kr_rrn" "KR_RRN" false "Korea: resident registration number (modulo 11, date), with context words";
    FiHetu "fi_hetu" "FI_HETU" false "Finland: personal identity code (modulo 31, date), with context words or ending in a capital";
    SePersonnummer "se_personnummer" "SE_PERSONNUMMER" false "Sweden: personal identity number (Luhn, date), with context words";
    NoFodselsnummer "no_fodselsnummer" "NO_FODSELSNUMMER" false "Norway: national identity number (two digits modulo 11, date), with context words";
    AuTfn "au_tfn" "AU_TFN" false "Australia: tax file number (modulo 11), with context words";
    TrTckn "tr_tckn" "TR_TCKN" false "Turkey: identity number (two digits modulo 10), with context words";
    ZaId "za_id" "ZA_ID" false "South Africa: identity number (Luhn, date), with context words";
    MxCurp "mx_curp" "MX_CURP" false "Mexico: CURP (modulo 10, date), with context words";
    ArCuit "ar_cuit" "AR_CUIT" false "Argentina: CUIT and CUIL (modulo 11), with context words";
    ClRut "cl_rut" "CL_RUT" false "Chile: RUT (modulo 11), with context words";
    ChAhv "ch_ahv" "CH_AHV" false "Switzerland: AHV number (EAN-13), with context words";
    AtSvnr "at_svnr" "AT_SVNR" false "Austria: social insurance number (modulo 11, date), with context words";
    PtNif "pt_nif" "PT_NIF" false "Portugal: tax number (modulo 11), with context words";
    IePps "ie_pps" "IE_PPS" false "Ireland: personal public service number (modulo 23), with context words";
    IlId "il_id" "IL_ID" false "Israel: identity number (Luhn), with context words";
    SgNric "sg_nric" "SG_NRIC" false "Singapore: NRIC and FIN (check letter), with context words or in capitals";
    ThId "th_id" "TH_ID" false "Thailand: citizen number (modulo 11), with context words";
    RoCnp "ro_cnp" "RO_CNP" false "Romania: CNP (modulo 11, date), with context words";
    BgEgn "bg_egn" "BG_EGN" false "Bulgaria: EGN (modulo 11, date), with context words";
    EeIsikukood "ee_isikukood" "EE_ISIKUKOOD" false "Estonia: isikukood (modulo 11, date), with context words";
    HrOib "hr_oib" "HR_OIB" false "Croatia: OIB (ISO 7064 modulo 11,10), with context words";
    Phone "phone" "PHONE" true "telephone number: international with +, national formats with separators or context";
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// The set with these members.
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, &kind| set | 1 << kind as u64))
    }

    /// What is looked for unless told otherwise.
    pub fn defaults() -> Self {
        let all = Kind::ALL.iter().copied();
        Self(all.filter(|kind| kind.is_default()).fold(0, |set, kind| set | 1 << kind as u64))
    }

    /// Are national identifiers among them?
    pub(crate) fn has_ids(self) -> bool {
        let first_id = 1u64 << Kind::UsSsn as u64;
        self.0 & !Self::of(&[Kind::Phone]).0 >= first_id
    }

    /// Membership.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u64) != 0
    }
}
