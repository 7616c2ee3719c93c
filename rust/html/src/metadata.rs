//! What a page says about itself: title, author, date, address, languages, site, licences, and how machines may use it.
//! One pass over the tree; nothing is guessed from running text.

mod dates;
mod json_ld;

use std::collections::HashSet;

use crate::declarations::Declarations;
use crate::tree::{Attr, Document, Kind, Tag};

use dates::iso_date;
use json_ld::JsonLd;

/// Longest author or site name; longer ones are texts in the wrong place.
const MAX_NAME_BYTES: usize = 200;

/// Nodes and bytes of text that are looked at for a title or a name inside an element.
const MAX_TEXT_NODES: u32 = 200;
const MAX_TEXT_BYTES: usize = 2000;
/// Licence links that are kept.
const MAX_LICENSES: usize = 50;

/// Where a licence link stands. One in the head or the footer is about the page, one in the body may be about anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In `head`, or in JSON-LD.
    Head,
    /// In a `footer` of the page.
    Footer,
    /// Elsewhere.
    Body,
}

/// A link to a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// As written.
    pub url: String,
    /// Where.
    pub place: Place,
}

/// What a page says about itself; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Title of the content, without the name of the site where that can be told.
    pub title: Option<String>,
    /// Authors, separated by `; ` where the page lists them.
    pub author: Option<String>,
    /// Date of publication, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The canonical address, `http` or `https`.
    pub canonical_url: Option<String>,
    /// Language tags in lower case, without repetition: of `html`, of headers in `meta`, of Open Graph, of JSON-LD.
    pub languages: Vec<String>,
    /// Name of the site.
    pub site_name: Option<String>,
    /// Links to licences, in the order of the page.
    pub licenses: Vec<License>,
    /// Robots directives and text-and-data-mining reservations in `meta`, wherever in the page.
    pub declarations: Declarations,
}

/// Candidates for one field: the lowest rank wins, and the first of equal rank.
#[derive(Default)]
struct Best(Option<(u8, String)>);

impl Best {
    fn offer(&mut self, rank: u8, text: &str) {
        if self.0.as_ref().is_none_or(|(best, _)| rank < *best) {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !text.is_empty() {
                self.0 = Some((rank, text));
            }
        }
    }

    fn take(self) -> Option<String> {
        self.0.map(|(_, text)| text)
    }
}

#[derive(Default)]
struct Found {
    title: Best,
    /// The first heading of the page, and the number of those that are not empty.
    heading: (Option<String>, usize),
    author: Best,
    date: Best,
    canonical_url: Best,
    site_name: Best,
    languages: [Option<String>; 4],
    licenses: Vec<License>,
    declarations: Declarations,
    json_ld: JsonLd,
}

/// Reads what a page says about itself.
pub fn metadata(document: &Document<'_>) -> Metadata {
    let mut found = Found::default();
    // Ends of the head and of the footer at hand; a footer inside an article or a section is about that.
    let head_end = document.head().map_or(0, |head| document[head].end);
    let (mut footer_end, mut section_end) = (0, 0);
    for id in 0..document.nodes().len() as u32 {
        let node = &document[id];
        if node.kind != Kind::Element {
            continue;
        }
        match node.tag {
            Tag::Html => found.languages[0] = document.attr(id, Attr::Lang).map(str::to_owned),
            Tag::Meta => found.meta(document, id),
            Tag::Title if id < head_end => found.title.offer(5, &text_of(document, id)),
            Tag::H1 => found.heading(&text_of(document, id)),
            Tag::Time => found.time(document, id),
            Tag::Script
                if document
                    .attr(id, Attr::Type)
                    .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/ld+json")) =>
            {
                found.json_ld.read(&document.text_content(id));
            }
            Tag::Article | Tag::Section | Tag::Main | Tag::Blockquote => {
                section_end = section_end.max(node.end)
            }
            Tag::Footer if id >= section_end => footer_end = node.end,
            Tag::Link | Tag::A | Tag::Area => {
                let place = if id < head_end {
                    Place::Head
                } else if id < footer_end {
                    Place::Footer
                } else {
                    Place::Body
                };
                found.link(document, id, place);
            }
            _ => {}
        }
    }
    found.finish()
}

