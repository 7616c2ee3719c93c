//! The forms of keys: provider, prefix, length of what follows, alphabet, source.
//!
//! Sources: `gitleaks` is the rule set of that scanner (config/gitleaks.toml), `trufflehog` its detectors,
//! `detect-secrets` its plugins; `scanners` marks forms on which several other published rule sets agree, `provider` what the
//! provider itself documents. A new form is a new row.

/// Which characters may follow the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// `A-Z0-9`
    Upper,
    /// `A-Z0-9` and dots
    UpperDot,
    /// `a-z0-9`
    Lower,
    /// `a-f0-9`
    Hex,
    /// `a-f0-9` and dashes
    HexDash,
    /// `a-f0-9` and underscores
    HexWord,
    /// `A-Za-z0-9`
    Alnum,
    /// `A-Za-z0-9_-`
    Word,
    /// `A-Za-z0-9_-`, a third of them digits
    Numbered,
    /// `A-Za-z0-9_-` and dots
    Dotted,
    /// `A-Za-z0-9` and dots
    DotAlnum,
    /// `A-Za-z0-9+/=_-`
    Base64,
    /// `A-Za-z0-9_-` and slashes
    Path,
}

impl Alphabet {
    /// May this byte stand in the key?
    pub fn has(self, byte: u8) -> bool {
        let hex = matches!(byte, b'a'..=b'f' | b'0'..=b'9');
        let upper = byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let word = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match self {
            Self::Upper => upper,
            Self::UpperDot => upper || byte == b'.',
            Self::Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::Hex => hex,
            Self::HexDash => hex || byte == b'-',
            Self::HexWord => hex || byte == b'_',
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word | Self::Numbered => word,
            Self::Dotted => word || byte == b'.',
            Self::DotAlnum => byte.is_ascii_alphanumeric() || byte == b'.',
            Self::Base64 => word || matches!(byte, b'+' | b'/' | b'='),
            Self::Path => word || byte == b'/',
        }
    }

    /// Has it letters of both cases? Then a key without both is none: it is a name or a slug.
    pub fn is_mixed(self) -> bool {
        self.has(b'a') && self.has(b'A')
    }
}

/// How the keys of one provider look.
#[derive(Debug, Clone, Copy)]
pub struct SecretForm {
    /// Who gives out such keys, and for what.
    pub provider: &'static str,
    /// What every key begins with; case matters.
    pub prefix: &'static str,
    /// Fewest characters after the prefix.
    pub shortest: usize,
    /// Most characters after the prefix.
    pub longest: usize,
    /// What those characters are.
    pub alphabet: Alphabet,
    /// Where the form is published.
    pub source: &'static str,
}

const fn form(
    provider: &'static str,
    prefix: &'static str,
    shortest: usize,
    longest: usize,
    alphabet: Alphabet,
    source: &'static str,
) -> SecretForm {
    SecretForm { provider, prefix, shortest, longest, alphabet, source }
}

use Alphabet::{
    Alnum, Base64, DotAlnum, Dotted, Hex, HexDash, HexWord, Lower, Numbered, Path, Upper, UpperDot, Word,
};

