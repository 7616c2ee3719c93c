//! The forms of keys: provider, prefix, length of what follows, alphabet.
//!
//! Prefixes and lengths are those the providers document or print; a new form is a new row.

/// Which characters may follow the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// `A-Z0-9`
    Upper,
    /// `a-z0-9`
    Lower,
    /// `a-f0-9`
    Hex,
    /// `A-Za-z0-9`
    Alnum,
    /// `A-Za-z0-9_-`
    Word,
    /// `A-Za-z0-9_-` and dots
    Dotted,
    /// `A-Za-z0-9` and dots
    DotAlnum,
    /// `A-Za-z0-9+/=_-`
    Base64,
}

impl Alphabet {
    /// May this byte stand in the key?
    pub fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'a'..=b'f' | b'0'..=b'9'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::DotAlnum => byte.is_ascii_alphanumeric() || byte == b'.',
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'),
        }
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
}

const fn form(
    provider: &'static str,
    prefix: &'static str,
    shortest: usize,
    longest: usize,
    alphabet: Alphabet,
) -> SecretForm {
    SecretForm { provider, prefix, shortest, longest, alphabet }
}

use Alphabet::{Alnum, Base64, DotAlnum, Dotted, Hex, Lower, Upper, Word};

/// Every form that is looked for.
pub const SECRETS: &[SecretForm] = &[
    form("AWS access key", "AKIA", 16, 16, Upper),
    form("AWS temporary access key", "ASIA", 16, 16, Upper),
    form("AWS bearer token", "ABIA", 16, 16, Upper),
    form("AWS context credential", "ACCA", 16, 16, Upper),
    form("AWS Bedrock", "ABSK", 109, 269, Base64),
    form("GitHub personal token", "ghp_", 36, 36, Alnum),
    form("GitHub OAuth token", "gho_", 36, 36, Alnum),
    form("GitHub user token", "ghu_", 36, 36, Alnum),
    form("GitHub server token", "ghs_", 36, 36, Alnum),
    form("GitHub refresh token", "ghr_", 36, 76, Alnum),
    form("GitHub fine-grained token", "github_pat_", 82, 82, Word),
    form("GitLab personal token", "glpat-", 20, 52, Dotted),
    form("GitLab deploy token", "gldt-", 20, 20, Word),
    form("GitLab pipeline trigger", "glptt-", 40, 40, Hex),
    form("GitLab runner token", "glrt-", 20, 52, Dotted),
    form("GitLab feed token", "glft-", 20, 20, Word),
    form("GitLab OAuth secret", "gloas-", 64, 64, Word),
    form("GitLab agent token", "glagent-", 50, 50, Word),
    form("GitLab CI job token", "glcbt-", 20, 64, Word),
    form("OpenAI project key", "sk-proj-", 40, 200, Word),
    form("OpenAI service key", "sk-svcacct-", 40, 200, Word),
    form("OpenAI admin key", "sk-admin-", 40, 200, Word),
    form("OpenAI key", "sk-", 48, 48, Alnum),
    form("Anthropic API key", "sk-ant-api03-", 80, 110, Word),
    form("Anthropic admin key", "sk-ant-admin01-", 80, 110, Word),
    form("OpenRouter", "sk-or-v1-", 64, 64, Hex),
    form("Hugging Face", "hf_", 34, 40, Alnum),
    form("Hugging Face organisation", "api_org_", 34, 34, Alnum),
    form("Replicate", "r8_", 37, 40, Alnum),
    form("Groq", "gsk_", 52, 52, Alnum),
    form("Perplexity", "pplx-", 48, 56, Alnum),
    form("xAI", "xai-", 70, 90, Alnum),
    form("Fireworks", "fw_", 22, 24, Alnum),
    form("Langfuse secret", "sk-lf-", 36, 36, Word),
    form("LangSmith", "lsv2_pt_", 32, 50, Word),
    form("Pinecone", "pcsk_", 60, 80, Word),
    form("Tavily", "tvly-", 32, 48, Word),
    form("Google API key", "AIza", 35, 35, Word),
    form("Google OAuth secret", "GOCSPX-", 28, 28, Word),
    form("Google OAuth token", "ya29.", 60, 400, Dotted),
    form("Stripe live secret", "sk_live_", 24, 240, Alnum),
    form("Stripe test secret", "sk_test_", 24, 240, Alnum),
    form("Stripe live restricted", "rk_live_", 24, 240, Alnum),
    form("Stripe test restricted", "rk_test_", 24, 240, Alnum),
    form("Stripe webhook", "whsec_", 32, 64, Base64),
    form("Square access token", "sq0atp-", 22, 22, Word),
    form("Square OAuth secret", "sq0csp-", 43, 43, Word),
    form("Square production token", "EAAA", 60, 60, Word),
    form("Slack bot token", "xoxb-", 40, 90, Word),
    form("Slack user token", "xoxp-", 40, 110, Word),
    form("Slack app token", "xapp-1-", 50, 150, Word),
    form("Slack workspace token", "xoxa-2-", 40, 150, Word),
    form("Slack refresh token", "xoxr-", 40, 150, Word),
    form("Slack legacy token", "xoxs-", 40, 150, Word),
    form("Slack configuration token", "xoxe-1-", 100, 200, Word),
    form("SendGrid", "SG.", 66, 66, Dotted),
    form("Mailgun", "key-", 32, 32, Hex),
    form("Mailchimp transactional", "md-", 22, 22, Word),
    form("Brevo", "xkeysib-", 81, 81, Word),
    form("Postman", "PMAK-", 59, 59, Word),
    form("Resend", "re_", 30, 36, Word),
    form("npm", "npm_", 36, 36, Alnum),
    form("PyPI", "pypi-AgEIcHlwaS5vcmc", 50, 1000, Word),
    form("RubyGems", "rubygems_", 48, 48, Hex),
    form("Docker Hub", "dckr_pat_", 27, 36, Word),
    form("NuGet", "oy2", 43, 43, Lower),
    form("Clojars", "CLOJARS_", 60, 60, Lower),
    form("DigitalOcean personal token", "dop_v1_", 64, 64, Hex),
    form("DigitalOcean OAuth token", "doo_v1_", 64, 64, Hex),
    form("DigitalOcean refresh token", "dor_v1_", 64, 64, Hex),
    form("Fly.io", "FlyV1fm2_", 100, 1000, Base64),
    form("Heroku", "HRKU-AA", 58, 58, Word),
    form("Netlify", "nfp_", 36, 40, Alnum),
    form("Supabase", "sbp_", 40, 40, Hex),
    form("PlanetScale password", "pscale_pw_", 32, 64, Dotted),
    form("PlanetScale token", "pscale_tkn_", 32, 64, Dotted),
    form("PlanetScale OAuth", "pscale_oauth_", 32, 64, Dotted),
    form("Databricks", "dapi", 32, 32, Hex),
    form("Cloudflare origin CA", "v1.0-", 160, 180, Word),
    form("Alibaba Cloud", "LTAI", 16, 24, Alnum),
    form("Tencent Cloud", "AKID", 32, 32, Alnum),
    form("Yandex Cloud", "AQVN", 35, 40, Word),
    form("HashiCorp Vault service", "hvs.", 24, 300, Word),
    form("HashiCorp Vault batch", "hvb.", 100, 300, Word),
    form("Pulumi", "pul-", 40, 40, Hex),
    form("Doppler", "dp.pt.", 40, 44, Alnum),
    form("Infracost", "ico-", 32, 32, Alnum),
    form("1Password service account", "ops_eyJ", 200, 1200, Base64),
    form("age secret key", "AGE-SECRET-KEY-1", 58, 58, Upper),
    form("Grafana service account", "glsa_", 41, 41, Word),
    form("Grafana Cloud", "glc_", 40, 400, Base64),
    form("New Relic user key", "NRAK-", 27, 27, Alnum),
    form("New Relic insert key", "NRII-", 32, 32, Word),
    form("Sentry organisation token", "sntrys_", 80, 400, Base64),
    form("Sentry user token", "sntryu_", 64, 64, Hex),
    form("Dynatrace", "dt0c01.", 89, 89, Dotted),
    form("PostHog personal key", "phx_", 40, 48, Alnum),
    form("PostHog project key", "phc_", 40, 48, Alnum),
    form("SonarQube user token", "squ_", 40, 40, Hex),
    form("SonarQube project token", "sqp_", 40, 40, Hex),
    form("SonarQube analysis token", "sqa_", 40, 40, Hex),
    form("Shopify access token", "shpat_", 32, 32, Hex),
    form("Shopify custom app", "shpca_", 32, 32, Hex),
    form("Shopify private app", "shppa_", 32, 32, Hex),
    form("Shopify shared secret", "shpss_", 32, 32, Hex),
    form("Linear", "lin_api_", 40, 40, Alnum),
    form("Notion", "ntn_", 43, 50, Alnum),
    form("Notion integration", "secret_", 43, 43, Alnum),
    form("Atlassian", "ATATT3", 180, 200, Word),
    form("Bitbucket app password", "ATBB", 32, 32, Alnum),
    form("Figma", "figd_", 40, 44, Word),
    form("Typeform", "tfp_", 59, 59, Dotted),
    form("Airtable", "pat", 79, 79, DotAlnum),
    form("ReadMe", "rdme_", 70, 70, Lower),
    form("Prefect", "pnu_", 36, 36, Lower),
    form("Buildkite agent", "bkua_", 40, 40, Hex),
    form("CircleCI", "CCIPAT_", 60, 70, Word),
    form("EasyPost", "EZAK", 54, 54, Alnum),
    form("EasyPost test", "EZTK", 54, 54, Alnum),
    form("Flutterwave", "FLWSECK-", 32, 34, Word),
    form("Razorpay", "rzp_live_", 14, 14, Alnum),
    form("Frame.io", "fio-u-", 64, 64, Word),
    form("Duffel", "duffel_live_", 43, 43, Word),
    form("Plaid access token", "access-production-", 36, 36, Word),
    form("Twilio API key", "SK", 32, 32, Hex),
    form("Contentful", "CFPAT-", 43, 43, Word),
    form("Facebook page token", "EAACEdEose0cBA", 50, 300, Alnum),
    form("Mapbox secret", "sk.eyJ", 60, 120, Dotted),
];