impl Found {
    fn heading(&mut self, text: &str) {
        self.title.offer(6, text);
        if !text.trim().is_empty() {
            self.heading.1 += 1;
            self.heading.0.get_or_insert_with(|| text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    /// The only heading of a page is its title, if what else is called so has half of its words: titles elsewhere are
    /// shortened for networks, or carry the name of the site.
    fn confirmed_heading(&mut self) -> Option<String> {
        let (heading, 1) = std::mem::take(&mut self.heading) else { return None };
        let words = |text: &str| -> HashSet<String> {
            text.split(|character: char| !character.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect()
        };
        let (own, others) = (words(heading.as_deref()?), words(&self.title.0.as_ref()?.1));
        (2 * own.intersection(&others).count() >= own.len()).then_some(heading?)
    }

    fn meta(&mut self, document: &Document<'_>, id: u32) {
        let Some(content) = document.attr(id, Attr::Content) else { return };
        for attr in [Attr::Name, Attr::Property, Attr::Itemprop, Attr::HttpEquiv] {
            if let Some(names) = document.attr(id, attr) {
                let names = names.to_ascii_lowercase();
                if attr == Attr::Name {
                    self.declarations.named(&names, &content.to_ascii_lowercase());
                }
                for name in names.split_ascii_whitespace() {
                    self.named(name, content);
                }
            }
        }
    }

    fn named(&mut self, name: &str, content: &str) {
        match name {
            "citation_title" => self.title.offer(0, content),
            "og:title" => self.title.offer(2, content),
            "twitter:title" | "dc.title" | "dcterms.title" | "headline" => self.title.offer(3, content),
            "author" | "article:author" | "citation_author" | "dc.creator" | "dcterms.creator" | "byl"
            | "parsely-author" => {
                self.name(content, |found| &mut found.author, if name == "article:author" { 3 } else { 1 });
            }
            "article:published_time"
            | "datepublished"
            | "citation_publication_date"
            | "citation_date"
            | "dc.date.issued"
            | "dcterms.issued"
            | "parsely-pub-date"
            | "og:published_time"
            | "sailthru.date" => self.date(0, content),
            "dc.date" | "dcterms.created" | "pubdate" | "publishdate" | "publish_date" | "date"
            | "dcterms.date" => self.date(2, content),
            "og:url" => self.address(1, content),
            "og:site_name" => self.name(content, |found| &mut found.site_name, 0),
            "application-name" => self.name(content, |found| &mut found.site_name, 2),
            "content-language" | "language" | "dc.language" => self.languages[1] = Some(content.to_owned()),
            "og:locale" => self.languages[2] = Some(content.to_owned()),
            "dc.rights" | "dcterms.license" | "dcterms.rights" | "license"
                if is_address(content) && self.licenses.len() < MAX_LICENSES =>
            {
                self.licenses.push(License { url: content.trim().to_owned(), place: Place::Head });
            }
            _ => {}
        }
    }

    /// A name, unless it is an address or too long for one.
    fn name(&mut self, content: &str, field: fn(&mut Self) -> &mut Best, rank: u8) {
        if !is_address(content) && content.trim().len() <= MAX_NAME_BYTES {
            field(self).offer(rank, content);
        }
    }

    fn date(&mut self, rank: u8, text: &str) {
        if let Some(date) = iso_date(text) {
            self.date.offer(rank, &date);
        }
    }

    fn address(&mut self, rank: u8, url: &str) {
        if is_address(url) {
            self.canonical_url.offer(rank, url);
        }
    }

    fn time(&mut self, document: &Document<'_>, id: u32) {
        let is_published = document.attr(id, Attr::Pubdate).is_some()
            || document.attr(id, Attr::Itemprop).is_some_and(|name| name.contains("datePublished"));
        if let Some(date) = document.attr(id, Attr::Datetime) {
            self.date(if is_published { 1 } else { 3 }, date);
        }
    }

    fn link(&mut self, document: &Document<'_>, id: u32, place: Place) {
        let Some(href) = document.attr(id, Attr::Href) else { return };
        let rel = document.attr(id, Attr::Rel).unwrap_or_default();
        let has = |word: &str| rel.split_ascii_whitespace().any(|other| other.eq_ignore_ascii_case(word));
        if has("canonical") && document[id].tag == Tag::Link {
            self.address(0, href);
        }
        if has("author") && document[id].tag == Tag::A {
            self.name(&text_of(document, id), |found| &mut found.author, 2);
        }
        if has("license")
            || href.contains("creativecommons.org/licenses/")
            || href.contains("creativecommons.org/publicdomain/")
        {
            let url = href.trim().to_owned();
            if self.licenses.len() < MAX_LICENSES
                && !self.licenses.iter().any(|other| other.url == url && other.place == place)
            {
                self.licenses.push(License { url, place });
            }
        }
    }

    fn finish(mut self) -> Metadata {
        let json_ld = std::mem::take(&mut self.json_ld);
        if let Some(title) = &json_ld.title {
            self.title.offer(1, title);
        }
        let confirmed = self.confirmed_heading();
        if let Some(author) = &json_ld.author {
            self.name(author, |found| &mut found.author, 0);
        }
        if let Some(date) = &json_ld.date {
            self.date(0, date);
        }
        if let Some(name) = &json_ld.site_name {
            self.name(name, |found| &mut found.site_name, 1);
        }
        self.languages[3] = json_ld.language;
        let room = MAX_LICENSES.saturating_sub(self.licenses.len());
        let known = json_ld.licenses.into_iter().filter(|url| is_address(url)).take(room);
        self.licenses.extend(known.map(|url| License { url, place: Place::Head }));
        let mut languages: Vec<String> = Vec::new();
        for tags in self.languages.into_iter().flatten() {
            for tag in tags.split(',') {
                let tag = tag.trim().to_ascii_lowercase().replace('_', "-");
                if is_language(&tag) && !languages.contains(&tag) {
                    languages.push(tag);
                }
            }
        }
        let site_name = self.site_name.take();
        let title =
            confirmed.or_else(|| self.title.take()).map(|title| without_site(title, site_name.as_deref()));
        Metadata {
            title,
            author: self.author.take(),
            date: self.date.take(),
            canonical_url: self.canonical_url.take(),
            languages,
            site_name,
            licenses: self.licenses,
            declarations: self.declarations,
        }
    }
}

/// The start of the text of an element.
fn text_of(document: &Document<'_>, id: u32) -> String {
    let mut text = String::new();
    for node in id..document[id].end.min(id + MAX_TEXT_NODES) {
        match document[node].kind {
            Kind::Text => text.push_str(document.text(node)),
            Kind::Element if matches!(document[node].tag, Tag::Br | Tag::Div | Tag::P) => text.push(' '),
            _ => {}
        }
        if text.len() > MAX_TEXT_BYTES {
            break;
        }
    }
    text
}

fn is_address(text: &str) -> bool {
    let text = text.trim_start();
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Two or three letters, then subtags.
fn is_language(tag: &str) -> bool {
    let (primary, rest) = tag.split_once('-').unwrap_or((tag, ""));
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        && rest.len() <= 30
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// "Title | Site" without the site.
fn without_site(title: String, site_name: Option<&str>) -> String {
    let Some(site) = site_name else { return title };
    let Some(rest) = title.strip_suffix(site) else { return title };
    let rest = rest.trim_end();
    let separator = rest
        .chars()
        .next_back()
        .filter(|character| "|-\u{2013}\u{2014}\u{b7}\u{bb}:\u{2022}".contains(*character));
    match separator.map(|separator| rest[..rest.len() - separator.len_utf8()].trim_end()) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => title,
    }
}