/// Every form that is looked for.
pub const SECRETS: &[SecretForm] = &[
    form("AWS access key", "AKIA", 16, 16, Upper, "gitleaks"),
    form("AWS temporary access key", "ASIA", 16, 16, Upper, "gitleaks"),
    form("AWS bearer token", "ABIA", 16, 16, Upper, "gitleaks"),
    form("AWS context credential", "ACCA", 16, 16, Upper, "gitleaks"),
    form("AWS Bedrock", "ABSK", 109, 270, Base64, "gitleaks"),
    form("GitHub personal token", "ghp_", 36, 36, Alnum, "gitleaks"),
    form("GitHub OAuth token", "gho_", 36, 36, Alnum, "gitleaks"),
    form("GitHub user token", "ghu_", 36, 36, Alnum, "gitleaks"),
    form("GitHub server token", "ghs_", 36, 1500, Dotted, "provider"),
    form("GitHub refresh token", "ghr_", 36, 76, Alnum, "gitleaks"),
    form("GitHub fine-grained token", "github_pat_", 82, 82, Word, "gitleaks"),
    form("GitLab personal token", "glpat-", 20, 310, Dotted, "gitleaks"),
    form("GitLab deploy token", "gldt-", 20, 20, Word, "gitleaks"),
    form("GitLab pipeline trigger", "glptt-", 40, 40, Hex, "gitleaks"),
    form("GitLab runner token", "glrt-", 20, 310, Dotted, "gitleaks"),
    form("GitLab runner registration", "GR1348941", 20, 20, Word, "gitleaks"),
    form("GitLab feed token", "glft-", 20, 20, Word, "gitleaks"),
    form("GitLab feature flag token", "glffct-", 20, 20, Word, "gitleaks"),
    form("GitLab incoming mail token", "glimt-", 25, 25, Word, "gitleaks"),
    form("GitLab SCIM token", "glsoat-", 20, 20, Word, "gitleaks"),
    form("GitLab OAuth secret", "gloas-", 64, 64, Word, "gitleaks"),
    form("GitLab agent token", "glagent-", 50, 50, Word, "gitleaks"),
    form("GitLab CI job token", "glcbt-", 22, 64, Word, "gitleaks"),
    form("OpenAI project key", "sk-proj-", 40, 200, Word, "gitleaks"),
    form("OpenAI service key", "sk-svcacct-", 40, 200, Word, "gitleaks"),
    form("OpenAI admin key", "sk-admin-", 40, 200, Word, "gitleaks"),
    form("OpenAI key", "sk-", 48, 48, Alnum, "gitleaks"),
    form("Anthropic API key", "sk-ant-api03-", 80, 110, Word, "gitleaks"),
    form("Anthropic OAuth token", "sk-ant-oat01-", 80, 110, Word, "scanners"),
    form("Anthropic admin key", "sk-ant-admin01-", 80, 110, Word, "gitleaks"),
    form("OpenRouter", "sk-or-v1-", 64, 64, Hex, "scanners"),
    form("Hugging Face", "hf_", 34, 40, Alnum, "gitleaks"),
    form("Hugging Face organisation", "api_org_", 34, 34, Alnum, "gitleaks"),
    form("Replicate", "r8_", 37, 40, Alnum, "scanners"),
    form("Groq", "gsk_", 52, 52, Alnum, "scanners"),
    form("Perplexity", "pplx-", 48, 56, Alnum, "gitleaks"),
    form("xAI", "xai-", 70, 90, Word, "scanners"),
    form("NVIDIA", "nvapi-", 60, 70, Word, "scanners"),
    form("Fireworks", "fw_", 22, 24, Alnum, "scanners"),
    form("Langfuse secret", "sk-lf-", 36, 36, HexDash, "scanners"),
    form("LangSmith personal", "lsv2_pt_", 43, 43, HexWord, "trufflehog"),
    form("LangSmith service", "lsv2_sk_", 43, 43, HexWord, "trufflehog"),
    form("Pinecone", "pcsk_", 69, 70, Word, "trufflehog"),
    form("Tavily", "tvly-", 32, 48, Word, "scanners"),
    form("Google API key", "AIza", 35, 35, Word, "gitleaks"),
    form("Google OAuth secret", "GOCSPX-", 28, 28, Word, "scanners"),
    form("Google OAuth token", "ya29.", 60, 400, Dotted, "scanners"),
    form("Stripe live secret", "sk_live_", 24, 240, Alnum, "gitleaks"),
    form("Stripe test secret", "sk_test_", 24, 240, Alnum, "gitleaks"),
    form("Stripe live restricted", "rk_live_", 24, 240, Alnum, "gitleaks"),
    form("Stripe test restricted", "rk_test_", 24, 240, Alnum, "gitleaks"),
    form("Stripe webhook", "whsec_", 32, 64, Base64, "scanners"),
    form("Square access token", "sq0atp-", 22, 60, Word, "gitleaks"),
    form("Square OAuth secret", "sq0csp-", 43, 43, Word, "detect-secrets"),
    form("Square production token", "EAAA", 60, 60, Word, "detect-secrets"),
    form("Slack bot token", "xoxb-", 40, 90, Numbered, "gitleaks"),
    form("Slack user token", "xoxp-", 40, 110, Numbered, "gitleaks"),
    form("Slack app token", "xapp-1-", 50, 150, Numbered, "gitleaks"),
    form("Slack workspace token", "xoxa-2-", 40, 150, Numbered, "gitleaks"),
    form("Slack refresh token", "xoxr-", 40, 150, Numbered, "gitleaks"),
    form("Slack legacy token", "xoxs-", 40, 150, Numbered, "gitleaks"),
    form("Slack client token", "xoxc-", 60, 150, Numbered, "trufflehog"),
    form("Slack cookie", "xoxd-", 40, 400, Base64, "scanners"),
    form("Slack configuration token", "xoxe-1-", 100, 200, Word, "gitleaks"),
    form("Slack configuration access", "xoxe.xoxp-1-", 160, 170, Alnum, "gitleaks"),
    form("Slack webhook", "hooks.slack.com/services/", 40, 60, Path, "gitleaks"),
    form("Discord webhook", "discord.com/api/webhooks/", 80, 95, Path, "scanners"),
    form("Discord webhook, old host", "discordapp.com/api/webhooks/", 80, 95, Path, "scanners"),
    form("Azure storage account key", "AccountKey=", 88, 88, Base64, "scanners"),
    form("SendGrid", "SG.", 66, 66, Dotted, "gitleaks"),
    form("Mailgun", "key-", 32, 32, Hex, "gitleaks"),
    form("Mailchimp transactional", "md-", 22, 22, Word, "scanners"),
    form("Brevo", "xkeysib-", 81, 81, Word, "gitleaks"),
    form("Postman", "PMAK-", 59, 59, HexDash, "gitleaks"),
    form("Resend", "re_", 33, 36, Word, "scanners"),
    form("npm", "npm_", 36, 36, Alnum, "gitleaks"),
    form("PyPI", "pypi-AgEIcHlwaS5vcmc", 50, 1000, Word, "gitleaks"),
    form("RubyGems", "rubygems_", 48, 48, Hex, "gitleaks"),
    form("Docker Hub", "dckr_pat_", 27, 36, Word, "trufflehog"),
    form("Docker Hub organisation", "dckr_oat_", 27, 40, Word, "scanners"),
    form("NuGet", "oy2", 43, 43, Lower, "scanners"),
    form("Clojars", "CLOJARS_", 60, 60, Lower, "gitleaks"),
    form("Artifactory key", "AKCp", 69, 69, Alnum, "gitleaks"),
    form("Artifactory reference token", "cmVmd", 59, 59, Alnum, "gitleaks"),
    form("DigitalOcean personal token", "dop_v1_", 64, 64, Hex, "gitleaks"),
    form("DigitalOcean OAuth token", "doo_v1_", 64, 64, Hex, "gitleaks"),
    form("DigitalOcean refresh token", "dor_v1_", 64, 64, Hex, "gitleaks"),
    form("Fly.io", "fm2_", 100, 1000, Base64, "gitleaks"),
    form("Fly.io deploy token", "fo1_", 43, 43, Word, "gitleaks"),
    form("Heroku", "HRKU-AA", 58, 58, Word, "gitleaks"),
    form("Netlify", "nfp_", 36, 40, Alnum, "scanners"),
    form("Scalingo", "tk-us-", 48, 48, Word, "gitleaks"),
    form("Supabase", "sbp_", 40, 40, Hex, "scanners"),
    form("Supabase secret key", "sb_secret_", 31, 40, Word, "provider"),
    form("PlanetScale password", "pscale_pw_", 32, 64, Dotted, "gitleaks"),
    form("PlanetScale token", "pscale_tkn_", 32, 64, Dotted, "gitleaks"),
    form("PlanetScale OAuth", "pscale_oauth_", 32, 64, Dotted, "gitleaks"),
    form("Databricks", "dapi", 32, 34, HexDash, "gitleaks"),
    form("ClickHouse Cloud", "4b1d", 38, 38, Alnum, "gitleaks"),
    form("Cloudflare global key", "cfk_", 40, 56, Alnum, "provider"),
    form("Cloudflare user token", "cfut_", 40, 56, Alnum, "provider"),
    form("Cloudflare account token", "cfat_", 40, 56, Alnum, "provider"),
    form("Cloudflare origin CA", "v1.0-", 171, 171, HexDash, "gitleaks"),
    form("Alibaba Cloud", "LTAI", 16, 24, Alnum, "gitleaks"),
    form("Tencent Cloud", "AKID", 32, 32, Alnum, "scanners"),
    form("Yandex Cloud", "AQVN", 35, 40, Word, "gitleaks"),
    form("HashiCorp Vault service", "hvs.", 24, 300, Word, "gitleaks"),
    form("HashiCorp Vault batch", "hvb.", 100, 300, Word, "gitleaks"),
    form("HashiCorp Terraform", "atlasv1.", 60, 70, Word, "gitleaks"),
    form("Pulumi", "pul-", 40, 40, Hex, "gitleaks"),
    form("Doppler", "dp.pt.", 40, 44, Alnum, "gitleaks"),
    form("Doppler service token", "dp.st.", 40, 80, Dotted, "trufflehog"),
    form("Tailscale", "tskey-", 20, 100, Word, "trufflehog"),
    form("Neon", "napi_", 64, 64, Lower, "scanners"),
    form("Render", "rnd_", 28, 32, Alnum, "scanners"),
    form("Infracost", "ico-", 32, 32, Alnum, "gitleaks"),
    form("1Password service account", "ops_eyJ", 200, 1200, Base64, "gitleaks"),
    form("age secret key", "AGE-SECRET-KEY-1", 58, 58, Upper, "gitleaks"),
    form("OpenShift", "sha256~", 43, 43, Word, "gitleaks"),
    form("Octopus Deploy", "API-", 26, 26, Upper, "gitleaks"),
    form("Harness personal token", "pat.", 68, 68, Dotted, "gitleaks"),
    form("Harness service token", "sat.", 68, 68, Dotted, "gitleaks"),
    form("Prefect", "pnu_", 36, 36, Alnum, "gitleaks"),
    form("Grafana service account", "glsa_", 41, 41, Word, "gitleaks"),
    form("Grafana Cloud", "glc_", 40, 400, Base64, "gitleaks"),
    form("New Relic user key", "NRAK-", 27, 27, Upper, "gitleaks"),
    form("New Relic insert key", "NRII-", 32, 32, Word, "gitleaks"),
    form("Sentry organisation token", "sntrys_", 80, 400, Base64, "gitleaks"),
    form("Sentry user token", "sntryu_", 64, 64, Hex, "gitleaks"),
    form("Dynatrace", "dt0c01.", 89, 89, UpperDot, "gitleaks"),
    form("PostHog personal key", "phx_", 40, 49, Alnum, "scanners"),
    form("PostHog project key", "phc_", 40, 49, Alnum, "scanners"),
    form("SonarQube user token", "squ_", 40, 40, Hex, "scanners"),
    form("SonarQube project token", "sqp_", 40, 40, Hex, "scanners"),
    form("SonarQube analysis token", "sqa_", 40, 40, Hex, "scanners"),
    form("Sourcegraph", "sgp_", 40, 57, HexWord, "gitleaks"),
    form("Shopify access token", "shpat_", 32, 32, Hex, "gitleaks"),
    form("Shopify custom app", "shpca_", 32, 32, Hex, "gitleaks"),
    form("Shopify private app", "shppa_", 32, 32, Hex, "gitleaks"),
    form("Shopify shared secret", "shpss_", 32, 32, Hex, "gitleaks"),
    form("Shippo live", "shippo_live_", 40, 40, Hex, "gitleaks"),
    form("Shippo test", "shippo_test_", 40, 40, Hex, "gitleaks"),
    form("Linear", "lin_api_", 40, 40, Alnum, "gitleaks"),
    form("Notion", "ntn_", 43, 50, Alnum, "gitleaks"),
    form("Notion integration", "secret_", 43, 43, Alnum, "scanners"),
    form("Atlassian", "ATATT3", 180, 200, Base64, "gitleaks"),
    form("Bitbucket app password", "ATBB", 32, 32, Alnum, "scanners"),
    form("Figma", "figd_", 40, 44, Word, "scanners"),
    form("Typeform", "tfp_", 59, 59, Dotted, "gitleaks"),
    form("Airtable", "pat", 79, 79, DotAlnum, "scanners"),
    form("ReadMe", "rdme_", 70, 70, Lower, "gitleaks"),
    form("Buildkite", "bkua_", 40, 40, Lower, "trufflehog"),
    form("CircleCI", "CCIPAT_", 63, 63, Word, "trufflehog"),
    form("Adobe client secret", "p8e-", 32, 32, Alnum, "gitleaks"),
    form("SettleMint application", "sm_aat_", 16, 16, Alnum, "gitleaks"),
    form("SettleMint personal", "sm_pat_", 16, 16, Alnum, "gitleaks"),
    form("SettleMint service", "sm_sat_", 16, 16, Alnum, "gitleaks"),
    form("Intra42 user", "s-s4t2ud-", 64, 64, Hex, "gitleaks"),
    form("Intra42 application", "s-s4t2af-", 64, 64, Hex, "gitleaks"),
    form("EasyPost", "EZAK", 54, 54, Alnum, "gitleaks"),
    form("EasyPost test", "EZTK", 54, 54, Alnum, "gitleaks"),
    form("Flutterwave", "FLWSECK-", 32, 34, Word, "scanners"),
    form("Flutterwave test", "FLWSECK_TEST-", 32, 34, Word, "gitleaks"),
    form("Razorpay", "rzp_live_", 14, 14, Alnum, "scanners"),
    form("Frame.io", "fio-u-", 64, 64, Word, "gitleaks"),
    form("Duffel", "duffel_live_", 43, 43, Word, "gitleaks"),
    form("Duffel test", "duffel_test_", 43, 43, Word, "gitleaks"),
    form("Plaid access token", "access-production-", 36, 36, HexDash, "gitleaks"),
    form("Plaid sandbox token", "access-sandbox-", 36, 36, HexDash, "gitleaks"),
    form("HubSpot private app", "pat-na1-", 36, 36, HexDash, "trufflehog"),
    form("HubSpot private app, Europe", "pat-eu1-", 36, 36, HexDash, "trufflehog"),
    form("LaunchDarkly SDK key", "sdk-", 36, 36, HexDash, "trufflehog"),
    form("Together", "tgp_v1_", 43, 43, Word, "scanners"),
    form("Firecrawl", "fc-", 32, 32, Hex, "scanners"),
    form("Jina", "jina_", 60, 60, Alnum, "scanners"),
    form("LlamaCloud", "llx-", 48, 48, Alnum, "scanners"),
    form("ElevenLabs", "sk_", 48, 48, Hex, "scanners"),
    form("Lob live", "live_pub_", 31, 31, Hex, "gitleaks"),
    form("Twilio API key", "SK", 32, 32, Hex, "gitleaks"),
    form("Contentful", "CFPAT-", 43, 43, Word, "scanners"),
    form("Facebook token", "EAA", 100, 300, Alnum, "scanners"),
    form("Mapbox secret", "sk.eyJ", 60, 120, Dotted, "scanners"),
];
