//! What a page says about itself as JSON-LD in the vocabulary of schema.org.

use serde_json::Value;

/// Objects that are looked at; pages with more are catalogues.
const MAX_OBJECTS: usize = 1000;

/// Properties of the first object that describes the page's content, and of the site.
#[derive(Debug, Default)]
pub(super) struct JsonLd {
    pub title: Option<String>,
    pub author: Option<String>,
    pub date: Option<String>,
    pub language: Option<String>,
    pub site_name: Option<String>,
    pub licenses: Vec<String>,
}

impl JsonLd {
    /// Reads one script; what is no JSON says nothing.
    pub fn read(&mut self, script: &str) {
        // Some wrap it in a comment, or end it with a semicolon.
        let script =
            script.trim().trim_start_matches("<!--").trim_end_matches("-->").trim().trim_end_matches(';');
        let Ok(value) = serde_json::from_str::<Value>(script) else { return };
        let mut open = vec![&value];
        let mut seen = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items.iter().rev()),
                Value::Object(fields) => {
                    seen += 1;
                    if seen > MAX_OBJECTS {
                        return;
                    }
                    self.object(value);
                    open.extend(fields.get("mainEntity"));
                    open.extend(fields.get("@graph"));
                }
                _ => {}
            }
        }
    }

    fn object(&mut self, object: &Value) {
        let is = |names: &[&str]| match &object["@type"] {
            Value::String(name) => names.iter().any(|suffix| name.ends_with(suffix)),
            Value::Array(types) => types
                .iter()
                .filter_map(Value::as_str)
                .any(|name| names.iter().any(|suffix| name.ends_with(suffix))),
            _ => false,
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.licenses.extend(names_of(&object["license"], "url"));
        if is(&["WebSite"]) {
            self.site_name = self.site_name.take().or_else(|| text(&object["name"]));
        }
        // NewsArticle, TechArticle, BlogPosting, DiscussionForumPosting and so on.
        if is(&["Article", "Posting", "Recipe", "HowTo", "QAPage", "Book", "Review", "Report"]) {
            self.title =
                self.title.take().or_else(|| text(&object["headline"])).or_else(|| text(&object["name"]));
            if self.author.is_none() {
                let names = names_of(&object["author"], "name");
                self.author = (!names.is_empty()).then(|| names.join("; "));
            }
            self.site_name = self.site_name.take().or_else(|| text(&object["publisher"]["name"]));
        }
        if is(&["Article", "Posting", "Recipe", "HowTo", "QAPage", "Report", "WebPage", "VideoObject"]) {
            self.date = self.date.take().or_else(|| text(&object["datePublished"]));
            self.language = self.language.take().or_else(|| text(&object["inLanguage"]));
        }
    }
}

/// One or several, as text or as objects with such a property.
fn names_of(value: &Value, property: &str) -> Vec<String> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items
        .iter()
        .filter_map(|item| item.as_str().or_else(|| item[property].as_str()))
        .map(str::to_owned)
        .collect()
}
